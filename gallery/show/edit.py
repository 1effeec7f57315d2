"""Cuts in the source of one function that keep all else as it was written, comments included."""

import ast
import re
import textwrap


def offset(text, line, column):
    """Where the place that ast calls line, column (in bytes) is in text."""
    lines = text.splitlines(keepends=True)
    return sum(map(len, lines[: line - 1])) + len(lines[line - 1].encode()[:column].decode())


def put(text, node, new):
    """text with the expression node replaced by new: source, or another expression of text."""
    start = offset(text, node.lineno, node.col_offset)
    end = offset(text, node.end_lineno, node.end_col_offset)
    before, after = text[:start], text[end:]
    if isinstance(new, (ast.IfExp, ast.BoolOp, ast.Lambda)):
        loose = re.search(r"(\breturn|\bif|[^=!<>]=|[(,])\s*$", before)
        new = ast.get_source_segment(text, new)
        return before + (new if loose else f"({new})") + after
    if isinstance(new, ast.AST):
        new = ast.get_source_segment(text, new)
    atom = re.fullmatch(r"\w+|'[^']*'|\"[^\"]*\"", new)
    if atom and re.search(r"[ (\[=]\($", before) and after.startswith(")"):
        before, after = before[:-1], after[1:]
    return before + new + after


def put_lines(text, first, last, new=(), comment=False):
    """text with its lines first to last, and if asked the comment above, replaced by new."""
    lines = text.splitlines()
    while comment and first > 1 and lines[first - 2].lstrip().startswith("#"):
        first -= 1
    text = "\n".join([*lines[: first - 1], *new, *lines[last:]])
    return re.sub(r"\n{3,}", "\n\n", text)


def put_branch(text, node, block, keep):
    """text with the If node in the list block replaced by its body (keep), or by its else."""
    lines, indent = text.splitlines(), node.col_offset * " "
    inside, end = header_end(lines, node.test.end_lineno), node.end_lineno
    otherwise = node.orelse[0].lineno - 1 if node.orelse else end
    while node.orelse and not re.match(r"\s*(else:|elif\b)", lines[otherwise]):
        otherwise -= 1
    body, rest = lines[inside:otherwise], lines[otherwise:end]
    if lines[node.lineno - 1].lstrip().startswith("elif"):
        return put_lines(text, node.lineno, end, [f"{indent}else:", *body] if keep else rest)
    if not keep and rest and rest[0].lstrip().startswith("elif"):
        new = [rest[0].replace("elif", "if", 1), *rest[1:]]
    else:
        new = textwrap.dedent("\n".join(body if keep else rest[1:]))
        new = textwrap.indent(new, indent).splitlines()
    kept = node.body if keep else node.orelse
    if kept and isinstance(kept[-1], (ast.Return, ast.Raise)):
        end = block[-1].end_lineno  # nothing after it is reached
    new = new or [f"{indent}pass"] * (len(block) == 1)
    return put_lines(text, node.lineno, end, new, comment=not keep)


def header_end(lines, last):
    """How many lines come before the body of what has its last expression in line last."""
    while not lines[last - 1].split("  #")[0].endswith(":"):
        last += 1
    return last


def drop_parameter(text, name):
    """text of a function without its parameter name, and without `name: ...` in its docstring."""
    f = ast.parse(text).body[0]
    a = f.args

    def parts(args, values):
        sources = [value and ast.get_source_segment(text, value) for value in values]
        named = zip([arg.arg for arg in args], sources, strict=True)
        return [f"{arg}={value}" if value else arg for arg, value in named if arg != name]

    keywords = parts(a.kwonlyargs, a.kw_defaults)
    inside = parts(a.args, [None] * (len(a.args) - len(a.defaults)) + a.defaults)
    inside += [f"*{a.vararg.arg}"] if a.vararg else ["*"] * bool(keywords)
    inside += keywords + ([f"**{a.kwarg.arg}"] if a.kwarg else [])
    header = f"def {f.name}({', '.join(inside)}):"
    if len(header) > 100:
        apart = ",\n    ".join(inside) + ","
        inside = ", ".join(inside)
        header = f"def {f.name}(\n    {inside if len(inside) <= 96 else apart}\n):"
    last = header_end(text.splitlines(), f.lineno)
    text = put_lines(text, f.lineno, last, header.splitlines())
    return re.sub(rf"^    {name}(=[^:\s]+)?: .*\n(     .*\n)*", "", text, flags=re.MULTILINE)


def drop_argument(text, call, index, name):
    """text with call passing neither its argument at index, if not None, nor the keyword name."""
    kept = [a for i, a in enumerate(call.args) if i != index]
    kept += [k for k in call.keywords if k.arg != name]
    parts = [ast.get_source_segment(text, part) for part in kept]
    return put(text, call, f"{call.func.id}({', '.join(parts)})")
