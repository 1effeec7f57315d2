"""Networks of KerasHub and kimm, as these build them, give their weights by structure alone."""

import keras_hub
import kimm
import numpy as np
import pytest
from cases import fill

from convbook import architectures
from convbook.architectures.weights import from_model

FILTERS, STRIDES = [64, 128, 256, 512], [1, 2, 2, 2]


def of_kimm(name):
    return fill(getattr(kimm.models, name)(weights=None, include_preprocessing=False))


def classifier(kind, **options):
    backbone = getattr(keras_hub.models, f"{kind}Backbone")(image_shape=(224, 224, 3), **options)
    head = getattr(keras_hub.models, f"{kind}ImageClassifier")
    return fill(head(backbone, num_classes=1000, preprocessor=None))


def resnet(block, blocks):
    return classifier(
        "ResNet",
        input_conv_filters=[64],
        input_conv_kernel_sizes=[7],
        stackwise_num_filters=FILTERS,
        stackwise_num_blocks=blocks,
        stackwise_num_strides=STRIDES,
        block_type=f"{block}_block",
    )


SAME = [
    ("mobilenet_v2_1.0_224", {"style": "torch"}, lambda: of_kimm("MobileNetV2W100")),
    ("inception_v3", {"style": "torch"}, lambda: of_kimm("InceptionV3")),
    ("resnet50", {"stride_on": "3x3"}, lambda: of_kimm("ResNet50")),
    ("densenet121", {"style": "torch"}, lambda: of_kimm("DenseNet121")),
    ("xception", {}, lambda: of_kimm("Xception")),
    ("resnet50", {"stride_on": "3x3"}, lambda: resnet("bottleneck", [3, 4, 6, 3])),
    ("resnet18", {}, lambda: resnet("basic", [2, 2, 2, 2])),
]
OTHER = [
    ("mobilenet_v2_1.0_224", {}, lambda: of_kimm("MobileNetV2W100"), "pads"),
    ("resnet50", {}, lambda: resnet("bottleneck", [3, 4, 6, 3]), "stride"),
    (
        "densenet121",
        {"style": "keras"},
        lambda: classifier("DenseNet", stackwise_num_repeats=[6, 12, 24, 16]),
        "stem_conv1 and conv1_conv differ: convolution with pads",
    ),
]


@pytest.mark.parametrize(("name", "options", "make"), SAME, ids=str)
def test_the_same_network(name, options, make):
    """from_model compares the answers of both."""
    from_model(architectures.create(name, **options), make())


@pytest.mark.parametrize(("name", "options", "make", "words"), OTHER, ids=str)
def test_another_is_refused(name, options, make, words):
    model = architectures.create(name, **options)
    before = model.get_weights()
    with pytest.raises(ValueError, match=words):
        from_model(model, make())
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
