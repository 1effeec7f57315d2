"""Every page of the site: links, console, mathematics, phone, accessibility, search."""

import html.parser
import re
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from conftest import NOT_PAGES, PHONE, ROOT, WIDE, missing, paths
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

REFERRING = {"a": "href", "link": "href", "script": "src", "img": "src", "source": "src"}
RAW = re.compile(r"\$\$|\\\(|\\\[|\\begin\{")
GRAVE = {"serious", "critical"}


class Page(html.parser.HTMLParser):
    """What a page refers to, [(tag, address)], and its anchors."""

    def __init__(self, path):
        super().__init__()
        self.refers, self.anchors = [], set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.anchors |= {attrs[key] for key in ("id", "name") if attrs.get(key)}
        if address := attrs.get(REFERRING.get(tag)):
            self.refers.append((tag, address))


@pytest.fixture(scope="session")
def pages(site):
    """{path: Page} of all there is, the highlighted sources too."""
    return {p.relative_to(site).as_posix(): Page(p) for p in site.rglob("*.html")}


def test_links_resolve(pages, site):
    broken = []
    for path, page in pages.items():
        if path.startswith("_static/"):
            continue
        for _, address in page.refers:
            url = urlsplit(address)
            if url.scheme or url.netloc:
                continue
            target = (site / path).parent / unquote(url.path) if url.path else site / path
            target = target / "index.html" if target.is_dir() else target
            if not target.is_file():
                broken.append(f"{path}: {address}")
            elif url.fragment and target.suffix == ".html":
                anchors = pages[target.resolve().relative_to(site.resolve()).as_posix()].anchors
                if unquote(url.fragment) not in anchors | {"top"}:
                    broken.append(f"{path}: {address}: no such anchor")
    assert not broken


def test_no_asset_of_another_host(pages, site):
    """Only links that a reader may follow lead elsewhere."""
    foreign = [
        (path, address)
        for path, page in pages.items()
        for tag, address in page.refers
        if tag != "a" and urlsplit(address).netloc
    ]
    assert not foreign
    for style in site.rglob("*.css"):
        text = style.read_text(encoding="utf-8", errors="replace")
        assert not re.search(r"(?:url\(|@import)\s*['\"]?(?:https?:)?//", text), style


def test_page_is_clean(page, browser, server):
    """No error in the console, nothing loaded from another host, all formulas rendered."""
    browser.open(page)
    assert browser.errors() == []
    assert [url for url in browser.requested() if not url.startswith(server)] == []
    unset = "filter(e => !e.querySelector('mjx-container')).length"
    found = browser.execute_script(f"return [...document.querySelectorAll('.math')].{unset}")
    assert found == 0
    text = browser.execute_script(
        "const copy = document.querySelector('main, body').cloneNode(true);"
        "copy.querySelectorAll('pre, code, script, mjx-container').forEach(e => e.remove());"
        "return copy.textContent"
    )
    assert not RAW.search(text)
    titles = browser.find_elements(By.TAG_NAME, "h1")
    assert titles or page in NOT_PAGES


def test_there_is_mathematics(site):
    assert [p for p in paths() if 'class="math' in (site / p).read_text(encoding="utf-8")]


# What reaches beyond the window, but for what stands in a part that scrolls by itself, such as code
# or a table; the theme lets the whole article scroll too, which is no way to read.
WIDER = """
const width = document.documentElement.clientWidth;
const beyond = e => e.getClientRects().length && e.getBoundingClientRect().right > width + 1;
const scrolls = e => { for (e = e.parentElement; e && e.tagName !== 'ARTICLE'; e = e.parentElement)
  if (getComputedStyle(e).overflowX !== 'visible') return true; return false; };
const found = [...document.querySelectorAll('article *')].filter(e => beyond(e) && !scrolls(e));
const all = document.documentElement.scrollWidth > width ? ['the page scrolls'] : [];
return [...all, ...found.slice(0, 3).map(e => e.outerHTML.slice(0, 200))];
"""


def test_page_fits_a_phone(page, browser):
    browser.size(PHONE)
    browser.open(page)
    assert browser.execute_script(WIDER) == []


def axe():
    """The text of axe-core."""
    found = find_spec("axe_playwright_python")
    if not found:
        missing("no axe-core: pip install --no-deps axe-playwright-python")
    return Path(found.origin).with_name("axe.min.js").read_text(encoding="utf-8")


# Of long tables and of many pieces of code the first are enough: the others are made alike.
VIOLATIONS = """
const done = arguments[1], only = arguments[0];
const exclude = [...document.querySelectorAll('tbody tr')].filter(row => row.rowIndex > 4);
exclude.push(...[...document.querySelectorAll('pre')].slice(4));
const options = {resultTypes: ['violations'], iframes: false, preload: false};
if (only) options.runOnly = {type: 'rule', values: only};
axe.run({include: document, exclude}, options).then(found => done(found.violations.map(v =>
  ({id: v.id, impact: v.impact, n: v.nodes.length,
    nodes: v.nodes.slice(0, 3).map(n => [n.html.slice(0, 150), n.failureSummary])}))),
  error => done([{id: String(error), impact: 'critical'}]));
"""


def test_page_is_accessible(page, browser):
    """axe-core finds no serious or critical violation, nor one of colours in dark mode."""
    browser.open(page)
    still = "document.head.append(Object.assign(document.createElement('style'), {textContent:"
    browser.execute_script(still + "'*, ::before, ::after { transition: none !important }'}))")
    browser.execute_script(axe())
    for theme, only in (("light", None), ("dark", ["color-contrast", "link-in-text-block"])):
        browser.execute_script("document.documentElement.dataset.theme = arguments[0]", theme)
        found = browser.execute_async_script(VIOLATIONS, only)
        assert [v for v in found if v["impact"] in GRAVE] == [], theme


@pytest.mark.parametrize("how", ["server", "file"])
def test_search_finds(how, browser, server, site):
    """The search works from a server, and with the pages opened as files."""
    root = server if how == "server" else site.as_uri()
    browser.get(f"{root}/search.html?q=bottleneck")
    links = (By.CSS_SELECTOR, "#search-results ul.search li a")
    WebDriverWait(browser, 20).until(lambda b: len(b.find_elements(*links)) > 3)
    found = {
        a.get_attribute("href").split("#")[0].split("?")[0] for a in browser.find_elements(*links)
    }
    assert f"{root}/reference/blocks.html" in found


def test_front_page_shows_it_all_in_one_screen(browser):
    browser.open("index.html")
    shown = browser.execute_script(
        "return [...document.querySelectorAll('.front > *')].map(e =>"
        "[e.textContent + (e.querySelector('img') ? 'IMG' : ''), e.getBoundingClientRect().bottom])"
    )
    for what in ("def basic_block", "IMG", "make train"):
        assert [b for text, b in shown if what in text and b <= WIDE[1]], what
    assert "cardinality" in browser.find_element(By.ID, "the-letters").text


def test_notebooks_stand_side_by_side_on_wide_screens(browser):
    """Text and code next to each other where there is room, below each other on a phone."""
    page = next((p for p in paths() if re.match(r"notebooks/\d", p)), None)
    if page is None:
        pytest.skip("no notebooks yet")
    browser.open(page)
    halves = (
        "const pair = [...document.querySelectorAll('.pair')].find(p =>"
        " p.children[0].textContent.trim());"
        "return [...pair.children].map(e => {const r = e.getBoundingClientRect();"
        " return [r.left, r.right, r.top]})"
    )
    (_, right, top), (left, _, beside) = browser.execute_script(halves)
    assert right <= left
    assert top == beside
    browser.size(PHONE)
    (one, _, _), (other, _, _) = browser.execute_script(halves)
    assert one == other


EQUATIONS = """
return [...document.querySelectorAll('.lines .eq')].map(equation => {
  const [e, line] = [equation, equation.previousElementSibling].map(x => x.getBoundingClientRect());
  return [e.left >= line.right, e.top >= line.bottom - 1, e.height > 0]})
"""


def test_equations_stand_beside_their_lines_and_below_them_on_a_phone(browser):
    for size, beside in (((1920, 1000), True), (PHONE, False)):
        browser.size(size)
        browser.open("notebooks/10_resnet.html")
        found = browser.execute_script(EQUATIONS)
        assert len(found) >= 5
        assert {tuple(each) for each in found} == {(beside, not beside, True)}


def test_what_the_harness_shows_stands_folded_and_pictures_follow_the_theme(browser):
    browser.open("notebooks/10_resnet.html")
    folded = browser.find_elements(By.CSS_SELECTOR, "details.hide.below-input, details.hide")
    assert len(folded) > 5
    assert not [fold for fold in folded if fold.get_attribute("open")]
    assert {fold.text for fold in folded} == {"Show code"}
    schemes = {}
    for theme in ("light", "dark"):
        browser.execute_script("document.documentElement.dataset.theme = arguments[0]", theme)
        images = browser.find_elements(By.CSS_SELECTOR, ".cell_output img.dark-light")
        assert images
        schemes[theme] = {image.value_of_css_property("color-scheme") for image in images}
    assert schemes == {"light": {"light"}, "dark": {"dark"}}


def public():
    """Every public name of blocks, architectures and training, as the packages have it."""
    import ast

    from convbook import architectures, blocks
    from convbook.training import data

    yield from (f"blocks.{name}" for name in blocks.__all__)
    for name in architectures.__all__:
        home = getattr(getattr(architectures, name), "__module__", "")
        if home.startswith("convbook.architectures.graph."):
            yield f"architectures.graph.{name}"  # its source links back to that page
        elif name not in ("weights", "graph"):
            yield f"architectures.{name}"
    yield from (f"architectures.weights.{name}" for name in architectures.weights.__all__)
    yield from (
        f"training.data.{n}" for n in data.__all__ if "_fields" not in dir(getattr(data, n))
    )
    for path in sorted((ROOT / "training").rglob("*.py")):
        if path.parent.name != "data" and path.name != "__main__.py":
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
            body = ast.parse(path.read_text(encoding="utf-8")).body
            offers = [ast.literal_eval(node.value) for node in body if "__all__" in said(node)]
            code = [node for node in body if isinstance(node, (ast.FunctionDef, ast.ClassDef))]
            for node in filter(ast.get_docstring, code):
                if not offers or node.name in offers[0]:
                    yield f"{name}.{node.name}"


def said(node):
    """The names that an assignment gives."""
    return [getattr(target, "id", "") for target in getattr(node, "targets", ())]


def test_reference_has_every_public_name_with_its_source(site):
    text = {p.name: p.read_text(encoding="utf-8") for p in (site / "reference").glob("*.html")}
    for name in (f"convbook.{name}" for name in public()):
        part = next(
            (t.split(f'id="{name}"', 1)[1] for t in text.values() if f'id="{name}"' in t), None
        )
        assert part, f"{name} is in no page"
        head, _, rest = part.partition("</dt>")
        body = rest.partition("</dd>")[0]
        assert "viewcode-link" in head or 'class="highlight' in body, f"{name}: no source"
