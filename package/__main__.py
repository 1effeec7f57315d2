"""convbook COMMAND, or python -m convbook COMMAND: blocks to copy, networks, their training.

A command is a function of that name in its module: it adds its arguments to a parser and returns
the function to run with them.  Modules of commands import neither Keras nor TensorFlow before they
have checked the options (see terminal.load_keras).
"""

import os
import sys
from argparse import ArgumentTypeError, Namespace, RawDescriptionHelpFormatter
from difflib import get_close_matches
from importlib import import_module
from importlib.metadata import version
from io import TextIOWrapper

from convbook.options import Command, Parser

EVALUATION = "training.evaluation"
# {what they are for: {name: (module, arguments, what it does)}}
COMMANDS = {
    "Read and copy blocks and networks": {
        "blocks": ("gallery.commands", "", "list all blocks, their papers and weights"),
        "find": ("gallery.commands", "WORD...", "search by idea, paper or author"),
        "show": ("gallery.commands", "NAME... [OPTION=VALUE...]", "print code to paste"),
        "draw": ("gallery.commands", "NAME [-o FILE]", "draw a picture of the Keras graph"),
        "nets": ("gallery.networks", "[NAME]", "compare networks with their papers"),
        "measure": ("gallery.networks", "NAME|RUN|FILE.keras", "count weights and multiply-adds"),
    },
    "Training": {
        "check": ("training.commands", "DATA", "check a set of images before training"),
        "train": ("training.commands", "NAME [--data D]", "train a network on a set of images"),
        "evaluate": (f"{EVALUATION}.evaluate", "FILE.keras... --data D", "measure accuracy"),
        "predict": (f"{EVALUATION}.predict", "FILE.keras IMAGE...", "classify images"),
        "export": ("training.export.command", "MODEL --to F", "write a file for server or phone"),
        "compare": ("training.comparison.compare", "RUN...", "compare runs in table and plot"),
        "recipes": ("training.commands", "[NAME]", "show how papers trained"),
    },
}  # fmt: skip
ALL = {name: command for commands in COMMANDS.values() for name, command in commands.items()}


def help_page() -> str:
    """The help page: every command in a line."""
    lines = ["Copy convolutional blocks, build the networks of the papers, and train them."]
    for title, commands in COMMANDS.items():
        lines += ["", f"{title}:"]
        for name, (_, arguments, what) in commands.items():
            lines.append(f"  {f'convbook {name} {arguments}':<40}  {what}")
    last = "convbook COMMAND --help explains a command; convbook --version prints the version."
    return "\n".join([*lines, "", last])


def parsed(name: str, argv: list[str]) -> tuple[Command, Namespace]:
    """(the function to run, the options for it).  Raises ValueError for an unknown command."""
    if name not in ALL:
        near = get_close_matches(name, ALL, 1)
        hint = f"did you mean {near[0]}?" if near else "--help lists all commands"
        raise ValueError(f"there is no command {name!r}; {hint}")
    module, _, what = ALL[name]
    parser = Parser(f"convbook {name}", formatter_class=RawDescriptionHelpFormatter)
    parser.description = f"{what[0].upper()}{what[1:]}."
    run = getattr(import_module(f"convbook.{module}"), name)(parser)
    return run, parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Runs a command line.  Returns the exit code: 2, with one line on stderr, for bad input."""
    name, *rest = (sys.argv[1:] if argv is None else argv) or ["--help"]
    if isinstance(sys.stdout, TextIOWrapper):  # names of files may have any bytes
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        if name in ("-h", "--help", "help"):
            code = print(help_page())
        elif name == "--version":
            code = print(f"convbook {version('keras-block-cookbook')}")
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
        print(f"{command}: {' '.join(words(error).split())}", file=sys.stderr)
        return 2


def words(error: Exception) -> str:
    """The words of an error: of the system's, the file and what is wrong, without its number."""
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        return f"{os.fspath(error.filename)!r}: {error.strerror}"
    return str(error)


if __name__ == "__main__":
    sys.exit(main())
