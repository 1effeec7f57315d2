"""Which network comes from which, why, and the code that shows it.

Ancestors follow the papers: the network that the authors say they start from, or a part of which
they change; the text says so if the choice is ours.
"""

from collections import namedtuple

from convbook.gallery.site.diff import Comparison as By

# net: its name in the catalog; also: other ancestors, from which it takes an idea.
Node = namedtuple("Node", "title net parent says compared also", defaults=((), ()))

NODES = {
    "lenet-5": Node("LeNet-5", "lenet5", None, """Convolutions and trainable means take turns, then
        dense layers: the plan that all others start from."""),
    "alexnet": Node("AlexNet", "alexnet_grouped", "lenet-5", """The same plan, larger, for colour
        images: relu in place of the squashing function, overlapping max pools in place of trainable
        means, response normalisation, and some convolutions in the two groups of two GPUs.""",
        [By("architectures.lenet:body", "architectures.alexnet:body")]),
    "zfnet": Node("ZFNet", "zfnet", "alexnet", """A smaller first kernel at a smaller stride, since
        pictures of AlexNet's first layers show dead filters and aliasing; one column, without
        groups.""",
        [By("architectures.alexnet:TABLE", "architectures.zfnet:TABLE")]),
    "vgg": Node("VGG", "vgg_D", "alexnet", """Only 3x3 convolutions, several in a row in place of a
        large one, and a pool after each row; normalisation does not help and goes, but in net
        A-LRN, which shows it.""",
        [By("architectures.alexnet:body", "architectures.vgg:body")]),
    "nin": Node("Network in Network", "nin_imagenet", "alexnet", """1x1 convolutions after each
        convolution, and the mean of one map for each class in place of the dense layers.""",
        [By("architectures.alexnet:body", "architectures.nin:body"),
         By("dense_head(x, 1000)", "maps_head(mlpconv(x, (1024, 1024, 1000), k=3))", (6, 6, 16))]),
    "googlenet": Node("GoogLeNet", "googlenet", "nin", """Kernels of several sizes side by side
        (the naive module); Network in Network's 1x1 convolutions, set before the large kernels and
        after the pool, make that affordable.""",
        [By("naive_inception_module(x, 64)", "inception_module(x, 64)"),
         By("blocks.inception:naive_inception_module", "blocks.inception:inception_module")]),
    "bn-inception": Node("BN-Inception", "bn_inception", "googlenet", """Batch norm after every
        convolution, and two 3x3 in place of the 5x5. Module 3a of both:""",
        [By("inception_module(x, (64, 96, 128, 16, 32, 32))",
            "bn_inception_module(x, (64, 64, 64, 64, 96, 32))", (28, 28, 192))]),
    "inception-v3": Node("Inception v3", "inception_v3", "bn-inception", """Convolutions are
        factorised further: at the middle size a 7x7 as 1x7 and 7x1. A module of that stage of
        each:""",
        [By("bn_inception_module(x, (192, 96, 128, 96, 128, 128))",
            "inception_v3_b(x, 128)", (17, 17, 768))]),
    "inception-v4": Node("Inception v4", "inception_v4", "inception-v3", """The same modules, wider
        and alike within a stage, and more of them: no width has to be chosen for each module any
        more.""",
        [By("inception_v3_b(x, 192)", "inception_v4_b(x)", (17, 17, 1024)),
         By("blocks.inception_v3:inception_v3_a", "blocks.inception_v4:inception_v4_a")]),
    "inception-resnet": Node("Inception-ResNet", "inception_resnet_v2", "inception-v4", """In the
        same paper: smaller modules, whose paths a 1x1 brings back to the width of the input, to be
        scaled and added to it.""",
        [By("inception_v4_a(x)", "inception_resnet_block(x)", (35, 35, 384))], ["resnet"]),
    "xception": Node("Xception", "xception", "inception-v3", """A module of equal towers is one 1x1
        whose channels are cut into as many parts; the extreme has a part for each channel, nearly a
        separable convolution. (The net then has separable convolutions, with shortcuts.)""",
        [By("parallel(x, *3 * [[(1, 32), (3, 32)]])", "extreme_inception(x, 96)")], ["resnet"]),
    "resnet": Node("ResNet", "resnet34", "vgg", """VGG's pairs of 3x3 with batch norm are the plain
        net; an identity around each pair makes it residual, with not one weight more where the
        shape stays. A pair of 3x3, and the plain net's row beside the residual net's:""",
        [By("small_kernels(x, 64)", "basic_block(x, 64)"), By("plain34", "resnet34")]),
    "preresnet": Node("Pre-activation ResNet", "preresnet50", "resnet", """Batch norm and relu come
        before each convolution, and nothing after the sum: the shortcut is an identity from end to
        end.""",
        [By("basic_block(x, 64)", "preact_block(x, 64)")]),
    "wide-resnet": Node("Wide ResNet", "wide_resnet50_2", "resnet", """The same blocks, wider and
        not deeper: for ImageNet, a bottleneck's 3x3 is twice as wide.""",
        [By("bottleneck_block(x, 256, stride_on='3x3')",
            "bottleneck_block(x, 256, stride_on='3x3', r=2)", (56, 56, 256))]),
    "resnet-d": Node("ResNet-D", "resnet50d", "resnet", """Where the grid is halved no pixel is left
        out any more: the stride is in the 3x3, and the shortcut takes a 2x2 mean before its 1x1;
        three 3x3 stand for the stem's 7x7.""",
        [By("bottleneck_block(x, 512, 2)",
            "bottleneck_block(x, 512, 2, stride_on='3x3', shortcut='D')", (56, 56, 256))]),
    "pyramidnet": Node("PyramidNet", "pyramidnet110_a48_cifar", "preresnet", """Each unit is
        a little wider than the one before, where others double at a stride: x gets channels of
        zeros. Batch norm comes first and last, and the first relu goes.""",
        [By("preact_block(x, 80)", "pyramid_block(x, 80)")]),
    "blurpool": Node("BlurPool", "blur_resnet50", "resnet", """Where the grid is halved it is first
        blurred: no convolution has a stride any more, and a picture moved by a pixel gives nearly
        the same answer.""",
        [By("bottleneck_block(x, 512, 2, stride_on='3x3')", "blur_block(x, 512, 2)",
            (56, 56, 256))]),
    "stochastic-depth": Node("Stochastic depth", "stochastic_depth_resnet110_cifar", "resnet",
        """The same net; in training each block's branch is left out with a probability that grows
        to one half at the last.""",
        [By("resnet110_cifar", "stochastic_depth_resnet110_cifar")]),
    "densenet": Node("DenseNet", "densenet121", "preresnet", """The pre-activated layers of the
        identity mappings, but what they make is set beside the input, not added to it.""",
        [By("preact_block(x, 64)", "dense_block(x, 32, 1, n=BN, r=4)")]),
    "resnext": Node("ResNeXt", "resnext50_32x4d", "resnet", """The bottleneck's 3x3 in 32 groups,
        as wide as costs the same: many equal paths, summed.""",
        [By("bottleneck_block(x, 256)", "resnext_bottleneck_block(x, 256)", (56, 56, 256)),
         By("blocks.resnet:bottleneck_block", "blocks.resnext:resnext_bottleneck_block")]),
    "se-resnet": Node("SE-ResNet", "se_resnet50", "resnet", """Before it is added, each channel of
        the branch is weighted by what the whole image shows.""",
        [By("bottleneck_block(x, 256)", "bottleneck_block(x, 256, se=16)", (56, 56, 256)),
         By("resnet50", "se_resnet50")]),
    "se-resnext": Node("SE-ResNeXt", "se_resnext50_32x4d", "resnext", """The same weighting in the
        branches of ResNeXt: one option.""",
        [By("resnext50_32x4d", "se_resnext50_32x4d")], ["se-resnet"]),
    "se-inception": Node("SE-BN-Inception", "se_inception_bn", "bn-inception", """And after the
        modules of BN-Inception: the same option.""",
        [By("bn_inception", "se_inception_bn")], ["se-resnet"]),
    "senet-154": Node("SENet-154", "senet154", "se-resnext", """The authors' largest: 64 groups, the
        first 1x1 half as wide (and three 3x3 for the stem, 3x3 projections).""",
        [By("resnext_bottleneck_block(x, 256, c=64, se=16)", "senet_block(x, 256)",
            (56, 56, 256))]),
    "bam-resnet": Node("BAM-ResNet", "bam_resnet50", "resnet", """Before the grid is halved, each
        value is weighed by what its channel says of the whole image, as in SENet, and what its
        place says of a wide window.""",
        [By("se_block(x)", "bam_block(x)", (56, 56, 256))], ["se-resnet"]),
    "cbam-resnet": Node("CBAM-ResNet", "cbam_resnet50", "se-resnet", """SENet's weights of channels
        read maxima beside means, and are followed by weights of places.""",
        [By("se_block(x)", "cbam_block(x)", (56, 56, 256))]),
    "eca-resnet": Node("ECA-ResNet-D", "eca_resnet50d", "se-resnet", """SENet's two dense layers are
        one convolution over the row of channels, of 5 to 7 weights in all.""",
        [By("se_block(x)", "eca_block(x)", (56, 56, 256))], ["resnet-d"]),
    "resnest": Node("ResNeSt", "resnest50", "resnet-d", """The 3x3 makes two halves, each of its own
        part of the channels; each channel takes of both as much as the whole image says, as in
        SKNet. A mean halves the grid, in the branch as in ResNet-D's shortcut.""",
        [By("selective_kernel(x, 64, g=1)", "splat_conv(x, 64)", (56, 56, 64)),
         By("bottleneck_block(x, 512, 2, stride_on='3x3', shortcut='D')",
            "resnest_block(x, 512, 2, shortcut='D')", (56, 56, 256))], ["sknet"]),
    "sknet": Node("SKNet", "sknet50", "resnext", """Two kernels in place of one, a 3x3 and a 3x3 at
        dilation 2; each channel takes of both as much as the whole image says, by weights like
        SENet's.""",
        [By("resnext_bottleneck_block(x, 256)", "sk_block(x, 256)", (56, 56, 256))], ["se-resnet"]),
    "squeezenet": Node("SqueezeNet", "squeezenet_v1_0", "googlenet", """Few weights is the aim: one
        1x1 narrows the input for all paths at once, and only a 1x1 and a 3x3 of Inception's kernels
        are left. The end, without dense layers, is Network in Network's. (The paper measures itself
        against AlexNet; to set its module beside Inception's is our reading.)""",
        [By("inception_module(x, (64, 96, 64, 16, 64, 64))", "fire_module(x, 128)")], ["nin"]),
    "mobilenet": Node("MobileNet", "mobilenet_v1_1.0_224", "vgg", """A plain net whose every 3x3
        convolution is a depthwise 3x3 and a 1x1, each with batch norm and relu (the paper's Figure
        3); Xception's separable convolution has neither between the two.""",
        [By("conv(x, 64, n=BN_TF)", "mobilenet_block(x, 64)")], ["xception"]),
    "mobilenet-v2": Node("MobileNetV2", "mobilenet_v2_1.0_224", "mobilenet", """A 1x1 widens before
        the depthwise kernel, the 1x1 after it narrows and is linear, and the narrow ends are
        added.""",
        [By("mobilenet_block(x, 64)", "inverted_residual_block(x, 64)")], ["resnet"]),
    "mnasnet": Node("MnasNet", "mnasnet_a1_1.0", "mobilenet-v2", """MobileNetV2's block; a
        search that measures the time on a phone finds kernel, expansion, depth and
        squeeze-and-excitation of each stage.""",
        [By("inverted_residual_block(x, 64)", "inverted_residual_block(x, 64, k=5, se=4)")],
        ["se-resnet"]),
    "mobilenet-v3": Node("MobileNetV3", "mobilenet_v3_large_1.0_224", "mobilenet-v2", """Searched
        widths and kernels; squeeze-and-excitation and a swish made of straight lines in places, and
        a last 1x1 that sees one pixel, after the mean.""",
        [By("inverted_residual_block(x, 64)", "mobilenet_v3_block(x, 64)")], ["se-resnet"]),
    "efficientnet": Node("EfficientNet", "efficientnet_b0", "mobilenet-v2", """MobileNetV2's block
        with squeeze-and-excitation and swish, and 5x5 kernels in places; B0 is found by search, and
        B1 to B7 are B0 scaled in width, depth and resolution at once.""",
        [By("inverted_residual_block(x, 64)", "mbconv_block(x, 64)"),
         By("efficientnet_b0", "efficientnet_b1")], ["se-resnet"]),
    "efficientnet-v2": Node("EfficientNetV2", "efficientnet_v2_s", "efficientnet", """In the first
        stages one 3x3 stands for the 1x1 and the depthwise kernel, which accelerators compute
        faster though it has more weights; all kernels are 3x3, and the first stages widen less.""",
        [By("mbconv_block(x, 64)", "fused_mbconv_block(x, 64)")]),
    "shufflenet": Node("ShuffleNet", "shufflenet_v1_g3_1x", "resnext", """ResNeXt groups its 3x3
        alone; here the 1x1s are grouped too and the channels shuffled between them, and the 3x3 is
        depthwise and linear.""",
        [By("resnext_bottleneck_block(x, 240, c=3, width=20)", "shufflenet_unit(x, 240)",
            (28, 28, 240))], ["xception"]),
    "shufflenet-v2": Node("ShuffleNet V2", "shufflenet_v2_1x", "shufflenet", """Half of the channels
        is passed on as it is, so that the 1x1s of the other half need no groups and no bottleneck;
        the halves are set side by side, not added, and then shuffled.""",
        [By("shufflenet_unit(x, 232, g=2)", "shufflenet_v2_unit(x, 232)", (14, 14, 232))]),
    "res2net": Node("Res2Net", "res2net50_26w_4s", "resnet", """The bottleneck's 3x3 becomes several
        small ones in a row: each reads a part of the channels and what the one before made of its
        part, so that one block sees several sizes at once.""",
        [By("bottleneck_block(x, 256)", "res2net_block(x, 256)", (56, 56, 256))], ["resnext"]),
    "vovnet": Node("VoVNet", "vovnet39", "densenet", """Each 3x3 reads the one before it alone, and
        all are joined once, at the end of the module, where DenseNet joins them before each layer:
        the same features for fewer reads of memory.""",
        [By("dense_block(x, 128, 5)", "osa_block(x, 256)", (56, 56, 128))]),
    "vovnet-v2": Node("VoVNetV2", "ese_vovnet39b", "vovnet", """Modules that add their input, and
        squeeze-and-excitation in one dense layer, which narrows nothing.""",
        [By("osa_block(x, 256)", "osa_block(x, 256, ese=True, identity=True)", (56, 56, 256))],
        ["se-resnet", "resnet"]),
    "dpn": Node("DPN", "dpn92", "resnext", """ResNeXt's bottleneck, whose last 1x1 makes two parts:
        one is added to some channels, as in ResNet, one joined to the rest, as in DenseNet.""",
        [By("preact_block(x, 256)", "dpn_block(x, 256)", (56, 56, 256))], ["densenet"]),
    "dla": Node("DLA", "dla34", "resnet", """Stages that are trees of residual blocks: a 1x1 reads
        the ends of two blocks and of the trees before, so that deep layers see shallow ones by a
        short path.""",
        [By("basic_block(x, 128)", "dla_block(x, 128)"),
         By("dla_block(x, 128)", "dla_tree(x, 128)")], ["densenet"]),
    "darknet-53": Node("Darknet-53", "darknet53", "resnet", """ResNet's bottleneck without its last
        1x1: a 1x1 that narrows, a 3x3 that widens. Leaky relus stand for relus, none after the sum,
        and a 3x3 of stride 2 before each stage halves the grid.""",
        [By("bottleneck_block(x, 256)", "dark_block(x, 256)", (56, 56, 256))]),
    "cspnet": Node("CSPDarknet-53", "cspdarknet53", "darknet-53", """Half of a stage's channels go
        around its blocks and meet the other half at its end, so that narrow blocks do.""",
        [By("darknet53", "cspdarknet53")], ["densenet"]),
    "cspresnet": Node("CSPResNet-50", "cspresnet50", "resnet", """ResNet's bottlenecks, with leaky
        relus, on half of a stage's channels; the other half goes around them.""",
        [By("bottleneck_block(x, 256)", "leaky_bottleneck(x, 256)", (56, 56, 256))], ["cspnet"]),
    "regnetx": Node("RegNetX", "regnet_x_4gf", "resnext", """A space of networks, not one network:
        ResNeXt's bottleneck without its neck, groups of one width in all stages, and stages whose
        widths follow a line.""",
        [By("resnext_bottleneck_block(x, 256)", "regnet_block(x, 256)", (56, 56, 256)),
         By("resnext50_32x4d", "regnet_x_4gf")]),
    "regnety": Node("RegNetY", "regnet_y_4gf", "regnetx", """With squeeze-and-excitation after the
        grouped 3x3, a quarter as wide as what the block reads.""",
        [By("regnet_block(x, 256)", "regnet_block(x, 256, se=4)", (56, 56, 256))], ["se-resnet"]),
    "repvgg": Node("RepVGG", "repvgg_a0", "vgg", """VGG's rows of 3x3s and relus, which train
        as a ResNet does: beside each 3x3 stand a 1x1 and the input itself, all linear, which are
        folded into the 3x3 afterwards, so that a plain net is left.""",
        [By("small_kernels(x, 64)", "repvgg_block(x, 64)"),
         By("basic_block(x, 64)", "repvgg_block(x, 64)")], ["resnet"]),
    "mobileone": Node("MobileOne", "mobileone_s0", "mobilenet", """A MobileNet that trains with
        branches, in its depthwise half as in its pointwise one, and is a plain MobileNet once they
        are folded.""",
        [By("mobilenet_block(x, 128)", "mobileone_block(x, 128)")], ["repvgg"]),
    "ghostnet": Node("GhostNet", "ghostnet_1.0x", "mobilenet-v3", """MobileNetV3 large with a ghost
        module for each 1x1: half of its channels are made of the other half by a depthwise 3x3.
        With those, the depthwise kernel of the block stands only where the grid is halved.""",
        [By("conv(x, 64, k=1, n=BN)", "ghost_module(x, 64)"),
         By("mobilenet_v3_block(x, 32)", "ghost_bottleneck(x, 32, se=4)", (56, 56, 32))]),
    "nfnet": Node("NFNet", "nfnet_f0", "resnext", """No norm. Kernels of mean 0, scaled to keep the
        variance, stand for it; each activation is scaled too, and a gain that starts at 0 stands at
        the end of each branch. There are two grouped 3x3 and squeeze-and-excitation.""",
        [By("resnext_bottleneck_block(x, 256)", "nf_block(x, 256)", (56, 56, 256))],
        ["preresnet", "se-resnet"]),
    "convnext": Node("ConvNeXt", "convnext_tiny", "resnet", """A ResNet rebuilt step by step after
        the transformers of its day: the depthwise kernel is 7x7 and comes first, the bottleneck is
        turned inside out, and of norms and activations one each is left in a block.""",
        [By("bottleneck_block(x, 96)", "convnext_block(x)", (56, 56, 96))], ["mobilenet-v2"]),
    "convnext-v2": Node("ConvNeXt V2", "convnext_v2_tiny", "convnext", """Global response norm
        stands where the block is widest, so that channels do not learn the same; LayerScale goes,
        which it makes needless.""",
        [By("convnext_block(x)", "convnext_v2_block(x)", (56, 56, 96))]),
    "fasternet": Node("FasterNet", "fasternet_t0", "convnext", """ConvNeXt's plan, with a full 3x3
        of a quarter of the channels in place of the depthwise 7x7: the others go past it, as half
        of them do in ShuffleNet V2. A depthwise kernel reads more memory for as much work.""",
        [By("convnext_block(x)", "fasternet_block(x)", (56, 56, 96))], ["shufflenet-v2"]),
    "inceptionnext": Node("InceptionNeXt", "inceptionnext_tiny", "convnext", """ConvNeXt's depthwise
        7x7 taken apart, as Inception takes its kernels apart: an eighth of the channels each goes
        through a 3x3, a 1x11 and an 11x1, the others through none. Batch norm stands for layer
        norm.""",
        [By("convnext_block(x)", "inceptionnext_block(x)", (56, 56, 96))], ["inception-v3"]),
    "mobilenet-v4": Node("MobileNetV4", "mobilenet_v4_conv_medium", "mobilenet-v3", """One block of
        which the search may leave out either depthwise kernel: with both, with the second as in
        MobileNetV2, with the first as in ConvNeXt, or with none; no squeeze-and-excitation, and
        relu again.""",
        [By("inverted_residual_block(x, 64)", "uib_block(x, 64)"),
         By("convnext_block(x)", "uib_block(x, 32, first=7, k=None)", (56, 56, 32))],
        ["convnext", "efficientnet-v2"]),
    "nasnet": Node("NASNet", "nasnet_a_large", None, """Cells found by search, not by changing a
        cell: no ancestor. Their operations are known ones, separable convolutions first."""),
    "pnasnet": Node("PNASNet", "pnasnet5_large", "nasnet", """The same plan of a cell with fewer
        operations to choose from, searched from small cells to large; one cell serves as the
        reduction too.""",
        [By("blocks.nasnet:NASNET_A_NORMAL", "blocks.nasnet:PNASNET_5")]),
    "amoebanet": Node("AmoebaNet", "amoebanet_a_6_190", "nasnet", """Evolution in NASNet's search
        space: single operations and inputs are changed at random.""",
        [By("blocks.nasnet:NASNET_A_NORMAL", "blocks.nasnet:AMOEBANET_A_NORMAL"),
         By("blocks.nasnet:NASNET_A_REDUCTION", "blocks.nasnet:AMOEBANET_A_REDUCTION")]),
}  # fmt: skip
