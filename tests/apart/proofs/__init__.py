"""Proof that networks learn: prove.py the proof itself, table.py the kept results of all of them.

`python -m tests.apart.proofs` proves every network below 300 M weights and keeps what it finds.
"""
