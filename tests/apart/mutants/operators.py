"""mutants(source): every small bug that the operators can plant in a module."""

import ast
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import libcst as cst
from libcst import matchers as m
from libcst.metadata import MetadataWrapper, ParentNodeProvider, PositionProvider

TEXT = ("help", "metavar", "description", "epilog")  # keywords that only say something
# With these a value is as it was, on a machine of ours and where the lengths are equal
NO_CHANGE = ("encoding", "strict", "stacklevel", "flush", "allow_pickle")
ASKS_A_TYPE = m.Name(m.MatchIfTrue(lambda name: name in ("isinstance", "getattr", "hasattr")))
OTHER = {
    cst.LessThan: cst.LessThanEqual,
    cst.LessThanEqual: cst.LessThan,
    cst.GreaterThan: cst.GreaterThanEqual,
    cst.GreaterThanEqual: cst.GreaterThan,
    cst.Equal: cst.NotEqual,
    cst.NotEqual: cst.Equal,
    cst.In: cst.NotIn,
    cst.NotIn: cst.In,
    cst.Is: cst.IsNot,
    cst.IsNot: cst.Is,
    cst.Add: cst.Subtract,
    cst.Subtract: cst.Add,
    cst.Multiply: cst.FloorDivide,
    cst.Divide: cst.Multiply,
    cst.FloorDivide: cst.Multiply,
    cst.Modulo: cst.FloorDivide,
    cst.Power: cst.Multiply,
    cst.And: cst.Or,
    cst.Or: cst.And,
    cst.AddAssign: cst.SubtractAssign,
    cst.SubtractAssign: cst.AddAssign,
    cst.MultiplyAssign: cst.AddAssign,
}

NEGATED_AS_COMPARISON = cst.Equal, cst.NotEqual, cst.In, cst.NotIn, cst.Is, cst.IsNot


@dataclass(frozen=True)
class Mutant:
    """One bug: where it is, and the module's source with it, made when it is asked for."""

    definition: str  # of the module: its function, Class.method or table
    operator: str
    nth: int  # of the operator in the definition
    line: int
    source: Callable[[], str]


def mutants(source: str) -> list[Mutant]:
    """All of a module, in the order of its source."""
    wrapper = MetadataWrapper(cst.parse_module(source))
    visitor = Places(wrapper)
    wrapper.visit(visitor)
    return visitor.found


def is_another(source: str, mutant: Mutant) -> bool:
    """Whether a mutant compiles to another program."""
    try:
        changed = ast.parse(mutant.source())
    except SyntaxError:
        return False
    return ast.dump(changed) != ast.dump(ast.parse(source))


class Places(cst.CSTVisitor):
    """Collects the mutants of a module; leaves out hints, messages, imports and what is public."""

    METADATA_DEPENDENCIES = (PositionProvider, ParentNodeProvider)

    def __init__(self, wrapper: MetadataWrapper):
        super().__init__()
        self.module = wrapper.module
        self.found: list[Mutant] = []
        self.inside: list[str] = []
        self.functions = 0  # how many it is in, one within the other
        self.counts: Counter[tuple[str, str]] = Counter()

    def add(self, operator: str, node: cst.CSTNode, new: cst.CSTNode, within=None) -> None:
        """A mutant with new in place of node; within: a part of node that new has changed."""
        definition = ".".join(self.inside)
        nth = self.counts[definition, operator]
        self.counts[definition, operator] += 1
        line = self.get_metadata(PositionProvider, within or node).start.line
        made = self.module.deep_replace
        self.found.append(Mutant(definition, operator, nth, line, lambda: made(node, new).code))

    # Definitions

    def visit_FunctionDef(self, node: cst.FunctionDef) -> bool:
        outermost = not self.functions
        self.functions += 1
        if outermost:
            self.inside.append(node.name.value)
        for part in (node.params, node.body):
            part.visit(self)
        if outermost:
            self.inside.pop()
        self.functions -= 1
        return False  # not its decorators, nor the hint of what it returns

    def visit_ClassDef(self, node: cst.ClassDef) -> bool:
        self.inside.append(node.name.value)
        node.body.visit(self)
        self.inside.pop()
        return False

    def visit_SimpleStatementLine(self, node: cst.SimpleStatementLine) -> bool:
        if self.inside:
            return True
        match node.body[0]:
            case cst.Assign(targets=[cst.AssignTarget(target=cst.Name(value=name)), *_]):
                pass
            case cst.AnnAssign(target=cst.Name(value=name)):
                pass
            case _:
                return False  # imports, docstrings, what a module does when it is imported
        if name == "__all__":
            return False
        self.inside.append(name)
        return True

    def leave_SimpleStatementLine(self, original_node: cst.SimpleStatementLine) -> None:
        parent = self.get_metadata(ParentNodeProvider, original_node)
        if isinstance(parent, cst.Module) and self.inside:
            self.inside.pop()

    # What says something and does nothing

    def visit_Annotation(self, node: cst.Annotation) -> bool:
        return False

    def visit_FormattedString(self, node: cst.FormattedString) -> bool:
        return False

    def visit_Raise(self, node: cst.Raise) -> bool:
        return False

    def visit_Assert(self, node: cst.Assert) -> bool:
        return False

    def visit_TypeAlias(self, node: cst.TypeAlias) -> bool:
        return False

    # Operators

    def swap(self, kind: str, node: cst.CSTNode) -> None:
        """The operator of node becomes its other."""
        operator = node.operator
        if other := OTHER.get(type(operator)):
            self.add(kind, operator, other())

    def visit_ComparisonTarget(self, node: cst.ComparisonTarget) -> None:
        self.swap("comparison", node)

    def visit_BinaryOperation(self, node: cst.BinaryOperation) -> None:
        if not any(is_text(side) for side in (node.left, node.right)):
            self.swap("arithmetic", node)

    def visit_AugAssign(self, node: cst.AugAssign) -> None:
        if not is_text(node.value):
            self.swap("arithmetic", node)

    def visit_BooleanOperation(self, node: cst.BooleanOperation) -> None:
        self.swap("boolean", node)

    # Constants and defaults

    def kind(self, node: cst.CSTNode) -> str:
        parent = self.get_metadata(ParentNodeProvider, node)
        return "default" if isinstance(parent, cst.Param) else "constant"

    def visit_Integer(self, node: cst.Integer) -> None:
        self.add(self.kind(node), node, cst.Integer(str(int(node.value, 0) + 1)))
        if int(node.value, 0) > 1:
            self.add(self.kind(node), node, cst.Integer(str(int(node.value, 0) - 1)))

    def visit_Float(self, node: cst.Float) -> None:
        self.add(self.kind(node), node, cst.Float(repr(2 * float(node.value) or 0.5)))

    def visit_Name(self, node: cst.Name) -> None:
        if node.value in ("True", "False"):
            other = "False" if node.value == "True" else "True"
            self.add(self.kind(node), node, cst.Name(other))

    # Conditions

    def negate(self, node: cst.CSTNode, test: cst.BaseExpression) -> None:
        match test:
            case cst.UnaryOperation(operator=cst.Not(), expression=inner):
                return self.add("condition", test, inner)
            case cst.Comparison(comparisons=[cst.ComparisonTarget(operator=operator)]):
                if isinstance(operator, NEGATED_AS_COMPARISON):
                    return None
        brackets = dict(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
        inner = test.with_changes(**brackets)
        return self.add("condition", test, cst.UnaryOperation(cst.Not(), inner, **brackets))

    def visit_If(self, node: cst.If) -> None:
        self.negate(node, node.test)

    def visit_IfExp(self, node: cst.IfExp) -> None:
        self.negate(node, node.test)

    def visit_CompIf(self, node: cst.CompIf) -> None:
        self.negate(node, node.test)

    # Calls

    def visit_Call(self, node: cst.Call) -> bool:
        if m.matches(node.func, m.Name("require")):
            node.args[0].visit(self)
            return False  # all else is its message
        for i, arg in enumerate(node.args):
            if arg.keyword and arg.keyword.value not in (*TEXT, *NO_CHANGE) and not arg.star:
                args = [*node.args[:i], *node.args[i + 1 :]]
                if args:
                    args[-1] = args[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)
                self.add("dropped keyword", node, node.with_changes(args=args), within=arg)
        match node.args:
            case [cst.Arg(keyword=None, star="") as a, cst.Arg(keyword=None, star="") as b, *_]:
                if not (a.value.deep_equals(b.value) or m.matches(node.func, ASKS_A_TYPE)):
                    args = [
                        a.with_changes(value=b.value),
                        b.with_changes(value=a.value),
                        *node.args[2:],
                    ]
                    self.add("swapped arguments", node, node.with_changes(args=args))
        return True

    def visit_Arg(self, node: cst.Arg) -> bool:
        return not (node.keyword and node.keyword.value in (*TEXT, *NO_CHANGE))

    # Statements

    def visit_Expr(self, node: cst.Expr) -> bool:
        if is_text(node.value):
            return False
        if isinstance(node.value, cst.Call):
            self.add("dropped statement", node, cst.Pass())
        return True

    def leave_AugAssign(self, original_node: cst.AugAssign) -> None:
        self.add("dropped statement", original_node, cst.Pass())

    def visit_Assign(self, node: cst.Assign) -> None:
        """x = f(x) is dropped, because x is there without it."""
        target = node.targets[0].target
        if isinstance(target, cst.Name) and m.findall(node.value, m.Name(target.value)):
            self.add("dropped statement", node, cst.Pass())


def is_text(node: cst.CSTNode) -> bool:
    return isinstance(node, cst.SimpleString | cst.FormattedString | cst.ConcatenatedString)


def changed_line(source: str, mutated: str) -> tuple[str, str]:
    """The first lines that differ, before and after."""
    pairs = zip(source.splitlines(), mutated.splitlines(), strict=False)
    before, after = next((pair for pair in pairs if pair[0] != pair[1]), ("", ""))
    return before.strip(), after.strip()
