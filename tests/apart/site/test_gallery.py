"""The generated pages in a browser: copying, filtering, sorting, pictures and links."""

import html
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from selenium.webdriver.support.ui import WebDriverWait

ROOT = Path(__file__).parents[3]
WRITTEN = ["gallery", "family_tree", "architectures", "ledger", "networks", "networks/resnet50"]
TEXTS = """
import json, sys
from convbook.gallery.menu import MENU
from convbook.gallery.show import text
from convbook.gallery.site.cards import halves
turned = {"se": 4}, {"se": 4, "bias": True}, {"shortcut": "A", "stride_on": "3x3"}
found = {
    "blocks": {name: [row.args, row.shapes, *halves(text([name]))] for name, row in MENU.items()},
    "turned": [[of, *halves(text(["bottleneck_block"], of))] for of in turned],
    "letters": text(["letters"]),
}
json.dump(found, sys.stdout)
"""
RUN = """
import re
import keras
names = re.findall(r"\\b[a-z]\\w*\\b(?!=)", {args!r})
inputs = [keras.Input(shape, name=n) for n, shape in zip(names, {shapes!r})]
globals().update({{x.name: x for x in inputs}})
print(keras.Model(inputs, {name}({args})).count_params())
"""
NUMBER = """
const cells = [...arguments[0].tBodies[0].rows].map((row) => row.cells[arguments[1]].textContent);
return cells.map((text) => text.trim());
"""


@pytest.fixture(scope="module")
def texts():
    """What `convbook show` prints: of blocks, of one with its switches turned, of the letters."""
    run = [sys.executable, "-c", TEXTS]
    printed = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return json.loads(printed)


@pytest.fixture(scope="module")
def blocks(texts):
    """{name: (arguments and shapes of its example, its letters, its own text)}."""
    return texts["blocks"]


READ = "navigator.clipboard.readText().then(arguments[0], (e) => arguments[0](String(e)))"


def copied(browser, button):
    """What the button beside a text copies, pressed with the keyboard."""
    browser.execute_script(
        "arguments[0].closest('details')?.setAttribute('open', '');"
        "arguments[0].scrollIntoView({block: 'center'})",
        button,
    )
    button.send_keys("\n")
    return browser.execute_async_script(READ)


def button(browser, name, part):
    return find(browser, f'[data-block="{name}"] pre:has([data-part="{part}"]) + button.copybtn')[0]


def turn(browser, name, **options):
    """Turns the switches of a block, and waits for what they show."""
    turned = """
        const [card, option, value, done] = arguments;
        const select = card.querySelector(`select[name="${option}"]`);
        const before = card.querySelector('.facts').innerHTML;
        select.value = value;
        select.dispatchEvent(new Event('change', {bubbles: true}));
        setTimeout(done, 300);
    """
    card = find(browser, f'[data-block="{name}"]')[0]
    for option, value in options.items():
        browser.execute_async_script(turned, card, option, value)
    return card


def code(card, part):
    return card.find_element("css selector", f'[data-part="{part}"]').get_attribute("textContent")


def find(browser, css):
    return browser.find_elements("css selector", css)


def visible(browser, css="[data-block]"):
    return [e.get_attribute("data-block") for e in find(browser, css) if e.is_displayed()]


def column(browser, table, title):
    """(the number of the column, its header, the button in it)."""
    heads = table.find_elements("css selector", "thead th")
    i = next(i for i, head in enumerate(heads) if head.text.split()[0] == title)
    return i, heads[i], heads[i].find_element("css selector", "button")


def test_the_buttons_copy_exactly_the_text(browser, blocks):
    browser.open("gallery.html")
    WebDriverWait(browser, 20).until(lambda b: find(b, "button.copybtn"))
    assert len(find(browser, ".block-card button.copybtn")) == 2 * len(blocks)
    for name, (_, _, needs, own) in blocks.items():
        assert f"{copied(browser, button(browser, name, 'own'))}\n" == own, name
        assert f"{copied(browser, button(browser, name, 'needs'))}\n" == needs, name
    assert browser.errors() == []


def test_the_letters_are_those_of_show(browser, texts):
    browser.open("gallery.html")
    shown = find(browser, "#the-letters pre.code")[0].get_attribute("textContent")
    assert shown == texts["letters"]


@pytest.mark.parametrize("name", ["bottleneck_block", "nasnet_reduction_cell"])
def test_what_was_copied_runs_in_a_fresh_interpreter(browser, blocks, name, tmp_path):
    """The letters, pasted once, and the block after them."""
    browser.open("gallery.html")
    WebDriverWait(browser, 20).until(lambda b: find(b, "button.copybtn"))
    letters = find(browser, "#the-letters button.copybtn")[0]
    text = "\n\n\n".join(copied(browser, b) for b in (letters, button(browser, name, "own")))
    args, shapes, *_ = blocks[name]
    (tmp_path / "pasted.py").write_text(
        f"{text}\n" + RUN.format(name=name, args=args, shapes=shapes)
    )
    run = [sys.executable, "-I", "pasted.py"]
    done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 0


@pytest.mark.parametrize("how", ["server", "file"])
def test_switches_show_another_call(browser, texts, site, how):
    """It shows another text, letters, counts and picture, from a server and from an opened file."""
    browser.get(f"{site.as_uri()}/gallery.html") if how == "file" else browser.open("gallery.html")
    name = "bottleneck_block"
    assert find(browser, f'[data-block="{name}"] .switches')[0].is_displayed()
    for options, needs, own in texts["turned"]:
        browser.refresh()
        quoted = {k: repr(v) for k, v in options.items()}
        card = turn(browser, name, **quoted)
        assert (code(card, "own"), code(card, "needs")) == (own, needs)
        call = card.find_element("css selector", ".facts code").text
        assert all(f"{k}={v}" in call for k, v in quoted.items())
        image = card.find_element("css selector", ".picture img")
        decoded = "arguments[0].decode().then(() => arguments[1](arguments[0].naturalWidth))"
        browser.execute_script("arguments[0].scrollIntoView()", image)  # it is loaded lazily
        assert browser.execute_async_script(decoded, image) > 100
    if how == "server":
        WebDriverWait(browser, 20).until(lambda b: find(b, "button.copybtn"))
        assert f"{copied(browser, button(browser, name, 'own'))}\n" == own
    assert browser.errors() == []


def test_switches_turned_back_show_the_defaults(browser, blocks):
    browser.open("gallery.html")
    card = find(browser, '[data-block="bottleneck_block"]')[0]
    first = card.find_element("css selector", ".facts").text
    turn(browser, "bottleneck_block", se="4")
    assert card.find_element("css selector", ".facts").text != first
    turn(browser, "bottleneck_block", se="")
    assert card.find_element("css selector", ".facts").text == first
    assert code(card, "own") == blocks["bottleneck_block"][3]


def test_a_third_option_puts_the_others_back(browser):
    browser.open("gallery.html")
    card = turn(browser, "bottleneck_block", se="4", bias="True", shortcut="'C'")
    assert "two options at a time" in card.find_element("css selector", ".said").text
    assert "shortcut='C'" in card.find_element("css selector", ".facts code").text
    assert "se=4" not in card.find_element("css selector", ".facts code").text


def test_every_switch_has_what_it_shows(site):
    """Each call that a switch can choose first is in the block's file, with a picture."""
    page = (site / "gallery.html").read_text(encoding="utf-8")
    for name in re.findall(r'data-calls="_images/blocks/(\w+)\.js"', page):
        script = (site / "_images" / "blocks" / f"{name}.js").read_text(encoding="utf-8")
        calls = json.loads(script.partition(" = ")[2].rstrip(";\n"))["calls"]
        card = page.partition(f'data-block="{name}"')[2].partition("</form>")[0]
        for option, values in re.findall(r'<select name="(\w+)">(.*?)</select>', card):
            for value in re.findall(r"<option>(.*?)</option>", values):
                key = json.dumps({option: html.unescape(value)}, separators=(",", ":"))
                picture = re.search(r'src="(.*?)"', calls[key]["picture"])[1]
                assert (site / picture).is_file(), (name, key)


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
    words.send_keys("skip he")  # an idea and an author
    assert {"shortcut_path", "basic_block"} <= {*visible(browser)}
    assert "dense_block" not in visible(browser)
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
        for css in ("button.copybtn", ".filters", ".switches"):
            assert not any(e.is_displayed() for e in find(browser, css))
        assert all(e.text for e in find(browser, '[data-part="own"]'))
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
    for theme, ground in (("light", "255, 255, 255"), ("dark", "21, 25, 30")):  # as it is drawn
        browser.execute_script(f"document.documentElement.dataset.theme = '{theme}'")
        card = find(browser, ".picture")[0].value_of_css_property("background-color")
        assert card in (f"rgba({ground}, 1)", f"rgb({ground})"), theme


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
    assert cells.index("0.27M") < cells.index("25.5M") < cells.index("133M")
    assert cells.index("60,000") == 0
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


def test_networks_are_found_by_ideas_and_authors(browser):
    browser.open("networks.html")
    find(browser, ".table-filter input")[0].send_keys("mobile Sandler")
    rows = [row for row in find(browser, "tbody tr") if row.is_displayed()]
    assert rows
    families = "mobilenet_v2", "mobilenet_v3", "mnasnet"  # Mark Sandler wrote all three
    for row in rows:
        assert row.text.startswith(families)
    rows[0].find_element("css selector", "a").click()
    assert find(browser, "h1")[0].text.startswith(families)
    assert find(browser, "#the-file pre")


def test_the_file_of_a_network_is_copied(browser):
    browser.open("networks/lenet5.html")
    WebDriverWait(browser, 20).until(lambda b: find(b, "#the-file button.copybtn"))
    text = copied(browser, find(browser, "#the-file button.copybtn")[0])
    show = [sys.executable, "-m", "convbook", "show", "lenet5"]
    printed = subprocess.run(show, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert text.strip() == printed.strip()


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
    browser.open(f"{path}.html")
    assert browser.errors() == []
    assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth")
