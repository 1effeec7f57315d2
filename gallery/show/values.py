"""The value of an expression of the library while its text is cut: known now, or left to run."""

from typing import Any, NoReturn

import libcst as cst

from convbook.gallery.show.nodes import LOCAL, Node, variables_in

Key = tuple[int, int]  # of a function within a function: the id of its node, and which of them


class Unknown(Exception):
    """Raised for a value that only a run of the text can tell."""


class Run:
    """An expression that the text keeps: its value is known when the text runs.

    effect: it may make a layer, so it must be in the text once and in its place.  some: it is known
    to be neither None nor 0, as a tensor or a size is.
    """

    __slots__ = ("effect", "node", "some", "written")

    def __init__(self, node: Node, effect: bool = False, some: bool = False):
        self.node, self.effect, self.some = node, effect, some
        self.written = False  # the last of several statements that a call became

    def __bool__(self) -> bool:
        if not self.some:
            raise Unknown
        return True

    @property
    def variable(self) -> str | None:
        """The variable of the text that it is."""
        known = isinstance(self.node, cst.Name) and LOCAL in self.node.value
        return self.node.value if known else None

    def is_newer(self, start: int) -> bool:
        """Whether it is a variable of a frame after number start."""
        return self.variable is not None and int(self.variable.split(LOCAL)[1]) > start

    @property
    def steady(self) -> bool:
        """Whether it is the same everywhere in the text, as keras.layers and BN are."""
        return not self.effect and not variables_in(self.node)


def raise_unknown(*_: Any) -> NoReturn:
    raise Unknown


DEEDS = "eq ne lt le gt ge hash iter len contains getitem index int float str format add radd sub "
DEEDS += "rsub mul rmul truediv rtruediv floordiv rfloordiv mod rmod pow rpow neg and or rand ror"
for deed in DEEDS.split():
    setattr(Run, f"__{deed}__", raise_unknown)


class Frame:
    """One call during its execution: the values of its names, and the frame around it."""

    count = 0

    def __init__(self, module: str, around: "Frame | None" = None, emits: bool = False):
        Frame.count += 1
        self.module, self.around, self.id = module, around, Frame.count
        self.known: dict[str, Any] = {}
        self.emits = emits  # its returns are returns in the text
        self.depth = 0  # of the ifs and loops around that stay in the text
        self.result: Any = None  # what is returned, where that is not in the text
        self.returns: str | None = None  # the variable for it, where a run decides
        self.once: set[str] = set()  # the names that are set in one place
        self.helps = False  # it is not of the block that is cut but of one of its helpers

    def variable(self, name: str) -> str:
        """A name of this frame as a variable of the text."""
        return f"{name}{LOCAL}{self.id}"

    def owns(self, value: Any) -> bool:
        """Whether a value is a variable of this frame."""
        return isinstance(value, Run) and (value.variable or "").endswith(self.variable(""))


class Function:
    """A function of the library (found), a function within one or a lambda, with what is around.

    nth: how often the function within has been defined by then, as in a loop or a helper.
    """

    def __init__(self, node: Node, frame: Frame, name: str, found: Any = None, nth: int = 0):
        self.node, self.frame, self.name, self.found = node, frame, name, found
        self.key = id(node), nth
        self.kept: Node | None = None  # its name in the text, where that has it

    __call__ = raise_unknown

    @property
    def params(self) -> Node:
        return self.node.params


class Written(float):
    """A number as the source writes it, such as 1e-5."""

    text: str

    def __new__(cls, text: str) -> "Written":
        new = super().__new__(cls, text)
        new.text = text
        return new
