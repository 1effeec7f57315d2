"""python docs/_ext/pdf.py BOOK.html BOOK.pdf: prints the book with a headless Chromium.

`make pdf` builds both.  Chromium and chromedriver are the system's, as in tests/apart/site.
"""

import base64
import shutil
import sys
from pathlib import Path

# Solutions are printed open, cells that stand folded are not; then all mathematics is set.
OPEN = """
const done = arguments[0];
document.querySelectorAll('details.hide').forEach(cell => cell.remove());
document.querySelectorAll('details').forEach(solution => { solution.open = true; });
Promise.all([window.MathJax?.startup?.promise, document.fonts.ready]).then(() => done());
"""
FOOT = """<div style="font-size: 7pt; width: 100%; text-align: center">
<span class="pageNumber"></span></div>"""


def browser():
    """A headless Chromium.  Raises SystemExit where there is none."""
    from selenium import webdriver

    found = shutil.which("chromium") or shutil.which("google-chrome"), shutil.which("chromedriver")
    if not all(found):
        raise SystemExit("a PDF needs Chromium and chromedriver: install both, or read docs/_build")
    options = webdriver.ChromeOptions()
    options.binary_location = found[0]
    for flag in ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(flag)
    return webdriver.Chrome(options=options, service=webdriver.ChromeService(found[1]))


def printed(page):
    """The bytes of the PDF of a page."""
    driver = browser()
    try:
        driver.set_script_timeout(600)
        driver.command_executor.client_config.timeout = 600
        driver.get(Path(page).resolve().as_uri())
        driver.execute_async_script(OPEN)
        settings = dict(displayHeaderFooter=True, headerTemplate="<span></span>")
        settings |= dict(footerTemplate=FOOT, preferCSSPageSize=True, printBackground=True)
        settings |= dict(generateTaggedPDF=True, generateDocumentOutline=True)
        return base64.b64decode(driver.execute_cdp_cmd("Page.printToPDF", settings)["data"])
    finally:
        driver.quit()


if __name__ == "__main__":
    Path(sys.argv[2]).write_bytes(printed(sys.argv[1]))
    print(sys.argv[2])
