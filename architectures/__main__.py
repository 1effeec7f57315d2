"""python -m architectures [NAME]: the names, or one network beside its paper's figures."""

import argparse
import ast
import sys

from architectures.catalog import ALIASES, NETS, OPTIONS, create, facts
from architectures.measure import measure

COUNTS = {  # ours: (as counted from the paper's table, where the paper prints it)
    "weights": ("weights", None),
    "trainable": ("trainable", "params"),
    "total": ("total_keras_style", None),
    "macs": ("macs", "flops"),
}


def value(text):
    """16, 0.5, (16, (3, 4)), True ... as Python writes them; all else is text."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def table(rows):
    """Rows of text in columns, the first to the left and the rest to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for first, *rest in rows:
        cells = [cell.rjust(w) for cell, w in zip(rest, widths[1:], strict=True)]
        yield "  ".join([first.ljust(widths[0]), *cells]).rstrip()


def size(shape):
    return " x ".join(map(str, shape[1:] if len(shape) == 4 else (1, 1, *shape[1:])))


def listing():
    """A line for each name: trainable weights, year, title, other names."""
    for name in NETS:
        of = facts(name)
        count = f"{of['computed']['trainable']:,}" if of else ""
        paper = f"{of['paper']['year']}  {of['paper']['title']}" if of else ""
        others = ", ".join(alias for alias, full in ALIASES.items() if full == name)
        yield f"{name:24}{count:>12}  {paper}{f'  ({others})' if others else ''}".rstrip()


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
