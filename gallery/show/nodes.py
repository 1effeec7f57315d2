"""Small tools for LibCST's trees: what is in a node, a node with other parts, new nodes."""

import ast
import dataclasses
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from typing import Any

import libcst as cst

Node = Any  # of LibCST, which has a class for each kind

LOCAL = "·"  # in the variables of a text while it is made; no source has it
NONE = cst.Name("None")
BLANK = cst.Module([])
OPERATIONS: tuple[type[Any], ...] = (
    *(cst.BinaryOperation, cst.UnaryOperation),
    *(cst.BooleanOperation, cst.Comparison),
)
LOOSE: tuple[type[Any], ...] = (*OPERATIONS, cst.IfExp, cst.Lambda)  # what may need brackets
# How tightly operators hold together; the rest of the binary ones as * does.
BINDING: dict[Any, int] = {
    cst.Lambda: 0, cst.IfExp: 1,
    cst.Or: 2, cst.And: 3, cst.Not: 4, cst.BitOr: 6, cst.BitXor: 7, cst.BitAnd: 8,
    cst.LeftShift: 9, cst.RightShift: 9, cst.Add: 10, cst.Subtract: 10, cst.Power: 13,
    cst.Minus: 12, cst.Plus: 12, cst.BitInvert: 12,
}  # fmt: skip
COMPARED, MULTIPLIED, ATOM = 5, 11, 15
OPPOSITE: dict[type, type] = {cst.Equal: cst.NotEqual, cst.Is: cst.IsNot, cst.In: cst.NotIn}
OPPOSITE |= {other: one for one, other in OPPOSITE.items()}
WORDS = "None", "True", "False"
# What makes no layer, so that it may as well be left out.
PURE = [
    "enumerate",
    "hasattr",
    "int",
    "isinstance",
    "len",
    "list",
    "max",
    "min",
    "range",
    "sum",
    "tuple",
    "zip",
]
PURE_METHODS = ["get", "items", "keys", "startswith", "values"]


def code(node: Node) -> str:
    return BLANK.code_for_node(node)


def literal(node: Node) -> Any:
    return ast.literal_eval(code(node))


def is_literal(node: Node) -> bool:
    return isinstance(node, (cst.BaseNumber, cst.BaseString)) or code(node) in WORDS


# Brackets.


def binding(node: Node) -> int:
    """How tightly an expression without brackets holds together."""
    if isinstance(node, cst.Comparison):
        return COMPARED
    if isinstance(node, OPERATIONS):
        return BINDING.get(type(node.operator), MULTIPLIED)
    return BINDING.get(type(node), ATOM)


def bare(node: Node) -> Node:
    """An expression without the brackets that it does not need by itself."""
    return node.with_changes(lpar=[], rpar=[]) if isinstance(node, LOOSE) else node


def within(node: Node, parent: Node, left: bool = False) -> Node:
    """node with brackets where parent, around it, would else take it apart; left: at its left."""
    node = bare(node)
    if not isinstance(node, LOOSE):
        return node
    if isinstance(parent, OPERATIONS):
        needs = binding(node) < binding(parent) + (not left)
    elif isinstance(parent, cst.IfExp):
        needs = binding(node) < 2
    else:
        needs = isinstance(parent, (cst.Attribute, cst.Subscript, cst.Call))
    if not needs:
        return node
    return node.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])


# Parts of a node.

# The fields with nodes, as they stand in a source, where LibCST has them in another order.
ORDER: dict[type[Any], str] = {
    cst.Arg: "keyword value",
    cst.Attribute: "value attr",
    cst.ClassDef: "decorators name bases keywords body",
    cst.ExceptHandler: "type name body",
    cst.FunctionDef: "decorators name params returns body",
    cst.IfExp: "body test orelse",
    cst.Lambda: "params body",
    cst.Parameters: "posonly_params params star_arg kwonly_params star_kwarg",
    cst.Slice: "lower upper step",
}
# How the fields begin that hold spaces, brackets and commas alone.
SPACES = (
    *("comma", "equal", "footer", "header", "indent", "lbrace", "lbracket", "leading", "lines_"),
    *("lpar", "newline", "rbrace", "rbracket", "rpar", "semicolon", "trailing", "whitespace"),
)


@cache
def fields(kind: Any) -> list[str]:
    own = [f.name for f in dataclasses.fields(kind) if not f.name.startswith(SPACES)]
    return ORDER[kind].split() if kind in ORDER else own


def inner(node: Node) -> list[Node]:
    """The nodes directly within, without spaces; LibCST's own children copies node to find them."""
    kind: Any = type(node)
    values = [getattr(node, field) for field in fields(kind)]
    lists = [value if isinstance(value, (list, tuple)) else (value,) for value in values]
    return [child for each in lists for child in each if isinstance(child, cst.CSTNode)]


def operands(node: Node) -> list[Node]:
    """The expressions directly within node, in the order in which they are evaluated."""
    if isinstance(node, (cst.Attribute, cst.Arg)):
        return [node.value]
    if isinstance(node, cst.IfExp):
        return [node.test, node.body, node.orelse]
    found: list[Node] = []
    for child in inner(node):
        found += [child] if isinstance(child, cst.BaseExpression) else operands(child)
    return found


def expressions(node: Node) -> Iterator[Node]:
    """node, if it is an expression, and all expressions within."""
    if isinstance(node, cst.BaseExpression):
        yield node
    for child in operands(node):
        yield from expressions(child)


def name_nodes(node: Node) -> Iterator[Node]:
    """The names that stand for something, not those of attributes and keywords."""
    stack = [node]
    while stack:
        node = stack.pop()
        if isinstance(node, cst.Name):
            yield node
        elif isinstance(node, (cst.Attribute, cst.Arg)):
            stack.append(node.value)
        else:
            stack += reversed(inner(node))


def variables_in(node: Node) -> set[str]:
    """The variables of the text that node reads or sets."""
    return {name.value for name in name_nodes(node) if LOCAL in name.value}


def walk(node: Node) -> Iterator[Node]:
    """The nodes within, but for those of functions within."""
    for child in inner(node):
        yield child
        if not isinstance(child, (cst.FunctionDef, cst.Lambda)):
            yield from walk(child)


def remembered(function: Callable[[Node], Any]) -> Callable[[Node], Any]:
    """A function of a node that is asked again and again of the same nodes."""
    known: dict[int, tuple[Node, Any]] = {}  # the node too, so that its id stays its own

    def answer(node: Node) -> Any:
        if id(node) not in known:
            known[id(node)] = node, function(node)
        return known[id(node)][1]

    return answer


def settings(node: Node) -> Iterator[str]:
    """The names that a function, if or for sets, each as often as it does."""
    for child in walk(node):
        if isinstance(child, (cst.AssignTarget, cst.AugAssign)):
            target: Node = child.target
            each = [e.value for e in target.elements] if isinstance(target, cst.Tuple) else [target]
            yield from (name.value for name in each if isinstance(name, cst.Name))


@remembered
def grown(node: Node) -> set[str]:
    """The names of what an if or for appends to or puts items into."""
    within = [
        getattr(child, "func", None) or getattr(child, "target", None) for child in walk(node)
    ]
    bases = [w.value for w in within if isinstance(w, (cst.Attribute, cst.Subscript))]
    return {part.value for part in bases if isinstance(part, cst.Name)}


@remembered
def assigned(node: Node) -> set[str]:
    """The names that a function, if or for sets."""
    return set(settings(node))


@remembered
def once(function: Node) -> set[str]:
    """The names that a function assigns exactly once, parameters included."""
    params = [p.name.value for p in parameters(function)]
    return {name for name, n in Counter([*params, *settings(function)]).items() if n == 1}


@remembered
def called(node: Node) -> set[str]:
    """The names of what a for calls."""
    funcs = [child.func for child in walk(node) if isinstance(child, cst.Call)]
    return {func.value for func in funcs if isinstance(func, cst.Name)}


@remembered
def returns(node: Node) -> bool:
    """Whether a function may end within an if or for."""
    return any(isinstance(child, cst.Return) for child in walk(node))


def only_raises(statements: Sequence[Node]) -> bool:
    """Whether statements, whatever happens, end in an error."""
    return bool(statements) and small(statements[-1], cst.Raise) is not None


def parameters(function: Node, star: bool = False) -> list[Node]:
    """The parameters of a function; star: that with a * too."""
    params = function.params
    rest = [params.star_arg] if star and isinstance(params.star_arg, cst.Param) else []
    return [*params.params, *rest, *params.kwonly_params]


def small(statement: Node, kind: type) -> Node | None:
    """The one small statement of a line, if it is of a kind."""
    first = statement.body[0] if isinstance(statement, cst.SimpleStatementLine) else None
    return first if isinstance(first, kind) else None


def is_test(node: Node) -> bool:
    """Whether an expression is either True or False."""
    if isinstance(node, cst.BooleanOperation):
        return is_test(node.left) and is_test(node.right)
    negated = isinstance(node, cst.UnaryOperation) and isinstance(node.operator, cst.Not)
    return negated or isinstance(node, cst.Comparison)


def is_pure(func: Node) -> bool:
    """Whether a call of func makes no layer."""
    if isinstance(func, cst.Attribute):
        return func.attr.value in PURE_METHODS
    return isinstance(func, cst.Name) and func.value in PURE


def makes_nothing(node: Node) -> bool:
    """Whether an expression makes no layer."""
    if isinstance(node, cst.Lambda):
        return True
    good = is_pure(node.func) if isinstance(node, cst.Call) else True
    return good and all(map(makes_nothing, operands(node)))


def is_idle(statement: Node) -> bool:
    """Whether a statement only names what could as well be worked out elsewhere."""
    set_to = small(statement, cst.Assign)
    if set_to and not isinstance(set_to.targets[0].target, cst.Subscript):
        return makes_nothing(set_to.value)
    return isinstance(statement, cst.FunctionDef)


@remembered
def operation(node: Node) -> Callable[..., Any]:
    """What node does with its operands, as a function of them."""
    within = operands(node)
    new = {id(part): cst.Name(f"_{i}") for i, part in enumerate(within)}
    return eval(f"lambda {', '.join(n.value for n in new.values())}: {code(swapped(node, new))}")


# Nodes with other parts.


class Transformer(cst.CSTTransformer):
    """LibCST's, without looking at each field whether a method of ours asks for it: none does."""

    def on_visit_attribute(self, node: Node, attribute: str) -> None:
        pass

    def on_leave_attribute(self, original: Node, attribute: str) -> None:
        pass


def swapped(node: Node, new: dict[int, Node]) -> Node:
    """node with others in place of the nodes within: new maps the id of one to another."""
    return node.visit(Swap(new))


class Swap(Transformer):
    def __init__(self, new: dict[int, Node]):
        super().__init__()
        self.new = new
        self.above: list[Node] = []  # the operations around, the innermost last

    def on_visit(self, node: Node) -> bool:
        if id(node) in self.new:
            return False
        if isinstance(node, cst.BaseExpression):
            self.above.append(node)
        return True

    def on_leave(self, original: Node, updated: Node) -> Node:
        if id(original) not in self.new:
            if isinstance(original, cst.BaseExpression):
                self.above.pop()
            return updated
        new, parent = self.new[id(original)], self.above[-1] if self.above else None
        first = getattr(parent, "func", None) or getattr(parent, "value", None)
        if isinstance(parent, (cst.Call, cst.Subscript)) and original is not first:
            return bare(new)
        return within(new, parent, original is getattr(parent, "left", None))


class Rename(Transformer):
    """Other names, or expressions, in place of names."""

    def __init__(self, new: dict[str, Any]):
        super().__init__()
        self.new = new

    def leave_Name(self, original: cst.Name, updated: cst.Name) -> Node:
        new = self.new.get(original.value)
        return updated if new is None else cst.Name(new) if isinstance(new, str) else new


def opposite(test: Node) -> Node:
    """The test that is true where test is false."""
    if isinstance(test, cst.UnaryOperation) and isinstance(test.operator, cst.Not):
        return bare(test.expression)
    if isinstance(test, cst.Comparison) and len(test.comparisons) == 1:
        (target,) = test.comparisons
        if type(target.operator) in OPPOSITE:
            other = OPPOSITE[type(target.operator)]()
            return test.with_changes(comparisons=[target.with_changes(operator=other)])
    negated = cst.UnaryOperation(cst.Not(), NONE)
    return negated.with_changes(expression=within(test, negated))


def commented(statement: Node, like: Node) -> Node:
    """A statement with the comments of another: those above it and that in its line."""
    above = [line for line in like.leading_lines if line.comment]
    new = statement.with_changes(leading_lines=[*above, *statement.leading_lines])
    after = getattr(like, "trailing_whitespace", None)
    if after and after.comment and isinstance(new, cst.SimpleStatementLine):
        new = new.with_changes(trailing_whitespace=after)
    return new


# New nodes.

TIGHT = cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace(""))


def call(func: Node, positional: Iterable[Node], keywords: Iterable[tuple[str, Node]]) -> Node:
    """func(positional, key=value ...)."""
    args = [cst.Arg(bare(node)) for node in positional]
    args += [cst.Arg(bare(node), cst.Name(key), equal=TIGHT) for key, node in keywords]
    made = cst.Call(NONE, args)
    return made.with_changes(func=within(func, made))


def assign(targets: Sequence[Node], value: Node, rest: Node | None = None) -> Node:
    """The statement targets = value; rest: the target with a star."""
    one = targets[0]
    if len(targets) > 1:
        kinds = [cst.StarredElement if target is rest else cst.Element for target in targets]
        pairs = zip(kinds, targets, strict=True)
        one = cst.Tuple([kind(target) for kind, target in pairs], lpar=[], rpar=[])
    return statement_line(cst.Assign([cst.AssignTarget(one)], bare(value)))


def is_starred(element: Node) -> bool:
    return isinstance(element, cst.StarredElement)


def dealt(target: Node, values: Sequence[Any]) -> list[Any]:
    """Values, one for each element of a target: one with a star has a list of what is left."""
    stars = [i for i, element in enumerate(target.elements) if is_starred(element)]
    if not stars:
        return list(values)
    (i,) = stars
    end = len(values) - (len(target.elements) - i - 1)
    return [*values[:i], list(values[i:end]), *values[end:]]


def statement_line(small_statement: Node) -> Node:
    return cst.SimpleStatementLine([small_statement])


def block(statements: Sequence[Node]) -> Node:
    return cst.IndentedBlock(statements or [statement_line(cst.Pass())])


def if_else(test: Node, body: Sequence[Node], otherwise: Sequence[Node]) -> Node:
    return cst.If(bare(test), block(body), cst.Else(block(otherwise)) if otherwise else None)


def numbered(texts: Iterable[str], start: int) -> str:
    """The texts as one, all variables newer than start numbered from 0 on, to compare it."""
    seen: dict[str, str] = {}

    def number(match: re.Match[str]) -> str:
        old = int(match[1]) <= start
        return match[0] if old else seen.setdefault(match[0], f"{LOCAL}new{len(seen)}")

    return re.sub(rf"{LOCAL}(\d+)", number, "".join(texts))
