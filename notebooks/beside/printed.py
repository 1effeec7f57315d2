"""What papers and libraries print about a network, as printed: accuracies and whole tables."""

from decimal import Decimal

from convbook.architectures import facts
from convbook.beside import Markdown, grid
from convbook.gallery import ledger

HEAD = ["network", "data", "top-1, %", "top-5, %", "tested with", "printed in", "known from"]


def accuracies(*names):
    """Each printed error or accuracy of these networks, and of weights that they load.

    The paper's rows come first; a library's are in italics, as errors if the paper prints errors.
    "known from" is empty if we read the paper itself.
    """
    rows = [row for name in names for row in (*of_paper(name), *of_weights(name))]
    if all(not row[3] for row in rows):  # CIFAR has no top-5
        return grid([*HEAD[:3], *HEAD[4:]], [[*row[:3], *row[4:]] for row in rows])
    return grid(HEAD, rows)


def published(*names):
    """The accuracies that libraries print for weights that these networks load, as errors."""
    rows = [row for name in names for row in of_weights(name)]
    return grid(["weights", *HEAD[1:6]], [row[:6] for row in rows])


def of_paper(name):
    """A row for each line of the ledger."""
    for data, kind, values, protocol, where, sure in ledger.accuracy(name):
        if protocol.startswith("+-"):  # the spread over runs
            values, protocol = [f"{values[0]} ± {protocol[2:]}", *values[1:]], ""
        yield [name, f"{data}, {kind}", *values, protocol, ", ".join(where), sure]


def of_weights(name):
    """A row for each file of weights whose accuracy its library prints."""
    kinds = {kind for _, kind, *_ in ledger.accuracy(name)}  # of the paper
    kind = "accuracy" if kinds == {"accuracy"} else "error"
    for weights in facts(name).get("weights", ()):
        values = [weights[f"{top} accuracy"] for top in ("top-1", "top-5")]
        if kind == "error":
            values = [str(100 - Decimal(value)) for value in values]
        of = f"*{weights['of']}, {weights['edition']}*"
        sure = "" if weights["tag"] == "library" else weights["tag"]
        yield [of, f"ImageNet, {kind}", *values, weights["protocol"], weights["where"], sure]


def as_printed(name, where):
    """A table of a paper, each cell as it is printed.  Raises ValueError where facts has none."""
    tables = facts(name).get("tables", ())
    found = [table for table in tables if table["where"] == where]
    if len(found) != 1:
        has = ", ".join(table["where"] for table in tables) or "none"
        raise ValueError(f"{where} of {name}: facts.json has {has}")
    (table,) = found
    sure = "" if table["tag"] == "paper" else f" ({table['tag']})"
    said = f"{where}{sure}: {table['what']}."
    return Markdown(f"{said}\n\n{grid(table['head'], table['rows'])}")


def cell(name, where, row, column):
    """One cell of a table as it is printed: of the row that begins so, under this head."""
    (table,) = [t for t in facts(name)["tables"] if t["where"] == where]
    begin = [row] if isinstance(row, str) else list(row)
    (found,) = [r for r in table["rows"] if r[: len(begin)] == begin]
    return found[table["head"].index(column)]
