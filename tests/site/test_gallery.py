"""The generated pages in a browser: copying, filtering, sorting, pictures and links."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WRITTEN = ["gallery.html", "family_tree.html", "architectures.html", "ledger.html"]
SNIPPETS = """
import json, sys
from convbook.gallery.menu import MENU
from convbook.gallery.show import snippet
json.dump({name: [row.args, row.shapes, snippet(name)] for name, row in MENU.items()}, sys.stdout)
"""
RUN = """
import keras
inputs = [keras.Input(shape, name=n) for n, shape in zip({args!r}.split(", "), {shapes!r})]
globals().update({{x.name: x for x in inputs}})
print(keras.Model(inputs, {name}({args})).count_params())
"""
NUMBER = """
const cells = [...arguments[0].tBodies[0].rows].map((row) => row.cells[arguments[1]].textContent);
return cells.map((text) => text.trim());
"""


@pytest.fixture(scope="module")
def blocks():
    """{name: (arguments and shapes of its example, what `convbook show` prints)}."""
    run = [sys.executable, "-c", SNIPPETS]
    told = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return {name: (args, shapes, text) for name, (args, shapes, text) in json.loads(told).items()}


def find(browser, css):
    return browser.find_elements("css selector", css)


def visible(browser, css="[data-block]"):
    return [e.get_attribute("data-block") for e in find(browser, css) if e.is_displayed()]


def column(browser, table, title):
    """(the number of the column, its header, the button in it)."""
    heads = table.find_elements("css selector", "thead th")
    i = next(i for i, head in enumerate(heads) if head.text.split()[0] == title)
    return i, heads[i], heads[i].find_element("css selector", "button")


def test_the_button_copies_exactly_the_snippet(browser, blocks):
    browser.open("gallery.html")
    read = "navigator.clipboard.readText().then(arguments[0], (e) => arguments[0](String(e)))"
    buttons = find(browser, "button.copy")
    assert len(buttons) == len(blocks)
    for button in buttons:
        name = button.get_attribute("data-from").removeprefix("snippet-")
        browser.execute_script("arguments[0].click()", button)
        assert browser.execute_async_script(read) == blocks[name][2], name
    assert browser.errors() == []


@pytest.mark.parametrize("name", ["bottleneck_block", "nasnet_reduction_cell"])
def test_what_was_copied_runs_in_a_fresh_interpreter(browser, blocks, name, tmp_path):
    browser.open("gallery.html")
    button = find(browser, f'[data-block="{name}"] button.copy')[0]
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", button)
    button.send_keys("\n")  # with the keyboard
    said = find(browser, f'[data-block="{name}"] [role=status]')[0]
    text = browser.execute_async_script("navigator.clipboard.readText().then(arguments[0])")
    assert said.text == f"Copied {len(text.splitlines())} lines"
    args, shapes, _ = blocks[name]
    (tmp_path / "pasted.py").write_text(text + RUN.format(name=name, args=args, shapes=shapes))
    run = [sys.executable, "-I", "pasted.py"]
    done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 0


def test_the_filter_hides_and_shows(browser, blocks):
    browser.open("gallery.html")
    assert visible(browser) == [e.get_attribute("data-block") for e in find(browser, ".block-card")]
    words, found = find(browser, ".filters input")[0], find(browser, ".filters .found")[0]
    words.send_keys("inception V4")
    shown = visible(browser)
    assert "inception_v4_a" in shown
    assert "bottleneck" not in shown
    assert len(shown) < len(blocks) / 2
    assert found.text == f"{len(shown)} of {len(blocks)} blocks"
    assert next(e.text for e in find(browser, "h2") if e.is_displayed()).startswith("Inception")
    words.clear()
    words.send_keys("no such thing")
    assert visible(browser) == []
    words.clear()
    words.send_keys(" ")
    assert len(visible(browser)) == len(blocks)


def test_a_family_is_chosen_and_left(browser, blocks):
    browser.open("gallery.html")
    button = next(b for b in find(browser, ".families button") if b.text == "Found by search")
    button.send_keys(" ")
    assert button.get_attribute("aria-pressed") == "true"
    family = find(browser, '.block-card[data-family="Found by search"]')
    assert visible(browser) == [e.get_attribute("data-block") for e in family]
    assert "nasnet_normal_cell" in visible(browser)
    find(browser, ".filters input")[0].send_keys("amoebanet")
    assert visible(browser) == ["amoebanet_normal_cell", "amoebanet_reduction_cell"]
    browser.execute_script("location.hash = '#bottleneck-block'")  # a link to what is hidden
    assert len(visible(browser)) == len(blocks)
    assert button.get_attribute("aria-pressed") == "false"


def test_without_javascript_it_is_a_plain_list(browser, blocks):
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.get(f"{browser.current_url.split('/_static')[0]}/gallery.html")
        assert len(visible(browser)) == len(blocks)
        for css in ("button.copy", ".filters"):
            assert not any(e.is_displayed() for e in find(browser, css))
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def test_pictures_are_there_and_readable(browser, blocks):
    browser.open("gallery.html")
    wait = """const done = arguments[0], images = [...document.querySelectorAll('.picture img')];
        images.forEach((i) => (i.loading = 'eager'));
        Promise.all(images.map((i) => i.decode())).then(
            () => done(images.map((i) => [i.naturalWidth, i.width])), (e) => done(String(e)))"""
    sizes = browser.execute_async_script(wait)
    assert len(sizes) == len(blocks)
    for natural, shown in sizes:
        assert natural > 100
        assert shown > 0.3 * natural
    for theme in ("light", "dark"):
        browser.execute_script(f"document.documentElement.dataset.theme = '{theme}'")
        card = find(browser, ".picture")[0].value_of_css_property("background-color")
        assert card in ("rgba(255, 255, 255, 1)", "rgb(255, 255, 255)")


def test_numbers_are_sorted_as_numbers(browser):
    browser.open("ledger.html")
    table = find(browser, "table")[0]
    before = browser.execute_script(NUMBER, table, 0)
    for title in ("parameters", "multiply-adds"):
        i, head, button = column(browser, table, title)
        assert head.get_attribute("aria-sort") == "none"
        button.send_keys("\n")
        up = [int(text.replace(",", "")) for text in browser.execute_script(NUMBER, table, i)]
        assert head.get_attribute("aria-sort") == "ascending"
        assert up == sorted(up)
        button.send_keys(" ")
        down = [int(text.replace(",", "")) for text in browser.execute_script(NUMBER, table, i)]
        assert head.get_attribute("aria-sort") == "descending"
        assert down == up[::-1] or down == sorted(up, reverse=True)
        assert len(find(browser, "table:first-of-type [aria-sort=descending]")) == 1
    assert sorted(browser.execute_script(NUMBER, table, 0)) == sorted(before)


def test_figures_with_words_and_dashes_are_sorted(browser):
    browser.open("ledger.html")
    table = find(browser, "table")[0]
    i, _, button = column(browser, table, "golden")
    button.click()
    cells = browser.execute_script(NUMBER, table, i)
    filled = [text for text in cells if text != "–"]
    assert cells[len(filled) :] == ["–"] * (len(cells) - len(filled))
    errors = [float(text.split()[0]) for text in filled]
    assert errors == sorted(errors)
    i, _, button = column(browser, table, "printed")
    button.click()
    cells = browser.execute_script(NUMBER, table, i)
    assert cells.index("0.27M") < cells.index("25.5M") < cells.index("133M (recalled)")
    assert cells.index("60,000 (secondary)") == 0
    i, _, button = column(browser, table, "network")
    button.click()
    cells = browser.execute_script(NUMBER, table, i)
    assert cells.index("resnet20_cifar") < cells.index("resnet101")


def test_rows_are_filtered(browser):
    browser.open("ledger.html")
    table = find(browser, "table")[0]
    find(browser, ".table-filter input")[0].send_keys("SENet 154")
    rows = table.find_elements("css selector", "tbody tr")
    shown = [row.text.split()[0] for row in rows if row.is_displayed()]
    assert "senet154" in shown
    assert len(shown) < 5
    assert find(browser, ".table-filter [role=status]")[0].text.startswith(f"{len(shown)} of ")


def test_the_family_tree_leads_into_the_page(browser):
    browser.open("family_tree.html")
    links = find(browser, ".tree a")
    assert len(links) > 20
    for link in links:
        target = browser.execute_script("return arguments[0].href.baseVal", link)
        assert find(browser, target), target
    assert find(browser, "#resnext figure.diff ins mark")
    assert find(browser, "#resnext figure.diff del mark")


@pytest.mark.parametrize("path", WRITTEN)
def test_no_errors_and_no_sideways_scrolling_on_a_phone(browser, path):
    browser.size((390, 844))
    browser.open(path)
    assert browser.errors() == []
    assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth")
