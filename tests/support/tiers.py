"""The tests that `make test` leaves to `make prove`, marked slow or long, and why.

`make test` holds every block, every family, every network's counts, the outputs of other libraries,
resume, two devices, two workers, the command line and copied texts.  A test is slow here if a
quicker one checks the same on fewer networks, sizes or kills.
"""

from fnmatch import fnmatchcase

# {file: {pattern of a test and its parameters: the part that stays in make test}}
SLOW = {
    "test_from_model": {
        "test_however_it_is_written?*nested*": "a model as it is; laid open in test_fold",
        "test_a_load_whose*?softmax*": "logits",
        "test_what_differs_is_named?[1-4]?": "the other differences",
        "test_as_by_the_table_of_names?inception_resnet_v2?": "the others",
        "test_as_by_the_table_of_names?densenet121?": "the others",
        "test_as_by_the_table_of_names?xception?": "a MobileNet",
    },
    "test_learning": {
        "test_a_bias_that_may_stand_still*?hrnet*": "those of BAM",
        "test_a_weight_without_use_is_found": "every weight of every block learns",
        "test_a_bias_that_may_stand_still*?inceptionnext_atto*": "those of BAM's stage 2",
        "test_a_bias_that_may_stand_still*?inception_resnet_v2*": "those of BAM",
        "test_a_bias_that_may_stand_still*?bam_resnet18-stage[34]*": "those of stage 2",
        "test_rows_that_do_not_hold*": "the kept rows hold",
        "test_fits_digits*": "test_every_weight_gets_a_real_gradient, test_training",
        "test_a_graph_is_of_what_is_trained": "the digest of the code alone",
        "test_a_network_that_other_code_makes*": "the digest of the code alone",
    },
    "test_show": {
        "test_a_text_speaks_of_nothing*": "a text is the block, and as short as promised",
        "test_texts_in_one_file*?0?": "two pasted texts never disagree",
        "test_texts_are_formatted*": "make lint formats the code that they are cut from",
        "test_a_text_is_the_block?options?*": "defaults of all blocks; an option in one file",
        "test_texts_in_one_file*?1?": "the same blocks in another order",
        "test_a_text_imports_keras_only": "texts run where the package is not imported",
        "test_every_pair_in_one_file*": "texts are the same; each block at two options",
    },
    "test_gates": {
        "test_two_gates_in_one_fit": "a step with each",
        "test_what_is_dropped_is_not_computed?[!bdrs]*": "blocks of the ResNet kind, DenseNet's",
        "test_what_is_dropped_counts_as_zeros*": "what a gate returns is what the block has",
        "test_what_a_gate_returns*-None?": "at sizes that are known",
        "test_what_a_gate_returns*?[!bcdrs]*-8?": "blocks of the ResNet kind, DenseNet's, cells",
    },
    "test_benchmarks": {
        "test_every_benchmark_runs*": "the statistics and pages of all benchmarks",
    },
    "test_architectures": {
        "test_body_alone?resnet50?": "resnet18",
        "test_any_size?resnet18?": "resnet20",
        "test_two_of_a_kind*": "names are the same at every build",
        "test_features_are_the_networks_own_maps?resnet18?": "those of ResNet-20",
        "test_features_with_a_head*": "those of ResNet-20",
        "test_recursion_limit*": "resnet1202's counts",
        "test_features_are_the_networks_own_maps?vgg*": "those of ResNets",
        "test_features_of_every_network*": "a network of each kind: FEATURES",
        "test_features_are_the_networks_own_maps?[!rv]*": "those of ResNets and VGG",
        "test_resnet_1202_in_a_fresh_interpreter": "its counts",
        "test_counts_and_sizes_are_the_papers?resnet1202_cifar-option_B?": "the paper's option",
        "test_saving*": "files of each layer in test_saved, of blocks in test_blocks",
    },
    "test_papers": {
        "*-no_stem_bn_stride3x3?": "the paper's stem; its block",
        "*?densenet264-k48?": "k = 32",
        "*?nasnet_a_cifar_7at2304-N6?": "6 at 768",
        "*?nasnet_a_*-with_aux?": "without the head; Inception v3 with it",
        "*?preresnet1001_cifar-original_unit?": "the paper's unit",
        "*?amoebanet_a_6_448-with_aux?": "without the head; smaller cells have it",
        "*?amoebanet_a_6_448-at_331?": "at 224",
    },
    "test_resume": {
        "test_auxiliary_heads": "SIGTERM at a step of a network without them",
        "test_a_full_disk*": "a broken checkpoint is named",
        "test_the_moving_average_is_validated*": "moving averages of test_optimizers",
        "test_a_deeper_net_begins*": "a library's weights but for the head",
        "test_killed_runs_end_bit_for_bit_alike*": "SIGTERM at steps of each kind",
        "test_sigterm_saves_and_the_same_command_goes_on?8?": "steps 1 to 6",
        "test_sigterm_saves_and_the_same_command_goes_on?6?": "steps 1 to 4",
        "test_sigterm_saves_and_the_same_command_goes_on?1?": "step 4",
        "test_fine_tuning": "the refusals, and a deeper network from a shallower",
        "test_what_counts_goes_on*": "SIGTERM",
        "test_accumulation_is_the_whole_batch": "test_accumulate",
        "test_the_moving_average_is_what_is_saved": "moving averages of test_optimizers",
    },
    "test_train_weights": {
        "test_what_a_run_leaves_knows*": "test_passport",
        "test_a_row_a_file_that_says_it*": "what a run leaves",
        "test_a_frozen_body_is_worth*": "the pixels of training, validation and test",
    },
    "test_show_networks": {
        "test_a_text_is_the_network?1?": "the other half of the networks",
        "test_all_texts_are_short*": "test_a_text_is_the_network builds networks from them",
    },
    "test_weights": {
        f"test_keras_applications_give_the_same_logits?{name}*": "other networks; golden files"
        for name in (
            "inception_resnet_v2",
            "nasnet_a_large",
            "nasnet_a_mobile",
            "preresnet152",
            "preresnet101",
            "resnet152",
            "resnet101",
            "densenet201",
            "densenet169",
            "vgg_E",
            "mobilenet_v1_0.25",
            "mobilenet_v2_0.35",
            "mobilenet_v2_1.4",
            "mobilenet_v3_large",
            "densenet121",
            "inception_v3",
            "efficientnet_v2_b0",
            "convnext_tiny",
            "preresnet50",
            "xception",
            "efficientnet_b0",
        )
    }
    | {
        f"test_the_same_weights_give_the_same_logits?{file}?": f"its entries; {others}"
        for file, others in (
            ("timm-nasnetalarge", "pytorchcv's mobile one"),
            ("pcv-inceptionresnetv2", "timm's, and pytorchcv's v1"),
            ("pcv-inceptionv4", "pytorchcv's v3"),
            ("timm-inception_v4", "timm's v3 and Inception-ResNet"),
            ("timm-pnasnet5large", "NASNet-A mobile; the cells of test_cells"),
            ("tv-resnext101_32x8d", "timm's ResNeXt-50"),
            ("tv-vgg11_bn", "timm's without batch norm"),
            ("tv-vgg16", "timm's with 11 layers"),
            ("timm-legacy_seresnet50-double", "timm's seresnet50"),
            ("timm-vgg11", "keras.applications' VGG-16"),
            ("timm-inception_resnet_v2", "pytorchcv's v1"),
            ("timm-inception_v3", "pytorchcv's"),
            ("timm-mobileone_s0", "S4"),
            ("timm-densenet121", "pytorchcv's"),
            ("timm-repvgg_b1g4", "A0"),
            ("timm-repvgg_d2se", "A0; the case of its block, and its fold"),
            ("timm-legacy_xception", "pytorchcv's"),
            ("timm-darknet53", "pytorchcv's"),
            ("timm-resnet50", "pytorchcv's"),
            ("timm-resnext50_32x4d", "pytorchcv's of CIFAR-10"),
            ("tv-efficientnet_v2_s", "timm's B0"),
            ("timm-efficientnetv2_rw_s", "timm's B0; the case of its block"),
            ("tv-wide_resnet50_2", "pytorchcv's WRN-16-10"),
            ("pcv-alexnet", "torchvision's"),
            ("pcv-zfnet", "torchvision's AlexNet"),
            ("pcv-cbam_resnet50", "pytorchcv's BAM"),
            ("pcv-preresnet50", "pytorchcv's with 18 layers"),
            ("pcv-preresnet164bn_cifar10", "pytorchcv's with 18 layers"),
            ("pcv-resneta50b", "timm's ResNet-50-D"),
            ("pcv-shufflenet_g3_w1", "pytorchcv's quarter of the width"),
            ("timm-dm_nfnet_f1", "F0"),
            ("timm-dm_nfnet_f2", "F0"),
            ("timm-dm_nfnet_f6", "its entries; F0"),
            ("timm-hrnet_w18_ssld", "timm's small one"),
            ("pcv-hrnet_w18_small_v2", "timm's small one"),
            ("timm-dpn92", "pytorchcv's DPN-68"),
            ("timm-dpn68*", "pytorchcv's DPN-68"),
            ("timm-dla102", "DLA-34"),
            ("timm-dla60x", "DLA-34"),
            ("timm-dla60_res2net", "that in groups"),
            ("timm-resnest50d", "ResNeSt-14"),
            ("timm-resnest50d_4s2x40d", "timm's 1s4x24d"),
            ("timm-resnetv2_50", "pytorchcv's with 18 layers"),
            ("pcv-resnet50", "timm's ResNet-50-D"),
            ("timm-seresnet50", "ECA-ResNet-50-D"),
            ("timm-cspresnet50", "CSPResNeXt-50"),
            ("timm-mobileone_s4", "test_fold's; RepVGG A0"),
            ("timm-inception_next_tiny", "atto"),
            ("timm-fasternet_t2", "T0"),
            ("timm-convnext_tiny", "V2 atto"),
            ("timm-convnext_xlarge", "V2 atto"),
            ("timm-convnext_nano_ols", "atto's"),
            ("timm-resnetblur50", "blur pooling of its block; ResNet-50-D"),
            ("pcv-shufflenet_g8_w1", "pytorchcv's with 3 groups"),
            ("pcv-dpn68b", "DPN-68"),
            ("pcv-efficientnet_b0b", "torchvision's"),
            ("pcv-mnasnet_a1", "timm's semnasnet_075"),
            ("pcv-regnety002", "timm's"),
            ("timm-regnety_640", "timm's of 200 MF"),
            ("pcv-resnestabc14", "timm's"),
            ("pcv-shufflenetv2*", "torchvision's"),
            ("pcv-dla46c", "timm's"),
            ("timm-cspdarknet53", "pytorchcv's Darknet-53; CSPResNeXt-50"),
            ("timm-resnet50d", "timm's ECA-ResNet-50-D"),
            ("timm-mobilenetv2_100", "torchvision's"),
            ("timm-tf_mobilenetv3_small_075", "torchvision's"),
        )
    }
    | {
        f"test_the_entries_of_a_big_network*?{file}?": "those of NASNet, and of VGG-16"
        for file in ("timm-[!n]*", "pcv-*", "tv-[!v]*", "tv-vgg11*")
    }
    | {
        "test_a_network_without_a_row*": "a variant without weights of its own",
        "test_a_folded_network_takes*?repvgg_b1g4?": "A0",
        "test_a_folded_network_takes*?mobileone_s0?": "S1",
    },
    "test_sizes": {
        "test_sizes?blur_resnet18?": "its block; resnet18d",
        "test_sizes?preresnet18?": "resnet20_cifar",
        "test_sizes?shufflenet_v1_g3_1x?": "its unit",
        "test_sizes?fasternet_t0?": "its block",
        "test_sizes?nfnet_f0?": "its block",
        "test_sizes?dpn68?": "its block",
        "test_sizes?ghostnet_0.5x?": "its block",
        "test_sizes?xception?": "its block; its counts and sizes",
        "test_sizes?cspdarknet53?": "its stage",
        "test_sizes?cspresnet50?": "its stage",
        "test_sizes?googlenet?": "bn_inception",
        "test_sizes?regnet_y_200mf?": "its block",
        "test_sizes?inceptionnext_atto?": "convnext_v2_atto",
        "test_sizes?sk_resnet18?": "resnet18d",
        "test_sizes?mobilenet_v4_conv_small?": "mobilenet_v3",
        "test_sizes?mnasnet_small?": "mobilenet_v2",
        "test_sizes?ese_vovnet19b_dw?": "its block",
        "test_sizes?shufflenet_v2_0.5x?": "its unit",
        "test_sizes?bam_resnet18?": "resnet18d",
        "test_sizes?dla46_c?": "its tree",
        "test_sizes?resnest14?": "resnet18d",
        "test_sizes?hrnet*?": "its fuse",
        "test_auxiliary_heads*": "their counts",
        "test_styles_of_nasnet_at_every_size*": "cells of unknown size in test_cells",
        "test_sizes?nasnet_a_cifar_6at768?": "test_cells",
        "test_sizes?amoebanet_a_cifar_6_32?": "test_cells",
        "test_sizes?pnasnet5_mobile?": "test_cells",
        "test_sizes?inception_resnet_v?*": "bn_inception",
        "test_sizes?inception_v[34]?": "bn_inception",
        "test_sizes?mobileone_s0?": "repvgg_a0",
        "test_sizes?wide_resnet50_2?": "resnet50",
        "test_sizes?resnext29_8x64d_cifar?": "resnet20_cifar",
        "test_sizes?res2net50_26w_4s?": "resnet50",
        "test_sizes?efficientnet_v2_b0?": "efficientnet_b0",
        "test_sizes?densenet121?": "its counts and sizes at 224",
        "test_sizes?se_resnet50?": "resnet50",
        "test_sizes?stochastic_depth_resnet110_cifar?": "resnet20",
        "test_sizes?pyramidnet110_a48_cifar?": "resnet20",
    },
    "test_blocks": {
        "test_saved_and_loaded*_gate?": "the block without a gate",
        "test_saved_and_loaded*_BN?": "the block without batch norm",
        "test_saved_and_loaded*_SE?": "the block without squeeze-and-excitation",
        "test_saved_and_loaded*_bias?": "the block without bias",
        "test_every_weight_learns*_gate?": "the block without a gate",
        "test_every_weight_learns*_BN?": "the block without batch norm",
        "test_every_weight_learns*_SE?": "the block without squeeze-and-excitation",
        "test_every_weight_learns*_bias?": "the block without bias",
        "test_sizes_even_odd*_gate?": "the block without a gate",
        "test_sizes_even_odd*_BN?": "the block without batch norm",
        "test_sizes_even_odd*_SE?": "the block without squeeze-and-excitation",
        "test_sizes_even_odd*_bias?": "the block without bias",
        "test_saved_and_loaded*_?2*": "the block at stride 1",
        "test_every_weight_learns*_?2*": "the block at stride 1",
        "test_mixed_precision?mixed_float16-[!abers]*": "blocks from a, b, e, r and s",
        "test_mixed_precision?mixed_bfloat16-[!i]*": "float16, whose range is narrower",
        "test_mixed_precision?mixed_float16-inception*": "bfloat16, and float16 of the others",
    },
    "test_multiworker": {
        "test_workers_are_one_device?three workers?": "two",
        "test_workers_are_one_device?two devices?": "two workers; two devices in test_mirrored",
        "test_a_killed_worker_ends_the_other*": "workers that do not come, and two that train",
    },
    "test_same_run": {
        "test_a_finished_folder*": "two runs do not share a folder",
        "test_workers_must_agree*": "every difference of two fingerprints",
        "test_workers_resume_from_one_folder": "two workers that train; resuming on one",
    },
    "test_export": {
        "test_trained_in_halves?mixed_float16?": "the network in float32",
        "test_a_bare_file_is_asked*": "the refusals of test_train_weights",
        "test_the_fastest*": "its measurements; the formats",
        "test_weights_too_many*": "a network whose weights are constants",
        "test_trained_in_halves?mixed_bfloat16?": "float16",
        "test_trained_in_halves?pasted?": "the network in float16",
        "test_raw?[!o]*": "ONNX; a MobileNet in each format",
        "test_a_member_of_each_family?*": "SqueezeNet's photographs; a run; a model of one's own",
        "test_the_fastest_is_recommended?mobilenet_v2*": "a network without a measurement",
        "test_photographs?savedmodel?": "LiteRT and ONNX",
        "test_int8*": "the refusals; LiteRT in float32",
    },
    "test_wheel": {
        "test_is_what_runs?a project*": "the checkout",
        "test_the_whole_way": "its commands are accepted, and the wheel's command runs",
        "test_a_notebook_runs*?[013]*": "one of them",
        "test_a_notebook_runs*?2[0-79]*": "one of them",
    },
    "test_fold": {
        "test_litert": "ONNX and LiteRT of test_export",
        "test_auxiliary_heads_stay*": "auxiliary heads go",
        "test_mobileone_is*": "RepVGG is plain once folded",
        "test_whole_networks?densenet*": "a ResNet-50",
        "test_flat_lays*": "networks of a body and a head",
        "test_a_member_of_each_family?[!mr]*": "MobileNets, RegNet, RepVGG and ResNets",
        "test_flat_of_networks*": "gates and nested models laid open",
        "test_mobileone_is*?mobileone_s0?": "S4",
    },
    "test_mutants": {
        "test_what_is_caught": "the sample, the operators and the page",
        "test_a_bug_that_never_ends*": "one that a test catches, and one that survives",
    },
    "test_errata": {
        "test_what_the_page_computes_is_so*": "that its code runs is left to make prove",
    },
    "test_contributing": {
        "test_what_is_shown_is_the_block": "the block is written and found",
        "test_every_check_passes*": "the block is written and found",
    },
    "test_guides": {
        "test_code_runs?resume?": "test_resume; the guide of training",
        "test_code_runs?own_images?": "the guide of training; test_passport",
        "test_code_runs?export?": "test_export",
        "test_code_runs?weights?": "test_weights, test_train_weights",
        "test_code_runs?networks?": "test_architectures",
        "test_code_runs?distribute?": "the other guides; two workers in test_multiworker",
        "test_code_runs?own_model?": "the other guides",
    },
    "test_recompute": {
        "test_frozen_batch_norm*": "a step is the plain block's",
        "test_a_step_is_the_plain_block_s?letters3?": "at the defaults",
        "test_norms?n1?": "the other norm",
        "test_fit": "a step is the plain block's",
        "test_a_step_is_the_plain_block_s?letters[12]?": "both at once, and neither",
        "test_two_devices_are_one": "a step on one",
        "test_precisions?mixed*": "float64",
        "test_memory_grows_linearly*": "a step is the plain block's",
        "test_weights_move_between*": "a step is the plain block's",
    },
    "test_finetune": {
        "test_the_best_epoch_is_kept*": "best.keras of test_resume's moving average",
    },
    "test_cells": {
        "test_cells_of_unknown_size*?zeros*": "'same'",
    },
    "test_fused": {
        "test_the_file_is_keras_own": "the same as Keras, layer by layer",
        "test_a_network_trains_to_the_same_weights": "a step of each kind of layer",
    },
    "test_claims": {
        "test_the_bake_off_trains*": "the claims train",
        "test_the_bake_off_kept*": "the claims keep three seeds",
        "test_kept_runs_are*?search?": "the other claims",
        "test_kept_runs_are*?evolution?": "the other claims",
        "test_equal_multiply_adds*?search?": "the other claims",
        "test_equal_multiply_adds*?evolution?": "the other claims",
        "test_a_run_keeps_the_curves*": "the kept runs have them",
        "test_a_run_keeps_the_curves*?smoothing?": "those of a claim with auxiliary heads",
    },
    "test_grouped": {
        "test_without_onednn_it_splits": "equals Keras and the definition",
    },
    "test_mirrored": {
        "test_two_devices_are_one_where*": "synchronised batch norm; test_fused on one",
        "test_one_message*": "two devices are one",
        "test_a_large_mean*": "two devices are one",
    },
    "test_optimizers": {
        "test_the_velocity*two_devices": "that on one",
    },
    "test_training": {
        "test_the_saved_model_needs_only*": "a run leaves its files",
        "test_the_same_seed_gives*": "batches by seed and step; SIGTERM in test_resume",
        "test_a_run_that_breaks*": "a loss that is not finite",
        "test_two_devices_give*": "those of test_mirrored",
        "test_plain_batch_norm_on_two_devices*": "two devices of test_mirrored",
        "test_mixed_precision": "a step of blocks in half precision",
    },
    "test_measure": {
        "test_keras_applications?NASNetMobile*": "the others",
        "test_keras_applications?DenseNet121*": "the others",
    },
    "test_command": {
        "test_no_command_imports_keras*{run}*": "commands that need no run",
        "test_children_that_live_on*": "nothing but the answer appears, line by line",
        "test_nothing_but_the_answer_appears": "what is dropped, line by line",
        "test_training_begins_with_a_line*": "nothing but the answer appears",
        "test_nothing_else_appears_on_several_workers": "a run on one, and what is dropped",
        "test_tensorflow_speaks_when_asked_to": "what is dropped, line by line",
        "test_errors_of_tensorflow_still_come": "what is dropped, line by line",
    },
    "test_random_calls": {
        "test_random_networks*?[1-9]?": "a seed of ten",
        "test_random_command_lines*-[1-5]?": "a seed of six",
    },
    "test_own_models": {
        "test_a_model_at_hand_is_trained_in_place?softmax?": "one that ends in logits",
        "test_a_function_of_a_file": "a file and what lies beside it",
        "test_a_saved_model_goes_on*": "a model at hand is trained in place",
        "test_layers_that_are_frozen*": "freezing by stages in test_finetune",
        "test_freeze_without_stages*": "freezing by stages in test_finetune",
        "test_probabilities_and_logits*": "a model of each trained in place",
        "test_another_wiring*": "another network is refused",
    },
    "test_recipes": {
        "test_every_recipe_takes_a_step?*_atto?": "the same recipe at another width",
        "test_every_recipe_takes_a_step?*_femto?": "the same recipe at another width",
        "test_every_recipe_takes_a_step?*_pico?": "the same recipe at another width",
        "test_every_recipe_takes_a_step?*_nano?": "the same recipe at another width",
        "test_every_recipe_takes_a_step?*_base?": "the same recipe at another width",
        "test_every_recipe_takes_a_step?*_f1?": "the same recipe at another width",
        "test_every_recipe_takes_a_step?*_mobile?": "the same recipe at another width",
        "test_every_recipe_takes_a_step?*_glyphs?": "the same recipe at another width",
        "test_every_recipe_takes_a_step?*_[sml]?": "the same recipe at another width",
        "test_every_recipe_takes_a_step?*_small?": "the same recipe at another width",
        "test_every_recipe_takes_a_step?*_large?": "the same recipe at another width",
        "test_every_recipe_takes_a_step?*_t[12]?": "the same recipe at another width",
        "test_dropout_and_heads*?amoebanet*": "NASNet's kind in test_cells",
    },
    "test_notebooks": {
        "test_a_run_with_faults*?an answer?": "a claim, a solution",
    },
    "test_evaluation": {
        "test_architectures_become_fully*?[as]*": "ResNet and VGG",
        "test_probabilities_are_averaged?1-crops:144?": "7 at a time",
    },
    "test_draw": {
        "test_a_node_for_each_call*?[g-z]*": "blocks from a to f",
    },
    "test_interpreter": {
        "test_its_end_is*?a Python?": "a fork",
    },
    "test_types": {
        "test_wrong_calls_are_found": "make lint checks the types of all that is called",
    },
    "test_preparation": {
        "test_loaded_in_a_fresh_interpreter*": "a file loaded in this one",
    },
    "test_project": {
        "test_code_of_the_changelog*": "its commands are accepted",
    },
    "test_ledger": {
        "test_a_changed_count_is_seen": "the ledger's counts are those of the networks",
    },
    "test_progress": {
        "test_a_line_comes_as_often*": "a line every half minute",
        "test_on_a_terminal*": "a line every half minute",
    },
    "test_data": {
        "test_a_batch_depends*?records?": "images in memory",
        "test_shares_are_the_whole?augmentation4?": "one without augmentation",
        "test_a_batch_depends*?files?": "images in memory, and records",
        "test_shares_are_the_whole?augmentation[1-3]?": "the most general two",
    },
}

# The slow tests that take minutes: make test-long.  {file: patterns}
LONG = {
    "test_learning": ("test_fits_digits*", "test_a_graph_is*", "test_a_network_that_other*"),
    "test_architectures": ("test_features_of_every_network*", "test_resnet_1202*"),
    "test_benchmarks": (
        "test_every_benchmark_runs?scaling?",
        "test_every_benchmark_runs?de*",
        "test_every_benchmark_runs?training?",
        "test_every_benchmark_runs?gpu?",
        "test_every_benchmark_runs?memory?",
    ),
    "test_resume": ("test_killed_runs_end*", "test_fine_tuning", "test_what_counts_goes_on*"),
    "test_export": ("test_a_member_of_each_family?[!ers]*",),
    "test_show": ("test_every_pair_in_one_file*?[1-3]?",),
    "test_wheel": ("test_a_notebook_runs*",),
}

# Tests of blocks, networks and texts that need more than Keras 3.5, the lower bound.
# {file: {pattern: why}}
NEWER = {
    "test_from_model": {"*": "3.5 runs no model on symbolic tensors: no graph is read at a size"},
    "test_private": {"*?as_called?": "3.5's export has no verbose"},
    "test_fold": {
        "test_flat_lays_nested_models_open": "3.5 saves an Identity under the name of its making",
        "test_saved_model": "3.5's export has no verbose",
        "test_litert": "3.5's export has no verbose",
    },
    "test_weights": {
        "test_the_entries_of_a_big_network*": "3.5 assigns no variable without a value",
        "test_files_of_ours_that_do_not_fit*": "3.5 refuses them in words of its own",
    },
    "test_saved": {
        "test_answers_as_it_did*": "3.5 does not load what 3.15 saved",
        "test_is_saved_under*": "3.5 does not load what 3.15 saved",
    },
    "test_layers": {"test_a_padded_pool_can_be_quantised": "3.5's export has no verbose"},
    "test_recompute": {"test_two_devices_are_one": "the trainer asks for 3.15"},
    "test_blocks": {
        "test_saved_and_loaded*?refinement_head*": "3.5 loads no layer that is called before it",
    },
}


def needs_newer_keras(path, name):
    """Why a test cannot pass on Keras 3.5; None if it can."""
    why = [why for pattern, why in NEWER.get(path.stem, {}).items() if fnmatchcase(name, pattern)]
    return why[0] if why else None


def is_slow(path, name):
    """Whether make prove runs this test of a file, with its parameters, instead of make test."""
    return any(fnmatchcase(name, pattern) for pattern in SLOW.get(path.stem, {}))


def is_long(path, name):
    """Whether a slow test takes minutes, or is one of many that do."""
    return any(fnmatchcase(name, pattern) for pattern in LONG.get(path.stem, ()))
