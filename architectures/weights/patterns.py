"""The notation of the tables of names: a module of another library and our layer.

"layer<stage>.<block-1>": "stage<stage>_block<block>" is a row: layer2.0 there is stage2_block1
here.  <stage> is a number, the same here and there; <block-1> is a number there, and block, one
more, here, since the library counts from 0; <kind> is conv or bn.  The rest of a module is a
regular expression in which . is a dot.  Two modules there that form one layer here end in the
attribute, as sepconv1.pointwise_kernel.  The first matching row applies, so exceptions come first.
"""

import re
from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

Rows = dict[str, str]
UNREAD = "unread"  # of a module whose weights the library has, and no network of it reads
FIELD = re.compile(r"<(?P<name>[a-z]+)(?P<less>-1)?>")


class Row(NamedTuple):
    """A row of a table, compiled."""

    pattern: re.Pattern[str]  # of the module there, with a named group for each field
    template: str  # of the layer here: a format string with the same fields
    counted_from_0: frozenset[str]  # the fields that are one less there

    def layer(self, module: str) -> str | None:
        """Our layer for a module, or None if the row does not match."""
        match = self.pattern.fullmatch(module)
        if match is None:
            return None
        values = match.groupdict()
        values |= {name: int(values[name]) + 1 for name in self.counted_from_0}
        return self.template.format(**values)


@cache
def compiled(there: str, here: str) -> Row:
    """The row {there: here}."""

    def group(field: re.Match[str]) -> str:
        means = "conv|bn" if field["name"] == "kind" else r"\d+"
        return f"(?P<{field['name']}>{means})"

    pattern = re.compile(FIELD.sub(group, there.replace(".", r"\.")))
    less = frozenset(field["name"] for field in FIELD.finditer(there) if field["less"])
    return Row(pattern, FIELD.sub(r"{\g<name>}", here), less)


def layer_of(module: str, table: Mapping[str, str]) -> str | None:
    """Our layer for a module there, by the first matching row; None without one."""
    layers = (compiled(*row).layer(module) for row in table.items())
    return next((layer for layer in layers if layer), None)


def within(blocks: Rows, layers: Rows) -> Rows:
    """The rows of every layer within every block."""
    return {f"{a}.{i}": f"{b}_{j}" for a, b in blocks.items() for i, j in layers.items()}


def counted(there: str, here: str, depth: int, first: int = 1) -> Rows:
    """{block: block} where the library counts from first, and here from 1."""
    return {f"{there}{first + j}": f"{here}{1 + j}" for j in range(depth)}
