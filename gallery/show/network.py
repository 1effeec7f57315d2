"""convbook show resnet50: a network as one file, cut from the tested source as blocks are.

Options are decided.  A table of the paper that its body loops over, a parameter whose hint says
Sequence, stays data, its loops stay loops, and each block is cut to what it is called with.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import groupby
from textwrap import fill
from types import ModuleType
from typing import Any

import libcst as cst

from convbook.gallery.show import nodes
from convbook.gallery.show.cuts import Cut, Networks, cut, cut_of
from convbook.gallery.show.library import Imported, Library, Own
from convbook.gallery.show.nodes import Node
from convbook.gallery.show.order import gathered, ordered
from convbook.gallery.show.policy import BLOCKS
from convbook.gallery.show.statements import Statements, is_liftable
from convbook.gallery.show.text import Part, Texts, read_names
from convbook.gallery.show.tidy import tidy
from convbook.gallery.show.values import Frame, Function, Run

COMMON = "convbook.architectures.common"
LAYERS = f"{BLOCKS}.layers"
# Blocks whose texts for two values of an option have little in common, and their names then.
SPLIT = {
    "inception_resnet_block": (
        "paths",
        lambda paths: f"inception_resnet_{paths.lower().replace(' ', '_')}",
    )
}
# Networks with graphs deeper than Python's 1,000 calls: Keras recurses once per addition.
DEEP = {"resnet1202_cifar", "stochastic_depth_resnet1202_cifar"}
LIMIT = "sys.setrecursionlimit(10_000)  # Keras recurses once for each block"
OF_CREATE = ("input_shape", "classes", "a")
INDENT = " " * 4


def blocks_constants() -> Iterator[tuple[str, str, Any]]:
    """(module, name, value) of the constants of the blocks, such as the rows of a cell."""
    from convbook import blocks

    for module in [value for value in vars(blocks).values() if isinstance(value, ModuleType)]:
        for name, value in vars(module).items():
            if name.isupper() and isinstance(value, tuple):
                yield module.__name__, name, value


def has_run(value: Any) -> bool:
    """Whether something in a value is known only when the text runs."""
    if isinstance(value, (tuple, list)):
        return any(map(has_run, value))
    return isinstance(value, Run)


def called(name: str) -> Node:
    """An expression of the text that reads name."""
    return cst.parse_expression(name)


class Turns:
    """Values that a loop of the text takes one by one: next(name)."""

    def __init__(
        self, name: Node, make: Callable[[Any], Any] = lambda value: value, some: bool = False
    ):
        self.name, self.make, self.some = name, make, some

    def __next__(self) -> Any:
        turn = nodes.call(cst.Name("next"), [self.name], [])
        return self.make(Run(turn, effect=True, some=self.some))


class Rows(tuple[Any, ...]):
    """The rows of a table that a body has computed; equal neighbours become one."""


def is_plan(node: Node) -> bool:
    """Whether a for iterates over a named list and unpacks its rows."""
    return isinstance(node.iter, cst.Name) and isinstance(node.target, cst.Tuple)


def are_rows(turns: Sequence[Any]) -> bool:
    """Whether a loop iterates over rows of values that a table can hold."""
    rows = all(isinstance(turn, tuple) and len(turn) > 1 for turn in turns)
    return rows and all(map(is_liftable, turns)) and not has_run(turns)


class Body(Statements):
    """Carries out the body of a network; collects the calls of its blocks."""

    policy: Networks

    def __init__(
        self, texts: Texts, cuts: dict[Own, Cut] | None = None, parts: dict[str, Own] | None = None
    ):
        super().__init__(texts.library, Networks(texts.library))
        self.cuts = cuts or {}  # {definition: its cut}
        self.parts = (
            {} if parts is None else parts
        )  # {name: definition} of blocks with another name
        # {definition: [{parameter: value} of each call]}
        self.calls: dict[Own, list[dict[str, Any]]] = {}
        # {name: (value, comment)}: data that the text begins with
        self.tables: dict[str, tuple[Any, str]] = {}
        # {id of a value: (value, name)} of those that have a name in the text
        self.named: dict[int, tuple[Any, str]] = {}
        self.special = {"tap": self.tap, "gates": self.gates, "ratios": self.ratios}
        self.special["numbered"] = self.numbered
        self.special |= {"dense_layers": self.dense_layers}

    # Values.

    def value_of(self, value: Any) -> Any:
        """What a value of Python's is worth here."""
        if isinstance(value, partial):
            keywords = {key: self.value_of(v) for key, v in value.keywords.items()}
            return partial(self.value_of(value.func), *map(self.value_of, value.args), **keywords)
        if isinstance(value, Mapping):
            return self.norm({key: self.value_of(v) for key, v in value.items()})
        if isinstance(value, (tuple, list)):
            for module, name, constant in blocks_constants():
                if constant is value:
                    return self.top(module, name)
            return type(value)(map(self.value_of, value))
        ours = getattr(value, "__module__", "") or ""
        if callable(value) and ours.startswith("convbook."):
            return self.top(ours, value.__name__)
        return value

    def norm(self, value: Any) -> Any:
        """Keywords of a normalisation: the constant of the letters that equals them, or our own."""
        for name in ("BN", "BN_TF", "LN"):
            known = self.top(LAYERS, name)
            if dict(known) == dict(value):
                return known
        if not {"epsilon", "groups"} & set(value):
            return value
        self.named[id(value)] = value, "N"
        self.tables["N"] = value, "batch norm as in that library"
        return value

    def data_table(self, name: str, value: Any, comment: str = "") -> Run:
        """A value as data under a name."""
        self.tables[name] = value, comment
        return Run(cst.Name(name), some=True)

    def lift(self, value: Any, hint: str | None = None) -> Node:
        if id(value) in self.named:
            return cst.Name(self.named[id(value)][1])
        if isinstance(value, Turns):
            return value.name
        if isinstance(value, Rows):
            return cst.Tuple([self.element(row, len([*equal])) for row, equal in groupby(value)])
        return super().lift(value, hint)

    def element(self, row: tuple[Any, ...], times: int) -> Node:
        """The rows of a table that are equal: row, or *[row] * 6."""
        one = cst.Element(nodes.bare(self.lift(row)))
        if times == 1:
            return one
        many = cst.BinaryOperation(cst.List([one]), cst.Multiply(), cst.Integer(str(times)))
        return cst.StarredElement(many)

    def on_BinaryOperation(self, node: Node, frame: Frame) -> Any:
        operands = nodes.operands(node)
        values = self.in_order([partial(self.value, part, frame) for part in operands])
        found = self.result(node, operands, values)
        return self.norm(found) if isinstance(found, dict) and "momentum" in found else found

    # Statements.

    def through(self, turns: Any, node: Node, frame: Frame) -> bool:
        """A range stays a loop, even if it is known; many rows stay one too, and become a table."""
        known = isinstance(turns, list) and len(turns) > 1
        if known and nodes.code(node.iter).startswith("range("):
            first, last = turns[0], turns[-1] + 1
            bounds = [first, last] if first else [last]
            turns = Run(nodes.call(cst.Name("range"), map(self.lift, bounds), []), some=True)
        elif known and not frame.helps and is_plan(node) and are_rows(turns):
            self.along(turns, node, frame)
            return False
        return super().through(turns, node, frame)

    def along(self, rows: list[tuple[Any, ...]], node: Node, frame: Frame) -> None:
        """A loop over rows, which become a table without the columns that nobody reads."""
        name = node.iter.value.upper()
        self.loop(Run(cst.Name(name), some=True), node.with_changes(leading_lines=[]), frame)
        loop = self.out[-1]
        read = nodes.variables_in(loop.body)
        columns = [i for i, e in enumerate(loop.target.elements) if nodes.variables_in(e) & read]
        elements = [cst.Element(loop.target.elements[i].value) for i in columns]
        self.out[-1] = loop.with_changes(target=loop.target.with_changes(elements=elements))
        comment = " ".join(line.comment.value[2:] for line in node.leading_lines if line.comment)
        self.data_table(name, Rows(tuple(row[i] for i in columns) for row in rows), comment)

    # Calls.

    def apply(self, func: Any, positional: list[Any], keywords: Any, written: Any = (),
              tail: bool = False) -> Any:  # fmt: skip
        if isinstance(func, Function) and func.found:
            if func.name in self.special and not self.policy.is_block(func.found):
                bound = self.bound(func, positional, keywords)
                return self.special[func.name](func, bound)
            if self.policy.is_called(func):
                return self.block(func, positional, keywords)
        return super().apply(func, positional, keywords, written, tail)

    def tap(self, func: Function, bound: dict[str, Any]) -> Any:
        return bound["x"]

    def numbered(self, func: Function, bound: dict[str, Any]) -> Any:
        """A block whose results have names, which only the library needs."""
        return bound["make"]

    def dense_layers(self, func: Function, bound: dict[str, Any]) -> Any:
        """Layers with taps in between become the block that they form."""
        dense_block = self.top(BLOCKS, "dense_block")
        return self.apply(dense_block, [bound["x"]], {"b": bound["b"], **bound["letters"]})

    def gates(self, func: Function, bound: dict[str, Any]) -> Any:
        """Probabilities that a loop takes one by one, if blocks are dropped."""
        survival, gate = bound["survival"], "stochastic_depth"
        if survival is None:
            if bound["drop_path"] is None:
                return self.apply_as_is(func, bound)
            survival, gate = 1 - bound["drop_path"], "drop_path"
        every = self.apply(self.top(BLOCKS, "survivals"), [bound["b"], survival], {})
        turns = nodes.call(cst.Name("iter"), [self.lift(every)], [])
        variable = self.store(self.new("gates"), Run(turns, effect=True, some=True))
        gate = self.top(BLOCKS, gate)
        return Turns(variable.node, lambda p: partial(gate, survival=p), some=True)

    def ratios(self, func: Function, bound: dict[str, Any]) -> Any:
        if not isinstance(bound["se"], (tuple, list)):
            return self.apply_as_is(func, bound)
        r, chosen = bound["se"]
        if isinstance(bound["stages"], Run):
            counted = nodes.code(bound["stages"].node)  # len(STAGES)
            rows, _ = self.tables[counted.removeprefix("len(").removesuffix(")")]
            bound = bound | {"stages": len(rows)}
        row = tuple(r if i in chosen else None for i in range(1, bound["stages"] + 1))
        every = self.data_table("RATIOS", row, "of squeeze-and-excitation, stage by stage")
        turns = nodes.call(cst.Name("iter"), [every.node], [])
        return Turns(self.store(self.new("ratios"), Run(turns, effect=True, some=True)).node)

    def apply_as_is(self, func: Function, bound: dict[str, Any]) -> Any:
        return super().apply(func, [], bound)

    def block(self, func: Function, positional: list[Any], keywords: Any) -> Any:
        """The call of a block, without what its cut has decided."""
        bound = self.bound(func, positional, keywords)
        if func.params.star_kwarg:
            bound |= bound.pop(func.params.star_kwarg.name.value)
        if func.name in SPLIT:
            func = self.split(func, bound)
        cut = self.cuts.get(func.found)
        self.calls.setdefault(func.found, []).append(bound)
        names = [p.name.value for p in func.params.params]
        given = dict(zip(names, positional, strict=False)) | keywords
        gate = given.get("gate")
        if isinstance(gate, partial):
            given |= gate.keywords
        if cut is None:
            args, named = list(given.values()), []
        else:
            wanted = {k: v for k, v in given.items() if not cut.leaves_out(k, v)}
            args = [wanted.pop(k) for k in names if k in wanted and k in names[: len(positional)]]
            named = [(k, self.lift(v, k)) for k, v in wanted.items()]
        args = [] if cut is None else [self.lift(v) for v in args]
        return Run(nodes.call(self.lift(func), args, named), effect=True, some=True)

    def split(self, func: Function, bound: dict[str, Any]) -> Function:
        """A block that the text has under another name for each value of an option."""
        option, name = SPLIT[func.name]
        own = name(bound[option])
        node = func.node.with_changes(name=cst.Name(own))
        found = self.parts.setdefault(own, func.found._replace(name=own, node=node))
        return Function(found.node, func.frame, own, found)


class Network:
    """The text of one network."""

    def __init__(self, texts: Texts, name: str, options: Mapping[str, Any]):
        from convbook.architectures import catalog

        self.texts = texts
        self.options = dict(options)
        own = {key: self.options.pop(key) for key in OF_CREATE if key in self.options}
        self.name, row = catalog.find(name)
        catalog.check_call(True, False, None, own.get("classes"), own.get("a"))
        self.net = catalog.choose(self.name, row, self.options)
        self.shape = catalog.checked_shape(self.net, own.get("input_shape"))
        self.classes, self.a = own.get("classes") or self.net.classes, own.get("a")
        self.call = {**options}

    def source_parts(self) -> tuple[Body, dict[Own, Cut], Node, Node]:
        """The sources of the network's own parts, and {definition: part} of what they need."""
        first = Body(self.texts)
        self.body(first), self.model(first)
        cuts = {
            found: cut_of(self.texts.library, self.texts.policy, found, calls)
            for found, calls in first.calls.items()
        }
        cutter = Body(self.texts, cuts, first.parts)
        body, model = self.body(cutter), self.model(cutter)
        return cutter, cuts, body, model

    def words(self) -> set[str]:
        """The strings in the network's table: what the rows of a cell may name."""

        def within(value):
            if isinstance(value, (tuple, list)):
                return set().union(*map(within, value))
            return {value} if isinstance(value, str) else set()

        return within(self.net.table)

    def body(self, cutter: Body) -> Node:
        """def body(x) as a text."""
        of = cutter.value_of(self.net.body)
        node, frame = of.node, Frame(of.frame.module, emits=True)
        frame.once = nodes.once(node)
        rest = node.params.params[1:]
        variable = cst.Name(frame.variable("x"))
        frame.known["x"] = Run(variable, some=True)
        table, comments = list(self.net.table), entries(node)
        for p in rest:
            value = table.pop(0) if table else cutter.value(p.default, frame)
            frame.known[p.name.value] = self.worth(cutter, p, value, comments)
        star = node.params.star_arg
        if isinstance(star, cst.Param):
            rows = cutter.value_of(tuple(table))
            name = star.name.value
            frame.known[name] = cutter.data_table(name.upper(), rows, comments.get(name, ""))
        options = {key: cutter.value_of(value) for key, value in self.net.options.items()}
        for p in node.params.kwonly_params:
            name = p.name.value
            known = name in options
            frame.known[name] = options.pop(name) if known else cutter.value(p.default, frame)
        if node.params.star_kwarg:
            frame.known[node.params.star_kwarg.name.value] = options
        with cutter.apart() as out:
            cutter.run(node, frame)
        doc = (node.get_docstring() or "").partition("\n")[0]
        doc = [nodes.statement_line(cst.Expr(cst.SimpleString(f'"""{doc}"""')))] if doc else []
        params = cst.Parameters([cst.Param(variable)])
        return cst.FunctionDef(cst.Name("body"), params, nodes.block([*doc, *out]))

    def worth(self, cutter: Body, param: Node, value: Any, comments: Mapping[str, str]) -> Any:
        """What a parameter of the table is worth: data where its hint says so."""
        name, value = param.name.value, cutter.value_of(value)
        hint = nodes.code(param.annotation.annotation)
        named = id(value) in cutter.constants
        if not value or not isinstance(value, tuple) or "Sequence" not in hint or named:
            return value
        return cutter.data_table(name.upper(), value, comments.get(name, ""))

    def model(self, cutter: Body) -> Node:
        """The lines that make the model, as a function of i."""
        frame = Frame(COMMON, emits=True)
        i = cst.Name(frame.variable("i"))
        features = nodes.call(cst.Name("body"), [i], [])
        with cutter.apart() as out:
            x = Run(features, effect=True, some=True)
            if self.net.options.get("aux"):
                names = [cst.Name(frame.variable("x")), cst.Name(frame.variable("aux"))]
                star = cst.StarredElement(names[1])
                target = cst.Tuple([cst.Element(names[0]), star], lpar=[], rpar=[])
                out.append(nodes.statement_line(cst.Assign([cst.AssignTarget(target)], features)))
                x = Run(names[0], some=True)
            head = cutter.value_of(self.net.head)
            x = cutter.apply(head, [x, self.classes], {})
            end = nodes.bare(cutter.lift(self.ended(cutter, x)))
            if self.net.options.get("aux"):
                heads = f"[layers.Dense({self.classes}, dtype='float32')(m) for m in AUX]"
                if self.a == "softmax":
                    heads = f"[layers.Activation('softmax', dtype='float32')(m) for m in {heads}]"
                rename = nodes.Rename({"AUX": names[1].value})
                more: Node = cst.parse_expression(heads.replace("'", '"')).visit(rename)
                end = cst.List([cst.Element(end), cst.StarredElement(more)])
                cutter.origin("layers", Imported("keras", "layers"))
            name = cst.SimpleString(f'"{self.name}"')
            made = nodes.call(called("keras.Model"), [i, end], [("name", name)])
            out.append(nodes.statement_line(cst.Return(made)))
        cutter.origin("keras", Imported("keras", None))
        return cst.FunctionDef(cst.Name("model"), cst.Parameters([cst.Param(i)]), nodes.block(out))

    def ended(self, cutter: Body, x: Any) -> Any:
        if self.a != "softmax":
            return x
        cutter.origin("layers", Imported("keras", "layers"))
        softmax = called('layers.Activation("softmax", dtype="float32")')
        return Run(nodes.call(softmax, [cutter.lift(x)], []), effect=True, some=True)


def entries(node: Node) -> dict[str, str]:
    """{parameter: what the docstring's Args says of it}."""
    _, _, args = (node.get_docstring() or "").partition("Args:\n")
    found: dict[str, str] = {}
    name = ""
    for line in args.splitlines():
        if line.startswith(INDENT) and not line.startswith(INDENT * 2):
            name, _, line = line.strip().partition(": ")
        found[name] = f"{found.get(name, '')} {line.strip()}".strip()
    return found


class Plainer(nodes.Transformer):
    """Loops without an enumerate whose number nothing reads."""

    def leave_For(self, original: Node, updated: Node) -> Node:
        read = {name.value for name in nodes.name_nodes(updated.body)}
        idle = {name.value for name in nodes.name_nodes(updated.target)} - read
        updated = updated.with_changes(
            target=updated.target.visit(nodes.Rename(dict.fromkeys(idle, "_")))
        )
        target, turns = updated.target, updated.iter
        func = nodes.code(turns.func) if isinstance(turns, cst.Call) else ""
        if func == "enumerate" and isinstance(target, cst.Tuple):
            number, item = (e.value for e in target.elements)
            if nodes.code(number) == "_":
                return updated.with_changes(target=item, iter=turns.args[0].value)
        if func == "range" and nodes.code(target) == "_" and len(turns.args) == 2:
            return updated.with_changes(iter=shorter(turns))
        return updated


def shorter(turns: Node) -> Node:
    """range(1, b + 1) as range(b)."""
    first, last = (arg.value for arg in turns.args)
    if nodes.code(first) != "1":
        return turns
    if isinstance(last, cst.Integer):
        last = cst.Integer(str(last.evaluated_value - 1))
    elif nodes.code(last).endswith(" + 1"):
        last = last.left
    else:
        return turns
    return nodes.call(turns.func, [last], [])


def finished(function: Node, cutter: Body) -> Node:
    return tidy(function, cutter.temporary, cutter.hints).visit(Plainer())


class OfNetwork(Texts):
    """The parts of a network's text, in which its blocks are cut to their calls."""

    def __init__(self, library: Library, cuts: dict[Own, Cut], words: Collection[str]):
        super().__init__(library)
        self.cuts, self.words = cuts, words

    def part(self, found: Own) -> Part:
        if found not in self.cuts:
            return super().part(found)
        return cut(self, found, self.cuts[found], self.words)


def network_source(texts: Texts, name: str, options: Mapping[str, Any]) -> str:
    """A network as one file."""
    made = Network(texts, name, options)
    cutter, cuts, body, model = made.source_parts()
    body, model = finished(body, cutter), finished(model, cutter)
    own = [data(cutter, key) for key in sorted(cutter.tables, key=lambda name: name != "N")]
    own += [nodes.code(body), main(model, made.shape)]
    texts = OfNetwork(texts.library, cuts, made.words())
    found = gathered(texts, needs(cutter, own))
    first, limit = (["import sys"], [LIMIT]) if made.name in DEEP else ([], [])
    return "\n\n".join([docstring(made), *first, *ordered(texts, found), *limit, *own])


def main(model: Node, shape: tuple[int | None, ...]) -> str:
    """The lines that make the model."""
    lines = list(model.body.body)
    lines[-1] = nodes.assign([cst.Name("model")], lines[-1].body[0].value)
    first = f'i = keras.Input({shape!r}, name="input")'
    return "\n".join([first, *(nodes.code(line).strip() for line in lines)])


def needs(cutter: Body, own: Iterable[str]) -> list[Any]:
    """The definitions that the network's own sources read."""
    read = dict.fromkeys(name for source in own for name in read_names(source))
    return [place for name in read for place in cutter.origins.get(name, ())]


def data(cutter: Body, name: str) -> str:
    """A table under its name, with a comment above it."""
    value, comment = cutter.tables[name]
    comment = comment[:1].upper() + comment[1:]
    comment = fill(comment, 100, initial_indent="# ", subsequent_indent="# ")
    cutter.named.pop(id(value), None)
    text = f"{name} = {nodes.code(nodes.bare(cutter.lift(value)))}"
    return f"{comment}\n{text}" if comment else text


def docstring(made: Network) -> str:
    """What the text begins with: the network, its paper, the call."""
    from convbook.architectures import catalog

    facts = catalog.facts(made.name)
    paper = facts.get("paper", {})
    number = f"arXiv:{paper['arxiv']}" if paper.get("arxiv") else paper.get("venue", "")
    call = "".join(f", {key}={value!r}" for key, value in made.call.items())
    said = f"{made.name}{call}.  {paper.get('title', '')}, {number}."
    said = fill(f'"""{said}', 97, break_long_words=False)
    return f'{said}"""' if "\n" not in said else f'{said}\n"""'
