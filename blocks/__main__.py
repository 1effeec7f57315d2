"""python -m blocks: the menu of blocks, one as text to copy, one as a picture (gallery/)."""

import sys

from convbook.gallery.__main__ import main

if __name__ == "__main__":
    sys.exit(main())
