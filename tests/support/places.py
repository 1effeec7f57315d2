"""Paths, and an environment in which another interpreter finds the files of this folder."""

import os
from pathlib import Path

ROOT = Path(__file__).parents[2]
DATA = ROOT / "tests" / "data"


def finding(*folders):
    """An environment in which Python also imports from this folder and from others."""
    paths = [*folders, Path(__file__).parent, ROOT, os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths))}
