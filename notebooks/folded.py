"""Folds the cells of a notebook that only display something, and not those that teach.

A folded cell has a button, "Show code", on the site, in JupyterLab and in Colab.
"""

import ast

HARNESS = "convbook.beside"
EXERCISE = "exercise"  # the tag of a cell in which a reader writes an answer
SHOWN = {"code", "picture", "table"}
# Their lesson is code: what they compute is read there, and only what shows a block stands folded.
IN_CODE = ("01_convolution_arithmetic", "02_variants_of_convolution", "03_applications")
FOLDED = {"tags": ["hide-input"], "jupyter": {"source_hidden": True}, "cellView": "form"}


def fold(cells, name):
    """Gives the code cells of the notebook called name the metadata of folded ones."""
    trees = [(cell, ast.parse(cell.source)) for cell in cells if cell.cell_type == "code"]
    harness = {alias.asname or alias.name for _, tree in trees for alias in imported(tree)}
    if name in IN_CODE:
        harness &= SHOWN
    for cell, tree in trees:
        if EXERCISE in cell.metadata.get("tags", ()):
            continue
        uses = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} & harness
        if uses:
            harness |= {n.name for n in tree.body if isinstance(n, ast.FunctionDef)}
        if uses or all(isinstance(node, (ast.Import, ast.ImportFrom)) for node in tree.body):
            tags = [*dict.fromkeys([*cell.metadata.get("tags", ()), *FOLDED["tags"]])]
            cell.metadata.update(FOLDED | {"tags": tags})


def imported(tree):
    """What a cell takes from the harness."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and f"{node.module}.".startswith(f"{HARNESS}."):
            yield from node.names
