"""Small bugs planted one at a time in a copy of the source: do the tests that concern it fail?

operators.py plants them, sample.py draws them, related.py finds the tests, trial.py runs these,
table.py keeps the results and writes docs/mutants.md.

No kept library fits: mutmut puts all mutants of a function into its module, so that `convbook show`
would print them; cosmic-ray changes the files in place, runs one command of tests for all, and
drops no keyword and no statement.
"""
