"""Training of the architectures: the only place for tf.data and tf.distribute.

commands      convbook train and convbook recipes, as the command line has them
fit           a run: from its command to its results
recipes       how the papers trained: fields, schedules, optimizers, decay, first weights
data          images and labels: sources, checks, splits, batches, augmentation
devices       strategies, workers, lost workers, accumulation, norms over all devices
evaluation    what a trained network answers, by a protocol
comparison    runs side by side
export        files for a server or a phone
preparation   how images are prepared for the weights that a network starts with
"""

__all__ = [
    "commands",
    "comparison",
    "data",
    "devices",
    "evaluation",
    "export",
    "fit",
    "preparation",
    "recipes",
]
