"""Recipes: the defaults of a run as data, each with its reason."""

DIGITS = dict(
    epochs=40,  # ResNet-20 in two to three minutes on two cores
    batch_size=64,  # larger is hardly faster there, and leaves fewer steps
    # Stochastic gradient descent as in arXiv:1512.03385, section 4.2, with Nesterov's momentum
    lr_with_norm=0.1,
    lr_without_norm=0.01,  # without batch norm, LeNet-5 learns nothing at 0.03
    momentum=0.9,
    nesterov=True,
    warmup_epochs=2,  # a linear rise: from scratch, the full rate throws the first steps far off
    l2=5e-4,  # the papers' lambda; five times ResNet's, for a set so small
    norm_momentum=0.9,  # at most: 0.9997, Inception's, averages over more steps than there are
    label_smoothing=0.1,  # arXiv:1512.00567, section 7
    # A digit stays the same when written slanted, larger or aside; a flip would make another.
    augmentation=dict(rotation=15, shear=0.2, zoom=0.15, shift=1 / 16),
)


def recipe(model, data):
    """The recipe for a network and a data set, as a dictionary of one's own."""
    return dict(DIGITS)
