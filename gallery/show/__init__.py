"""convbook show NAME [option=value ...]: one text that stands alone, cut from the tested source.

The text has only what the call needs: options are decided, and helpers are written into the block.
Tensors, sizes and n stay parameters.  It imports only Keras.
"""

import subprocess
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from convbook.gallery.show.library import Library, Own
from convbook.gallery.show.order import gathered, ordered
from convbook.gallery.show.text import Texts
from convbook.names import networks

__all__ = ["definition", "formatted", "highlighted", "installed", "text"]

LETTERS = "letters"  # instead of a name: all helper layers


@cache
def installed() -> Texts:
    return Texts(Library.installed())


def text(
    names: Sequence[str], options: Mapping[str, Any] | None = None, texts: Texts | None = None
) -> str:
    """The named blocks as one text; options: those of the call, for a single block."""
    texts = texts or installed()
    if {*names} & {*networks()}:
        return formatted(of_network(texts, names, options or {}))
    if options and len(names) > 1:
        raise ValueError(
            f"{', '.join(options)}: give options with one name only, not with {', '.join(names)}"
        )
    roots = [found for name in names for found in definitions(texts, name)]
    return formatted("\n\n".join(filter(None, ordered(texts, gathered(texts, roots, options)))))


def of_network(texts: Texts, names: Sequence[str], options: Mapping[str, Any]) -> str:
    """A network as one file."""
    from convbook.gallery.show.network import network_source

    if len(names) > 1:
        raise ValueError(
            f"{', '.join(names)}: a network is printed as a file of its own; type one name"
        )
    try:
        return network_source(texts, names[0], options)
    except NotImplementedError as error:
        given = ", ".join(options)
        raise ValueError(
            f"{given}: no one text can be written for these options together"
        ) from error


def definitions(texts: Texts, name: str) -> list[Own]:
    """The definitions that a name given to show stands for."""
    if name != LETTERS:
        return [definition(texts, name)]
    offered = [
        texts.library.find(texts.policy.blocks, own)
        for own in texts.library.definitions(texts.policy.letters)
    ]
    return [
        found
        for found in offered
        if isinstance(found, Own) and found.module == texts.policy.letters
    ]


def definition(texts: Texts, name: str) -> Own:
    """Where the library defines a name that it offers."""
    found = texts.library.find(texts.policy.blocks, name)
    if not isinstance(found, Own):
        raise ValueError(f"name={name!r}: no block, layer or letter is called that")
    return found


def formatted(source: str) -> str:
    """Source in the style of this project."""
    from ruff import find_ruff_bin

    style = ["--isolated", "--line-length=100", "--config=format.skip-magic-trailing-comma=true"]
    command = [find_ruff_bin(), "format", *style, "-"]
    run = subprocess.run(command, input=source, capture_output=True, text=True, check=False)
    if run.returncode:
        raise SyntaxError(f"{run.stderr}\n{source}")
    return run.stdout


def highlighted(text: str) -> str:
    """text in colour for a terminal, if Pygments is installed."""
    try:
        from pygments import formatters, highlight, lexers
    except ImportError:
        return text
    return str(highlight(text, lexers.PythonLexer(), formatters.TerminalFormatter()))
