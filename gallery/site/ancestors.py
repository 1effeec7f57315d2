"""Which network comes from which, why, and the code that shows it.

Ancestors follow the papers: the network that the authors say they start from, or a part of which
they change; the text says so if the choice is ours.
"""

from collections import namedtuple

from convbook.gallery.site.diff import Comparison as By

# net: its name in the catalog; also: other ancestors, from which it takes an idea.
Node = namedtuple("Node", "title net parent says compared also", defaults=((), ()))

NODES = {
    "lenet-5": Node("LeNet-5", "lenet5", None, """Convolutions alternate with trainable means,
        and dense layers follow: the plan from which all others start."""),
    "alexnet": Node("AlexNet", "alexnet_grouped", "lenet-5", """The same plan, larger and for
        colour images: relu instead of the squashing function, overlapping max pools instead of
        trainable means, response normalisation, and some convolutions in two groups, one per
        GPU.""",
        [By("architectures.lenet:body", "architectures.alexnet:body")]),
    "zfnet": Node("ZFNet", "zfnet", "alexnet", """A smaller first kernel with a smaller stride,
        because pictures of AlexNet's first layers show dead filters and aliasing; one column,
        without groups.""",
        [By("architectures.alexnet:TABLE", "architectures.zfnet:TABLE")]),
    "vgg": Node("VGG", "vgg_D", "alexnet", """Only 3x3 convolutions: several in a row replace a
        large one, with a pool after each row. Normalisation goes, because it does not help; net
        A-LRN shows this.""",
        [By("architectures.alexnet:body", "architectures.vgg:body")]),
    "nin": Node("Network in Network", "nin_imagenet", "alexnet", """1x1 convolutions after each
        convolution; the mean of one map per class replaces the dense layers.""",
        [By("architectures.alexnet:body", "architectures.nin:body"),
         By("dense_head(x, 1000)", "maps_head(mlpconv(x, (1024, 1024, 1000), k=3))", (6, 6, 16))]),
    "googlenet": Node("GoogLeNet", "googlenet", "nin", """Kernels of several sizes side by side
        (the naive module). Network in Network's 1x1 convolutions, before the large kernels and
        after the pool, make them affordable.""",
        [By("naive_inception_module(x, 64)", "inception_module(x, 64)"),
         By("blocks.inception:naive_inception_module", "blocks.inception:inception_module")]),
    "bn-inception": Node("BN-Inception", "bn_inception", "googlenet", """Batch norm after every
        convolution, and two 3x3 instead of the 5x5. Module 3a of both:""",
        [By("inception_module(x, (64, 96, 128, 16, 32, 32))",
            "bn_inception_module(x, (64, 64, 64, 64, 96, 32))", (28, 28, 192))]),
    "inception-v3": Node("Inception v3", "inception_v3", "bn-inception", """Convolutions are
        factorised further: at the middle size, a 7x7 becomes 1x7 and 7x1. A module of that stage
        from each:""",
        [By("bn_inception_module(x, (192, 96, 128, 96, 128, 128))",
            "inception_v3_b(x, 128)", (17, 17, 768))]),
    "inception-v4": Node("Inception v4", "inception_v4", "inception-v3", """The same modules,
        wider, more of them, and alike within a stage, so that no width has to be chosen module
        by module.""",
        [By("inception_v3_b(x, 192)", "inception_v4_b(x)", (17, 17, 1024)),
         By("blocks.inception_v3:inception_v3_a", "blocks.inception_v4:inception_v4_a")]),
    "inception-resnet": Node("Inception-ResNet", "inception_resnet_v2", "inception-v4", """From
        the same paper: smaller modules. A 1x1 restores the width of the input; its output is
        scaled and added to the input.""",
        [By("inception_v4_a(x)", "inception_resnet_block(x)", (35, 35, 384))], ["resnet"]),
    "xception": Node("Xception", "xception", "inception-v3", """A module of equal towers is one
        1x1 whose channels are split into parts. The extreme form has one part per channel and is
        almost a separable convolution. (The network then uses separable convolutions, with
        shortcuts.)""",
        [By("parallel(x, *3 * [[(1, 32), (3, 32)]])", "extreme_inception(x, 96)")], ["resnet"]),
    "resnet": Node("ResNet", "resnet34", "vgg", """VGG's pairs of 3x3 with batch norm form the
        plain net. An identity around each pair makes it residual, without a single extra weight
        where the shape stays the same. A pair of 3x3, and the row of the plain net beside that
        of the residual net:""",
        [By("small_kernels(x, 64)", "basic_block(x, 64)"), By("plain34", "resnet34")]),
    "preresnet": Node("Pre-activation ResNet", "preresnet50", "resnet", """Batch norm and relu
        come before each convolution, and nothing follows the sum: the shortcut is an identity
        from end to end.""",
        [By("basic_block(x, 64)", "preact_block(x, 64)")]),
    "wide-resnet": Node("Wide ResNet", "wide_resnet50_2", "resnet", """The same blocks, wider
        instead of deeper: for ImageNet, the 3x3 of each bottleneck is twice as wide.""",
        [By("bottleneck_block(x, 256, stride_on='3x3')",
            "bottleneck_block(x, 256, stride_on='3x3', r=2)", (56, 56, 256))]),
    "resnet-d": Node("ResNet-D", "resnet50d", "resnet", """Downsampling no longer skips pixels:
        the stride is in the 3x3, and the shortcut takes a 2x2 mean before its 1x1. Three 3x3
        replace the stem's 7x7.""",
        [By("bottleneck_block(x, 512, 2)",
            "bottleneck_block(x, 512, 2, stride_on='3x3', shortcut='D')", (56, 56, 256))]),
    "pyramidnet": Node("PyramidNet", "pyramidnet110_a48_cifar", "preresnet", """Each unit is a
        little wider than the one before, where others double the width at a stride; the shortcut
        fills new channels with zeros. Batch norm comes first and last, and the first relu goes.""",
        [By("preact_block(x, 80)", "pyramid_block(x, 80)")]),
    "blurpool": Node("BlurPool", "blur_resnet50", "resnet", """Downsampling blurs first: no
        convolution has a stride, and an image shifted by a pixel gives almost the same output.""",
        [By("bottleneck_block(x, 512, 2, stride_on='3x3')", "blur_block(x, 512, 2)",
            (56, 56, 256))]),
    "stochastic-depth": Node("Stochastic depth", "stochastic_depth_resnet110_cifar", "resnet",
        """The same network. In training, each block's branch is dropped at random, with a
        probability that rises to one half in the last block.""",
        [By("resnet110_cifar", "stochastic_depth_resnet110_cifar")]),
    "densenet": Node("DenseNet", "densenet121", "preresnet", """The pre-activated layers of the
        identity mappings, but their outputs are concatenated to the input, not added.""",
        [By("preact_block(x, 64)", "dense_block(x, 32, 1, n=BN, r=4)")]),
    "resnext": Node("ResNeXt", "resnext50_32x4d", "resnet", """The bottleneck's 3x3 has 32 groups
        and is widened until it costs the same: many equal paths, summed.""",
        [By("bottleneck_block(x, 256)", "resnext_bottleneck_block(x, 256)", (56, 56, 256)),
         By("blocks.resnet:bottleneck_block", "blocks.resnext:resnext_bottleneck_block")]),
    "se-resnet": Node("SE-ResNet", "se_resnet50", "resnet", """Before the addition, each channel
        of the branch is weighted according to the whole image.""",
        [By("bottleneck_block(x, 256)", "bottleneck_block(x, 256, se=16)", (56, 56, 256)),
         By("resnet50", "se_resnet50")]),
    "se-resnext": Node("SE-ResNeXt", "se_resnext50_32x4d", "resnext", """The same weighting in
        the branches of ResNeXt: one option.""",
        [By("resnext50_32x4d", "se_resnext50_32x4d")], ["se-resnet"]),
    "se-inception": Node("SE-BN-Inception", "se_inception_bn", "bn-inception", """The same
        weighting after the modules of BN-Inception: the same option.""",
        [By("bn_inception", "se_inception_bn")], ["se-resnet"]),
    "senet-154": Node("SENet-154", "senet154", "se-resnext", """The authors' largest: 64 groups
        and a first 1x1 half as wide (plus three 3x3 in the stem, and 3x3 projections).""",
        [By("resnext_bottleneck_block(x, 256, c=64, se=16)", "senet_block(x, 256)",
            (56, 56, 256))]),
    "bam-resnet": Node("BAM-ResNet", "bam_resnet50", "resnet", """Before each downsampling, every
        value is weighted by its channel, from the whole image as in SENet, and by its position,
        from a wide window.""",
        [By("se_block(x)", "bam_block(x)", (56, 56, 256))], ["se-resnet"]),
    "cbam-resnet": Node("CBAM-ResNet", "cbam_resnet50", "se-resnet", """SENet's channel weights
        also read maxima beside the means; weights for positions follow.""",
        [By("se_block(x)", "cbam_block(x)", (56, 56, 256))]),
    "eca-resnet": Node("ECA-ResNet-D", "eca_resnet50d", "se-resnet", """One convolution along the
        row of channels, with 5 to 7 weights in all, replaces SENet's two dense layers.""",
        [By("se_block(x)", "eca_block(x)", (56, 56, 256))], ["resnet-d"]),
    "resnest": Node("ResNeSt", "resnest50", "resnet-d", """The 3x3 produces two halves, each from
        its own part of the channels. As in SKNet, the whole image decides how much of each half
        every channel gets. A mean pool downsamples, in the branch as in ResNet-D's shortcut.""",
        [By("selective_kernel(x, 64, g=1)", "splat_conv(x, 64)", (56, 56, 64)),
         By("bottleneck_block(x, 512, 2, stride_on='3x3', shortcut='D')",
            "resnest_block(x, 512, 2, shortcut='D')", (56, 56, 256))], ["sknet"]),
    "sknet": Node("SKNet", "sknet50", "resnext", """Two kernels instead of one: a 3x3, and a 3x3
        with dilation 2. The whole image decides how much of each every channel gets, with
        weights like SENet's.""",
        [By("resnext_bottleneck_block(x, 256)", "sk_block(x, 256)", (56, 56, 256))], ["se-resnet"]),
    "squeezenet": Node("SqueezeNet", "squeezenet_v1_0", "googlenet", """The aim is few weights:
        one 1x1 narrows the input for all paths at once, and of Inception's kernels only a 1x1
        and a 3x3 remain. The head without dense layers is Network in Network's. (The paper
        compares itself with AlexNet; comparing its module with Inception's is our choice.)""",
        [By("inception_module(x, (64, 96, 64, 16, 64, 64))", "fire_module(x, 128)")], ["nin"]),
    "mobilenet": Node("MobileNet", "mobilenet_v1_1.0_224", "vgg", """A plain net in which a
        depthwise 3x3 and a 1x1, each with batch norm and relu, replace every 3x3 convolution
        (the paper's Figure 3). Xception's separable convolution has neither between the two.""",
        [By("conv(x, 64, n=BN_TF)", "mobilenet_block(x, 64)")], ["xception"]),
    "mobilenet-v2": Node("MobileNetV2", "mobilenet_v2_1.0_224", "mobilenet", """A 1x1 widens the
        map before the depthwise kernel; the 1x1 after it narrows the map and is linear. The
        shortcut joins the narrow ends.""",
        [By("mobilenet_block(x, 64)", "inverted_residual_block(x, 64)")], ["resnet"]),
    "mnasnet": Node("MnasNet", "mnasnet_a1_1.0", "mobilenet-v2", """MobileNetV2's block. A search
        that measures the time on a phone chooses each stage's kernel, expansion, depth and
        squeeze-and-excitation.""",
        [By("inverted_residual_block(x, 64)", "inverted_residual_block(x, 64, k=5, se=4)")],
        ["se-resnet"]),
    "mobilenet-v3": Node("MobileNetV3", "mobilenet_v3_large_1.0_224", "mobilenet-v2", """A search
        chooses widths and kernels. Some blocks have squeeze-and-excitation and a swish made of
        straight lines. The last 1x1 comes after the mean and sees only one pixel.""",
        [By("inverted_residual_block(x, 64)", "mobilenet_v3_block(x, 64)")], ["se-resnet"]),
    "efficientnet": Node("EfficientNet", "efficientnet_b0", "mobilenet-v2", """MobileNetV2's
        block with squeeze-and-excitation and swish, and some 5x5 kernels. B0 comes from a
        search; B1 to B7 scale its width, depth and resolution together.""",
        [By("inverted_residual_block(x, 64)", "mbconv_block(x, 64)"),
         By("efficientnet_b0", "efficientnet_b1")], ["se-resnet"]),
    "efficientnet-v2": Node("EfficientNetV2", "efficientnet_v2_s", "efficientnet", """In the
        first stages one 3x3 replaces the 1x1 and the depthwise kernel: it has more weights, but
        accelerators compute it faster. All kernels are 3x3, and the first stages expand less.""",
        [By("mbconv_block(x, 64)", "fused_mbconv_block(x, 64)")]),
    "shufflenet": Node("ShuffleNet", "shufflenet_v1_g3_1x", "resnext", """ResNeXt groups only its
        3x3. Here the 1x1s have groups too, channels are shuffled between them, and the 3x3 is
        depthwise and linear.""",
        [By("resnext_bottleneck_block(x, 240, c=3, width=20)", "shufflenet_unit(x, 240)",
            (28, 28, 240))], ["xception"]),
    "shufflenet-v2": Node("ShuffleNet V2", "shufflenet_v2_1x", "shufflenet", """Half of the
        channels pass through unchanged, so the 1x1s of the other half need neither groups nor a
        bottleneck. The halves are concatenated, not added, and then shuffled.""",
        [By("shufflenet_unit(x, 232, g=2)", "shufflenet_v2_unit(x, 232)", (14, 14, 232))]),
    "res2net": Node("Res2Net", "res2net50_26w_4s", "resnet", """Several small 3x3s in a row
        replace the bottleneck's 3x3. Each reads its part of the channels and the output of the
        one before, so that one block sees several sizes at once.""",
        [By("bottleneck_block(x, 256)", "res2net_block(x, 256)", (56, 56, 256))], ["resnext"]),
    "hrnet": Node("HRNet", "hrnet_w18", "resnet", """The finest map stays to the end, in few
        channels. Each stage adds a coarser one beside the others, with twice as many. All go
        through basic blocks; then each becomes the sum of all.""",
        [By("architectures.resnet:body", "architectures.hrnet:body")]),
    "vovnet": Node("VoVNet", "vovnet39", "densenet", """Each 3x3 reads only the one before it,
        and all outputs are concatenated once, at the end of the module; DenseNet concatenates
        before every layer. Similar features, with fewer reads of memory.""",
        [By("dense_block(x, 128, 5)", "osa_block(x, 256)", (56, 56, 128))]),
    "vovnet-v2": Node("VoVNetV2", "ese_vovnet39b", "vovnet", """Modules that add their input, and
        squeeze-and-excitation in a single dense layer that does not narrow.""",
        [By("osa_block(x, 256)", "osa_block(x, 256, ese=True, identity=True)", (56, 56, 256))],
        ["se-resnet", "resnet"]),
    "dpn": Node("DPN", "dpn92", "resnext", """ResNeXt's bottleneck, whose last 1x1 has two parts:
        one is added to some of the channels, as in ResNet; the other is concatenated to the
        rest, as in DenseNet.""",
        [By("preact_block(x, 256)", "dpn_block(x, 256)", (56, 56, 256))], ["densenet"]),
    "dla": Node("DLA", "dla34", "resnet", """Stages are trees of residual blocks: a 1x1 reads the
        ends of two blocks and of earlier trees, which gives deep layers a short path to shallow
        ones.""",
        [By("basic_block(x, 128)", "dla_block(x, 128)"),
         By("dla_block(x, 128)", "dla_tree(x, 128)")], ["densenet"]),
    "darknet-53": Node("Darknet-53", "darknet53", "resnet", """ResNet's bottleneck without its
        last 1x1: a 1x1 narrows, a 3x3 widens. Leaky relus replace relus, none follows the sum,
        and a 3x3 with stride 2 before each stage downsamples.""",
        [By("bottleneck_block(x, 256)", "dark_block(x, 256)", (56, 56, 256))]),
    "cspnet": Node("CSPDarknet-53", "cspdarknet53", "darknet-53", """Half of a stage's channels
        go around its blocks and rejoin the other half at its end, so that narrower blocks
        suffice.""",
        [By("darknet53", "cspdarknet53")], ["densenet"]),
    "cspresnet": Node("CSPResNet-50", "cspresnet50", "resnet", """ResNet's bottlenecks, with
        leaky relus, on half of a stage's channels; the other half goes around them.""",
        [By("bottleneck_block(x, 256)", "leaky_bottleneck(x, 256)", (56, 56, 256))], ["cspnet"]),
    "regnetx": Node("RegNetX", "regnet_x_4gf", "resnext", """A space of networks instead of one
        network: ResNeXt's bottleneck without its neck, the same group width in all stages, and
        stages whose widths follow a line.""",
        [By("resnext_bottleneck_block(x, 256)", "regnet_block(x, 256)", (56, 56, 256)),
         By("resnext50_32x4d", "regnet_x_4gf")]),
    "regnety": Node("RegNetY", "regnet_y_4gf", "regnetx", """Adds squeeze-and-excitation after
        the grouped 3x3, a quarter as wide as the input of the block.""",
        [By("regnet_block(x, 256)", "regnet_block(x, 256, se=4)", (56, 56, 256))], ["se-resnet"]),
    "repvgg": Node("RepVGG", "repvgg_a0", "vgg", """VGG's rows of 3x3s and relus that train like
        a ResNet: beside each 3x3 there are a 1x1 and the input itself, all linear. Afterwards
        they are folded into the 3x3, which leaves a plain net.""",
        [By("small_kernels(x, 64)", "repvgg_block(x, 64)"),
         By("basic_block(x, 64)", "repvgg_block(x, 64)")], ["resnet"]),
    "mobileone": Node("MobileOne", "mobileone_s0", "mobilenet", """A MobileNet that trains with
        branches, in both its depthwise and its pointwise half, and becomes a plain MobileNet
        when they are folded.""",
        [By("mobilenet_block(x, 128)", "mobileone_block(x, 128)")], ["repvgg"]),
    "ghostnet": Node("GhostNet", "ghostnet_1.0x", "mobilenet-v3", """MobileNetV3 large with a
        ghost module for each 1x1: a depthwise 3x3 makes half of its channels from the other
        half. The block therefore has a depthwise kernel of its own only where it downsamples.""",
        [By("conv(x, 64, k=1, n=BN)", "ghost_module(x, 64)"),
         By("mobilenet_v3_block(x, 32)", "ghost_bottleneck(x, 32, se=4)", (56, 56, 32))]),
    "nfnet": Node("NFNet", "nfnet_f0", "resnext", """No norm. Instead, kernels have mean 0 and
        are scaled to keep the variance; each activation is scaled too, and each branch ends with
        a gain that starts at 0. There are two grouped 3x3, and squeeze-and-excitation.""",
        [By("resnext_bottleneck_block(x, 256)", "nf_block(x, 256)", (56, 56, 256))],
        ["preresnet", "se-resnet"]),
    "convnext": Node("ConvNeXt", "convnext_tiny", "resnet", """A ResNet rebuilt step by step
        after the transformers of its day: the depthwise kernel is 7x7 and comes first, the
        bottleneck is inverted, and each block keeps only one norm and one activation.""",
        [By("bottleneck_block(x, 96)", "convnext_block(x)", (56, 56, 96))], ["mobilenet-v2"]),
    "convnext-v2": Node("ConvNeXt V2", "convnext_v2_tiny", "convnext", """A global response norm
        at the widest point of the block keeps channels from learning the same thing; it makes
        LayerScale unnecessary.""",
        [By("convnext_block(x)", "convnext_v2_block(x)", (56, 56, 96))]),
    "fasternet": Node("FasterNet", "fasternet_t0", "convnext", """ConvNeXt's plan, but instead of
        the depthwise 7x7 a full 3x3 on a quarter of the channels; the other channels go past it,
        as half of them do in ShuffleNet V2. For the same work, a depthwise kernel reads more
        memory.""",
        [By("convnext_block(x)", "fasternet_block(x)", (56, 56, 96))], ["shufflenet-v2"]),
    "inceptionnext": Node("InceptionNeXt", "inceptionnext_tiny", "convnext", """ConvNeXt's
        depthwise 7x7, factorised as Inception factorises its kernels: an eighth of the channels
        each goes through a 3x3, a 1x11 and an 11x1, and the others through none. Batch norm
        replaces layer norm.""",
        [By("convnext_block(x)", "inceptionnext_block(x)", (56, 56, 96))], ["inception-v3"]),
    "mobilenet-v4": Node("MobileNetV4", "mobilenet_v4_conv_medium", "mobilenet-v3", """One block
        in which the search may drop either depthwise kernel: it can have both, only the second
        as in MobileNetV2, only the first as in ConvNeXt, or none. No squeeze-and-excitation, and
        relu again.""",
        [By("inverted_residual_block(x, 64)", "uib_block(x, 64)"),
         By("convnext_block(x)", "uib_block(x, 32, first=7, k=None)", (56, 56, 32))],
        ["convnext", "efficientnet-v2"]),
    "nasnet": Node("NASNet", "nasnet_a_large", None, """A search found the cells, instead of
        changes to an earlier cell, so there is no ancestor. Their operations are known ones,
        mainly separable convolutions."""),
    "pnasnet": Node("PNASNet", "pnasnet5_large", "nasnet", """The same kind of cell with fewer
        operations to choose from, searched from small cells to large; the same cell also serves
        for reduction.""",
        [By("blocks.nasnet:NASNET_A_NORMAL", "blocks.nasnet:PNASNET_5")]),
    "amoebanet": Node("AmoebaNet", "amoebanet_a_6_190", "nasnet", """Evolution in NASNet's search
        space: random changes to single operations and inputs.""",
        [By("blocks.nasnet:NASNET_A_NORMAL", "blocks.nasnet:AMOEBANET_A_NORMAL"),
         By("blocks.nasnet:NASNET_A_REDUCTION", "blocks.nasnet:AMOEBANET_A_REDUCTION")]),
}  # fmt: skip
