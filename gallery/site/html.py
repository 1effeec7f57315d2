"""Pieces of HTML that the pages share."""

import re
from html import escape

from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer


def raw(html):
    """HTML as a block of MyST Markdown."""
    return f"````{{raw}} html\n{html}\n````\n"


def code(text, label, coloured=True, more=""):
    """Python in a box that can be scrolled with the keyboard; its text is text, to the letter."""
    inner = escape(text, quote=False)
    if coloured:
        lexer = PythonLexer(stripnl=False, ensurenl=False)
        inner = highlight(text, lexer, HtmlFormatter(nowrap=True))
    box = f'class="highlight code" tabindex="0" role="region" aria-label="{escape(label)}"'
    return f"<pre {box}{more}><code>{inner}</code></pre>"


def details(summary, inner):
    return f"<details><summary>{summary}</summary>\n{inner}\n</details>"


def paper_link(arxiv):
    return f'<a href="https://arxiv.org/abs/{arxiv}">arXiv:{arxiv}</a>' if arxiv else ""


def slug(heading):
    """The address of a heading, as MyST makes it."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")
