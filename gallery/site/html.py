"""Pieces of HTML that the pages share."""

import re
from html import escape

from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer


def raw(html: str) -> str:
    """HTML as a block of MyST Markdown."""
    return f"````{{raw}} html\n{html}\n````\n"


def coloured(text: str) -> str:
    """Python in colours; its text is text, to the letter."""
    return highlight(text, PythonLexer(stripnl=False, ensurenl=False), HtmlFormatter(nowrap=True))


def code(text: str, label: str, more: str = "", part: str = "") -> str:
    """Python in a box that can be scrolled with the keyboard and has a button to copy it.

    more: attributes of the box; part: the name under which a script finds the code.
    """
    box = f'class="code" tabindex="0" role="region" aria-label="{escape(label)}"'
    of_part = f' data-part="{part}"' if part else ""
    inner = f"<pre {box}{more}><code{of_part}>{coloured(text)}</code></pre>"
    return f'<div class="highlight">{inner}</div>'


def details(summary: str, inner: str) -> str:
    return f"<details><summary>{summary}</summary>\n{inner}\n</details>"


def paper_link(arxiv: str | None) -> str:
    return f'<a href="https://arxiv.org/abs/{arxiv}">arXiv:{arxiv}</a>' if arxiv else ""


def slug(heading: str) -> str:
    """The address of a heading, as MyST makes it."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")
