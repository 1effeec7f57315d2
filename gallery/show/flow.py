"""What the statements of a text set and read, and which variables are needed at the same time."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

import libcst as cst

from convbook.gallery.show import nodes
from convbook.gallery.show.nodes import LOCAL, Node, variables_in


def lists(statement: Node) -> list[Sequence[Node]]:
    """The lists of statements directly within an if or for."""
    if not isinstance(statement, (cst.If, cst.For)):
        return []
    blocks = [statement, *([statement.orelse] if statement.orelse else [])]
    return [block.body.body for block in blocks]


def flat(statements: Sequence[Node]) -> Iterator[Node]:
    """The statements and those within, but for those of functions."""
    for statement in statements:
        yield statement
        for within in lists(statement):
            yield from flat(within)


def head(statement: Node) -> Node | None:
    """The expression that a statement evaluates first or only; a function has none."""
    if isinstance(statement, cst.If):
        return statement.test
    if isinstance(statement, cst.For):
        return statement.iter
    return None if isinstance(statement, cst.FunctionDef) else statement.body[0].value


def setting(statement: Node) -> tuple[set[str], Node] | None:
    """(the variables that an assignment sets, its value)."""
    small = nodes.small(statement, cst.Assign)
    if small and not isinstance(small.targets[0].target, cst.Subscript):
        return variables_in(small.targets[0]), small.value
    return None


def copied(statement: Node) -> tuple[str, str] | None:
    """(variable, other) of variable = other."""
    targets, value = setting(statement) or (set(), None)
    if len(targets) == 1 and isinstance(value, cst.Name) and LOCAL in value.value:
        return next(iter(targets)), value.value
    return None


def sets(statement: Node) -> set[str]:
    """The variables that a statement sets, in what is within it too."""
    found = setting(statement)
    if found:
        return found[0]
    if isinstance(statement, cst.FunctionDef):
        return variables_in(statement.name)
    targets = variables_in(statement.target) if isinstance(statement, cst.For) else set()
    return targets.union(*(sets(s) for within in lists(statement) for s in within))


def variables_of(function: Node) -> set[str]:
    """The variables of a function: its parameters and what its statements set."""
    params = [variables_in(p.name) for p in nodes.parameters(function, star=True)]
    return set().union(*params, *(sets(s) for s in function.body.body))


class Flow:
    """What is needed when, found from the last statement of a function to the first."""

    def __init__(self, statements: Sequence[Node]):
        self.conflicts: defaultdict[str, set[str]] = defaultdict(set)  # needed at the same time
        self.idle: set[int] = set()  # statements that set what nobody reads, by their ids
        self.copies: list[tuple[str, str]] = []
        self.unused: set[str] = set()  # variables of loops that nobody reads
        self.read: set[str] = set()  # those that some loop reads
        self.captured: dict[str, set[str]] = {}  # what functions within read of this one
        for statement in flat(statements):
            if isinstance(statement, cst.FunctionDef):
                (name,) = variables_in(statement.name)
                self.captured[name] = variables_in(statement) - variables_of(statement) - {name}
        self.before(statements, set())

    def before(self, statements: Sequence[Node], live: set[str]) -> set[str]:
        """The variables that are needed before the statements if live are needed after."""
        for statement in reversed(statements):
            live = self.above(statement, live)
        return live

    def above(self, statement: Node, live: set[str]) -> set[str]:
        """The names that are live before one statement, if these are live after it."""
        if isinstance(statement, cst.FunctionDef):
            (name,) = variables_in(statement.name)
            self.clash({name}, live)
            return (live - {name}) | self.captured[name]
        if isinstance(statement, cst.If):
            first, *rest = [self.before(within, live) for within in lists(statement)]
            return first.union(rest[0] if rest else live, self.reads(statement.test))
        if isinstance(statement, cst.For):
            return self.around(statement, live)
        found = setting(statement)
        if found is None:
            ends = nodes.small(statement, cst.Return)
            return (set() if ends else live) | self.reads(statement)
        return self.assigned(statement, *found, live)

    def assigned(self, statement: Node, targets: set[str], value: Node, live: set[str]) -> set[str]:
        if not targets & live and nodes.makes_nothing(value):
            self.idle.add(id(statement))
            return live
        self.idle.discard(id(statement))  # the end of a loop did not show yet that it is read
        pair = copied(statement)
        self.copies += [pair] if pair else []
        self.clash(targets, live - {pair[1]} if pair else live)
        return (live - targets) | self.reads(value)

    def around(self, statement: Node, live: set[str]) -> set[str]:
        """The names that are live before a loop, whose end is followed by its beginning."""
        targets, (body,) = variables_in(statement.target), lists(statement)
        read = targets & variables_in(statement.body)
        self.unused = (self.unused | targets - self.read) - read
        self.read |= read
        inside = self.before(body, live) - targets
        while not inside <= live:
            live = live | inside
            inside = self.before(body, live) - targets
        self.clash(targets, live)
        return live | self.reads(statement.iter)

    def clash(self, targets: set[str], live: set[str]) -> None:
        for target in targets:
            for other in (live | targets) - {target}:
                self.conflicts[target].add(other)
                self.conflicts[other].add(target)

    def reads(self, node: Node) -> set[str]:
        found = variables_in(node)
        return found.union(*(self.captured.get(name, set()) for name in found))
