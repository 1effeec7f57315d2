"""Numbers in the prose of a notebook are those of its outputs and of its code, after rounding.

Compared are decimals and numbers with a comma for the thousands, from the first output on.  What a
notebook begins with as seen, in quotes (>), test_claims.py compares with the kept runs.
"""

import re

import pytest
from test_notebooks import NAMES, kept

NUMBER = re.compile(r"(?<![\w.,/:])(\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+\.\d+)(?!\w|[.,]\d|-\d)")
ANY = re.compile(r"(?<!\w)\d[\d_,]*(?:\.\d+)?(?:e[+-]?\d+)?")
CODE = re.compile(r"```python\n.*?```", re.S)
APART = re.compile(  # what is no result: quotes, code, addresses, references, versions
    r"^>[^\n]*$|```.*?```|`[^`]*`|\]\([^)]*\)|arXiv:\S+|doi:\S+|@\w+\{.*?^\}"
    r"|sections? \d[\d.]*\d(?: and \d[\d.]*\d)?|Keras \d[\d.]*\d",
    re.S | re.M,
)
SCALES = 1, 100, 1e-6  # as they are, in percent, in millions
DATA = {"1,437", "5,000", "10,000"}  # images of the digits, and of Fashion-MNIST
ELSEWHERE = {  # numbers that no output has: where each is from
    "01_convolution_arithmetic": {
        "1.4": "0.8861 - 0.8722, in points",
    },
    "04_lenet5": {
        "1.175": "the paper's black",
        "0.6": "95.28 - 94.72, as a limit",
        "122,304": "the paper's connections of C1",
    },
    "07_vgg": {"1,080": "three seeds of 360 images"},
    "08_googlenet": {
        **dict.fromkeys(("0.096", "0.051"), "of claim_modules: the loss of 3x3s less Inception's"),
        "2.40": "of claim_heads: the accuracy with the heads less that without",
    },
    "09_inception_v2_v3": {
        "4.51": "log(0.91 / 0.01)",
        "0.95": "a prediction",
        "0.06": "less than predicted, beside the plot",
    },
    "10_resnet": {
        **dict.fromkeys(("0.45", "5.96", "6.10"), "the paper of paths"),
        "4.7": "of torchvision's two sets of weights, subtracted",
        "64,000": "the paper's steps",
        "14.6": "40,128,552 - 25,557,032, in millions",
    },
    "11_squeezenet": {
        "57.2": "AlexNet's accuracy in the paper, recalled",
        "7.7": "the paper's size of the file",
        "341,248": "1,589,672 - 1,248,424",
    },
    "14_stochastic_depth": {"5.96": "the paper of paths", "6.10": "the paper of paths"},
    "17_resnext": {
        "70,000": "about",
        "4,350": "about",
        "1.3": "millions of ImageNet's images",
        "1.7": "the paper's errors at 50 layers, subtracted",
        "0.8": "the paper's errors at 101 layers, subtracted",
    },
    "18_mobilenet": {"71.7": "the paper's accuracy with full convolutions, recalled"},
    "21_senet": {
        **dict.fromkeys(("1.90", "2.54"), "of claim_squeeze: r = 2 less the net without"),
        "2.95": "of claim_squeeze: r = 8 less the net without",
    },
    "22_amoebanet": {
        "20,000": "the paper's trials",
        "3.8": "the printed multiply-adds, divided",
    },
    "23_bake_off": {
        "0.003": "bake_off.RATE",
        "94.86": "the MobileNet paper's Table 2",
    },
    "24_lab": {
        "5.96": "the paper of paths",
        "6.10": "the paper of paths",
    },
    "26_branches_that_vanish": dict.fromkeys(
        ("1.88", "1.92", "1.22", "1.64"), "a first try with 30 blocks"
    ),
    "28_scaling": {"17.6": "16 * 1.1"},
    "30_bag_of_tricks": {
        "0.75": "77.91 - 77.16 of the paper's table",
        "0.09": "of the 0.1, what the nine other classes get",
        "9,000": "e**9.1, about",
    },
    "31_a_convnet_for_the_2020s": {
        "1.2": "79.51 - 78.28 of the paper's table",
        "0.02": "an earlier run",
        "0.15": "an earlier run",
    },
}


def values(text):
    """All numbers of a text."""
    return {float(found.replace(",", "").rstrip("_")) for found in ANY.findall(text)}


def stands(number, among):
    """Whether one of the values is the number after rounding to its places."""
    whole, _, places = number.replace(",", "").partition(".")
    near = 0.5 * 10 ** -len(places) + 1e-9
    wanted = float(f"{whole}.{places or 0}")
    return any(abs(value * scale - wanted) <= near for value in among for scale in SCALES)


def prose_and_values(notebook):
    """(the numbers of the prose after the first output, the values of outputs and code)."""
    prose, shown, ran = [], [], False
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            shown += CODE.findall(cell.source)
            prose += NUMBER.findall(APART.sub("", cell.source)) if ran else []
            continue
        shown.append(cell.source)
        for output in cell.outputs:
            texts = {k: t for k, t in output.get("data", {}).items() if k.startswith("text/")}
            shown += [output.get("text", ""), *texts.values()]
            ran = True
    return prose, values("\n".join(shown))


@pytest.mark.parametrize("name", NAMES)
def test_a_number_in_prose_is_one_that_is_shown(name):
    prose, shown = prose_and_values(kept(name))
    missing = {n for n in prose if not stands(n, shown)} - DATA
    assert missing == set(ELSEWHERE.get(name, ()))


def test_other_digits_are_found():
    """Of all numbers in prose that outputs or code have, with their last digit changed."""
    changed = caught = 0
    for name in NAMES:
        prose, shown = prose_and_values(kept(name))
        for number in prose:
            if len(number.replace(",", "").replace(".", "").lstrip("0")) > 2:
                other = number[:-1] + str((int(number[-1]) + 5) % 10)
                changed, caught = changed + 1, caught + (not stands(other, shown))
    assert changed > 100
    assert caught > 0.9 * changed


def test_rounding():
    assert stands("0.94", {0.9398})
    assert not stands("0.93", {0.9398})
    assert stands("97.3", {0.97347})
    assert stands("25.6", {25_557_032.0})
    assert stands("25,557,032", {25_557_032.0})
    assert not stands("25,557,033", {25_557_032.0})
    assert values("f(1_000, 2.5e-3) 12,345 x3") == {1000.0, 0.0025, 12345.0}
