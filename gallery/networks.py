"""python -m architectures [NAME]: the ledger, or one network beside its paper's figures."""

import argparse
import ast
import sys

from convbook.architectures.catalog import ALIASES, OPTIONS, create, facts, names
from convbook.architectures.measure import measure
from convbook.gallery import page
from convbook.gallery.ledger import available, golden

COUNTS = {  # ours: (as counted from the paper's table, where the paper prints it)
    "weights": ("weights", None),
    "trainable": ("trainable", "params"),
    "total": ("total_keras_style", None),
    "macs": ("macs", "flops"),
}
BRIEF = {"keras.applications": "keras", "torchvision": "tv", "pytorchcv": "pcv"}
HEAD = """network, other names, parameters, printed, multiply-adds, printed, stages, golden,
counted by, weights, published"""
LEGEND = """
printed     in the paper: * if ours gives it counted or rounded in another way, ! if it does not
golden      how far our outputs are from those recorded of other libraries
counted by  libraries that have it (tv torchvision, pcv pytorchcv), ! if not with as many weights
weights     libraries whose weights it takes
published   top-1 / top-5 error or accuracy
docs/ledger.md says it in full, python -m architectures NAME says it of one."""


def value(text):
    """16, 0.5, (16, (3, 4)), True ... as Python writes them; all else is text."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def table(rows, left=(0,)):
    """Rows of text in columns, those in left to the left and the rest to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = enumerate(zip(row, widths, strict=True))
        yield "  ".join(c.ljust(w) if i in left else c.rjust(w) for i, (c, w) in cells).rstrip()


def size(shape):
    return " x ".join(map(str, shape[1:] if len(shape) == 4 else (1, 1, *shape[1:])))


def listing():
    """The ledger: a line for each name."""
    rows = [HEAD.replace("\n", " ").split(", ")]
    for name in names(aliases=False):
        row, error = page.row(name), golden(name)[0]
        printed = [f"{f[0].text}{f[0].state}" if f else "" for f in row[4:6]]
        by = [
            f"{BRIEF.get(library, library)}{'!' * any(f.state for f in figures)}"
            for library, figures in row.libraries.items()
        ]
        rows.append(
            [
                *(name, ", ".join(alias for alias, full in ALIASES.items() if full == name)),
                *(f"{row.params:,}", printed[0], f"{row.macs:,}", printed[1]),
                page.stages(name).replace(" of ", "/"),
                *(f"{error:.0e}" if error is not None else "", " ".join(by)),
                " ".join(BRIEF.get(library, library) for library in available(name)),
                next((line for line in page.lines(name) if "baseline" not in line), ""),
            ]
        )
    yield from table(rows, left=(0, 1, 8, 9, 10))
    yield LEGEND


def report(name, **options):
    """The lines that set a network of ours beside its paper."""
    of, ours = facts(name), measure(create(name, **options))
    other = of.get("variants", {}).get(options.get("variant"), of)
    if of:
        paper = of["paper"]
        arxiv = f", arXiv:{paper['arxiv']}" if paper["arxiv"] else ""
        yield f"{paper['title']}. {', '.join(paper['authors'])}. {paper['venue']}{arxiv}"
    yield ""
    rows = [["", "ours", "paper's table"]]
    for key, (theirs, _) in COUNTS.items():
        rows.append([key, f"{ours[key]:,}", f"{other['computed'][theirs]:,}" if of else ""])
    rows.append(["activation_bytes", f"{ours.activation_bytes:,}", ""])
    rows.append(["receptive_field", str(ours.receptive_field), ""])
    yield from table(rows)
    yield ""
    sizes = [f"{stage} {size((None, *hwc))}" for stage, hwc in other.get("output_sizes_hwc", ())]
    rows = [["stage", "output", "weights", "trainable", "macs", "field", "paper's table"]]
    for i, (stage, part) in enumerate(ours.stages.items()):
        counts = [f"{part[key]:,}" for key in ("weights", "trainable", "macs")]
        paper = sizes[i] if len(sizes) == len(ours.stages) else ""
        rows.append([stage, size(part.output_shape), *counts, str(part.receptive_field), paper])
    yield from table(rows)
    yield from printed(of)


def printed(of):
    """What the paper and others print, each with where and how sure that is."""
    published = of.get("published", {})
    lines = [
        f"{key}: {figure['as_printed']}, {figure['where']} [{figure['tag']}]"
        for _, key in COUNTS.values()
        for figure in published.get(key) or ()
    ]
    for e in of.get("errors", ()):
        what = f"{e['dataset']}, {e['metric']} {e['value']}, {e['protocol']}"
        lines.append(f"{what}, {e['where']} [{e['tag']}]")
    for i in of.get("implementations", ()):
        what = f"{i['library']} {i['name']}: {i['trainable']:,} trainable, {i['macs']:,} macs"
        lines.append(f"{what}{'; ' + i['difference'] if i.get('difference') else ''}")
    lines += of.get("errata", ())
    yield from ["", *lines] if lines else []


def main(argv=None):
    """Prints the answer to argv; returns the exit code, 2 for what cannot be built."""
    parser = argparse.ArgumentParser("python -m architectures", description=__doc__)
    parser.add_argument("name", nargs="?", metavar="NAME", help="one of those listed without it")
    parser.add_argument("--input-shape", type=value, metavar="ROWS,COLUMNS,CHANNELS")
    parser.add_argument("--classes", type=value)
    for option in OPTIONS:
        parser.add_argument(f"--{option.replace('_', '-')}", type=value, help="see create")
    given = {k: v for k, v in vars(parser.parse_args(argv)).items() if v is not None}
    try:
        lines = report(**given) if "name" in given else listing()
        print("\n".join(lines))
    except ValueError as error:
        print(f"python -m architectures: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
