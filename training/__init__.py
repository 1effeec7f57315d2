"""Training of the architectures: the only place for tf.data and tf.distribute."""
