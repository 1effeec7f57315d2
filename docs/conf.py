"""How Sphinx builds the site: `make docs` writes it into docs/_build/html."""

import os
import shutil
import sys
import warnings
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS / "_ext"))
warnings.filterwarnings("ignore", module="tensorflow|keras")

project = "Convolution block cookbook"
author = "the cookbook's authors"
smartquotes = False
exclude_patterns = ["_build", "_ext", "pictures"]

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.viewcode",
    "sphinx.ext.mathjax",
    "sphinx-mathjax-offline",  # MathJax and its fonts in _static
    "sphinx_copybutton",
    "api_pages",
    "lessons",
    "paired",
    "sliders",
    *(path.stem for path in sorted((DOCS / "_ext").glob("gallery*.py"))),
]

# Notebooks are shown with the outputs that are kept in them.
nb_execution_mode = "off"
nb_merge_streams = True
nb_code_prompt_show, nb_code_prompt_hide = "Show code", "Hide code"
nb_render_markdown_format = "myst"
myst_enable_extensions = ["amsmath", "attrs_block", "attrs_inline", "colon_fence", "dollarmath"]
myst_heading_anchors = 4
copybutton_selector = ", ".join(
    [*(f"div.highlight-{kind} pre" for kind in ("python", "ipython3", "bash")), "pre.code"]
)
copybutton_exclude = ".linenos, .eq"

autodoc_member_order = "bysource"
autodoc_inherit_docstrings = False
autodoc_preserve_defaults = True
autodoc_typehints = "none"  # the letters say it; hints of blocks carry rules, which are long
add_module_names = False
python_display_short_literal_types = True
toc_object_entries = False

html_theme = "pydata_sphinx_theme"
html_title = project
html_context = {"default_mode": "auto"}  # dark or light as the reader's system is
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_js_files = [p.name for p in sorted((DOCS / "_static").glob("*.js"))]
html_show_sourcelink = False
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
html_sidebars = {
    "index": [],
    "notebooks/*": [],
    "gallery*": [],
    "architectures*": [],
    "arithmetic": [],
    "contributing": [],
}
WITH_CONTENTS = ("contributing", "errata", "guides/*", "reference/*", "strategies")
html_theme_options = {
    "logo": {"text": project},
    "navbar_align": "left",
    "header_links_before_dropdown": 7,
    "navbar_end": ["theme-switcher"],
    "secondary_sidebar_items": {page: ["page-toc"] for page in WITH_CONTENTS},
    "show_prev_next": True,
    "footer_start": [],
    "footer_center": [],
    "footer_end": [],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}

if tags.has("book"):  # noqa: F821  Sphinx gives it: make pdf
    root_doc = "book"
    html_theme = "basic"
    html_css_files, html_js_files = ["book.css"], []
    html_theme_options, html_sidebars = {}, {}
    extensions = [name for name in extensions if name not in ("api_pages", "sphinx_copybutton")]
    extensions = [name for name in extensions if not name.startswith("gallery")]
    kept = ("book.md", "reading.md", "errata.md", "notebooks", "guides")
    exclude_patterns += [path.name for path in DOCS.iterdir() if path.name not in kept]
    exclude_patterns += ["notebooks/README.md", "guides/index.md"]
    suppress_warnings = ["myst.xref_missing"]
else:
    exclude_patterns += ["book.md"]


def bring_notebooks():
    """Copies notebooks/*.ipynb and their README here: Sphinx reads one folder only."""
    source, target = DOCS.parent / "notebooks", DOCS / "notebooks"
    target.mkdir(exist_ok=True)
    files = {p.name: p for p in [*source.glob("*.ipynb"), *source.glob("README.md")]}
    for old in target.iterdir():
        if old.name not in files:
            old.unlink()
    for name, path in files.items():
        shutil.copy2(path, target / name)  # its time too, so that only what changed is read


def mapped(app, name, text):
    """Links of notebooks into docs/ lead to the pages here; their README lists them in the menu."""
    if name.startswith("notebooks/"):
        text[0] = text[0].replace("](../docs/", "](../")
    if name == "notebooks/README":
        text[0] += "\n```{toctree}\n:maxdepth: 1\n:glob:\n\n[0-9]*\n```\n"


def setup(app):
    bring_notebooks()
    app.connect("source-read", mapped)
