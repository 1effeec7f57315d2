"""How an exercise responds to an answer, without giving the solution away."""

import hashlib
from numbers import Integral, Real

TRY = "Write your answer in place of the three dots and run this cell."


class Verdict(str):
    """The response, as Markdown, and whether the answer is right."""

    right = False

    def _repr_markdown_(self):
        return str(self)


def check(answer, expected):
    """The Verdict on an answer; expected: the fingerprint of the right one.

    An answer is a number, a word, True or False, or several of them in order.  Fractions are
    compared to two significant digits.
    """
    if answer is ...:
        return Verdict(TRY)
    verdict = Verdict("**Right.**" if fingerprint(answer) == expected else "**Not yet.**")
    verdict.right = verdict == "**Right.**"
    return verdict


def fingerprint(answer):
    """Eight digits that equal answers share."""
    return hashlib.sha256(plain(answer).encode()).hexdigest()[:8]


def plain(answer):
    """One text for all ways to write an answer."""
    if hasattr(answer, "tolist"):  # of NumPy
        answer = answer.tolist()
    if isinstance(answer, (list, tuple)):
        return ", ".join(map(plain, answer))
    if isinstance(answer, (bool, Integral)):
        return str(answer)
    if isinstance(answer, Real):
        return str(int(answer)) if answer == int(answer) else f"{answer:.1e}"
    return " ".join(str(answer).lower().split())
