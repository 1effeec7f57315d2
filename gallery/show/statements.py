"""Statements of the library cut to a call: carried out now, or kept in the text."""

import builtins
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any

import libcst as cst

from convbook.gallery.show import nodes
from convbook.gallery.show.application import Application
from convbook.gallery.show.expressions import (
    has_effect,
    is_some,
    known_truth,
    own_targets,
    singular,
    thread,
    unpack,
)
from convbook.gallery.show.nodes import Node
from convbook.gallery.show.values import Frame, Function, Run, Written

EMITTED = object()  # the value of a call whose returns are in the text
OPERATORS: dict[str, Any] = {"+": cst.Add, "-": cst.Subtract, "*": cst.Multiply, "|": cst.BitOr}


class Statements(Application):
    """Carries out functions; the statements that stay are in self.out."""

    def run(self, node: Node, frame: Frame) -> Any:
        self.body(statements(node.body), frame)
        return EMITTED if frame.emits else frame.result

    def body(self, todo: Sequence[Node], frame: Frame) -> bool:
        """Executes statements up to a return; returns whether there was one."""
        for i, statement in enumerate(todo):
            start = len(self.out)
            if isinstance(statement, cst.If):
                ended = self.on_If(statement, todo[i + 1 :], frame)
            elif isinstance(statement, cst.SimpleStatementLine):
                ended = any(self.do(small, frame) for small in statement.body)
                if len(self.out) > start:
                    self.out[start] = nodes.commented(self.out[start], statement)
            else:
                ended = self.do(statement, frame)
            if ended:
                return True
        return False

    def do(self, statement: Node, frame: Frame) -> bool:
        """Executes a statement; returns whether it ends the function."""
        name = f"on_{type(statement).__name__}"
        deed = getattr(self, name, None)
        if deed is None:
            lacks = f"{type(self).__name__} has no {name}"
            raise NotImplementedError(f"cannot be cut, {lacks}: {nodes.code(statement)}")
        return bool(deed(statement, frame))

    def on_Pass(self, small: Node, frame: Frame) -> None:
        pass

    def on_Expr(self, small: Node, frame: Frame) -> None:
        value = self.value(small.value, frame)
        if has_effect(value):
            self.out.append(nodes.statement_line(cst.Expr(value.node)))

    def on_Raise(self, small: Node, frame: Frame) -> None:
        raise ValueError(self.value(small.exc.args[0].value, frame))

    def on_Return(self, small: Node, frame: Frame) -> bool:
        value = self.returned(small.value or nodes.NONE, frame)
        if value is EMITTED:
            return True
        if frame.emits:
            self.out.append(nodes.statement_line(cst.Return(nodes.bare(self.lift(value)))))
        elif frame.depth:
            frame.returns = frame.returns or self.new(thread(value))
            some = is_some(value) and (frame.result is None or frame.result.some)
            frame.result = self.store(frame.returns, value)
            frame.result.some = some
        else:
            frame.result = value
        return True

    def returned(self, node: Node, frame: Frame) -> Any:
        """What a return returns; EMITTED where the returns of what it calls are in the text."""
        if isinstance(node, cst.IfExp):
            test = self.value(node.test, frame)
            truth = known_truth(test)
            if truth is None:
                return self.either(test, node, frame)
            return self.returned(node.body if truth else node.orelse, frame)
        if isinstance(node, cst.Call):
            return self.on_Call(node, frame, tail=frame.emits)
        return self.value(node, frame)

    def on_FunctionDef(self, node: Node, frame: Frame) -> None:
        self.made[id(node)] += 1
        func = Function(node, frame, node.name.value, nth=self.made[id(node)])
        func.kept = self.lift(func) if func.key in self.calls_stay else None
        frame.known[node.name.value] = func

    # Assignments.

    def on_Assign(self, small: Node, frame: Frame) -> None:
        value = self.value(small.value, frame)
        for target in small.targets:
            self.assign(target.target, value, frame)

    def on_AugAssign(self, small: Node, frame: Frame) -> None:
        operator = OPERATORS[nodes.code(small.operator).strip().removesuffix("=")]()
        value = self.value(cst.BinaryOperation(small.target, operator, small.value), frame)
        self.assign(small.target, value, frame)

    def assign(self, target: Node, value: Any, frame: Frame) -> None:
        """Executes target = value."""
        if isinstance(target, cst.Name):
            self.assign_name(target.value, value, frame)
        elif isinstance(target, cst.Subscript):
            self.assign_item(target, value, frame)
        elif isinstance(value, Run):
            variables = own_targets(target, frame)
            rest = [variables[id(e.value)] for e in target.elements if nodes.is_starred(e)]
            self.out.append(nodes.assign([*variables.values()], value.node, *rest))
        else:
            targets = [element.value for element in target.elements]
            self.assign_each(targets, nodes.dealt(target, value), frame)

    def assign_name(self, name: str, value: Any, frame: Frame) -> None:
        variable, stays = frame.variable(name), name in frame.once and not frame.depth
        if not isinstance(value, Run):
            value = frame.known[name] = self.keep(self.fixed(value, frame), name)
            if frame.depth and is_liftable(value):
                self.store(variable, value)
        elif value.steady and not frame.depth:
            frame.known[name] = value
        elif value.variable and stays and not frame.owns(value):
            frame.known[name] = value  # one that is complete, so it need not be copied
        elif value.variable != variable:
            self.temporary |= {variable} if frame.helps else set()
            frame.known[name] = self.store(variable, value)

    def fixed(self, value: Any, frame: Frame) -> Any:
        """A value that holds what variables are worth now, also if frame sets these again."""
        if not holds(value, frame):
            return value
        if isinstance(value, dict):
            return {k: self.fixed(v, frame) for k, v in value.items()}
        if isinstance(value, (list, tuple)):
            return type(value)(self.fixed(v, frame) for v in value)
        return self.store(self.new(thread(value)), value)

    def assign_item(self, target: Node, value: Any, frame: Frame) -> None:
        """x[key] = value."""
        (key,) = self.values(nodes.operands(target)[1:], frame)
        into = self.value(target.value, frame)
        if isinstance(into, Run):
            item = self.left(target, nodes.operands(target), [into, key]).node
            self.out.append(nodes.assign([item], self.lift(value)))
        else:
            hint = f"{singular(nodes.code(target.value))}{key}"
            into[key] = self.keep(self.fixed(value, frame), hint, temporary=False)

    def assign_each(self, targets: list[Node], values: Any, frame: Frame) -> None:
        """a, b = two values: in one statement if that is one of layers or a swap."""
        if len(targets) != len(values):
            raise ValueError(f"{', '.join(map(nodes.code, targets))}: not {len(values)} values")
        own = [frame.variable(t.value) for t in targets if isinstance(t, cst.Name)]
        read = [nodes.variables_in(v.node) if isinstance(v, Run) else set() for v in values]
        swaps = any(name in later for i, name in enumerate(own) for later in read[i + 1 :])
        if not (swaps or all(map(has_effect, values))):
            for target, value in zip(targets, values, strict=True):
                self.assign(target, value, frame)
            return
        tuple_ = cst.Tuple([cst.Element(self.lift(v)) for v in values], lpar=[], rpar=[])
        variables = [cst.Name(name) for name in own]
        self.out.append(nodes.assign(variables, tuple_))
        for target, variable, value in zip(targets, variables, values, strict=True):
            frame.known[target.value] = Run(variable, some=is_some(value))

    # What a run decides.

    def on_If(self, node: Node, rest: Sequence[Node], frame: Frame) -> bool:
        test = self.value(node.test, frame)
        truth = known_truth(test)
        if truth is not None:
            taken = node.body if truth else node.orelse
            return bool(taken) and self.body(statements(taken), frame)
        start = len(self.out)
        ended = self.branch(test, node, rest, frame)
        if len(self.out) > start:
            self.out[-1] = nodes.commented(self.out[-1], node)
        return ended

    def branch(self, test: Run, node: Node, rest: Sequence[Node], frame: Frame) -> bool:
        """Keeps an if in the text; returns whether it ends the function."""
        arms = [statements(arm) if arm else [] for arm in (node.body, node.orelse)]
        if not arms[1] and nodes.only_raises(arms[0]):
            return False
        # If only one arm returns, its value goes into a variable, and the rest into the other arm.
        returning = nodes.returns(node) and not frame.emits
        names = nodes.assigned(node) | nodes.grown(node)
        if not returning:
            self.settle(names, frame)
        known, ends, outs, afters = frame.known, [], [], []
        frame.depth += 1
        for arm in arms:
            frame.known = dict(known)
            with self.apart() as out:
                ends.append(self.body([*arm, *(rest if returning else [])], frame))
            outs.append(out)
            afters.append(frame.known)
        frame.depth -= 1
        self.out.append(nodes.if_else(test.node, *outs))
        if any(ends):
            frame.known = afters[1] if ends[0] else afters[0]
        else:
            frame.known = known | joined(names, afters, frame)
        return returning or all(ends)

    def settle(self, names: Collection[str], frame: Frame) -> None:
        """Puts what names are worth now into the text, which may then set them again."""
        for name in sorted(set(names) & set(frame.known)):
            value = frame.known[name]
            own = isinstance(value, Run) and value.variable == frame.variable(name)
            if not own and is_liftable(value):
                self.store(frame.variable(name), value)

    def on_For(self, node: Node, frame: Frame) -> bool:
        return self.through(self.value(node.iter, frame), node, frame)

    def through(self, turns: Any, node: Node, frame: Frame) -> bool:
        """Executes a for over turns; returns whether it ends the function."""
        if isinstance(turns, Run):
            self.loop(turns, node, frame)
            return False
        for turn in list(turns):
            unpack(node.target, turn, frame.known)
            if self.body(statements(node.body), frame):
                return True
        return False

    def loop(self, turns: Run, node: Node, frame: Frame) -> None:
        """A for that stays."""
        if nodes.returns(node) and not frame.emits:
            raise NotImplementedError(f"a return in a loop cannot be cut: {nodes.code(node)}")
        names = nodes.assigned(node) | nodes.grown(node)
        self.settle(names, frame)
        known, names, doubted = frame.known, names & set(frame.known), set[str]()
        frame.known = known | joined(names, [known], frame)
        for name in nodes.called(node) & set(known):
            func = frame.known[name]
            if isinstance(func, Function) and isinstance(func.node, cst.FunctionDef):
                func.kept = self.lift(func)
        while True:  # until what a turn assumes of the one before is true
            frame.known = known | joined(names, [known], frame, doubted)
            target, out = self.turn(node, frame)
            false = {name for name in names - doubted if not is_some(frame.known.get(name))}
            if not {name for name in false if is_some(known[name])}:
                break
            doubted |= false
        loop = cst.For(target, nodes.bare(turns.node), nodes.block(out))
        self.out.append(nodes.commented(loop, node))

    def turn(self, node: Node, frame: Frame) -> tuple[Node, list[Node]]:
        """The target and the statements of a for that stays."""
        target = nodes.swapped(node.target, own_targets(node.target, frame))
        frame.depth += 1
        with self.apart() as out:
            self.body(statements(node.body), frame)
        frame.depth -= 1
        return target, out

    # Values as text.

    def lift(self, value: Any, hint: str | None = None) -> Node:
        if isinstance(value, Run):
            return value.node
        if isinstance(value, Function):
            if value.found:
                return self.origin(value.name, value.found)
            return value.kept or self.local(value, hint)
        if id(value) in self.constants:
            found = self.constants[id(value)]
            return self.origin(found.name, found)
        if isinstance(value, (tuple, list)):
            elements = [cst.Element(nodes.bare(self.lift(v))) for v in value]
            return (cst.Tuple if isinstance(value, tuple) else cst.List)(elements)
        if isinstance(value, Mapping):
            pairs = [(self.lift(k), nodes.bare(self.lift(v))) for k, v in value.items()]
            return cst.Dict([cst.DictElement(k, v) for k, v in pairs])
        if isinstance(value, Written):
            return cst.parse_expression(value.text)
        if callable(value):
            name = getattr(value, "__name__", "")
            if getattr(builtins, name, None) is not value:
                raise NotImplementedError(f"{value!r} cannot be written down")
            return cst.Name(name)
        try:
            return cst.parse_expression(repr(value))
        except cst.ParserSyntaxError:
            raise NotImplementedError(f"{value!r} cannot be written down") from None

    def local(self, func: Function, hint: str | None) -> Node:
        """A function of the text: a lambda if it is one and that will do, else a def before."""
        frame = Frame(func.frame.module, func.frame, emits=True)
        frame.once = nodes.once(func.node)
        params = []
        for p in func.params.params:
            name = p.name.value
            if p.default:  # given to it where it is made, as way=way
                frame.known[name] = self.value(p.default, func.frame)
            else:
                params.append(cst.Param(cst.Name(frame.variable(name))))
                frame.known[name] = Run(params[-1].name, some=True)
        is_lambda = isinstance(func.node, cst.Lambda)
        self.lifted.add(func.key)
        with self.apart() as out:
            if is_lambda:
                self.on_Return(cst.Return(func.node.body), frame)
            else:
                self.run(func.node, frame)
        if is_lambda and len(out) == 1:
            return cst.Lambda(cst.Parameters(params), out[0].body[0].value)
        named = cst.Name(self.new(hint or func.name))
        # A name that is read once is inlined, as long as the function fits into a lambda.
        self.temporary |= {named.value} if is_lambda or func.kept is None else set()
        self.out.append(cst.FunctionDef(named, cst.Parameters(params), nodes.block(out)))
        return named


def statements(block: Node) -> list[Node]:
    """The statements of a block, an else or an elif."""
    if isinstance(block, cst.If):
        return [block]
    if isinstance(block, cst.Else):
        block = block.body
    if isinstance(block, cst.SimpleStatementSuite):
        return [nodes.statement_line(small) for small in block.body]
    return list(block.body)


def joined(
    names: Collection[str],
    afters: list[dict[str, Any]],
    frame: Frame,
    doubted: Collection[str] = (),
) -> dict[str, Any]:
    """{name: its variable} after what sets names in one way or another; doubted: not some."""
    found = {}
    for name in names:
        values = [known[name] for known in afters if name in known]
        if values and all(map(is_liftable, values)):
            some = all(map(is_some, values)) and name not in doubted
            found[name] = Run(cst.Name(frame.variable(name)), some=some)
    return found


def holds(value: Any, frame: Frame) -> bool:
    """Whether a value has a variable in it that frame sets more than once."""
    if isinstance(value, (list, tuple, dict)):
        within = value.values() if isinstance(value, dict) else value
        return any(holds(v, frame) for v in within)
    name = value.variable.split(nodes.LOCAL)[0] if isinstance(value, Run) and value.variable else ""
    return frame.owns(value) and name not in frame.once


def is_liftable(value: Any) -> bool:
    """Whether a value can stand in a text, and in a variable."""
    if isinstance(value, dict):
        return all(map(is_liftable, value.values()))
    if isinstance(value, (list, tuple)):
        return all(map(is_liftable, value))
    return not isinstance(value, (Function, partial))
