"""The commands on blocks: convbook blocks, find, show and draw."""

import sys
from argparse import Namespace

from convbook import names, terminal
from convbook.gallery import find as finding
from convbook.options import Command, Parser, pair
from convbook.tables import aligned

ROWS = 25  # of what is found, unless all is asked for


def blocks(parser: Parser) -> Command:
    """convbook blocks: returns what prints the menu."""

    def print_menu(options: Namespace) -> None:
        terminal.load_keras()
        from convbook.gallery.menu import menu

        print(menu())
        print("convbook show NAME prints one to paste, convbook draw NAME draws it.")

    return print_menu


def find(parser: Parser) -> Command:
    """convbook find: its arguments; returns what prints a row for each that is found."""
    parser.add_argument("words", nargs="+", metavar="WORD", help="skip, attention, mobile, he ...")
    parser.add_argument(
        "--all", action="store_true", help=f"print all results, not just the best {ROWS}"
    )

    def print_findings(options: Namespace) -> None:
        text = " ".join(options.words)
        rows = finding.search(text)
        if not any(finding.asked(text)):
            raise ValueError(f"{text!r} has no word to search for: name an idea, paper or author")
        if not rows:
            near = finding.nearest(text, [*finding.entries()])
            hint = f"; nearest: {', '.join(near)}" if near else ""
            raise ValueError(f"nothing found for {text!r}{hint}")
        shown = rows if options.all else rows[:ROWS]
        print("\n".join(aligned([[r.name, r.what, r.paper, str(r.year)] for r in shown])))
        if len(shown) < len(rows):
            print(f"and {len(rows) - len(shown)} more: convbook find --all {text}")
        if others := finding.asked(text)[1]:
            print(f"nothing found for: {', '.join(others)}")

    return print_findings


def show(parser: Parser) -> Command:
    """convbook show: its arguments; returns what prints the text of blocks and networks."""
    takes = "names of blocks, networks or letters; then options of the call, such as se=16"
    parser.add_argument("words", nargs="+", metavar="NAME|OPTION=VALUE", help=takes)
    whole = "print the whole source with all options; for a network, the file of its paper"
    parser.add_argument("--whole", action="store_true", help=whole)

    def print_code(options: Namespace) -> None:
        given = dict(pair(word) for word in options.words if "=" in word)
        asked = [known_name(word, showable()) for word in options.words if "=" not in word]
        if not asked:
            raise ValueError(
                "type the NAME of a block or a network, such as: convbook show se_block"
            )
        if set(asked) & {*names.networks()}:
            terminal.load_keras()
        from convbook.gallery import show
        from convbook.gallery.show.sources import sources

        if options.whole and given:
            raise ValueError(
                f"{', '.join(given)}: leave options out with --whole, which prints them all"
            )
        found = sources(asked) if options.whole else show.text(asked, given)
        print(show.highlighted(found) if sys.stdout.isatty() else found, end="")

    return print_code


def draw(parser: Parser) -> Command:
    """convbook draw: its arguments; returns what draws a block."""
    parser.add_argument("name", metavar="NAME", help="a block of the menu")
    default = "the picture, .png, .svg or .pdf; default: NAME.png"
    parser.add_argument("-o", metavar="FILE", help=default)

    def drawn(options: Namespace) -> None:
        if options.name in names.networks():
            raise ValueError(f"{options.name} is a network; draw takes a block")
        if options.name in showable() and options.name not in finding.MENU:
            raise ValueError(
                f"{options.name} is not in the menu; draw takes what convbook blocks lists"
            )
        name = known_name(options.name, [*finding.MENU])
        terminal.load_keras()
        from convbook.gallery.draw import draw

        try:
            print(draw(name, f"{name}.png" if options.o is None else options.o))
        except ImportError as error:  # of what draws, which is not installed with all else
            raise ValueError(error) from error

    return drawn


def showable() -> list[str]:
    """The names that show takes."""
    return [*(n for n in names.blocks() if not n.isupper()), "letters", *names.networks()]


def known_name(name: str, every: list[str]) -> str:
    """name, if it is one of every, else a ValueError with the nearest of them."""
    if name in every:
        return name
    near = finding.nearest(name, every)
    hint = f"nearest: {', '.join(near)}" if near else "convbook blocks and convbook nets list them"
    raise ValueError(f"there is no {name!r}; {hint}")
