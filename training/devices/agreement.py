"""Messages that the workers of a run exchange before its first step."""

import tensorflow as tf


def from_all_workers(devices: tf.distribute.Strategy, workers: int, text: str) -> list[str]:
    """The texts of all workers, in order, on every worker; each waits for all others.

    The messages take the same way as those of training, so that no other port is needed.
    """
    sent = tf.constant([*text.replace("\n", " ").encode(), ord("\n")], "float32")  # as NCCL takes
    found = devices.gather(devices.run(tf.function(lambda: tf.identity(sent))), axis=0)
    texts = bytes(found.numpy().astype("uint8")).decode().split("\n")[:-1]
    return texts[:: len(texts) // workers]  # each device of a worker says the same
