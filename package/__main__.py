"""python -m convbook: the same as the command convbook."""
