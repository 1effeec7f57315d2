"""Tables on a terminal and in a pipe: columns of plain text."""

from collections.abc import Container, Sequence


def aligned(
    rows: Sequence[Sequence[str]], left: Container[int] | None = None, gap: str = "  "
) -> list[str]:
    """Lines of rows of texts in columns: those numbered left to the left, all unless given.

    Nothing is wrapped, cut or coloured, so that a line can be searched and a column taken.
    """
    # rich would be longer: an import, and options against wraps, boxes, colours, pads and markup.
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    at_left = range(len(widths)) if left is None else left
    return [
        gap.join(
            text.ljust(width) if i in at_left else text.rjust(width)
            for i, (text, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
