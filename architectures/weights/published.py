"""Published weights: which network and options they fit, in published.json.

{library: {its name: [ours, options of create]}}; under keras.applications, which is entered by our
names, {ours: [its function, arguments of it, options of create]}.
"""

import json
from importlib.resources import files
from typing import Any

TABLE = files("convbook.architectures.weights") / "published.json"
ROWS = json.loads(TABLE.read_text(encoding="utf-8"))


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
