"""Devices: which of them train, the workers of a run, and what several of them need.

strategy       the tf.distribute strategy, and each device's share of the data
multiworker    strategies with which Keras trains on several devices and machines
cluster        the machines of a run: by options, TF_CONFIG or Slurm
lost_workers   a bounded wait for the others, and which of them was lost
agreement      messages between workers before the first step
accumulate     a batch in parts, one after the other
norms          batch norm over all devices, and in one kernel
strided        strided 1x1 convolutions whose gradient every CPU can compute
"""

__all__ = [
    "accumulate",
    "agreement",
    "cluster",
    "lost_workers",
    "multiworker",
    "norms",
    "strategy",
    "strided",
]
