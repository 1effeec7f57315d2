"""Weight decay as the papers mean it."""

import keras
from keras.regularizers import L2


def kernel(w: keras.Variable) -> bool:
    return w.name.endswith("kernel")


def depthwise(w: keras.Variable) -> bool:
    """Whether w (k, k, C, 1) is a kernel of its own for each channel."""
    return kernel(w) and len(w.shape) == 4 and w.shape[-1] == 1


DECAYS = {
    "kernels": kernel,
    "kernels_but_depthwise": lambda w: kernel(w) and not depthwise(w),
    "all": lambda w: True,  # batch norm's gamma and beta, and biases, too
}


def decay(model: keras.Model, rate: float, decays: str = "kernels") -> None:
    """Adds rate * w to the gradient of each weight w of a built model, before the momentum.

    That is weight decay in Caffe and Torch, and so the papers' lambda: the gradient of
    rate / 2 * sum(w ** 2), Keras' L2(rate / 2).  SGD(weight_decay=rate) would act beside the
    momentum instead, some ten times weaker at momentum 0.9.  decays, one of DECAYS, says which
    weights.  The penalty is on the variables alone, not in the layers' configuration: saved or
    cloned models do not have it.  Raises ValueError for unknown decays.
    """
    left = {id(w) for w in undecayed(model, decays)}
    for w in model.trainable_weights:
        if rate and id(w) not in left:
            w.regularizer = L2(rate / 2)


def undecayed(model: keras.Model, decays: str = "kernels") -> list[keras.Variable]:
    """The trainable weights that `decays`, one of DECAYS, excludes.  Raises ValueError."""
    if decays not in DECAYS:
        raise ValueError(f"decays={decays!r}: decays must be one of {', '.join(DECAYS)}")
    return [w for w in model.trainable_weights if not DECAYS[decays](w)]
