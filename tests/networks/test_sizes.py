"""Every family at small and large, odd and even sizes: one topology; and its auxiliary heads."""

import re

import keras
import numpy as np
import pytest
from measured import bare

from convbook import architectures
from convbook.architectures.catalog import FAMILIES, NETS

# Of each family one that is quick to build; the others of it have the same body.
NAMES = [
    *("lenet5", "alexnet_ungrouped", "zfnet", "vgg_A", "nin_cifar10", "nin_imagenet", "googlenet"),
    *("bn_inception", "inception_v3", "inception_v4", "inception_resnet_v1", "inception_resnet_v2"),
    *("xception", "resnet20_cifar", "resnet50", "preresnet18", "resnext29_8x64d_cifar"),
    *(
        "wide_resnet50_2",
        "resnet18d",
        "blur_resnet18",
        "pyramidnet110_a48_cifar",
        "stochastic_depth_resnet110_cifar",
        "se_resnet50",
        "densenet121",
        "squeezenet_v1_1",
    ),
    *("nasnet_a_cifar_6at768", "amoebanet_a_cifar_6_32", "pnasnet5_mobile"),
    *(
        "mobilenet_v1_0.25_224",
        "mobilenet_v2_0.35_224",
        "shufflenet_v1_g3_1x",
        "shufflenet_v2_0.5x",
        "regnet_y_200mf",
        "repvgg_a0",
        "mobileone_s0",
        "resnest14",
        "ghostnet_0.5x",
        "nfnet_f0",
        "hrnet_w18_small",
        "res2net50_26w_4s",
        "ese_vovnet19b_dw",
        "dpn68",
        "dla46_c",
        "cspdarknet53",
        "cspresnet50",
        "bam_resnet18",
        "sk_resnet18",
        "convnext_v2_atto",
        "fasternet_t0",
        "inceptionnext_atto",
    ),
    "mobilenet_v3_small_1.0_224",
    "efficientnet_b0",
    "efficientnet_v2_b0",
    "mnasnet_small",
    "mobilenet_v4_conv_small",
]
SIZES = (32, 33, 224, 299, 331)
# The least size of the body, where windows without padding ask for more than one pixel.
LEAST = {
    "lenet5": 32,
    "blur_resnet18": 19,
    "alexnet_ungrouped": 67,
    "zfnet": 47,
    "vgg_A": 32,
    "nin_cifar10": 4,
    "nin_imagenet": 39,
    "googlenet": 31,
    "inception_v3": 75,
    "inception_v4": 75,
    "inception_resnet_v1": 75,
    "inception_resnet_v2": 75,
    "xception": 7,
    "se_resnet50": 3,
    "densenet121": 29,
    "ese_vovnet19b_dw": 29,
    "squeezenet_v1_1": 17,
    "pnasnet5_mobile": 3,
    "convnext_v2_atto": 32,
    "fasternet_t0": 32,
    "inceptionnext_atto": 32,
}


def topology(model):
    return [(layer.name, type(layer).__name__) for layer in model.layers]


def test_every_family_is_here():
    families = {next(i for i, f in enumerate(FAMILIES) if name in f.NETS) for name in NAMES}
    assert families == set(range(len(FAMILIES)))


@pytest.mark.parametrize("name", NAMES)
def test_sizes(name):
    """One graph takes every size; at 33 pixels it answers as the graph built for 33."""
    c = architectures.facts(name)["input"]["shape_hwc"][-1] if architectures.facts(name) else 3
    free = architectures.create(name, input_shape=(None, None, c), top=False)
    assert "Infinity" not in free.to_json()  # which is no JSON, and no 8 bits hold it
    least = LEAST.get(name, 1)
    step = NETS[name].multiple
    for size in {*SIZES, least}:
        shape = (1, size, size, c)
        if size % step:
            with pytest.raises(ValueError, match=f"{size}, 3.: .* multiples of {step}$"):
                bare(name, input_shape=(32, size, 3))
        elif size >= least:
            assert min(free.compute_output_shape(shape)) >= 1
    if least > 1:
        with pytest.raises(ValueError, match=f"at least {least} x {least} for {re.escape(name)}"):
            bare(name, input_shape=(least - 1, least - 1, c), top=False)
    size = -(-max(33, least) // step) * step
    model = bare(name, input_shape=(size, size, c), top=False)
    assert topology(model) == topology(free)
    x = np.random.default_rng(0).standard_normal((1, size, size, c)).astype("float32")
    y = free(x).numpy()
    assert np.isfinite(y).all()
    assert y.shape == free.compute_output_shape(x.shape)
    values = (
        [v.value for v in free.trainable_variables],
        [v.value for v in free.non_trainable_variables],
    )
    np.testing.assert_allclose(model.stateless_call(*values, x)[0], y, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("style", ["keras", "torch"])
def test_styles_of_nasnet_at_every_size(style):
    """They pad strided pools by hand: at odd and even sizes as the graph built for that size."""
    way = dict(classes=10, style=style)
    free = architectures.create("nasnet_mobile", input_shape=(None, None, 3), **way)
    assert "Infinity" not in free.to_json()
    for size in (64, 65, 224, 256):
        x = np.random.default_rng(0).standard_normal((1, size, size, 3)).astype("float32")
        y = free(x)
        assert np.isfinite(y).all()
        if size < 66:
            model = architectures.create("nasnet_mobile", input_shape=(size, size, 3), **way)
            model.set_weights(free.get_weights())
            np.testing.assert_allclose(model(x), y, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["bn_inception", "xception", "squeezenet_v1_1", "se_resnet50"])
def test_no_infinity_is_saved_of_styles_that_pad_max_pools_by_pixels(name):
    model = architectures.create(name, style="torch", input_shape=(128, 128, 3), top=False)
    assert "Infinity" not in model.to_json()


@pytest.mark.parametrize(
    ("name", "size", "heads"),
    [
        ("googlenet", 128, 2),
        ("inception_v3", 299, 1),
        ("nasnet_a_cifar_6at768", 32, 1),
        ("amoebanet_a_cifar_6_32", 32, 1),
        ("pnasnet5_mobile", 96, 1),
    ],
)
def test_auxiliary_heads(name, size, heads):
    """They are outputs of their own for training, and change nothing of the network without."""
    way = dict(input_shape=(size, size, 3), classes=10)
    model = architectures.create(name, aux=True, **way)
    assert [tuple(y.shape) for y in model.outputs] == [(None, 10)] * (1 + heads)
    labels = [layer.name for layer in model.layers]
    assert [n for n in labels if n.endswith("logits")] == [
        n for n in labels if n in ("logits", *(f"aux{i + 1}_logits" for i in range(heads)))
    ]
    plain = architectures.create(name, **way)
    assert len(plain.outputs) == 1
    assert not [layer.name for layer in plain.layers if layer.name.startswith("aux")]
    for layer in plain.layers:
        layer.set_weights(model.get_layer(layer.name).get_weights())
    x = np.random.default_rng(0).standard_normal((2, size, size, 3)).astype("float32")
    first, *others = model(x)
    np.testing.assert_allclose(plain(x), first, rtol=1e-5, atol=1e-6)
    for other in others:
        assert np.abs(other - first).max() > 1e-3
    aux = [v.path for v in model.trainable_variables if v.path.startswith("aux")]
    assert len(aux) == len(model.trainable_variables) - len(plain.trainable_variables) > 0
    keras.backend.clear_session()
