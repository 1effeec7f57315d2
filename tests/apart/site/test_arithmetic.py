"""The sliders compute in the page: no server, nothing to install."""

from selenium.webdriver.common.by import By

SET = """
const [name, value] = arguments, input = document.querySelector(`form.layer [name=${name}]`);
input.value = value;
input.dispatchEvent(new Event('input', {bubbles: true}));
"""
FOUND = """
return Object.fromEntries([...document.querySelectorAll('form.layer [data-is]')].map(
  e => [e.dataset.is, e.textContent.split(' = ').pop()]))
"""


def test_a_layer_of_a_page_opened_as_a_file(driver, site):
    driver.get((site / "arithmetic.html").as_uri())
    for name, value in dict(w=32, k=3, s=2, d=1, c=3, f=4, g=0).items():
        driver.execute_script(SET, name, value)  # 4 channels, 8 filters
    expected = {"reach": "3", "width": "16", "weights": "288", "macs": "73,728"}
    assert driver.execute_script(FOUND) == expected
    for name, value in dict(mode="pixels", p=0, d=2, s=1, g=2).items():
        driver.execute_script(SET, name, value)  # 3 groups do not divide 4 channels
    found = driver.execute_script(FOUND)
    assert found["width"] == "28"
    assert found["weights"] == "none: 3 groups must divide 4 channels and 8 filters"
    driver.execute_script(SET, "g", 3)
    assert driver.execute_script(FOUND)["weights"] == "72"
    assert driver.execute_script(FOUND)["macs"] == "56,448"


def test_a_stack(browser):
    browser.open("arithmetic.html")
    rows = browser.find_elements(By.CSS_SELECTOR, "form.stack tbody tr:not([hidden])")
    read = "return [...arguments[0].querySelectorAll('output')].slice(-3).map(o => Number(o.value))"
    found = [browser.execute_script(read, row) for row in rows]
    # The table of notebook 01
    assert found == [[65, 3, 1], [33, 5, 2], [33, 13, 2], [17, 17, 4], [17, 33, 4]]
