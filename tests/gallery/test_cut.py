"""How the text of a call is cut from a source: small sources of the test's own."""

import ast
import textwrap

import libcst as cst
import pytest
from places import ROOT

from convbook.gallery.show import nodes, text
from convbook.gallery.show.library import Library
from convbook.gallery.show.text import Texts

LAYERS = '''
    """Letters."""

    from types import MappingProxyType

    from keras import layers

    from convbook.blocks.checks import checked, require
    from convbook.blocks.grouped import GroupedConv2D

    # Of all nets.
    BN = MappingProxyType({"momentum": 0.9, "epsilon": 1e-5})  # Caffe


    @checked
    def conv(x: Map, f: Whole, k: Pair = 3, s: Pair = 1, p: Padding = "same", a: Act = "relu", *,
             g: int = 1, n: Norm = None, bias: bool | None = None) -> Tensor:  # fmt: skip
        """kxk/s f."""
        require(f % g == 0, g=g, right="a divisor")
        Conv2D = GroupedConv2D if g > 1 else layers.Conv2D
        return act(Conv2D(f, k, s, p, groups=g)(x), a)


    def act(x, a):
        return layers.Activation(a)(x)
'''
HEAD = """
    from functools import partial

    from keras import layers

    from convbook.blocks.checks import checked, require
    from convbook.blocks.layers import BN, act, conv
    from convbook.blocks.types import Map, Norm, Order, Whole

"""
TYPES = """
    Whole = Annotated[int, Rule(is_whole, "a whole number of at least 1")]
    Order = Literal["first", "last"]


    def is_whole(v):
        return isinstance(v, int) and v >= 1
"""
CHECKS = """
    def checked(f):
        return f


    def require(good, *, right, **given):
        pass
"""


@pytest.fixture
def cut(tmp_path):
    """cut(source, name, **options): the text of a block of a library that has this source."""

    def made(source, name="block", **options):
        source = textwrap.dedent(HEAD).lstrip() + textwrap.dedent(source)
        names = [n.name for n in ast.parse(source).body if isinstance(n, ast.FunctionDef)]
        own = [n for n in names if not n.startswith("helper")]
        offered = f"from convbook.blocks.mine import {', '.join(own)}\n"
        offered += "from convbook.blocks.layers import BN, act, conv\n"
        files = {"mine": source, "__init__": offered}
        files |= {"layers": LAYERS, "checks": CHECKS, "types": TYPES, "grouped": ""}
        for file, content in files.items():
            (tmp_path / f"{file}.py").write_text(textwrap.dedent(content).lstrip())
        texts = Texts(Library({"convbook.blocks": tmp_path}))
        return text([name], options, texts)

    return made


def body(text, name="block"):
    """The lines of a function without its header and docstring."""
    node = next(n for n in ast.parse(text).body if getattr(n, "name", "") == name)
    first = node.body[ast.get_docstring(node) is not None]
    before = text.splitlines()[first.lineno - 2].strip().startswith("#")
    rows = text.splitlines()[first.lineno - 1 - before : node.end_lineno]
    return [row for row in textwrap.dedent("\n".join(rows)).splitlines() if row]


def test_letters_are_printed_as_they_are_but_for_what_checks(cut):
    text = cut("def block(x):\n    return conv(x, 8, a=None)")
    assert text.startswith(
        "from keras import layers\n\n\n"
        "def act(x, a):\n    return layers.Activation(a)(x)\n\n\n"
        'def conv(x, f, k=3, s=1, p="same", a="relu", *, g=1, n=None, bias=None):\n'
        '    """kxk/s f."""\n    # On a CPU'
    )
    assert "return act(layers.Conv2D(f, k, s, p, groups=g)(x), a)" in text
    assert "Grouped" not in text.replace("convbook.blocks.GroupedConv2D", "")


def test_a_constant_is_a_literal_with_its_comments(cut):
    text = cut("def block(x, *, n=BN):\n    return conv(x, 8, n=n)")
    line = 'BN = {"momentum": 0.9, "epsilon": 1e-5}  # Caffe\n'
    assert f"\n\n# Of all nets.\n{line}" in text


RESIDUAL = '''
    @checked
    def block(x: Map, f: Whole, s=1, *, n: Norm = BN, order: Order = "first", se=None,
              gate=None) -> Tensor:  # fmt: skip
        """3x3/s f, + x.

        x (N, H, W, C) -> (N, H/s, W/s, f).

        Args:
            order: 'first' or
                'last'.
            n: of both.
            se: a ratio.
        """
        require(f > 1, f=f, right="2 or more")
        conv, skip = helper(n)
        s1, s2 = (s, 1) if order == "first" else (1, s)

        def branch(x):
            # Why this.
            m = conv(x, f, s=s1)
            return conv(m, f, s=s2, a=None)

        m = helper_gate(gate, se)(x, branch)
        x = skip(x, f, s)
        return act(layers.add([x, m]), "relu")


    def helper(n, shortcut="B"):
        return partial(conv, n=n, bias=None), partial(helper_skip, n=n, shortcut=shortcut)


    def helper_skip(x, f, s, *, n, shortcut):
        if shortcut == "C" or s != 1 or x.shape[-1] != f:
            x = conv(x, f, k=1, s=s, n=n, a=None)
        return x


    def helper_gate(gate, se):
        if se is None:
            return gate or helper_run
        return lambda x, branch: (gate or helper_run)(x, lambda x: squeeze(branch(x), r=se))


    def helper_run(x, branch):
        return branch(x)


    def squeeze(x, r=16):
        return layers.multiply([x, conv(x, r)])


    def dropped(x, branch, *, survival=0.5):
        return layers.Dropout(1 - survival)(branch(x))
'''


def test_a_block_at_its_defaults_has_no_options_and_no_helpers(cut):
    text = cut(RESIDUAL)
    assert "def block(x, f, s=1, *, n=BN):" in text
    assert "squeeze" not in text
    assert "helper" not in text
    assert body(text) == [
        "# Why this.",
        "m = conv(x, f, s=s, n=n)",
        "m = conv(m, f, n=n, a=None)",
        "if s != 1 or x.shape[-1] != f:",
        "    x = conv(x, f, k=1, s=s, n=n, a=None)",
        'return act(layers.add([x, m]), "relu")',
    ]


def test_the_docstring_speaks_of_what_is_there(cut):
    doc = ast.get_docstring(ast.parse(cut(RESIDUAL)).body[-1])
    assert doc.endswith("(N, H/s, W/s, f).\n\nArgs:\n    n: of both.")
    assert "Args" not in cut(RESIDUAL, n=None)


def test_an_option_is_written_in_and_named_above(cut):
    text = cut(RESIDUAL, order="last", se=4)
    assert '# block(x, f, order="last", se=4)\ndef block(x, f, s=1, *, n=BN):' in text
    lines = body(text)
    assert lines[1:4] == [
        "m = conv(x, f, n=n)",
        "m = conv(m, f, s=s, n=n, a=None)",
        "m = squeeze(m, r=4)",
    ]
    assert "def squeeze(x, r=16):" in text


def test_a_branch_that_is_handed_on_stays_a_function(cut):
    text = cut(RESIDUAL, gate="dropped", se=4)
    assert "def dropped(x, branch, *, survival=0.5):" in text
    assert body(text)[:6] == [
        "def branch(x):",
        "    # Why this.",
        "    m = conv(x, f, s=s, n=n)",
        "    m = conv(m, f, n=n, a=None)",
        "    return squeeze(m, r=4)",
        "m = dropped(x, branch)",
    ]


def test_a_size_that_is_given_stays_a_parameter_with_that_default(cut):
    assert "def block(x, f=64, s=2, *, n=BN):" in cut(RESIDUAL, f=64, s=2)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"order": "both"}, "order='both': order must be 'first' or 'last'"),
        ({"f": 0}, "f=0: f must be a whole number of at least 1"),
        ({"colour": 1}, "colour: block has no such option; it has x, f, s, n, order, se, gate"),
        (
            {"gate": "nothing"},
            "gate=nothing: gate must be a gate of the library, such as drop_path",
        ),
    ],
)
def test_an_option_that_does_not_fit_is_refused(cut, options, error):
    with pytest.raises(ValueError, match=f"^{error}$"):
        cut(RESIDUAL, **options)


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        # Paths become statements, in the order in which they make their layers.
        (
            """
            def block(x, *, n=BN):
                paths = (
                    lambda x: conv(x, 64, k=1, n=n),
                    lambda x: helper(x, (48, 1), (64, 5), n=n),
                    lambda x: conv(x, 32, k=1, n=n),
                )
                return layers.concatenate([path(x) for path in paths])

            def helper(x, *rows, n):
                for f, k in rows:
                    x = conv(x, f, k=k, n=n)
                return x
            """,
            [
                "path1 = conv(x, 64, k=1, n=n)",
                "path2 = conv(x, 48, k=1, n=n)",
                "path2 = conv(path2, 64, k=5, n=n)",
                "path3 = conv(x, 32, k=1, n=n)",
                "return layers.concatenate([path1, path2, path3])",
            ],
        ),
        # Rows of data are carried out; what is read once stays where it is read.
        (
            """
            ROWS = (("conv3", "x"), ("none", 0))

            def block(x, f=8):
                state = {"x": x}
                for i, (op, j) in enumerate(ROWS):
                    state[i] = layers.add([helper(state[j], op, f), state[j]])
                return state[1]

            def helper(x, op, f):
                if op == "none":
                    return x
                return conv(x, f, k=int(op[-1]))
            """,
            [
                "state0 = layers.add([conv(x, f, k=3), x])",
                "return layers.add([state0, state0])",
            ],
        ),
        # A loop over a size stays, and what it sets stays set in the text.
        (
            """
            def block(x, f=8, b=3, *, rate=0.0):
                first, paths = True, []
                for _ in range(b):
                    m = conv(x, f) if first else x
                    m = layers.Dropout(rate)(m) if rate else m
                    paths.append(m)
                    first = False
                return layers.add(paths)
            """,
            [
                "first = True",
                "paths = []",
                "for _ in range(b):",
                "    m = conv(x, f) if first else x",
                "    paths.append(m)",
                "    first = False",
                "return layers.add(paths)",
            ],
        ),
        # Returns of a helper in a branch that stays become one variable.
        (
            """
            def block(x, f=8):
                m = helper(x, f)
                return layers.add([x, m])

            def helper(x, f):
                if x.shape[-1] == f:
                    return x
                if f == 1:
                    return conv(x, 1)
                return conv(x, f)
            """,
            [
                "if x.shape[-1] == f:",
                "    m = x",
                "elif f == 1:",
                "    m = conv(x, 1)",
                "else:",
                "    m = conv(x, f)",
                "return layers.add([x, m])",
            ],
        ),
        # The same in a return of the block are returns.
        (
            """
            def block(x, f=8):
                return helper(x, f)

            def helper(x, f):
                if x.shape[-1] == f:
                    return x
                return conv(x, f)
            """,
            ["if x.shape[-1] == f:", "    return x", "return conv(x, f)"],
        ),
        # Two ways that are the same text are one.
        (
            """
            def block(x, f=8, *, gate=None):
                def branch(x):
                    m = conv(x, f)
                    return conv(m, f)

                m = branch(x) if x.shape[-1] != f else helper(gate, x, branch)
                return layers.add([x, m])

            def helper(gate, x, branch):
                return branch(x) if gate is None else gate(x, branch)
            """,
            ["m = conv(x, f)", "m = conv(m, f)", "return layers.add([x, m])"],
        ),
        # An expression that is read twice is worked out once, one that is read once in place.
        (
            """
            def block(x, f=8, r=4):
                m = helper(x, f // r)
                return helper_once(m, f // r)

            def helper(x, width):
                return layers.add([conv(x, width), conv(x, width, k=1)])

            def helper_once(x, width):
                return conv(x, width)
            """,
            [
                "width = f // r",
                "m = layers.add([conv(x, width), conv(x, width, k=1)])",
                "return conv(m, f // r)",
            ],
        ),
        # Brackets stand where they are needed.
        (
            """
            def block(x, f=8, r=4):
                return helper(x, f + r, f * r)

            def helper(x, a, b):
                return conv(x, 2 * a + b - (b - a), k=a // 2)
            """,
            ["a = f + r", "b = f * r", "return conv(x, 2 * a + b - (b - a), k=a // 2)"],
        ),
        (
            """
            def block(x, f=8, r=4):
                return helper(x, f + r)

            def helper(x, a):
                return conv(x, 2 * a)
            """,
            ["return conv(x, 2 * (f + r))"],
        ),
        # A list holds what a variable was when it was put in.
        (
            """
            def block(x, f=8):
                pair = [x, f]
                x = conv(x, f)
                return layers.add([x, *pair])
            """,
            ["m = x", "x = conv(x, f)", "return layers.add([x, m, f])"],
        ),
        # Values that change places do so at once.
        (
            """
            def block(x, h, f=8):
                x, h = h, x
                return layers.add([conv(x, f), h])
            """,
            ["x, h = h, x", "return layers.add([conv(x, f), h])"],
        ),
        # The variables of a helper have other names where the block's are still needed.
        (
            """
            def block(x, f=8):
                m = conv(x, f)
                y = helper(m, f)
                return layers.add([x, m, y])

            def helper(x, f):
                m = conv(x, f)
                m = conv(m, f)
                return layers.add([x, m])
            """,
            [
                "m = conv(x, f)",
                "m1 = conv(m, f)",
                "m1 = conv(m1, f)",
                "y = layers.add([m, m1])",
                "return layers.add([x, m, y])",
            ],
        ),
        # A star stays, or deals out what is known.
        (
            """
            def block(x):
                first, *more, last = layers.Split(4)(x)
                f, *others = (8, 16, 32)
                y = conv(layers.add(more), f)
                for width in others:
                    y = conv(y, width)
                return layers.add([first, y, last])
            """,
            [
                "first, *more, last = layers.Split(4)(x)",
                "y = conv(layers.add(more), 8)",
                "y = conv(y, 16)",
                "y = conv(y, 32)",
                "return layers.add([first, y, last])",
            ],
        ),
        # What only raises, and what nobody reads, is gone.
        (
            """
            def block(x, f=8):
                c = x.shape[-1]
                if c > f:
                    raise ValueError(f"f={f!r}: f must be at least {c}")
                require(c <= f, f=f, right="more")
                return conv(x, f)
            """,
            ["return conv(x, f)"],
        ),
    ],
)
def test_what_becomes_of_a_source(cut, source, lines):
    assert body(cut(textwrap.dedent(source))) == lines


def test_a_block_with_options_is_written_into_another(cut):
    source = """
        def inner(x, f, *, a="relu"):
            return conv(x, f, a=a)

        def sized(x, f):
            return conv(x, f, k=1)

        def block(x, f=8):
            return inner(sized(x, f), f, a="elu")
    """
    text = cut(source)
    assert "def inner" not in text
    assert "def sized(x, f):\n    return conv(x, f, k=1)" in text
    assert body(text) == ['return conv(sized(x, f), f, a="elu")']


def test_what_cannot_be_cut_is_refused_by_what_it_is(cut):
    with pytest.raises(NotImplementedError, match=r"while f:"):
        cut("def block(x, f=8):\n    while f:\n        x = conv(x, f)\n    return x")


def test_letters_and_layers_have_no_options_to_cut(cut):
    with pytest.raises(ValueError, match="a: conv is printed whole, without options"):
        cut("def block(x):\n    return conv(x, 8)", "conv", a=None)


SPACES = (cst.BaseParenthesizableWhitespace, cst.TrailingWhitespace, cst.EmptyLine, cst.Newline)
MARKS = (cst.LeftParen, cst.RightParen, cst.Comma, cst.Semicolon, cst.AssignEqual, cst.Dot)
MARKS += (cst.LeftCurlyBrace, cst.RightCurlyBrace, cst.LeftSquareBracket, cst.RightSquareBracket)
MARKS += (cst.Colon, cst.ParamSlash)
# What those have nowhere
TREE = """
def f(a, /, b, *c, d, **e):
    return a[b:c:d]
"""


def test_the_nodes_within_are_those_of_libcst():
    """In the order of the source, but for spaces and marks: of every third file of blocks."""
    todo, met = [cst.parse_module(TREE)], set()
    files = [*sorted((ROOT / "blocks").glob("*.py"))[::3], ROOT / "architectures" / "catalog.py"]
    todo += [cst.parse_module(file.read_text()) for file in files]
    while todo:
        node = todo.pop()
        met.add(type(node))
        every = [child for child in node.children if not isinstance(child, SPACES + MARKS)]
        found = [child for child in nodes.inner(node) if not isinstance(child, SPACES + MARKS)]
        assert [*map(id, found)] == [*map(id, every)], type(node)
        todo += every
    assert nodes.ORDER.keys() <= met
