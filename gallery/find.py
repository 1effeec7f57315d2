"""convbook find: blocks and networks by the usual words for an idea, by their paper or its authors.

IDEAS and PAPERS are plain data, and nothing here imports Keras.  `words` gives all that a block or
a network is found by, for the filter of the site.
"""

import re
from collections import namedtuple
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from functools import cache

from convbook import names
from convbook.gallery.menu import MENU

# {an idea and its synonyms: the blocks that have it, those first that are about it}; names of
# PAPERS stand for their networks.
IDEAS = {
    "skip shortcut residual identity bypass connection addition": """shortcut_path residual_block
        basic_block bottleneck_block preact_block shortcut_variant_block activation_order_block
        inverted_residual_block inv_residual_block resnext_bottleneck_block resnext_block
        resnext_two_layer_block senet_block inception_resnet_block xception_block shufflenet_unit
        mobilenet_v3_block mbconv_block fused_mbconv_block uib_block regnet_block regnetz_block
        repvgg_block mobileone_block ghost_bottleneck convnext_block convnext_v2_block
        fasternet_block inceptionnext_block nf_block NFNet
        stochastic_depth drop_path pyramid_block PyramidNet
        ResNet Identity-Mappings ResNeXt
        Inception-ResNet SENet Stochastic-Depth MobileNetV2 MobileNetV3 EfficientNet Xception
        ShuffleNet Wide-ResNet ResNet-D RegNet RepVGG res2net_block Res2Net VoVNetV2
        dark_block Darknet-53 GhostNet leaky_bottleneck dla_block dpn_block
        DPN blur_block BlurPool
        resnest_block ResNeSt""",
    "attention recalibration squeeze excitation channelwise": """se_block senet_block cbam_block
        eca_block bam_block coordinate_block global_context_block
        selective_kernel sk_block sk_basic_block splat_conv resnest_block mbconv_block
        mobilenet_v3_block regnet_block regnetz_block ResNeSt
        SENet CBAM ECA-Net BAM SKNet EfficientNet MobileNetV3 RegNet ese_block VoVNetV2
        GhostNet""",
    "spatial place where position": "cbam_block bam_block coordinate_block CBAM BAM",
    "global context nonlocal softmax": "global_context_block bam_block",
    "gate gating scaling": "shortcut_variant_block se_block",
    "downsample downsampling subsample stride reduce reduction shrink half smaller resolution": """
        factorized_reduction transition_block grid_reduction reduction_a reduction_b
        inception_v3_reduction_a inception_v3_reduction_b inception_resnet_reduction_b
        nasnet_reduction_cell amoebanet_reduction_cell subsample shortcut_path inception_v4_stem
        basic_block bottleneck_block preact_block resnext_bottleneck_block regnet_block
        senet_block bn_inception_module xception_block mobilenet_block inverted_residual_block
        mobilenet_v3_block mbconv_block shufflenet_unit shufflenet_v2_unit res2net_block
        csp_stage blurpool blur_block""",
    "blur antialiasing antialiased aliasing shift invariance": "blurpool blur_block BlurPool",
    "pool pooling max mean average": """subsample blurpool blur_block BlurPool
        transition_block grid_reduction naive_inception_module inception_module reduction_a
        reduction_b inception_v3_reduction_a inception_v3_reduction_b inception_resnet_reduction_b
        parallel cell_op""",
    "mobile light lightweight efficient small fast phone embedded edge cheap": """mobilenet_block
        inverted_residual_block mobilenet_v3_block mbconv_block inv_residual_block shufflenet_unit
        shufflenet_v2_unit channel_shuffle fire_module grouped_sepconv ghost_module ghost_bottleneck
        GhostNet pconv fasternet_block MobileNet MobileNetV2 MobileNetV3 MobileNetV4 EfficientNet
        MnasNet ShuffleNet ShuffleNet-V2 SqueezeNet FasterNet""",
    "separable depthwise pointwise": """mobilenet_block xception_block extreme_inception
        inverted_residual_block inv_residual_block mobilenet_v3_block mbconv_block grouped_sepconv
        spatial_sepconv shufflenet_unit shufflenet_v2_unit convnext_block convnext_v2_block
        cell_op normal_cell nasnet_normal_cell nasnet_reduction_cell amoebanet_normal_cell
        amoebanet_reduction_cell ghost_module ghost_bottleneck GhostNet Xception MobileNet
        MobileNetV2 ShuffleNet NASNet""",
    "group grouped cardinality": """aggregate resnext_bottleneck_block resnext_block
        resnext_two_layer_block regnet_block regnetz_block channel_shuffle shufflenet_unit
        grouped_sepconv senet_block dpn_block ResNeXt RegNet ShuffleNet AlexNet DPN""",
    "bottleneck pointwise 1x1 projection narrow": """bottleneck bottleneck_block residual_block
        inception_module fire_module mlpconv transition_block resnext_bottleneck_block
        regnet_block res2net_block leaky_bottleneck""",
    "paths branch parallel tower multi inception split": """parallel inception_module
        naive_inception_module bn_inception_module inception_v3_a inception_v3_b inception_v3_c
        inception_v4_a inception_v4_b inception_v4_c inception_resnet_block grid_reduction
        reduction_a reduction_b inception_v3_reduction_a inception_v3_reduction_b
        inception_resnet_reduction_b extreme_inception inception_v4_stem aggregate multi_size
        cell repvgg_block mobileone_block MobileOne GoogLeNet BN-Inception Inception-v3
        Inception-v4 Inception-ResNet res2net_block Res2Net csp_stage CSPNet inception_dwconv
        inceptionnext_block InceptionNeXt""",
    "concat concatenation reuse growth": """dense_block fire_module inception_module DenseNet
        osa_block VoVNet VoVNetV2 csp_stage CSPNet ghost_module GhostNet
        dla_root dla_tree DLA dpn_block DPN""",
    "aggregation aggregate tree root hierarchical deep": "dla_tree dla_root dla_block DLA",
    "search automl nas neural architecture evolution": """cell nasnet_normal_cell
        nasnet_reduction_cell amoebanet_normal_cell amoebanet_reduction_cell normal_cell cell_op
        factorized_reduction NASNet AmoebaNet PNASNet MnasNet""",
    "dropout random drop regularization regularisation survival": """stochastic_depth drop_path
        Stochastic-Depth""",
    "factorized factorised asymmetric rectangular": """asymmetric_pair spatial_sepconv
        inception_v3_b inception_v3_c inception_v4_b inception_v4_c small_kernels
        inception_dwconv inceptionnext_block Inception-v3 Inception-v4 InceptionNeXt""",
    "select selective choose dynamic kernel": """selective_kernel sk_block sk_basic_block SKNet
        splat_conv resnest_block ResNeSt""",
    "scale multiscale kernel size": """multi_size naive_inception_module small_kernels GoogLeNet VGG
        res2net_block Res2Net fuse_block HRNet""",
    "fusion exchange fine coarse high upsample upsampling nearest pose keypoint": """fuse_block
        HRNet""",
    "activation relu nonlinearity preactivation order": """activation_order_block preact_block
        mobilenet_v3_block mbconv_block maxout leaky_conv Identity-Mappings""",
    "swish silu hswish hard sigmoid": """mbconv_block mobilenet_v3_block fused_mbconv_block
        regnetz_block EfficientNet EfficientNetV2 MobileNetV3""",
    "expansion inverted linear bottleneck mbconv": """mbconv_block inverted_residual_block
        mobilenet_v3_block uib_block fused_mbconv_block inv_residual_block regnetz_block MobileNetV2
        MobileNetV3 MobileNetV4 EfficientNet EfficientNetV2""",
    "fused dense convolution faster training": "fused_mbconv_block EfficientNetV2",
    "ghost intrinsic redundancy redundant": "ghost_module ghost_bottleneck GhostNet",
    "universal uib extra depthwise feed forward ffn": "uib_block MobileNetV4",
    "compound scaling scale width depth resolution": "EfficientNet RegNet RegNetZ regnetz_block",
    "reparameterization reparameterisation fold fuse merge deploy plain": """repvgg_block
        mobileone_block RepVGG MobileOne""",
    "design space rule linear widths simple regular anynet": """regnet_block
        regnetz_block RegNet RegNetZ""",
    "normalization normalisation norm normalize contrast": """lrn convnext_v2_block
        ws_conv nf_block AlexNet ZFNet BN-Inception ConvNeXt-V2 NFNet""",
    "weight standardization standardisation ws without free scaled skipinit": """ws_conv
        nf_block NFNet""",
    "modern transformer layer layerscale gelu large kernel": """convnext_block convnext_v2_block
        inceptionnext_block ConvNeXt ConvNeXt-V2 InceptionNeXt""",
    "global response grn": "convnext_v2_block ConvNeXt-V2",
    "classifier auxiliary head supervision": """aux_head aux_head_v3 dense_as_conv radial_basis
        refinement_head GoogLeNet Inception-v3""",
    "segmentation fully convolutional pixel sliding window labelling": """refinement_head
        dense_as_conv dilated_stack""",
    "dilated atrous dilation receptive field context": "dilated_stack bam_block refinement_head",
    "unshared untied local locally connected": "local_conv tiled_conv",
    "stem entry beginning": "inception_v4_stem",
    "shuffle permute mixing": """channel_shuffle shufflenet_unit shufflenet_v2_unit ShuffleNet
        ShuffleNet-V2""",
    "channel split half partial part radix": """shufflenet_v2_unit ShuffleNet-V2
        res2net_block Res2Net pconv fasternet_block FasterNet splat_conv""",
    "digits mnist handwritten": "subsample partial_conv radial_basis LeNet-5",
    "letters convolution conv dense pooling padding vocabulary helper": "letters",
}

# net: of architectures/facts.json, which has title, authors and arXiv number, else they stand here;
# prefixes: of the names of the paper's networks.
Paper = namedtuple("Paper", "net prefixes authors title arxiv", defaults=("", "", "", "", ""))
PAPERS = {
    "LeCun": Paper(
        authors="LeCun, Boser, Denker, Henderson, Howard, Hubbard, Jackel",
        title="Backpropagation Applied to Handwritten Zip Code Recognition",
    ),
    "LeNet-5": Paper("lenet5", "lenet"),
    "Tiled CNN": Paper(
        authors="Le, Ngiam, Chen, Chia, Koh, Ng", title="Tiled Convolutional Neural Networks"
    ),
    "AlexNet": Paper("alexnet_grouped", "alexnet"),
    "One weird trick": Paper("alexnet_one_column", "alexnet_one_column"),
    "ZFNet": Paper("zfnet", "zfnet"),
    "Maxout": Paper(
        authors="Goodfellow, Warde-Farley, Mirza, Courville, Bengio",
        title="Maxout Networks",
        arxiv="1302.4389",
    ),
    "OverFeat": Paper(
        authors="Sermanet, Eigen, Zhang, Mathieu, Fergus, LeCun",
        title="Integrated Recognition, Localization and Detection",
        arxiv="1312.6229",
    ),
    "Recurrent CNN": Paper(
        authors="Pinheiro, Collobert",
        title="Recurrent Networks for Scene Labeling",
        arxiv="1306.2795",
    ),
    "Network in Network": Paper("nin_imagenet", "nin"),
    "VGG": Paper("vgg_D", "vgg"),
    "GoogLeNet": Paper("googlenet", "googlenet"),
    "BN-Inception": Paper("bn_inception", "bn_inception"),
    "Inception": Paper("inception_v3"),
    "Inception v3": Paper("inception_v3", "inception_v3"),
    "Inception v4": Paper("inception_v4", "inception_v4"),
    "Inception-ResNet": Paper("inception_resnet_v2", "inception_resnet"),
    "Xception": Paper("xception", "xception"),
    "ResNet": Paper("resnet50", "resnet plain"),
    "Identity Mappings": Paper("preresnet50", "preresnet"),
    "Stochastic Depth": Paper("stochastic_depth_resnet110_cifar", "stochastic_depth"),
    "Wide ResNet": Paper("wide_resnet50_2", "wide_resnet"),
    "ResNet-D": Paper(
        "resnet50d",
        """resnet18d resnet26d resnet34d resnet50d resnet101d resnet152d resnet200d resnet10t
        resnet14t resnet26t""",
    ),
    "PyramidNet": Paper("pyramidnet110_a48_cifar", "pyramidnet"),
    "BlurPool": Paper("blur_resnet50", "blur_"),
    "FractalNet": Paper(
        authors="Larsson, Maire, Shakhnarovich",
        title="Ultra-Deep Networks without Residuals",
        arxiv="1605.07648",
    ),
    "ResNeXt": Paper("resnext50_32x4d", "resnext"),
    "SENet": Paper("se_resnet50", "se_ senet"),
    "BAM": Paper("bam_resnet50", "bam_"),
    "CBAM": Paper("cbam_resnet50", "cbam_"),
    "SKNet": Paper("sknet50", "sk_ sknet"),
    "GCNet": Paper(
        authors="Cao, Xu, Lin, Wei, Hu",
        title="Non-local Networks Meet Squeeze-Excitation Networks",
        arxiv="1904.11492",
    ),
    "ECA-Net": Paper("eca_resnet50d", "eca_"),
    "Coord Attention": Paper(
        authors="Hou, Zhou, Feng",
        title="Coordinate Attention for Efficient Mobile Network Design",
        arxiv="2103.02907",
    ),
    "DenseNet": Paper("densenet121", "densenet"),
    "SqueezeNet": Paper("squeezenet_v1_0", "squeezenet"),
    "NASNet": Paper("nasnet_a_large", "nasnet"),
    "PNASNet": Paper("pnasnet5_large", "pnasnet"),
    "AmoebaNet": Paper("amoebanet_a_6_190", "amoebanet"),
    "MobileNet": Paper("mobilenet_v1_1.0_224", "mobilenet_v1"),
    "MobileNetV2": Paper("mobilenet_v2_1.0_224", "mobilenet_v2"),
    "MobileNetV3": Paper("mobilenet_v3_large_1.0_224", "mobilenet_v3"),
    "EfficientNet": Paper("efficientnet_b0", "efficientnet"),
    "EfficientNetV2": Paper("efficientnet_v2_s", "efficientnet_v2"),
    "RegNet": Paper("regnet_x_4gf", "regnet"),
    "RegNetZ": Paper(
        authors="Dollár, Singh, Girshick",
        title="Fast and Accurate Model Scaling",
        arxiv="2103.06877",
    ),
    "DPN": Paper("dpn92", "dpn"),
    "DLA": Paper("dla34", "dla"),
    "RepVGG": Paper("repvgg_a0", "repvgg"),
    "MobileOne": Paper("mobileone_s0", "mobileone"),
    "GhostNet": Paper("ghostnet_1.0x", "ghostnet"),
    "Weight Standard": Paper(
        authors="Qiao, Wang, Liu, Shen, Yuille",
        title="Micro-Batch Training with Batch-Channel Normalization and Weight Standardization",
        arxiv="1903.10520",
    ),
    "NFNet": Paper("nfnet_f0", "nfnet"),
    "ResNeSt": Paper("resnest50", "resnest"),
    "Res2Net": Paper("res2net50_26w_4s", "res2net res2next dla60_res2"),
    "HRNet": Paper("hrnet_w18", "hrnet"),
    "VoVNet": Paper("vovnet39", "vovnet"),
    "VoVNetV2": Paper("ese_vovnet39b", "ese_vovnet"),
    "Darknet-53": Paper("darknet53", "darknet53"),
    "CSPNet": Paper("cspdarknet53", "csp"),
    "ShuffleNet": Paper("shufflenet_v1_g3_1x", "shufflenet"),
    "MnasNet": Paper("mnasnet_a1_1.0", "mnasnet"),
    "ShuffleNet V2": Paper("shufflenet_v2_1x", "shufflenet_v2"),
    "ConvNeXt": Paper("convnext_tiny", "convnext"),
    "ConvNeXt V2": Paper("convnext_v2_tiny", "convnext_v2"),
    "FasterNet": Paper("fasternet_t0", "fasternet"),
    "InceptionNeXt": Paper("inceptionnext_tiny", "inceptionnext"),
    "MobileNetV4": Paper("mobilenet_v4_conv_medium", "mobilenet_v4"),
    "Hybrid Dilated": Paper(
        authors="Wang, Chen, Yuan, Liu, Huang, Hou, Cottrell",
        title="Understanding Convolution for Semantic Segmentation",
        arxiv="1702.08502",
    ),
}
STOP = {"a", "an", "and", "at", "by", "for", "in", "of", "on", "the", "to", "with"}
# also: other names; terms: {word: how much it counts}; main: the best known of its paper
Entry = namedtuple("Entry", "name what paper year also terms main")


def split(text: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", text.lower())


def stem(word: str) -> str:
    """A word without its ending: pooling, pools and pool are one."""
    return re.sub(r"(ing|es|ed|s|e)$", "", word) if len(word) > 3 else word


def weighed(*texts: tuple[str, float]) -> dict[str, float]:
    """{word: its weight} of (text, weight)s; the first that has a word gives its weight."""
    weights: dict[str, float] = {}
    for text, weight in texts:
        for word in split(text):
            if len(word) > 1 and word not in STOP:
                weights.setdefault(stem(word), weight)
    return weights


def ideas(name: str) -> Iterator[tuple[str, float]]:
    """(words, weight) for each idea of a block, or of a paper's networks."""
    for said, text in IDEAS.items():
        having = text.split()
        if name in having:
            yield said, 4 - 2 * having.index(name) / len(having)


def written(label: str) -> tuple[str, str, str | int, str]:
    """(authors, title, year, arXiv number) of a paper as text."""
    paper = PAPERS.get(label, Paper())
    of = names.all_facts()[paper.net]["paper"] if paper.net else {}
    authors = ", ".join(of.get("authors", [paper.authors]))
    return authors, of.get("title", paper.title), of.get("year", ""), of.get("arxiv") or paper.arxiv


def paper_of(network: str) -> str:
    """The name in PAPERS of a network's paper, or "": the longest prefix decides."""
    prefixes = {p: label for label, paper in PAPERS.items() for p in paper.prefixes.split()}
    return prefixes.get(max(filter(network.startswith, prefixes), key=len, default=""), "")


def entry(name: str, what: str, label: str, year: str | int, also: Iterable[str] = (),
          known: Iterable[tuple[str, float]] = ()) -> Entry:  # fmt: skip
    """The Entry of a block or a network; known: the (words, weight)s of its ideas."""
    authors, title, printed, arxiv = written(label)
    year = year or printed
    texts = (
        (name, 6),
        *known,
        (label, 5),
        (label.replace("-", ""), 5),
        (what, 4),
        (authors, 3),
        (title, 2),
    )
    terms = weighed(*texts) | {str(year): 1} | ({arxiv: 5} if arxiv else {})
    main = name in MENU or not label or name == PAPERS[label].net
    return Entry(name, what, label, year, also, terms, main)


@cache
def entries() -> dict[str, Entry]:
    """{name: Entry} of all blocks and networks."""
    rows = [entry("letters", "conv, pools, dense, norm, act: what all use", "", "",
                  known=[*ideas("letters")])]  # fmt: skip
    for name, row in MENU.items():
        rows.append(entry(name, row.what, row.paper, row.year, known=[*ideas(name)]))
    ledger = names.stored_json("gallery", "ledger.json")
    for name, counts in ledger["ours"].items():
        label = paper_of(name)
        also = [alias for alias, full in ledger["aliases"].items() if full == name]
        what = f"network, {counts['trainable'] / 1e6:,.1f} M weights"
        what += f"; or {', '.join(also)}" if also else ""
        rows.append(entry(name, what, label, "", also, [*ideas(label.replace(" ", "-"))]))
    return {row.name: row for row in rows}


def score(row: Entry, word: str) -> float:
    """How well a search word fits an Entry; 0: not at all."""
    if word in (row.name.lower(), *(alias.lower() for alias in row.also)):
        return 10
    term = stem(word)
    weight = row.terms.get(word, row.terms.get(term, 0))
    if len(word) > 2 and word in row.name.lower():
        weight = max(weight, 5 if row.name.lower().startswith(word) else 4)
    if len(term) > 3 and any(known.startswith(term) for known in row.terms):
        weight = max(weight, 1)
    return weight if row.main else weight / 2


def asked(text: str) -> tuple[list[str], list[str]]:
    """(words to find something by, other words such as a first name), without small words.

    A word in two parts is one, depth-wise, if that is known, else two: squeeze-and-excitation; and
    hard_sigmoid, if both are known.
    """
    known: list[str] = []
    others: list[str] = []
    for word in text.lower().split():
        whole = word.replace("-", "")
        parts = word.split("_") if all(map(is_known, word.split("_"))) else word.split("-")
        for part in [whole] if is_known(whole) else parts:
            if part and part not in STOP:
                (known if is_known(part) else others).append(part)
    return known, others


def is_known(word: str) -> bool:
    return any(score(row, word) for row in entries().values())


def search(text: str) -> list[Entry]:
    """The Entries that fit all words of a text that fit anything, best first."""
    sought, _ = asked(text)
    scores = {
        name: [score(row, word) for word in sought] for name, row in entries().items() if sought
    }
    fit = [name for name, each in scores.items() if all(each)]
    return [entries()[name] for name in sorted(fit, key=lambda name: -sum(scores[name]))]


def respelled(word: str) -> str:
    """A word of an idea that is spelled nearly so, else the word."""
    every = {known for said in IDEAS for known in said.split()}
    return next(iter(get_close_matches(word, sorted(every), n=1, cutoff=0.8)), word)


def nearest(name: str, known: list[str]) -> list[str]:
    """The known names that a mistaken name may mean, by spelling and by idea."""
    spelled = [n for n in known if name.lower() in n.lower()] if name else []
    near = [*get_close_matches(name, known, n=3, cutoff=0.6), *spelled]
    idea = " ".join(map(respelled, name.lower().replace("_", " ").split()))
    meant = [row.name for row in search(idea) if row.main and row.name in known]
    loose = get_close_matches(name, known, n=3, cutoff=0.5)
    return [*dict.fromkeys([*near[:3], *meant[:4]] or loose)]


def words(name: str) -> str:
    """All words to find a block or a network by, as text: with synonyms, authors and title."""
    row = entries()[name]
    having = name if name in MENU else row.paper.replace(" ", "-")
    said = name, *row.also, row.what, row.paper, row.year, *written(row.paper)
    return " ".join([*map(str, said), *(idea for idea, _ in ideas(having))])
