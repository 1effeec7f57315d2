"""The commands on networks: convbook nets, all of them or one beside its paper, and measure."""

from argparse import Namespace
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from convbook import names, terminal
from convbook.options import Command, Parser, of_run, pair, saved_model
from convbook.tables import aligned

if TYPE_CHECKING:
    import keras

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
printed     in the paper: * if we get it by counting or rounding in another way, ! if not
golden      largest difference of our outputs from those recorded of other libraries
counted by  libraries that have it (tv torchvision, pcv pytorchcv), ! if with other counts
weights     libraries whose weights it loads
published   top-1 / top-5 error or accuracy
docs/ledger.md has the details; convbook nets NAME shows them for one network."""


def size(shape: Sequence[int | None]) -> str:
    return " x ".join(map(str, shape[1:] if len(shape) == 4 else (1, 1, *shape[1:])))


def listing() -> Iterator[str]:
    """The ledger: a line for each name."""
    head = HEAD.replace("\n", " ").split(", ")
    every = [ledger_cells(name) for name in names.networks(aliases=False)]
    yield from aligned([head, *every], left=(0, 1, 8, 9, 10))
    yield LEGEND


def ledger_cells(name: str) -> list[str]:
    """What the ledger says of a network, in the order of HEAD."""
    from convbook.gallery import page
    from convbook.gallery.ledger import Agreement, available, golden, stored_ledger

    row, (error, _) = page.figures_of(name), golden(name)
    aliases = [alias for alias, full in stored_ledger()["aliases"].items() if full == name]
    counted_by = []
    for library, figures in row.libraries.items():
        differs = any(figure.state != Agreement.EQUAL for figure in figures)
        counted_by.append(BRIEF.get(library, library) + ("!" if differs else ""))
    published = (line for line in page.accuracy_lines(name) if "baseline" not in line)
    return [
        name,
        ", ".join(aliases),
        f"{row.params:,}",
        first_printed(row.printed_params),
        f"{row.macs:,}",
        first_printed(row.printed_macs),
        page.stages(name).replace(" of ", "/"),
        "" if error is None else f"{error:.0e}",
        " ".join(counted_by),
        " ".join(BRIEF.get(library, library) for library in available(name)),
        next(published, ""),
    ]


def first_printed(figures: Sequence[Any]) -> str:
    """The first of printed Figures with its mark; nothing if there are none."""
    return f"{figures[0].text}{figures[0].state.value}" if figures else ""


def report(name: str, /, **options: Any) -> Iterator[str]:
    """The lines that show one of our networks beside its paper."""
    from convbook.architectures import create, facts, measure

    of, ours = facts(name), measure(create(name, **options))
    other = of.get("variants", {}).get(options.get("variant"), of)
    if of:
        paper = of["paper"]
        arxiv = f", arXiv:{paper['arxiv']}" if paper["arxiv"] else ""
        yield f"{paper['title']}. {', '.join(paper['authors'])}. {paper['venue']}{arxiv}"
        yield ""
    yield from counted(ours, other if of else {})
    yield from published_figures(of)


def counted(ours: Any, of: dict[str, Any] | None = None) -> Iterator[str]:
    """The lines with measure's counts, in all and of each stage; beside facts, if given."""
    of = of or {}
    rows = [["", "ours", "paper's table"]]
    for key, (theirs, _) in COUNTS.items():
        rows.append([key, f"{ours[key]:,}", f"{of['computed'][theirs]:,}" if of else ""])
    rows.append(["activation_bytes", f"{ours.activation_bytes:,}", ""])
    rows.append(["receptive_field", str(ours.receptive_field), ""])
    yield from aligned(rows if of else [row[:2] for row in rows[1:]], left=(0,))
    if ours.get("uncounted"):
        yield f"uncounted: {', '.join(map(str, ours.uncounted))}"
    yield ""
    sizes = [f"{stage} {size((None, *hwc))}" for stage, hwc in of.get("output_sizes_hwc", ())]
    rows = [["stage", "output", "weights", "trainable", "macs", "field", "paper's table"]]
    for i, (stage, part) in enumerate(ours.stages.items()):
        counts = [f"{part[key]:,}" for key in ("weights", "trainable", "macs")]
        paper = sizes[i] if len(sizes) == len(ours.stages) else ""
        rows.append([stage, size(part.output_shape), *counts, str(part.receptive_field), paper])
    yield from aligned(rows if of else [row[:-1] for row in rows], left=(0,))


def published_figures(of: dict[str, Any]) -> Iterator[str]:
    """Figures printed by the paper and others, each with its place and how certain it is."""
    from convbook.gallery.ledger import error

    published = of.get("published", {})
    lines = [
        f"{key}: {figure['as_printed']}, {figure['where']} [{figure['tag']}]"
        for _, key in COUNTS.values()
        for figure in published.get(key) or ()
    ]
    for e in of.get("errors", ()):
        what = f"{e['dataset']}, {e['metric']} {error(e)}, {e['protocol']}"
        lines.append(f"{what}, {e['where']} [{e['tag']}]")
    for i in of.get("implementations", ()):
        what = f"{i['library']} {i['name']}: {i['trainable']:,} trainable, {i['macs']:,} macs"
        lines.append(f"{what}{'; ' + i['difference'] if i.get('difference') else ''}")
    lines += of.get("errata", ())
    yield from ["", *lines] if lines else []


def nets(parser: Parser) -> Command:
    """convbook nets: its arguments; returns what prints the ledger, or of one network."""
    parser.add_argument(
        "name", nargs="?", metavar="NAME", help="a network; without it, all are listed"
    )
    with_options(parser)

    def print_networks(options: Namespace) -> None:
        if options.name:
            names.network(options.name)
        terminal.load_keras()
        lines = report(options.name, **dict(options.options)) if options.name else listing()
        print("\n".join(lines))

    return print_networks


def measure(parser: Parser) -> Command:
    """convbook measure: its arguments; returns what prints the counts of a network or a file."""
    takes = "a network, a run's folder, or a model saved by Keras, loaded in its safe mode"
    parser.add_argument("name", metavar="NAME|RUN|FILE.keras", help=takes)
    with_options(parser)

    def print_counts(options: Namespace) -> None:
        if options.name not in names.networks():
            options.name = of_run(options.name)
        if options.name.endswith(".keras"):
            saved_model(options.name)
        else:
            names.network(options.name, ".keras file")
        terminal.load_keras()
        from convbook.architectures import measure

        print("\n".join(counted(measure(model_of(options.name, **dict(options.options))))))

    return print_counts


def model_of(name: str, /, **options: Any) -> "keras.Model":
    """The network of that name, or the model of that file; only its input_shape can be chosen."""
    import keras

    from convbook.architectures import create
    from convbook.architectures.weights.loading import opened

    if not name.endswith(".keras"):
        return create(name, **options)
    model, shape = opened(name), options.pop("input_shape", None)
    for key, value in options.items():
        raise ValueError(f"{key}={value!r}: a saved model has no option but input_shape")
    return keras.models.clone_model(model, keras.Input(shape)) if shape else model


def with_options(parser: Parser) -> None:
    examples = "options of architectures.create, such as se=16, classes=10 or input_shape=64,64,3"
    parser.add_argument("options", nargs="*", type=pair, metavar="OPTION=VALUE", help=examples)
