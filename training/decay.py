"""Weight decay as the papers mean it."""

from keras.regularizers import L2


def decay_kernels(model, rate):
    """Adds rate * w to the gradient of every kernel w of a built model, before the momentum.

    That is weight decay in Caffe and Torch, and so the papers' lambda: the gradient of
    rate / 2 * sum(w ** 2), Keras' L2(rate / 2).  SGD(weight_decay=rate) would act beside the
    momentum instead, some ten times weaker at momentum 0.9.  Biases and batch norm stay free.
    The penalty is on the variables alone, not in the layers' configuration: what is saved or
    cloned from the model is without it.
    """
    for w in model.trainable_weights:
        if rate and w.name.endswith("kernel"):
            w.regularizer = L2(rate / 2)
