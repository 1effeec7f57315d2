"""One call of a block: its function is rewritten with a new signature, docstring and body."""

from collections.abc import Collection, Mapping
from functools import partial
from typing import Any

import libcst as cst

from convbook.gallery.show import nodes
from convbook.gallery.show.hints import fields, hints
from convbook.gallery.show.library import Library, Own
from convbook.gallery.show.nodes import Node
from convbook.gallery.show.policy import NAMED, SIZES, Policy, is_open, is_optional, is_size
from convbook.gallery.show.statements import Statements
from convbook.gallery.show.tidy import tidy
from convbook.gallery.show.values import Frame, Key, Run

SEE_ALSO = "See also: "  # how a docstring's paragraph about other blocks begins
# Under the call for which a block is shown that other blocks call.
SHARED = "# Other blocks call it too, so its defaults stay: write these options into your call."


def cut(library: Library, policy: Policy, found: Own, options: Mapping[str, Any]) -> tuple:
    """(the function of a block for a call, {name: where it leads} of what it names).

    A block that other blocks call keeps its defaults, since their texts would restore them; the
    options then go into the call, which the comment above shows.
    """
    function, origins, title = cut_to(library, policy, found, options)
    if options and policy.is_shared(found):
        function, origins, _ = cut_to(library, policy, found, {})
        above = [*title, cst.EmptyLine(comment=cst.Comment(SHARED))]
        return function.with_changes(leading_lines=above), origins
    return function, origins


def cut_to(library: Library, policy: Policy, found: Own, options: Mapping[str, Any]) -> tuple:
    """(the function with the options written in, {name: where it leads}, a comment: the call)."""
    call = Call(library, policy, found, options)
    call.cutter.verifies = bool(options)
    function = call.function()
    both = call.cutter.lifted & call.cutter.inlined
    if both:  # what has to be there as a function is called by name, not written in as well
        call = Call(library, policy, found, options, both)
        function = call.function()
    function = tidy(function, call.cutter.temporary, call.cutter.hints)
    return function, call.cutter.origins, call.title()


class Call:
    """A function for a call.

    options: values of the block's parameters; others have their defaults.

    calls_stay: functions within the block, by their keys, that stay functions.
    """

    drops_unread = True  # keywords that nothing reads once the options are decided

    def __init__(
        self,
        library: Library,
        policy: Policy,
        found: Own,
        options: Mapping[str, Any],
        calls_stay: Collection[Key] = (),
    ):
        self.cutter = Statements(library, policy, calls_stay)
        self.found, self.node = found, found.node
        self.params = nodes.parameters(found.node)
        self.frame = Frame(found.module, emits=True)
        self.frame.once = nodes.once(found.node)
        self.fields = [name for name, _ in fields(library, found)]
        self.pairs = {name for name, hint in hints(library, found).items() if hint.is_pair()}
        known, typed = [p.name.value for p in self.params] + self.fields, hints(library, found)
        for name, value in options.items():
            if name not in known:
                raise ValueError(
                    f"{name}: {found.name} has no such option; it has {', '.join(known)}"
                )
            if name in typed and not (name in NAMED and isinstance(value, str)):
                typed[name].refuse_value(name, value, self.cutter)
        self.given = {name: self.option(name, value) for name, value in options.items()}

    def option(self, name: str, value: Any) -> Any:
        """What the value of an option is worth: itself, or what it names in the library."""
        if isinstance(value, partial):
            return partial(self.option(name, value.func), *value.args, **value.keywords)
        named = value if isinstance(value, str) and name in NAMED else ""
        named = getattr(value, "__name__", named)
        if not named:
            return one_size(value) if name in self.pairs else value
        found = self.cutter.library.find(self.cutter.policy.blocks, named)
        meant = self.cutter.top(found.module, found.name) if isinstance(found, Own) else None
        alone = name == "block" and hints(self.cutter.library, self.found)[name].accepts_type(
            "Branch"
        )
        right = NAMED["branch" if alone else name]
        if not right.test(meant):
            raise ValueError(f"{name}={named}: {name} must be {right.words}")
        return meant

    def function(self) -> Node:
        """The function, its variables not yet named."""
        kept = [p for p in self.params if self.stays(p)]
        known = self.frame.known
        known |= {p.name.value: self.worth(p, p in kept) for p in self.params}
        star, more = self.node.params.star_arg, self.node.params.star_kwarg
        if isinstance(star, cst.Param):
            known[star.name.value] = Run(self.variable(star), some=True)
        if more:
            known[more.name.value] = {k: v for k, v in self.given.items() if k in self.fields}
        self.cutter.run(self.node, self.frame)
        if self.drops_unread:
            read = set().union(*map(nodes.variables_in, self.cutter.out))
            last = self.node.params.kwonly_params
            kept = [p for p in kept if p not in last or self.variable(p).value in read]
        kept_names = [p.name.value for p in kept if not is_optional(p)]
        doc = self.node.get_docstring(clean=False)
        if doc is not None:
            said = cst.SimpleString(f'"""{cut_docstring(doc, kept_names)}"""')
            self.cutter.out.insert(0, nodes.statement_line(cst.Expr(said)))
        body = nodes.block(self.cutter.out)
        return cst.FunctionDef(
            self.node.name, self.signature(kept), body, leading_lines=self.title()
        )

    def stays(self, param: Node) -> bool:
        """Whether a parameter stays one: not if the call sets it to None."""
        name = param.name.value
        if name not in self.given:
            return is_size(param)
        choice = param.default is None and name not in SIZES  # such as op of cell_op
        return self.given[name] is not None and not choice and (is_size(param) or name in SIZES)

    def worth(self, param: Node, stays: bool) -> Any:
        """What a parameter is worth in the body."""
        name = param.name.value
        if not stays:
            if name in self.given:
                return self.given[name]
            return self.cutter.value(param.default, self.frame)
        # An n may be None unless to have one was the option.
        some = not is_open(param) and (name != "n" or nodes.code(param.default) == "None")
        return Run(self.variable(param), some=some)

    def variable(self, param: Node) -> Node:
        return cst.Name(self.frame.variable(param.name.value))

    def signature(self, kept: list[Node]) -> Node:
        """The parameters that stay."""
        params = self.node.params
        keywords = [self.parameter(p) for p in params.kwonly_params if p in kept]
        star: Node = cst.ParamStar() if keywords else cst.MaybeSentinel.DEFAULT
        if isinstance(params.star_arg, cst.Param):
            star = cst.Param(self.variable(params.star_arg))
        positional = [self.parameter(p) for p in params.params if p in kept]
        return cst.Parameters(positional, star_arg=star, kwonly_params=keywords)

    def parameter(self, param: Node) -> Node:
        name, default = param.name.value, param.default
        if name in self.given:
            default = self.cutter.lift(self.given[name])
        equal = nodes.TIGHT if default else cst.MaybeSentinel.DEFAULT
        return cst.Param(self.variable(param), default=default, equal=equal)

    def title(self) -> list[Node]:
        """A comment that names the call, if options are given, in any order."""
        if not self.given:
            return []
        first = [p.name.value for p in self.node.params.params if not p.default]
        said = [f"{k}={nodes.code(self.cutter.lift(v))}" for k, v in sorted(self.given.items())]
        said = [each.replace("'", '"') for each in said]  # as the formatter writes it in code
        args = ", ".join([*(name for name in first if name not in self.given), *said])
        return [cst.EmptyLine(comment=cst.Comment(f"# {self.found.name}({args})"))]


def one_size(value: Any) -> Any:
    """A size; two that are the same along rows and columns are one, as they are for a block."""
    pair = isinstance(value, (tuple, list)) and len(value) == 2 and value[0] == value[1]
    return value[0] if pair else value


def cut_docstring(doc: str, kept_names: Collection[str]) -> str:
    """A docstring with only the Args entries of kept_names."""
    before, args, after = doc.partition("\n    Args:\n")
    before = "\n\n".join(p for p in before.split("\n\n") if not p.strip().startswith(SEE_ALSO))
    entries, names = [], []
    for line in after.splitlines():
        if line.startswith(" " * 8) and not line.startswith(" " * 9):
            names = [name.strip() for name in line.partition(":")[0].split(",")]
        if line.strip() and any(name in kept_names for name in names):
            entries.append(line)
    if entries:
        return before + args + "\n".join(entries) + "\n    "
    before = before.rstrip()
    return before + ("\n    " if "\n" in before else "")
