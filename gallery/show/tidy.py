"""Simplifies the statements of a text: no idle ones, no copies, and names a reader expects."""

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from itertools import chain, count
from keyword import iskeyword

import libcst as cst

from convbook.gallery.show import nodes
from convbook.gallery.show.flow import Flow, copied, flat, head, lists, sets, setting, variables_of
from convbook.gallery.show.nodes import LOCAL, Node, variables_in

Hints = dict[str, dict[str, None]]


def tidy(function: Node, temporary: set[str], hints: Hints) -> Node:
    """Simplifies a function whose variables have LOCAL in their names, and names them.

    temporary: the variables that go where they are read, if that is once.  hints: {variable: what
    else it may be called}.
    """
    return plain(function, temporary, hints).visit(Scopes(hints)).visit(Flat())


def plain(function: Node, temporary: set[str], hints: Hints) -> Node:
    """A function without idle statements, copies, or variables that are read only once."""
    if not isinstance(function, cst.FunctionDef):
        return function
    inner = partial(plain, temporary=temporary, hints=hints)
    statements = each_list(list(function.body.body), lambda todo: list(map(inner, todo)))
    while True:
        before = [id(s) for s in flat(statements)]
        statements = each_list(statements, partial(propagated, hints=hints))
        statements = each_list(statements, partial(without_idle, idle=Flow(statements).idle))
        counts = Counter(n.value for s in statements for n in nodes.name_nodes(s))
        statements = each_list(statements, partial(forwarded, temporary=temporary, counts=counts))
        if [id(s) for s in flat(statements)] == before:
            return function.with_changes(body=nodes.block(statements))


def each_list(statements: list[Node], change: Callable[[list[Node]], list[Node]]) -> list[Node]:
    """The statements with every list of them changed, the inner ones first."""
    return change([with_lists(s, change) for s in statements])


def with_lists(statement: Node, change: Callable[[list[Node]], list[Node]]) -> Node:
    """A statement with the lists of statements in it changed."""
    old = lists(statement)
    new = [each_list(list(within), change) for within in old]
    if [list(map(id, within)) for within in old] == [list(map(id, within)) for within in new]:
        return statement
    if isinstance(statement, cst.For):
        return statement.with_changes(body=nodes.block(new[0]))
    test, body, otherwise = statement.test, new[0], new[1] if len(new) > 1 else []
    if not body and otherwise:
        test, body, otherwise = nodes.opposite(test), otherwise, []
    made = nodes.if_else(test, body, otherwise)
    return made.with_changes(leading_lines=statement.leading_lines)


# Copies, idle assignments, variables that are read once.


def propagated(statements: list[Node], hints: Hints) -> list[Node]:
    """The statements after a copy read what it is a copy of, as long as both stay the same."""
    statements = list(statements)
    for i, statement in enumerate(statements):
        pair = copied(statement)
        if pair is None:
            continue
        copy, of = pair
        rename = nodes.Rename({copy: of})
        hints.setdefault(of, {})[copy.split(LOCAL)[0]] = None
        for j in range(i + 1, len(statements)):
            stops = {copy, of} & sets(statements[j])
            first = head(statements[j])
            if not stops and copy in variables_in(statements[j]):
                statements[j] = statements[j].visit(rename)
            elif stops and first and copy in variables_in(first):
                statements[j] = nodes.swapped(statements[j], {id(first): first.visit(rename)})
            if stops:
                break
    return statements


def without_idle(statements: list[Node], idle: set[int]) -> list[Node]:
    """The statements without those that are idle and without empty ifs and loops."""
    kept: list[Node] = []
    above: list[Node] = []  # comments on what became a copy move to what follows
    for statement in statements:
        within = lists(statement)
        empty = bool(within) and not any(real(each) for each in within)
        if id(statement) in idle or (empty and nodes.makes_nothing(head(statement))):
            above += statement.leading_lines if copied(statement) else []
        else:
            lines = [*above, *statement.leading_lines]
            kept.append(statement.with_changes(leading_lines=lines) if above else statement)
            above = []
    return kept


def real(statements: Sequence[Node]) -> list[Node]:
    return [s for s in statements if not nodes.small(s, cst.Pass)]


def forwarded(statements: list[Node], temporary: set[str], counts: Counter[str]) -> list[Node]:
    """The statements with the values of temporary variables where these are read."""
    statements = list(statements)
    for i in range(len(statements) - 2, -1, -1):
        found = setting(statements[i]) or as_lambda(statements[i])
        variable = next(iter(found[0])) if found else ""
        if not found or variable not in temporary or counts[variable] != 2:
            continue
        j = place(statements, i, variable, found[1])
        if j is not None:
            (name,) = (n for n in nodes.name_nodes(statements[j]) if n.value == variable)
            new = nodes.swapped(statements[j], {id(name): found[1]})
            lines = [*statements[i].leading_lines, *new.leading_lines]
            statements[j] = new.with_changes(leading_lines=lines)
            del statements[i]
    return statements


def as_lambda(statement: Node) -> tuple[set[str], Node] | None:
    """(the name of a function that only returns something, the function as a lambda)."""
    if isinstance(statement, cst.FunctionDef) and len(statement.body.body) == 1:
        returned = nodes.small(statement.body.body[0], cst.Return)
        if returned:
            return variables_in(statement.name), cst.Lambda(statement.params, returned.value)
    return None


def place(statements: list[Node], i: int, variable: str, value: Node) -> int | None:
    """Where the value of statement i can go: to the statement that reads the variable."""
    effect = not nodes.makes_nothing(value)
    for j in range(i + 1, len(statements)):
        expression = head(statements[j])
        if expression is not None and variable in variables_in(expression):
            return j if reached(expression, variable, effect) else None
        if (
            effect
            or variables_in(value) & sets(statements[j])
            or variable in variables_in(statements[j])
        ):
            return None
    return None


def reached(node: Node, variable: str, effect: bool) -> bool | None:
    """True at the variable; False at what may come before it, or instead; None if neither is there.

    effect: what makes a layer comes before it.
    """
    if isinstance(node, cst.Name):
        return True if node.value == variable else None
    if isinstance(node, (cst.Lambda, cst.BaseComp)):
        return False if variable in variables_in(node) or effect else None
    unsure = isinstance(node, (cst.IfExp, cst.BooleanOperation))
    for i, part in enumerate(nodes.operands(node)):
        if i and unsure and variable in variables_in(part):
            return False
        answer = reached(part, variable, effect)
        if answer is not None:
            return answer
    makes = isinstance(node, cst.Call) and not nodes.is_pure(node.func)
    return False if makes and effect else None


class Flat(nodes.Transformer):
    """Writes a list within another as its entries: [a, *[b, c]] as [a, b, c]."""

    def leave_List(self, original: Node, updated: Node) -> Node:
        entries: list[Node] = []
        for entry in updated.elements:
            inner = isinstance(entry, cst.StarredElement) and isinstance(entry.value, cst.List)
            entries += entry.value.elements if inner else [entry]
        return updated.with_changes(elements=entries)


# Names.


class Scopes(nodes.Transformer):
    """Gives the variables of a function, and of all that is within it, their names."""

    def __init__(self, hints: Hints):
        super().__init__()
        self.hints = hints

    def visit_FunctionDef(self, node: cst.FunctionDef) -> bool:
        return False

    def leave_FunctionDef(self, original: Node, updated: Node) -> Node:
        body = list(updated.body.body)
        fixed = [p.name.value for p in nodes.parameters(updated, star=True)]
        called = Names(Flow(body), fixed, self.hints, plain_names(*body))
        mine = variables_of(updated)
        every = [n.value for s in body for n in nodes.name_nodes(s) if n.value in mine]
        updated = updated.visit(nodes.Rename(called.chosen(dict.fromkeys([*fixed, *every]))))
        body = [s.visit(Scopes(self.hints)) for s in updated.body.body]
        return updated.with_changes(body=nodes.block(each_list(body, readable)))

    def inner(self, updated: Node, targets: set[str]) -> Node:
        """A lambda or a comprehension with names for its own variables."""
        taken, new = plain_names(updated), {}
        for variable in sorted(targets):
            new[variable] = free([variable.split(LOCAL)[0]], taken)
            taken.add(new[variable])
        return updated.visit(nodes.Rename(new))

    def leave_Lambda(self, original: Node, updated: Node) -> Node:
        return self.inner(updated, variables_in(updated.params))

    def leave_ListComp(self, original: Node, updated: Node) -> Node:
        return self.inner(updated, variables_in(updated.for_in.target))

    leave_GeneratorExp = leave_ListComp  # type: ignore[assignment]  # alike in all but their class


def plain_names(*trees: Node) -> set[str]:
    """The names of anything but variables without a name."""
    return {n.value for part in trees for n in nodes.name_nodes(part) if LOCAL not in n.value}


class Names:
    """The names of a function's variables: their own, unless two that are needed at once have it.

    fixed: the parameters.  taken: names that mean something else.
    """

    def __init__(self, flow: Flow, fixed: list[str], hints: Hints, taken: set[str]):
        self.flow, self.fixed, self.hints, self.taken = flow, set(fixed), hints, taken

    def chosen(self, variables: dict[str, None]) -> dict[str, str]:
        """{variable: its name}, given in this order, but to the parameters first."""
        groups = self.groups(variables)
        found = dict.fromkeys(self.flow.unused, "_")
        for variable in sorted(variables, key=lambda v: not self.fixed & set(groups[v])):
            if variable not in found:
                group = groups[variable]
                clashing = set().union(*(self.flow.conflicts[v] for v in group))
                others = self.taken | {found[v] for v in clashing if v in found}
                found |= dict.fromkeys(group, free(self.candidates(group), others))
        return found

    def groups(self, variables: dict[str, None]) -> dict[str, list[str]]:
        """{variable: all that may share its name, as one is the other's copy}."""
        groups = {v: [v] for v in variables}
        for copy, of in self.flow.copies:
            one, other = groups.get(of), groups.get(copy)
            if one is None or other is None or one is other:
                continue
            clash = any(self.flow.conflicts[v] & set(other) for v in one)
            if not clash and not (self.fixed & set(one) and self.fixed & set(other)):
                one += other
                groups |= dict.fromkeys(other, one)
        return groups

    def candidates(self, group: list[str]) -> list[str]:
        """What a group of variables may be called, the best first."""
        group = sorted(group, key=lambda v: v not in self.fixed)
        bases = [v.split(LOCAL)[0] for v in group]
        if group[0] in self.fixed:
            return bases
        hints = [hint for v in group for hint in self.hints.get(v, ())]
        paths = [hint for hint in hints if hint[-1:].isdigit()]
        return [*paths, *bases, *hints, *(["m"] if bases[0] == "x" else [])]


def free(bases: list[str], others: set[str]) -> str:
    """The first free name, of bases and of the first one with a number."""
    names = chain(bases, (f"{bases[0]}{i}" for i in count(1)))
    return next(name for name in names if name not in others and not iskeyword(name))


# Forms that only names give.


def readable(statements: list[Node]) -> list[Node]:
    """The statements without x = x; x += y for x = x + y; return y for x = y, return x; elifs."""
    kept: list[Node] = []
    for statement in statements:
        target, value = assignment(statement)
        if target and target == nodes.code(value):
            continue
        returned = nodes.small(statement, cst.Return)
        before, of = assignment(kept[-1]) if kept else ("", None)
        if returned and before and before == nodes.code(returned.value or nodes.NONE):
            lines = kept.pop().leading_lines
            statement = nodes.statement_line(cst.Return(of)).with_changes(leading_lines=lines)
        kept.append(with_elif(added(statement, target, value)))
    return real(kept)


def assignment(statement: Node) -> tuple[str, Node]:
    """The text of what an assignment sets, and its value."""
    small = nodes.small(statement, cst.Assign)
    return (nodes.code(small.targets[0].target), small.value) if small else ("", None)


def added(statement: Node, target: str, value: Node) -> Node:
    """x += y for x = x + y, where y is a list."""
    adds = isinstance(value, cst.BinaryOperation) and isinstance(value.operator, cst.Add)
    if not (adds and isinstance(value.right, cst.List) and target == nodes.code(value.left)):
        return statement
    more = cst.AugAssign(cst.Name(target), cst.AddAssign(), value.right)
    return statement.with_changes(body=[more])


def with_elif(statement: Node) -> Node:
    """An if whose else is another if, as an elif."""
    otherwise = statement.orelse if isinstance(statement, cst.If) else None
    if isinstance(otherwise, cst.Else) and len(otherwise.body.body) == 1:
        (only,) = otherwise.body.body
        if isinstance(only, cst.If):
            return statement.with_changes(orelse=only)
    return statement
