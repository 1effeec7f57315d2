"""Strategies of several replicas with which Keras 3 trains: model.fit, evaluate and predict.

    strategy = MultiWorkerMirroredStrategy()    # TF_CONFIG names the workers, as without Keras
    with strategy.scope():
        model = ...
        model.compile(...)
    model.fit(...)                              # the same program on every worker

Keras 3.15 fails under tf.distribute.MultiWorkerMirroredStrategy as soon as there are two workers,
because of how keras/src/backend/tensorflow/trainer.py calls Strategy.reduce:

- _maybe_symbolic_build gives it a whole batch, a tuple of per-replica values, to learn shapes and
  dtypes.  Strategy.reduce takes one value.
- reduce_per_replica gives it each step's loss and metrics with axis=0.  A scalar has no axis.

Both strategies here take both calls.  Metrics are averaged over the replicas of all workers, so
every worker sees the same logs and callbacks decide alike; at the end of an epoch and of evaluate
Keras itself adds up the counts of all replicas.  The same program must run on every worker, as
reading a metric waits for all of them; only files are for the chief alone (is_chief).
"""

from typing import Any

import keras
import tensorflow as tf

from convbook.blocks.legacy import known_as


class Reduce:
    """Strategy.reduce for what Keras gives it; for use before a strategy among the bases."""

    experimental_local_results: Any  # the strategy's, as is the reduce after this one

    def reduce(self, reduce_op: Any, value: Any, axis: int | None) -> Any:
        """As tf.distribute.Strategy.reduce, and also

        - a tuple, list or dict: of each value in it that of the first replica here, without waiting
          for others, as nothing but shapes and dtypes is asked for (replicas may differ in rows);
        - scalars with axis=0: their mean or sum over all replicas.
        """
        if isinstance(value, (tuple, list, dict)):
            return keras.tree.map_structure(lambda v: self.experimental_local_results(v)[0], value)
        if axis == 0 and self.experimental_local_results(value)[0].shape.rank == 0:
            axis = None
        return super().reduce(reduce_op, value, axis)  # type: ignore[misc]  # see above


class MultiWorkerMirroredStrategy(Reduce, tf.distribute.MultiWorkerMirroredStrategy):
    """tf.distribute.MultiWorkerMirroredStrategy with which Keras 3 trains on several workers."""

    @property
    def is_chief(self) -> bool:
        """Whether this worker is the one that writes files: worker 0."""
        return self.cluster_resolver.task_id in (None, 0)


class MirroredStrategy(Reduce, tf.distribute.MirroredStrategy):
    """tf.distribute.MirroredStrategy, whose first batch need not fall into equal shares."""

    is_chief = True


@keras.saving.register_keras_serializable("convbook")
class LossScaleOptimizer(keras.optimizers.LossScaleOptimizer):
    """keras.optimizers.LossScaleOptimizer that skips a step if any replica's gradient overflows.

    Keras 3.15 looks only at the first replica of each worker, before gradients are added up: the
    overflow of another makes all weights NaN, or leaves workers waiting for each other forever.
    """

    def check_finite(self, grads: Any) -> Any:
        finite = super().check_finite(grads)
        replica = tf.distribute.get_replica_context()
        if replica is None or replica.num_replicas_in_sync == 1:
            return finite
        return replica.all_reduce("SUM", tf.cast(finite, "float32")) == replica.num_replicas_in_sync


known_as("cookbook", LossScaleOptimizer)
