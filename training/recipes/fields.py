"""The fields of recipes.json: what they inherit, where they come from and how they print.

An entry names the entry it is like and gives only the fields that differ.  A field is a value with
either a text, the key in the training entry of architectures/facts.json where it is printed (of
another network: NETWORK/KEY; says: the part that counts), and a tag, the entry's unless it has its
own; or a reason, why, if it is ours.  as: what inherited fields are tagged here.
"""

from functools import cache
from textwrap import wrap
from typing import Any

from convbook import names

TAGS = {  # a field's tag: the word for it in architectures/facts.json
    "stored_text": "paper",  # read in the paper's own text
    "author_code": "author_code",  # read in the authors' released code
    "stored_secondary": "secondary",  # found in third-party notes or code
    "recalled": "recalled",  # from general knowledge of the paper, not read again
    "ours": None,  # not given there: chosen here, with a reason
}
FIELDS = (
    *("optimizer", "momentum", "nesterov", "momentum_form", "rho", "epsilon", "clip"),
    *("lr", "lr_without_norm", "schedule", "batch_size", "length", "weight_decay", "decays"),
    *("init", "dropout", "label_smoothing", "class_weights", "aux_weights", "survival"),
    *("drop_path", "ema", "norm_momentum", "kept", "head_first", "augmentation", "evaluation"),
)


def entries() -> dict[str, Any]:
    return names.stored_json("training.recipes", "recipes.json")


def training_facts(network: str) -> dict[str, Any]:
    """What architectures/facts.json says of the training of a network: texts by key, or {}."""
    return names.all_facts().get(network, {}).get("training") or {}


def family(model: str) -> str:
    """The name of the entry with the paper's recipe of a network.  Raises ValueError."""
    full = names.network(model)
    return next(name for name, entry in entries().items() if full in entry.get("networks", ()))


def read(field: dict[str, Any], entry: dict[str, Any]) -> dict[str, Any]:
    """A field of an entry: value, tag, where, why and quotes [(network, key, says), ...]."""
    texts = field.get("text", [])
    texts = [texts] if isinstance(texts, str) else texts
    quotes = []
    for i, text in enumerate(texts):
        network, key = text.split("/") if "/" in text else (entry["facts"], text)
        quotes.append((network, key, field.get("says") if i == 0 else None))
    tag = field.get("tag") or (entry["tag"] if texts else "ours")
    return field | {"tag": tag, "quotes": quotes}


def retagged(field: dict[str, Any], entry: dict[str, Any]) -> dict[str, Any]:
    """An inherited field under the `as` of an entry: tagged by the entry's own sources."""
    change = entry.get("as")
    if not change or field["tag"] == "ours":
        return field
    own = [(entry["facts"], change["text"], None)] if "text" in change else []
    kept = {"value": field["value"], "quotes": own + field["quotes"]}
    return kept | {k: v for k, v in change.items() if k != "text"}


@cache
def fields(name: str, every: bool = False) -> dict[str, Any]:
    """The fields of an entry, those inherited too, in the order of FIELDS: do not change them.

    Without those that only another optimizer has, unless every.
    """
    entry = entries()[name]
    inherited = fields(entry["like"], every=True) if "like" in entry else {}
    found = {k: retagged(v, entry) for k, v in inherited.items()}
    found |= {k: read(v, entry) for k, v in entry["fields"].items()}
    only = {"rho", "epsilon"} if found["optimizer"]["value"] == "SGD" else {"nesterov"}
    return {k: found[k] for k in FIELDS if k in found and (every or k not in only)}


def text_of(value: Any) -> str:
    """A value for people."""
    if isinstance(value, dict):
        if set(value) in ({"epochs"}, {"steps"}):
            return " ".join(f"{v} {k}" for k, v in value.items())
        return ", ".join(f"{v}" if k == "name" else f"{k} {text_of(v)}" for k, v in value.items())
    if isinstance(value, list) and value and isinstance(value[0], list):
        return "; ".join(f"{n} {text_of(k)}".strip() for n, k in value)
    if isinstance(value, list):
        return " ".join(map(text_of, value)) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "-" if value is None else f"{value}"


def describe(name: str) -> list[str]:
    """Lines of a table: each field of a recipe or of a network's own, its tag, source and text."""
    chosen = name if name in entries() else family(name)
    entry = entries()[chosen]
    lines = [f"{name}: recipe {chosen}, for {entry.get('data', 'any data')}", ""]
    lines += [*folded(entry["note"]), ""] if "note" in entry else []
    for key, field in fields(chosen).items():
        source = [field[k] for k in ("where", "why") if k in field]
        lines += folded(f"{key:16} {text_of(field['value'])}", 0, 17)
        lines += folded(": ".join([field["tag"], *source]), 17)
        for network, text, says in field["quotes"]:
            printed = says or training_facts(network)[text]
            lines += folded(f'{network}, {text}: "{printed}"', 19)
    return lines


def folded(text: str, first: int = 0, rest: int | None = None) -> list[str]:
    """Lines of text, so many columns in, the first and the rest."""
    begin, indent = " " * first, " " * (rest or first)
    return wrap(text, 98, initial_indent=begin, subsequent_indent=indent, break_on_hyphens=False)


def listing() -> list[str]:
    """Lines: each recipe with its networks."""
    lines = []
    for name, entry in entries().items():
        line = f"{name:24} {' '.join(entry.get('networks', ()))}"
        lines += folded(line, 0, 25)
    return lines
