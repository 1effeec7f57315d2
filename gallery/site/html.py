"""Pieces of HTML that the pages share."""

import re
from html import escape

from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer


def raw(html: str) -> str:
    """HTML as a block of MyST Markdown."""
    return f"````{{raw}} html\n{html}\n````\n"


def code(text: str, label: str, coloured: bool = True, more: str = "") -> str:
    """Python in a box that can be scrolled with the keyboard; its text is text, to the letter."""
    inner = escape(text, quote=False)
    if coloured:
        lexer = PythonLexer(stripnl=False, ensurenl=False)
        inner = highlight(text, lexer, HtmlFormatter(nowrap=True))
    box = f'class="highlight code" tabindex="0" role="region" aria-label="{escape(label)}"'
    return f"<pre {box}{more}><code>{inner}</code></pre>"


def details(summary: str, inner: str) -> str:
    return f"<details><summary>{summary}</summary>\n{inner}\n</details>"


def paper_link(arxiv: str | None) -> str:
    return f'<a href="https://arxiv.org/abs/{arxiv}">arXiv:{arxiv}</a>' if arxiv else ""


def slug(heading: str) -> str:
    """The address of a heading, as MyST makes it."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")
