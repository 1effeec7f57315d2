"""The built site, served from this machine and opened in a headless Chromium.

`make test-site` builds it first.  Without Chromium, chromedriver, selenium or the built pages the
tests are skipped, and say why; with REQUIRE_BROWSER in the environment they fail instead.
"""

import functools
import http.server
import json
import os
import shutil
import threading
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SITE = ROOT / "docs" / "_build" / "html"
WIDE, PHONE = (1280, 800), (390, 844)
NOT_PAGES = {"genindex.html", "search.html"}  # made by Sphinx, without a text of ours
QUIET = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--no-proxy-server",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # no other host can answer
)


def missing(what):
    (pytest.fail if "REQUIRE_BROWSER" in os.environ else pytest.skip)(what)


def paths():
    """Every page of the site, relative to its root."""
    found = (path.relative_to(SITE).as_posix() for path in sorted(SITE.rglob("*.html")))
    return [path for path in found if not path.startswith("_")]


def pytest_generate_tests(metafunc):
    """A test with the argument `page` runs once for each page of the site.

    Of the networks' pages, which are made alike, one in ten is enough.
    """
    if "page" in metafunc.fixturenames:
        networks = [path for path in paths() if path.startswith("networks/")]
        others = [path for path in paths() if path not in networks]
        metafunc.parametrize("page", [*others, *networks[::10]] or [None])


@pytest.fixture(autouse=True)
def fresh():
    """In place of that of tests/conftest.py: nothing here uses Keras."""


@pytest.fixture(scope="session")
def site():
    """The folder of the built site."""
    if not (SITE / "index.html").is_file():
        missing(f"no site in {SITE}: make docs")
    return SITE


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture(scope="session")
def server(site):
    """The address of the site, http://127.0.0.1:PORT, without a slash at the end."""
    handler = functools.partial(Quiet, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as served:
        threading.Thread(target=served.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{served.server_port}"
        served.shutdown()


@pytest.fixture(scope="session")
def driver(server, tmp_path_factory):
    """One Chromium for all tests, allowed to read and write the clipboard of the site's pages."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="no selenium")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    chromedriver = shutil.which("chromedriver")
    if not (chromium and chromedriver):
        missing("no chromium, or no chromedriver beside it")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (*QUIET, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    before = os.environ.get("NO_PROXY")
    os.environ["NO_PROXY"] = "127.0.0.1,localhost"  # selenium's own talk with chromedriver
    service = webdriver.ChromeService(chromedriver)
    driver = webdriver.Chrome(options=options, service=service)
    driver.set_page_load_timeout(60)
    driver.set_script_timeout(300)  # accessibility of the longest pages
    try:
        granted = {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]}
        driver.execute_cdp_cmd("Browser.grantPermissions", {"origin": server, **granted})
        yield driver
    finally:
        driver.quit()
        os.environ.pop("NO_PROXY") if before is None else os.environ.update(NO_PROXY=before)


@pytest.fixture
def browser(driver, server):
    """The browser at its desktop size, with empty logs and nothing remembered.

    browser.open(path) goes to a page and waits until it is loaded; browser.errors() gives what
    the console has complained of since the last call, browser.requested() the addresses asked for.
    """
    size(driver, WIDE)
    driver.get(f"{server}/_static/documentation_options.js")
    driver.execute_script("localStorage.clear()")
    for log in ("browser", "performance"):
        driver.get_log(log)
    driver.open = functools.partial(opened, driver, server)
    driver.errors = lambda: [
        entry["message"] for entry in driver.get_log("browser") if entry["level"] == "SEVERE"
    ]
    driver.requested = lambda: requested(driver)
    driver.size = functools.partial(size, driver)
    return driver


def opened(driver, server, path, wait=20):
    """Goes to path and waits until it is loaded and its mathematics, if any, is set."""
    from selenium.webdriver.support.ui import WebDriverWait

    driver.get(f"{server}/{path}")
    ready = "return document.readyState == 'complete'"
    WebDriverWait(driver, wait).until(lambda d: d.execute_script(ready))
    driver.execute_async_script(
        "const done = arguments[0], math = window.MathJax?.startup?.promise;"
        "math ? math.then(() => done(), () => done()) : done()"
    )
    return driver


def size(driver, wide_high):
    """The page in so many CSS pixels, however small: a window has a least width, this has none."""
    width, height = wide_high
    metrics = dict(width=width, height=height, deviceScaleFactor=1, mobile=False)
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def requested(driver):
    """The addresses that were asked for since the log was last read, save data: and blob:."""
    sent = (json.loads(entry["message"])["message"] for entry in driver.get_log("performance"))
    urls = [
        m["params"]["request"]["url"] for m in sent if m["method"] == "Network.requestWillBeSent"
    ]
    return [url for url in urls if not url.startswith(("data:", "blob:", "chrome"))]
