"""Where things are, and how another interpreter finds what is beside this file."""

import os
from pathlib import Path

ROOT = Path(__file__).parents[2]
DATA = ROOT / "tests" / "data"


def finding(*folders):
    """An environment in which Python also imports what is in this folder, and in others."""
    paths = [*folders, Path(__file__).parent, ROOT, os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths))}
