"""Shortens the helpers of a snippet: cuts the options that nothing in it passes."""

import ast
import builtins

from convbook.gallery.show.edit import drop_argument, drop_parameter, put, put_branch, put_lines
from convbook.gallery.show.passed import at, bind, called, calls_in, literal, passed, reads, written

# A parameter that stays keeps its tests, so that it works when a reader passes it.  The padding
# may lose them: Keras' own layers refuse what they do not know, so nothing goes wrong in silence.
REFUSED_BY_KERAS = {"p"}


def shake(texts, root, whole):
    """{name: source} with one cut more, or None if nothing is left to cut.

    root, which the reader asked for, stays as it is; whole has the sources before the first cut.
    From the helpers goes: a call that nobody takes a value from, as it only checks; a call of what
    has become `return x`; a name for what has become a constant; an option that is read only in
    tests which the values passed within texts decide, and with it those tests.
    """
    trees = {name: ast.parse(text).body[0] for name, text in texts.items()}
    helpers = {n: t for n, t in trees.items() if isinstance(t, ast.FunctionDef) and n != root}
    for name, f in helpers.items():
        for node in f.body:
            check = isinstance(node, ast.Expr) and called(node.value) in texts
            if check or is_alias(node, f, texts[name], whole[name]):
                return texts | {name: without_statement(texts[name], node)}
        for call in calls_in(f, helpers):
            value = returned(call, helpers[called(call)], f)
            if value:
                return texts | {name: put(texts[name], call, value)}
    constants = {n: t.value for n, t in trees.items() if isinstance(t, ast.Assign)}
    constants = {n: ast.literal_eval(v) for n, v in constants.items() if literal(v)}
    fixed = [
        (called(c), bind(c, helpers[called(c)], trees[root]))
        for c in calls_in(trees[root], helpers)
    ]
    for (name, q), values in passed(trees, helpers, constants).items():
        text, f = fold(texts[name], q, values, constants), helpers[name]
        asked = any(n == name and q in given for n, given in fixed)
        if not asked and may_go(f, q) and not reads(text, q):
            new = texts | {name: text}
            return {n: t if n == root else without(t, f, q) for n, t in new.items()}
        if q in REFUSED_BY_KERAS and text != texts[name]:
            return texts | {name: text}
    return None


def is_alias(node, f, text, whole):
    """Whether node is `name = value`, came to be so by a cut, and value may stand for name."""
    if not isinstance(node, ast.Assign) or not isinstance(node.value, (ast.Name, ast.Constant)):
        return False
    if text.splitlines()[node.lineno - 1] in whole.splitlines():
        return False
    name, value = getattr(node.targets[0], "id", None), getattr(node.value, "id", None)
    stored = [n.id for n in ast.walk(f) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]
    stored += [n.arg for n in ast.walk(f) if isinstance(n, ast.arg)]
    once = name and stored.count(name) == 1 and stored.count(value) < 2
    fits = once and max(map(len, without_statement(text, node).splitlines())) <= 100
    return fits or name == value


def without_statement(text, node):
    """text without the statement node; where that is `name = value`, with value for name."""
    if isinstance(node, ast.Assign):
        name, value = node.targets[0].id, ast.get_source_segment(text, node.value)
        names = [n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Name) and n.id == name]
        for n in sorted(names, key=at, reverse=True):
            text = put(text, n, value) if isinstance(n.ctx, ast.Load) else text
    return put_lines(text, node.lineno, node.end_lineno, comment=True)


def returned(call, f, caller):
    """The expression passed to f that f returns as it is, if that is all f does."""
    body = f.body[ast.get_docstring(f) is not None :]
    name = getattr(body[0], "value", None) if isinstance(body[0], ast.Return) else None
    return (bind(call, f, caller) or {}).get(getattr(name, "id", None))


def may_go(f, q):
    """Whether f's calls stay right without q: a keyword, or the last that goes by position."""
    last = None if f.args.vararg else f.args.args[-1].arg
    return q == last or q in [k.arg for k in f.args.kwonlyargs]


def without(text, f, q):
    """text where no call passes q to the function f, and f, if text is its source, has no q."""
    names = [a.arg for a in f.args.args]
    index = names.index(q) if q in names else None
    for i in reversed(range(len(calls_in(ast.parse(text), [f.name])))):
        tree = ast.parse(text)  # anew, and from the last on: an edit moves all that follows it
        call = calls_in(tree, [f.name])[i]
        if q in bind(call, f, tree):
            text = drop_argument(text, call, index, q)
    tree = ast.parse(text).body[0]
    return drop_parameter(text, q) if getattr(tree, "name", None) == f.name else text


def fold(text, q, values, constants):
    """text without the branches that its parameter q never takes when it has only these values."""
    while True:
        f = ast.parse(text).body[0]
        limit = written(f, q)
        new = folded(text, f, lambda test, limit=limit: decide(test, limit, q, values, constants))
        if new is None:
            return text
        text = new


def decide(test, limit, q, values, constants):
    """True or False if test is so for all values of q, else None; None from limit on."""
    if isinstance(test, ast.BoolOp):
        parts = [decide(v, limit, q, values, constants) for v in test.values]
        strong = isinstance(test.op, ast.Or)
        return strong if strong in parts else None if None in parts else not strong
    names = {n.id for n in ast.walk(test) if isinstance(n, ast.Name)}
    if q not in names or at(test) >= limit or names - {q, *constants, *dir(builtins)}:
        return None
    code = compile(ast.Expression(test), "", "eval")
    try:
        results = {bool(eval(code, {**constants, q: value})) for value in values}
    except TypeError:  # a test that fails for a value decides nothing
        return None
    return results.pop() if len(results) == 1 else None


def folded(text, f, decide):
    """text with one test less, or None where decide(test) is None for all."""
    for parent in ast.walk(f):
        for block in (getattr(parent, "body", None), getattr(parent, "orelse", None)):
            for node in block if isinstance(block, list) else ():
                if isinstance(node, ast.If) and decide(node.test) is not None:
                    return put_branch(text, node, block, decide(node.test))
    tests = {id(node.test) for node in ast.walk(f) if isinstance(node, (ast.If, ast.IfExp))}
    for node in ast.walk(f):
        if isinstance(node, ast.IfExp) and decide(node.test) is not None:
            return put(text, node, node.body if decide(node.test) else node.orelse)
        if isinstance(node, ast.BoolOp):
            new = weaker(text, node, decide, id(node) in tests)
            if new:
                return put(text, node, new)
        if is_bool(node) and decide(node) is not None:
            return put(text, node, str(decide(node)))
    return None


def is_bool(node):
    return isinstance(node, ast.Compare) or isinstance(getattr(node, "op", None), ast.Not)


def weaker(text, node, decide, is_test):
    """`and` or `or` with one operand less, where one is decided; else None."""
    strong, values = isinstance(node.op, ast.Or), node.values
    if decide(values[0]) is strong:
        return values[0]
    # The last operand may be the value of the whole: to drop it, that must be but true or false.
    truth = is_test or all(map(is_bool, values[:-1]))
    droppable = [v for v in (values if truth else values[:-1]) if decide(v) is (not strong)]
    kept = [v for v in values if v not in droppable[:1]]
    if not droppable or len(kept) == 1:
        return kept[0] if droppable else None
    parts = [ast.get_source_segment(text, v) for v in kept]
    low = [isinstance(v, (ast.IfExp, ast.BoolOp, ast.Lambda)) for v in kept]
    parts = [f"({part})" if wrap else part for part, wrap in zip(parts, low, strict=True)]
    return (" or " if strong else " and ").join(parts)
