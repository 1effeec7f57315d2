"""Published weights: which network and options they fit."""

DEEP = (50, 101, 152)
V15 = {"stride_on": "3x3"}  # Torch's ResNets
TORCH = {"style": "torch"}
POOL = {"pool": 1}  # Torch's SE nets pad the stem's pool on both sides
ALPHAS = ("1.0", "0.75", "0.5", "0.25")

RESNET = {f"resnet{d}": (f"resnet{d}", {}) for d in (18, 34)}
RESNET |= {f"resnet{d}": (f"resnet{d}", V15) for d in DEEP}
RESNEXT = {f"resnext{i}": (f"resnext{i}", {}) for i in ("50_32x4d", "101_32x4d", "101_64x4d")}
DENSENET = {f"densenet{d}": (f"densenet{d}", {}) for d in (121, 169, 201)}
VGG = {f"vgg{d}": (f"vgg_{i}", {}) for d, i in ((11, "A"), (13, "B"), (16, "D"), (19, "E"))}

TORCHVISION = {
    **RESNET,
    **{i: RESNEXT[i] for i in ("resnext50_32x4d", "resnext101_64x4d")},
    **DENSENET,
    **VGG,
    "squeezenet1_0": ("squeezenet_v1_0", TORCH),
    "squeezenet1_1": ("squeezenet_v1_1", {}),
    "mobilenet_v2": ("mobilenet_v2_1.0_224", TORCH),
    "googlenet": ("googlenet", {"variant": "torchvision_style"}),
    "inception_v3": ("inception_v3", TORCH),
}
TIMM = {
    **RESNET,
    **RESNEXT,
    **DENSENET,
    **VGG,
    **{f"resnetv2_{d}": (f"preresnet{d}", {"variant": "no_stem_bn_stride3x3"}) for d in (50, 101)},
    **{f"seresnet{d}": (f"se_resnet{d}", POOL | V15) for d in DEEP},
    **{f"seresnext{d}_32x4d": (f"se_resnext{d}_32x4d", POOL) for d in (50, 101)},
    **{f"legacy_seresnet{d}": (f"se_resnet{d}", {}) for d in DEEP},
    **{f"legacy_seresnext{d}_32x4d": (f"se_resnext{d}_32x4d", {}) for d in (50, 101)},
    "legacy_senet154": ("senet154", {}),
    "inception_v3": ("inception_v3", TORCH),
    "inception_v4": ("inception_v4", {}),
    "inception_resnet_v2": ("inception_resnet_v2", {}),
    "legacy_xception": ("xception", TORCH),
    "nasnetalarge": ("nasnet_a_large", TORCH),
    "pnasnet5large": ("pnasnet5_large", {}),
    "mobilenetv1_100": ("mobilenet_v1_1.0_224", {"style": "keras", "p": 1, "eps": 1e-5}),
    **{
        f"mobilenetv2_{int(100 * float(alpha)):03}": (f"mobilenet_v2_{alpha}_224", TORCH)
        for alpha in ("1.0", "1.4", "0.35", "0.5", "0.75")
    },
}
PYTORCHCV = {
    **{f"resnet{d}": (f"resnet{d}", {}) for d in (18, 34, *DEEP)},
    **{f"resnet{d}b": (f"resnet{d}", V15) for d in DEEP},
    **{f"resnet{d}_cifar10": (f"resnet{d}_cifar", {"shortcut": "B"}) for d in (20, 56, 110, 1202)},
    **{f"preresnet{d}": (f"preresnet{d}", {}) for d in (18, 34, *DEEP, 200)},
    **{f"preresnet{d}b": (f"preresnet{d}", V15) for d in (*DEEP, 200)},
    "preresnet110_cifar10": ("preresnet110_cifar", {"shortcut": "B"}),
    "preresnet164bn_cifar10": ("preresnet164_cifar", V15),
    "preresnet1001_cifar10": ("preresnet1001_cifar", V15),
    "resnet164bn_cifar10": ("preresnet164_cifar", V15 | {"variant": "original_unit"}),
    "resnet1001_cifar10": ("preresnet1001_cifar", V15 | {"variant": "original_unit"}),
    **RESNEXT,
    "resnext29_32x4d_cifar10": ("resnext29_32x4d_cifar", {}),
    "resnext29_16x64d_cifar10": ("resnext29_16x64d_cifar", {}),
    **{f"seresnet{d}": (f"se_resnet{d}", POOL) for d in DEEP},
    **{f"seresnet{d}b": (f"se_resnet{d}", POOL | V15) for d in DEEP},
    **{f"seresnext{d}_32x4d": (f"se_resnext{d}_32x4d", POOL) for d in (50, 101)},
    "senet154": ("senet154", POOL),
    **DENSENET,
    **VGG,
    "squeezenet_v1_0": ("squeezenet_v1_0", TORCH),
    "squeezenet_v1_1": ("squeezenet_v1_1", {}),
    "squeezeresnet_v1_0": ("squeezenet_v1_0_simple_bypass", TORCH),
    "nin_cifar10": ("nin_cifar10", TORCH),
    "bninception": ("bn_inception", TORCH | {"variant": "conv_bias"}),
    "inceptionv3": ("inception_v3", TORCH),
    "inceptionv4": ("inception_v4", {}),
    "inceptionresnetv1": ("inception_resnet_v1", {"variant": "pytorchcv"}),
    "inceptionresnetv2": ("inception_resnet_v2", {}),
    "xception": ("xception", TORCH),
    "nasnet_4a1056": ("nasnet_a_mobile", {}),
    "nasnet_6a4032": ("nasnet_a_large", {}),
    "pnasnet5large": ("pnasnet5_large", {}),
    **{
        f"mobilenet_{i}": (f"mobilenet_v1_{alpha}_224", TORCH)
        for i, alpha in zip(("w1", "w3d4", "wd2", "wd4"), ALPHAS, strict=True)
    },
    "shufflenet_g3_w1": ("shufflenet_v1_g3_1x", TORCH),
}
PYTORCHCV |= {
    f"densenet{d}_k{k}_bc_cifar10": (f"densenet_cifar_BC_L{d}_k{k}", {})
    for d, k in ((100, 12), (190, 40), (250, 24))
}
for _name in [i for i in PYTORCHCV if i.endswith("_cifar10")]:  # also of CIFAR-100 and SVHN
    _id, _options = PYTORCHCV[_name]
    PYTORCHCV[_name + "0"] = _id, _options | {"classes": 100}
    PYTORCHCV[_name.replace("cifar10", "svhn")] = _id, _options

# Our networks that keras.applications has: its function, arguments of it, options of ours.
KERAS = {"style": "keras"}
APPLICATIONS = {
    "vgg_D": ("VGG16", {}, {}),
    "vgg_E": ("VGG19", {}, {}),
    **{f"resnet{d}": (f"ResNet{d}", {}, KERAS) for d in DEEP},
    **{f"preresnet{d}": (f"ResNet{d}V2", {}, {"variant": "keras"}) for d in DEEP},
    "inception_v3": ("InceptionV3", {}, KERAS),
    "inception_resnet_v2": ("InceptionResNetV2", {}, KERAS),
    "xception": ("Xception", {}, KERAS),
    **{f"densenet{d}": (f"DenseNet{d}", {}, KERAS) for d in (121, 169, 201)},
    "nasnet_a_mobile": ("NASNetMobile", {}, KERAS),
    "nasnet_a_large": ("NASNetLarge", {}, KERAS),
}
for _alpha in ALPHAS:
    _arguments = {"alpha": float(_alpha), "input_shape": (224, 224, 3)}
    APPLICATIONS[f"mobilenet_v1_{_alpha}_224"] = "MobileNet", _arguments, KERAS
for _size in (192, 160, 128):
    _arguments = {"input_shape": (_size, _size, 3)}
    APPLICATIONS[f"mobilenet_v1_1.0_{_size}"] = "MobileNet", _arguments, KERAS
for _alpha in ("1.0", "1.4", "0.35", "0.5", "0.75", "1.3"):
    _arguments = {"alpha": float(_alpha), "input_shape": (224, 224, 3)}
    APPLICATIONS[f"mobilenet_v2_{_alpha}_224"] = "MobileNetV2", _arguments, KERAS
LIBRARIES = {"torchvision": TORCHVISION, "timm": TIMM, "pytorchcv": PYTORCHCV}


def published():
    """{'timm/resnet50': (name, options)} and so on, for create(name, **options) and from_torch."""
    return {
        f"{library}/{name}": row
        for library, rows in LIBRARIES.items()
        for name, row in rows.items()
    }
