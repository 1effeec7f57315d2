"""The figures of the ledger: each of our networks beside its paper and other libraries.

Our figures, those of keras.applications and the golden errors are measured and kept in ledger.json,
which `make ledger` writes again.  The rest is in architectures/facts.json and weights.published().
"""

import math
import re
from collections import namedtuple
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from typing import Any

from convbook import names
from convbook.architectures.catalog import facts
from convbook.architectures.weights.published import APPLICATIONS, published

LIBRARIES = ("timm", "torchvision", "pytorchcv")
OTHER = re.compile(r"\bat \d|pruning")  # printed of another input size, or of a pruned network
TOLD = {"recalled": "recalled", "secondary": "secondary", "author_code": "authors' code"}
# state: an Agreement; why: the other way, and what facts.json says of it
Figure = namedtuple("Figure", "text value state why tag where")


class Agreement(Enum):
    """How a printed figure compares with ours; the value is its mark in convbook nets."""

    EQUAL = ""
    OTHERWISE = "*"  # equal to ours counted or rounded in another way
    DIFFERENT = "!"


def stored_ledger() -> dict[str, Any]:
    """{ours and keras.applications: {name: counts}, aliases, golden: {'timm/resnet50': error},
    versions, int8: {name: how often int8 agrees}}."""
    return names.stored_json("gallery", "ledger.json")


def last_digit(figure: Mapping[str, Any]) -> tuple[float, str]:
    """The unit of the last printed digit, and the number as printed: 25.5*10^6 is 1e5, 25.5."""
    for token in re.findall(r"\d[\d,]*(?:\.\d+)?", figure["as_printed"]):
        number = float(token.replace(",", ""))
        power = math.log10(figure["value"] / number) if number else -1
        if abs(power - round(power)) < 1e-9 and round(power) >= 0:
            return 10.0 ** (round(power) - len(token.partition(".")[2])), token.rstrip(",")
    digits = str(int(figure["value"]))
    return 10.0 ** (len(digits) - len(digits.rstrip("0"))), digits


def short(value: float, step: float) -> str:
    """1,248,424 or 0.27M or 25.0M or 3.8B: as many digits as are printed."""
    if step == 1:
        return f"{value:,.0f}"
    unit, letter = (1e9, "B") if value >= 1e9 else (1e6, "M")
    return f"{value / unit:.{max(0, round(math.log10(unit / step)))}f}{letter}"


def ways(value: float, step: float, counts: Mapping[str, float]) -> Iterator[str]:
    """How counts give what is printed; "" if the first of them does when rounded."""
    usual = next(iter(counts))
    for cut, least, most in (("", -step / 2, step / 2), ("truncated", 1e-9 - step, 0)):
        for how, count in counts.items():
            if least <= value - count <= most:
                counted = "" if how == usual else f"{how}: {count:,}"
                yield ", ".join(filter(None, [cut, counted]))


def agreement(way: str | None) -> Agreement:
    """Of the way in which ours gives what is printed: "" is as it stands, None that it does not."""
    if way is None:
        return Agreement.DIFFERENT
    return Agreement.OTHERWISE if way else Agreement.EQUAL


def compared(figure: Mapping[str, Any], counts: Mapping[str, int], errata: Sequence[str]) -> Figure:
    """The Figure that compares a printed number with counts {how: number}, the usual one first."""
    printed, value = figure["as_printed"], figure["value"]
    step, token = last_digit(figure)
    operations = 2 if "2 per multiply-add" in printed else 1
    usual = next(iter(counts.values()))
    way: str | None
    if re.search(r"^~|^about|class$", printed):
        sign, way = "≈", "" if abs(usual - value) < value / 20 else None
    elif printed.startswith("less than"):
        sign, way = "< ", "" if usual < value else None
    else:
        scaled = {how: operations * count for how, count in counts.items()}
        sign, way = "", next(ways(value, step, scaled), None)
    reasons = [way]
    if way != "" and len(token) > 1:
        number = rf"(?<![\d.,]){re.escape(token)}(?!\d|[.,]\d)"
        reasons += [erratum for erratum in errata if re.search(number, erratum)]
    return Figure(
        text=f"{sign}{short(value, step)}{' / 2' if operations == 2 else ''}",
        value=value / operations,
        state=agreement(way),
        why="; ".join(filter(None, reasons)),
        tag=TOLD.get(figure["tag"], ""),
        where=figure["where"],
    )


def paper(name: str, key: str) -> Iterator[Figure]:
    """The Figures printed of a network that can be compared: key is params or flops."""
    of, ours = facts(name), stored_ledger()["ours"][name]
    counted = {"params": "trainable", "flops": "macs"}[key]
    counts = {"": ours[counted]}
    if key == "params":
        counts["kernels alone"] = ours["weights"]
        counts["with batch norm's statistics"] = ours["total"]
    for variant, other in of.get("variants", {}).items():
        counts[f"variant {variant}"] = other["computed"][counted]
    for figure in of.get("published", {}).get(key) or ():
        if figure["value"] and not OTHER.search(figure["as_printed"]):
            yield compared(figure, counts, of["errata"])


def libraries(name: str) -> dict[str, list[Figure]]:
    """{library: Figures of its trainable weights}; keras.applications' is measured."""
    of, ours = facts(name), stored_ledger()["ours"][name]["trainable"]
    twin = stored_ledger()["keras.applications"].get(name)
    figures: dict[str, list[Figure]] = {}
    counted = [("keras.applications", APPLICATIONS[name][0], twin["trainable"])] if twin else []
    counted += [
        (library, i["name"], i["trainable"])
        for i in of.get("implementations", ())
        if (library := i["library"].split()[0]) in LIBRARIES
    ]
    for library, network, count in counted:
        state, why = Agreement.EQUAL, ""
        if count != ours:
            state, why = Agreement.DIFFERENT, difference(of, library, count)
        figure = Figure(f"{count:,}", count, state, why, "", f"{library} {network}")
        figures.setdefault(library, []).append(figure)
    return figures


def difference(of: Mapping[str, Any], library: str, count: int) -> str:
    """Why a library's count differs, in facts.json's words, and which option of ours gives it."""
    said = [
        i.get("difference")
        for i in of["implementations"]
        if i["library"].startswith(library) and i["trainable"] == count
    ]
    readings = [
        f"variant {variant}"
        for variant, other in of.get("variants", {}).items()
        if other["computed"]["trainable"] == count
    ]
    return "; ".join(filter(None, [*said[:1], *readings]))


def golden(name: str) -> tuple[float | None, list[str]]:
    """(the largest relative error against recorded outputs of libraries, those libraries)."""
    rows = published()
    ours = {key: error for key, error in stored_ledger()["golden"].items() if rows[key][0] == name}
    return max(ours.values(), default=None), sorted({key.split("/")[0] for key in ours})


def accuracy(name: str) -> Iterator[tuple[str, str, list[str], str, list[str], str]]:
    """(data, error or accuracy, [top-1, top-5], protocol, where, how sure) as published."""
    lines: dict[tuple[str, str, str, str], tuple[list[str], list[str]]] = {}
    protocol = ""
    for e in facts(name).get("errors", ()):
        protocol = protocol if e["protocol"] == "same" else e["protocol"]
        data = e["dataset"].removesuffix(" ILSVRC-2012 val").replace(" (augmented)", "+")
        kind = "accuracy" if e["metric"].endswith("accuracy") else "error"
        sure = TOLD.get(e["tag"], e["tag"].removeprefix("paper").strip(" ()"))
        values, where = lines.setdefault((data, kind, protocol, sure), (["", ""], []))
        values["top-5" in e["metric"]] = error(e)
        if e["where"] not in (*where, "same"):
            where.append(e["where"])
    for (data, kind, protocol, sure), (values, where) in lines.items():
        yield data, kind, values, protocol, where, sure


def error(e: Mapping[str, Any]) -> str:
    """An error or accuracy with all digits that are printed: 7.40, where the value is 7.4."""
    return e.get("as_printed", str(e["value"]))


def available(name: str) -> dict[str, dict[str, list[str]]]:
    """{library: {options: [the names of its weights]}} that create(name, **options) takes."""
    weights = {}
    if name in APPLICATIONS:
        function, _, options = APPLICATIONS[name]
        weights["keras.applications"] = {written(options): [function]}
    for entry, (ours, options) in published().items():
        library, _, theirs = entry.partition("/")
        if ours == name:
            by = weights.setdefault(library, {})
            by.setdefault(written(options), []).append(theirs)
    return weights


def written(options: Mapping[str, Any]) -> str:
    return ", ".join(f"{key}={value!r}" for key, value in options.items())
