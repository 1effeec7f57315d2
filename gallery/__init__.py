"""The blocks shown: as a menu, as one text to copy, as a picture.  `python -m blocks` runs it."""
