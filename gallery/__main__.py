"""python -m blocks: the menu of blocks; one as text to copy; one as a picture."""

import argparse
import difflib
import sys

from convbook import blocks

COMMANDS = """\
python -m blocks                      this menu
python -m blocks show NAME            the block and all it needs, as one text to paste
python -m blocks draw NAME [-o FILE]  its picture, .png or .svg; without -o in NAME.png
"""


def main(argv=None):
    """Runs the command argv; returns the exit code, 2 for what cannot be done."""
    parser = argparse.ArgumentParser("python -m blocks", description=__doc__)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    show = commands.add_parser("show", help="print the block and all it needs, to paste")
    draw = commands.add_parser("draw", help="draw the block from its Keras graph")
    for command in (show, draw):
        command.add_argument("name", metavar="NAME", help="a name of the menu")
    draw.add_argument("-o", metavar="FILE", help="the picture, .png or .svg (default: NAME.png)")
    options = parser.parse_args(argv)
    try:
        print(answer(options), end="")
    except (ValueError, OSError, ImportError) as error:
        print(f"python -m blocks: {error}", file=sys.stderr)
        return 2
    return 0


def answer(options):
    """The text to print for the command."""
    from convbook.gallery.menu import MENU, menu

    if options.command is None:
        return f"{menu()}\n{COMMANDS}"
    if options.command == "show":
        from convbook.gallery.show import highlighted, snippet

        text = snippet(known(options.name, [n for n in blocks.__all__ if not n.isupper()]))
        return highlighted(text) if sys.stdout.isatty() else text
    from convbook.gallery.draw import draw

    name = known(options.name, MENU)
    path = f"{name}.png" if options.o is None else options.o
    return f"{draw(name, path)}\n"


def known(name, names):
    """name, if it is one of names, else a ValueError that lists the nearest of them."""
    if name in names:
        return name
    near = [n for n in names if name.lower() in n.lower()] if name else []
    near += difflib.get_close_matches(name, names, n=5, cutoff=0.5)
    hint = (
        f"the nearest: {', '.join(dict.fromkeys(near))}" if near else "python -m blocks lists all"
    )
    raise ValueError(f"no block is called {name!r}; {hint}")


if __name__ == "__main__":
    sys.exit(main())
