"""Training of the architectures: the only place for tf.data and tf.distribute."""

# What is also of use without the commands
__all__ = ["accumulate", "augment", "cluster", "data", "decay", "fully_convolutional", "fused",
           "multiworker", "optimizers", "recipes", "schedules", "strategy", "trained"]  # fmt: skip
