"""convbook show --whole: the library's own sources, with all options."""

from collections.abc import Iterator, Sequence

from libcst import Module

from convbook.gallery.show import definitions, installed
from convbook.names import networks

ABOVE = "# {module}, which needs the rest of convbook."
IS_ROW = '# {name} is NETS["{key}"] of {module}.'
STANDS_ALONE = "# convbook show {name} prints {name} alone, cut to its options, with Keras only."


def sources(names: Sequence[str]) -> str:
    """The source of each block, layer or letter; of a network the files of its paper."""
    known = {*networks()}
    found: dict[str, None] = {}
    for name in names:
        found |= dict.fromkeys(of_network(name) if name in known else of_block(name))
    return "\n\n\n".join(found) + "\n"


def of_block(name: str) -> Iterator[str]:
    for found in definitions(installed(), name):
        yield Module([found.node]).code.strip()


def of_network(name: str) -> Iterator[str]:
    """Which row it is; its paper's file, after that of its body where that is another's."""
    from convbook.architectures import catalog

    key, net = catalog.find(name)
    family = next(family for family in catalog.FAMILIES if key in family.NETS)
    row = IS_ROW.format(name=name, key=key, module=family.__name__)
    yield f"{row}\n{STANDS_ALONE.format(name=name)}"
    for module in dict.fromkeys([net.body.__module__, family.__name__]):
        path = installed().library.path(module)
        if path is None:
            raise ValueError(f"{module} is not installed as a file")
        yield f"{ABOVE.format(module=module)}\n\n{path.read_text(encoding='utf-8').strip()}"
