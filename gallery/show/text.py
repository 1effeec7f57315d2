"""The parts of a text: blocks cut to a call, and the letters, layers and constants they need."""

import symtable
from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple

import libcst as cst

from convbook.gallery.show import nodes
from convbook.gallery.show.call import cut
from convbook.gallery.show.library import Imported, Library, Own
from convbook.gallery.show.nodes import Node
from convbook.gallery.show.policy import Policy
from convbook.gallery.show.statements import Statements
from convbook.gallery.show.values import Frame

# A layer that only this library has; Keras' own layer with the same result replaces it.
DROP_IN, KERAS_OWN = "GroupedConv2D", cst.parse_expression("layers.Conv2D")
DROP_IN_COMMENT = f"# On a CPU TensorFlow trains groups faster with convbook.blocks.{DROP_IN}."
CHECKS = "require"  # how the names of methods that only check begin


class Part(NamedTuple):
    """The source of one definition, and where the names lead that it uses from its module."""

    source: str
    needs: dict[str, Own | Imported]


class Texts:
    """The parts of texts from one library."""

    def __init__(self, library: Library):
        self.library, self.policy = library, Policy(library)
        self.made: dict[Own, Part] = {}
        self.known: dict[tuple[Own, str], Part] = {}

    def part(self, found: Own) -> Part:
        """The single text of a definition, wherever it is needed."""
        if found not in self.made:
            if isinstance(found.node, cst.SimpleStatementLine):
                self.made[found] = self.constant(found)
            elif self.policy.is_cut(found) and not self.policy.is_whole(found):
                self.made[found] = self.cut(found, {})
            else:
                self.made[found] = self.verbatim(found)
        return self.made[found]

    def constant(self, found: Own) -> Part:
        """A constant, written as a plain literal."""
        statement = found.node
        (small,) = statement.body
        origins: dict[str, set[Any]] = {}
        if isinstance(small.value, cst.Call):
            cutter = Statements(self.library, self.policy)
            value = cutter.value(small.value, Frame(found.module))
            small = small.with_changes(value=cutter.lift(value))
            origins = cutter.origins
        plain = commented_only(statement.with_changes(body=[small])).visit(Plain())
        return self.written(plain, found, origins)

    def verbatim(self, found: Own) -> Part:
        """A function or class as it is, without what only the library needs."""
        defined = self.library.definitions(found.module).items()
        imports = {name: how.module for name, how in defined if isinstance(how, Imported)}
        checks = [name for name, module in imports.items() if module in self.policy.checks]
        node = commented_only(found.node).visit(Plain(checks))
        return self.written(without_drop_in(node), found, {})

    def cut(self, found: Own, options: Mapping[str, Any]) -> Part:
        """A block cut to a call: the values of options, or their defaults, are written in."""
        key = found, repr(options)
        if key not in self.known:
            self.known[key] = self.cut_anew(found, options)
        return self.known[key]

    def cut_anew(self, found: Own, options: Mapping[str, Any]) -> Part:
        if not self.policy.is_cut(found):
            raise ValueError(
                f"{', '.join(options)}: {found.name} is printed whole, without options"
            )
        try:
            function, origins = cut(self.library, self.policy, found, options)
        except (TypeError, LookupError) as error:
            if not options:
                raise
            given = ", ".join(f"{name}={value!r}" for name, value in options.items())
            raise ValueError(
                f"{given}: {found.name} cannot be printed with these options"
            ) from error
        if self.policy.is_whole(found):
            own = self.part(found)
            return own._replace(source="\n".join([*comments(function), own.source]))
        return self.written(function, found, origins)

    def written(self, node: Node, found: Own, origins: Mapping[str, set[Any]]) -> Part:
        """The part of a node; origins: where names lead if not where found's module leads them."""
        source = nodes.code(node)
        needs = {}
        for name in read_names(source):
            places = origins.get(name) or {self.library.find(found.module, name)}
            if len(places) > 1:
                raise ValueError(
                    f"{name} is of {' and '.join(p.module for p in places)}: rename one"
                )
            (needs[name],) = places
        return Part(source, {name: at for name, at in needs.items() if at and at != found})


class Plain(nodes.Transformer):
    """Removes what only the library needs: annotations, checks, hints for its tools.

    checks: the names of what checks arguments.
    """

    def __init__(self, checks: Collection[str] = ()):
        super().__init__()
        self.checks = checks

    def leave_Param(self, original: Node, updated: Node) -> Node:
        equal = nodes.TIGHT if updated.default else cst.MaybeSentinel.DEFAULT
        return updated.with_changes(annotation=None, equal=equal)

    def leave_FunctionDef(self, original: Node, updated: Node) -> Any:
        if updated.name.value.startswith(CHECKS):
            return cst.RemoveFromParent()
        kept = [d for d in updated.decorators if nodes.code(d.decorator) not in self.checks]
        return updated.with_changes(returns=None, decorators=kept)

    def leave_SimpleStatementLine(self, original: Node, updated: Node) -> Any:
        expr = nodes.small(updated, cst.Expr) if updated.body else None
        func = nodes.code(expr.value.func) if expr and isinstance(expr.value, cst.Call) else ""
        checks = func in self.checks or func.removeprefix("self.").startswith(CHECKS)
        return cst.RemoveFromParent() if checks else updated

    def leave_For(self, original: Node, updated: Node) -> Any:
        return updated if updated.body.body else cst.RemoveFromParent()

    def leave_AnnAssign(self, original: Node, updated: Node) -> Any:
        if updated.value is None:
            return cst.RemoveFromParent()
        return cst.Assign([cst.AssignTarget(updated.target)], updated.value)

    def leave_TrailingWhitespace(self, original: Node, updated: Node) -> Node:
        comment = updated.comment.value if updated.comment else ""
        ours = comment.startswith(("# fmt:", "# noqa"))
        return cst.TrailingWhitespace() if ours else updated


def commented_only(node: Node) -> Node:
    """A definition without the blank lines above it."""
    return node.with_changes(leading_lines=[line for line in node.leading_lines if line.comment])


def comments(node: Node) -> list[str]:
    """The comments above a definition."""
    return [line.comment.value for line in node.leading_lines if line.comment]


def without_drop_in(node: Node) -> Node:
    """A function or class that builds on a layer of this library, with Keras' own layer instead."""
    if isinstance(node, cst.ClassDef):
        bases = [b.visit(nodes.Rename({DROP_IN: KERAS_OWN})) for b in node.bases]
        return node.with_changes(bases=bases)
    if not isinstance(node, cst.FunctionDef) or DROP_IN not in nodes.code(node):
        return node
    every: list[Node] = [*node.body.body]
    body, alias = [], ""
    for statement in every:
        if DROP_IN in nodes.code(statement):
            alias = nodes.code(statement.body[0].targets[0].target)
        elif alias and any(name.value == alias for name in nodes.name_nodes(statement)):
            comment = cst.EmptyLine(comment=cst.Comment(DROP_IN_COMMENT))
            new = statement.visit(nodes.Rename({alias: KERAS_OWN}))
            body.append(new.with_changes(leading_lines=[comment]))
        else:
            body.append(statement)
    return node.with_changes(body=node.body.with_changes(body=body))


def read_names(source: str) -> dict[str, None]:
    """The names that the source of a definition takes from its module, in order."""

    def walk(table: symtable.SymbolTable) -> Iterator[str]:
        top = table.get_type() == "module"
        yield from (s.get_name() for s in table.get_symbols() if s.is_global() or top)
        for child in table.get_children():
            yield from walk(child)

    return dict.fromkeys(walk(symtable.symtable(source, "", "exec")))
