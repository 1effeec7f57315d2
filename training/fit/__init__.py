"""The run of convbook train: run.py from its command to its results; the rest is its detail.

run           from the command to the results: read it first
job           data, model and recipe, with all checks that come before the first step
network       the network: from the catalog, or the user's own
inputs        the tf.data of the run
compiled      the model as model.fit takes it
resume        the callback that saves and restores the whole state
checkpoints   the file of a saved step
progress      what is printed before, during and after
effects       options that change nothing, reported before the first step
tested        the accuracy on the test part
report        what the run leaves: network, history, curves, result
fingerprint   what the result depends on, to compare with another run's
folder        the run's folder: one run at a time, every file whole or not at all
"""

__all__ = [
    "checkpoints",
    "compiled",
    "effects",
    "fingerprint",
    "folder",
    "inputs",
    "job",
    "network",
    "progress",
    "report",
    "resume",
    "run",
    "tested",
]
