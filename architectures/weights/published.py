"""Published weights, and the network and options that each fits, in published.json.

{library: {its name: [ours, options of create]}}; under keras.applications, which is entered by our
names, {ours: [its function, arguments of it, options of create]}.
"""

from difflib import get_close_matches
from typing import Any

from convbook import names

ROWS = dict(names.stored_json("architectures.weights", "published.json"))


def tuples(options: dict[str, Any]) -> dict[str, Any]:
    return {k: tuple(v) if isinstance(v, list) else v for k, v in options.items()}


APPLICATIONS = {
    name: (function, tuples(arguments), options)
    for name, (function, arguments, options) in ROWS.pop("keras.applications").items()
}


def published() -> dict[str, tuple[str, dict[str, Any]]]:
    """{'timm/resnet50': (name, options)} and so on, for create(name, **options) and from_torch."""
    return {
        f"{library}/{name}": tuple(row)
        for library, rows in ROWS.items()
        for name, row in rows.items()
    }


def published_row(of: str) -> tuple[str, dict[str, Any]]:
    """(name, options) of such as 'timm/resnet50'.  Raises ValueError with the nearest names."""
    rows = published()
    if isinstance(of, str) and of in rows:
        name, options = rows[of]
        return name, dict(options)
    every = "those of architectures.weights.published()"
    near = ", ".join(get_close_matches(str(of), rows, 5, 0.5)) or every
    raise ValueError(f"of={of!r}: of must be a library and its network, such as {near}")
