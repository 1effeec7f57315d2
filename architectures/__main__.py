"""python -m architectures [NAME]: the ledger, or one network beside its paper (gallery/)."""

import sys

from convbook.gallery.networks import main

if __name__ == "__main__":
    sys.exit(main())
