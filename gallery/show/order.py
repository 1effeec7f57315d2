"""All that a text needs, in the order in which it stands there."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from convbook.gallery.show.library import Imported, Own
from convbook.gallery.show.text import Part, Texts

KINDS = "constant", "letter", "layer", "block"  # the order of a text


def gathered(
    texts: Texts, roots: Sequence[Own], options: Mapping[str, Any] | None = None
) -> dict[Own | Imported, Part | None]:
    """{definition: its part} of all that is needed, each after what it needs; None for imports."""
    parts: dict[Own | Imported, Part | None] = {}

    def visit(found: Own | Imported, part: Part | None = None) -> None:
        if found in parts:
            return
        if isinstance(found, Own):
            part = part or texts.part(found)
            for needed in part.needs.values():
                visit(needed)
        parts[found] = part

    for root in roots:
        visit(root, texts.cut(root, options) if options else None)
    return parts


def ordered(texts: Texts, parts: Mapping[Own | Imported, Part | None]) -> Iterator[str]:
    """The sources of parts: imports, constants, letters, layers, blocks."""
    yield imports([found for found in parts if isinstance(found, Imported)])
    for kind in KINDS:
        for found, part in parts.items():
            if isinstance(found, Own) and part and texts.policy.kind(found) == kind:
                yield part.source


def imports(found: Sequence[Imported]) -> str:
    """Import lines, one per module: Python's own first, then the others."""
    whole = sorted({f"import {i.module}" for i in found if i.name is None})
    names: dict[str, set[str]] = {}
    for i in found:
        if i.name:
            names.setdefault(i.module, set()).add(i.name)
    lines = [f"from {module} import {', '.join(sorted(names[module]))}" for module in sorted(names)]
    own = [line for line in whole + lines if line.split()[1] in sys.stdlib_module_names]
    others = [line for line in whole + lines if line not in own]
    return "\n\n".join("\n".join(each) for each in (own, others) if each)
