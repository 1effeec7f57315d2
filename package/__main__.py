"""convbook COMMAND, or python -m convbook COMMAND: blocks to copy, networks, their training.

A command is a function of that name in its module: it gives a parser its arguments and returns what
is to be done with them.  Modules of commands import neither Keras nor TensorFlow before they know
that what is asked can be (see terminal.load_keras).
"""

import os
import sys
from argparse import ArgumentTypeError, Namespace, RawDescriptionHelpFormatter
from difflib import get_close_matches
from importlib import import_module
from io import TextIOWrapper

from convbook.options import Command, Parser

EVALUATION = "training.evaluation"
# {what they are for: {name: (module, arguments, what it does)}}
COMMANDS = {
    "Blocks and networks, to read and to copy": {
        "blocks": ("gallery.commands", "", "the menu: every block, its paper, its weights"),
        "find": ("gallery.commands", "WORD...", "blocks and networks by idea, paper or author"),
        "show": ("gallery.commands", "NAME... [OPTION=VALUE...]", "the text to paste"),
        "draw": ("gallery.commands", "NAME [-o FILE]", "a picture, drawn from the Keras graph"),
        "nets": ("gallery.networks", "[NAME]", "the ledger, or a network beside its paper"),
        "measure": ("gallery.networks", "NAME|FILE.keras", "weights, multiply-adds and sizes"),
    },
    "Training": {
        "check": ("training.commands", "DATA", "what is in a set of images, before it is used"),
        "train": ("training.commands", "NAME [--data D]", "train a network on a set of images"),
        "evaluate": (f"{EVALUATION}.evaluate", "FILE.keras... --data D", "accuracy, by a protocol"),
        "predict": (f"{EVALUATION}.predict", "FILE.keras IMAGE...", "what a trained network sees"),
        "export": ("training.export.command", "MODEL --to F", "a file for a server or a phone"),
        "compare": ("training.comparison.compare", "RUN...", "runs side by side: a table, a plot"),
        "recipes": ("training.commands", "[NAME]", "how the papers trained, and who says so"),
    },
}  # fmt: skip
ALL = {name: command for commands in COMMANDS.values() for name, command in commands.items()}


def help_page() -> str:
    """The help page: every command in a line."""
    lines = ["Convolutional blocks to copy, the networks of the papers, and their training."]
    for title, commands in COMMANDS.items():
        lines += ["", f"{title}:"]
        for name, (_, arguments, what) in commands.items():
            lines.append(f"  {f'convbook {name} {arguments}':<40}  {what}")
    return "\n".join([*lines, "", "convbook COMMAND --help tells all of one."])


def parsed(name: str, argv: list[str]) -> tuple[Command, Namespace]:
    """(what is to be done, the options for it).  Raises ValueError for what is no command."""
    if name not in ALL:
        near = get_close_matches(name, ALL, 1)
        hint = f"{near[0]} is one" if near else "--help lists them"
        raise ValueError(f"there is no command {name!r}; {hint}")
    module, _, what = ALL[name]
    parser = Parser(f"convbook {name}", formatter_class=RawDescriptionHelpFormatter)
    parser.description = f"{what[0].upper()}{what[1:]}."
    run = getattr(import_module(f"convbook.{module}"), name)(parser)
    return run, parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Does as argv says.  Returns the exit code: 2, with a line on stderr, for what cannot be."""
    name, *rest = (sys.argv[1:] if argv is None else argv) or ["--help"]
    if isinstance(sys.stdout, TextIOWrapper):  # names of files may have any bytes
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        if name in ("-h", "--help", "help"):
            code = print(help_page())
        else:
            run, options = parsed(name, rest)
            code = run(options)
        sys.stdout.flush()
        return code or 0
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # of convbook blocks | head
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1
    except (ValueError, OSError, ArgumentTypeError) as error:
        command = f"convbook {name}" if name in ALL else "convbook"
        print(f"{command}: {' '.join(str(error).split())}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
