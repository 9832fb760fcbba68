"""What a run is told: one frozen dataclass a group of flags, typed and range-checked.

A field's name is its flag, its default is the published value. ``translate.commandline`` turns them into a parser
and a help page; a method adds a group of its own (``Method.Options``).
"""

from dataclasses import dataclass

from translate.flags import flag, same_as

INITIALIZATION_NAMES = ("xavier", "normal", "kaiming", "orthogonal")
NORM_NAMES = ("instance", "batch", "none")
DATASET_MODES = ("unaligned", "aligned", "single", "singleimage", "captioned", "depth")
ONE_DOMAIN = ("single", "captioned")  # those in which there is no domain B
OPTIMIZERS = ("adam", "adamw", "sgd", "lars")
COMPILE_NAMES = ("auto", "on", "off")
PRECISION_NAMES = ("auto", "fp32", "tf32", "bf16", "fp16")
TILE_STATS = ("exact", "lowres")
EXPORT_FORMATS = ("onnx", "pt2")
OUTPUT_FORMATS = ("same", "png", "jpg", "tiff", "webp", "bmp", "ppm", "npy")
GENERATOR_NAMES = (
    *("resnet_9blocks", "resnet_6blocks", "resnet_4blocks", "unet_256", "unet_128"),
    *("context_encoder", "context_encoder_64", "context_alexnet"),
    *("eccv16", "eccv16_classes", "colorizer_small"),
    *("stylegan2", "smallstylegan2"),
    "hourglass",
)
DISCRIMINATOR_NAMES = ("basic", "n_layers", "pixel", "context", "stylegan2")


@dataclass(frozen=True)
class RunOptions:
    """Run"""

    dataroot: str | None = flag(
        None, "folder that holds trainA and trainB, or the name of a known dataset, which is fetched to datasets/NAME"
    )
    name: str = flag("experiment_name", "name of the run; its files go to CHECKPOINTS_DIR/NAME")
    checkpoints_dir: str = flag("./checkpoints", "folder of all runs")
    suffix: str = flag("", "appended to the name, e.g. {model}_{netG}_size{load_size}")
    seed: int = flag(0, "fixes weights, order, crops, flips, partners and patches", low=0, high=2**63 - 1)
    gpu_ids: str = flag("0", "which GPU; -1 is the CPU, which is also taken where there is no GPU")
    continue_train: bool = flag(False, "go on where the run of this name stopped; no other flag is needed")
    init_from: str | None = flag(None, "fine-tune: start from the weights of this run folder or .pth file")
    pretrained_name: str | None = flag(None, "like --init_from, with the name of a run in CHECKPOINTS_DIR")
    epoch: str = flag("latest", "which weights --pretrained_name or --init_from RUN takes: latest or a number")
    epoch_count: int = flag(1, "epoch to start at when weights without a state are continued", low=1)
    max_steps: int | None = flag(None, "stop after this many optimiser steps", low=1)
    max_minutes: float | None = flag(None, "stop after this many minutes of training", above=0)
    stall_s: float = flag(
        300.0, "say where the run hangs when no step ends for so many seconds, and twice the longest; 0: never", low=0
    )
    dry_run: bool = flag(False, "print options, networks, dataset, steps and schedule, and stop")
    verbose: bool = flag(False, "print the layers of the networks")
    phase: str = flag("train", "which folders to train on: PHASEA and PHASEB")


@dataclass(frozen=True)
class DataOptions:
    """Data"""

    dataset_mode: str = flag(
        "unaligned",
        "unaligned: two folders; aligned: pairs, side by side in one file or of one name; single: one folder; "
        "singleimage: one picture in each of two folders; captioned: one folder with captions; depth: pictures and "
        "their depth, of one name",
        choices=DATASET_MODES,
    )
    direction: str = flag("AtoB", "which domain is translated into which", choices=("AtoB", "BtoA"), fixed=True)
    input_nc: int | None = flag(None, "channels of domain A: 3 colour, 1 grey; detected", low=1, high=3, fixed=True)
    output_nc: int | None = flag(None, "channels of domain B: 3 colour, 1 grey; detected", low=1, high=3, fixed=True)
    range_A: str | None = flag(
        None, "LOW,HIGH: values of domain A that become black and white; needed where pictures are deeper than 8 bits",
        fixed=True,
    )  # fmt: skip
    range_B: str | None = flag(None, "the same for domain B, whose results are written in these values", fixed=True)
    preprocess: str = flag(
        "resize_and_crop",
        "words joined by _and_: resize, scale_width, scale_shortside, scale_aspect, zoom, crop, patch, trim, none",
    )
    load_size: int = flag(286, "scale pictures to this size (pixels)", low=4)
    crop_size: int = flag(256, "then crop to this size (pixels)", low=4)
    decay_load_size: str = flag(
        "crop_size",
        "load size in the epochs of decay: crop_size ends the jitter, load_size keeps it",
        choices=("crop_size", "load_size"),
    )
    random_scale_max: float = flag(1.25, "with zoom in --preprocess, each axis is scaled by 1/this to 1", low=1)
    no_flip: bool = flag(False, "do not mirror pictures at random")
    max_dataset_size: int | None = flag(None, "use at most this many pictures a domain", low=1)
    serial_batches: bool = flag(False, "take pictures in order, and the n-th of A with the n-th of B")
    crops_per_epoch: int = flag(100_000, "with --dataset_mode singleimage: how many crops count as an epoch", low=1)
    batch_size: int = flag(1, "pictures of each domain a step", low=1)
    num_threads: int | None = flag(
        None, "processes that load pictures; default: up to 4, one a core; on a CPU 0 where --cache_mb holds all",
        low=0,
    )  # fmt: skip
    cache_mb: int | None = flag(
        None, "memory for decoded pictures (MiB), 0: decode each time; default: as needed, at most 1/4 of the free",
        low=0,
    )  # fmt: skip
    skip_bad_images: bool = flag(False, "go on without the pictures that cannot be read")


@dataclass(frozen=True)
class NetworkOptions:
    """Networks"""

    netG: str = flag(
        "resnet_9blocks", "generator, of a kind that suits the method", choices=GENERATOR_NAMES, fixed=True
    )
    ngf: int = flag(64, "generator channels after its first layer", low=1, fixed=True)
    normG: str = flag("instance", "generator norm", choices=NORM_NAMES, fixed=True)
    no_dropout: bool = flag(True, "no dropout in the generator; --no_dropout false switches it on", fixed=True)
    no_antialias: bool = flag(False, "strided convolutions instead of blurred downsampling", fixed=True)
    no_antialias_up: bool = flag(False, "transposed convolutions instead of blurred upsampling", fixed=True)
    netD: str = flag("basic", "discriminator", choices=DISCRIMINATOR_NAMES, fixed=True)
    ndf: int = flag(64, "discriminator channels after its first layer", low=1, fixed=True)
    n_layers_D: int = flag(3, "downsamplings of the discriminator, with --netD n_layers", low=1, high=8, fixed=True)
    normD: str = flag("instance", "discriminator norm", choices=NORM_NAMES, fixed=True)
    init_type: str = flag("xavier", "initialisation of the weights", choices=INITIALIZATION_NAMES)
    init_gain: float = flag(0.02, "its scale", above=0)


@dataclass(frozen=True)
class OptimizerOptions:
    """Optimisation"""

    n_epochs: int = flag(200, "epochs at the full learning rate", low=0)
    n_epochs_decay: int = flag(200, "epochs of decay after them", low=0)
    optimizer: str = flag(
        "adam", "how weights are moved; lars: sgd in steps of each layer's size", choices=OPTIMIZERS, fixed=True
    )
    lr: float = flag(0.0002, "learning rate", above=0)
    warmup_epochs: int = flag(0, "epochs in which it rises to that", low=0)
    beta1: float = flag(0.5, "beta1 of Adam and AdamW", low=0, high=0.99999999)
    beta2: float = flag(0.999, "beta2 of Adam and AdamW", low=0, high=0.99999999)
    momentum: float = flag(0.9, "share of the last step that sgd and lars keep", low=0, high=0.99999999)
    nesterov: bool = flag(False, "Nesterov's momentum, of sgd")
    weight_decay: float = flag(
        0.0, "this much of a weight is added to its gradient; with adamw taken from the weight itself", low=0
    )
    ema: float = flag(
        0.0, "also keep a moving average of the generator, of this decay (0.999), as latest_ema_net_G.pth; 0: none",
        low=0, high=0.999999,
    )  # fmt: skip
    lr_policy: str = flag(
        "linear", "linear: constant, then down; step: a tenth every LR_DECAY_ITERS epochs; cosine: over all epochs; "
        "plateau: a fifth when the generator's loss stays for 6",
        choices=("linear", "step", "cosine", "plateau"),
    )  # fmt: skip
    lr_decay_iters: int = flag(50, "epochs between the steps of --lr_policy step", low=1)


@dataclass(frozen=True)
class SpeedOptions:
    """Speed"""

    precision: str = flag(
        "auto", "of the networks' arithmetic; auto: bf16 where the hardware is fast in it and no generator is narrow, "
        "else fp32",
        choices=PRECISION_NAMES,
    )  # fmt: skip
    accumulate: int = flag(
        1, "compute each batch in this many parts, one after the other: less memory, same steps", low=1
    )
    grad_checkpointing: bool = flag(False, "recompute the generator's maps backwards: less memory, a quarter slower")
    compile: str = flag(
        "auto", "networks through torch.compile, minutes at the start; auto: not, until it is shown to repay it",
        choices=COMPILE_NAMES,
    )  # fmt: skip
    cuda_graphs: bool = flag(
        False, "record a step and repeat it, which spares a GPU the waiting for Python at small batches"
    )
    deterministic: bool = flag(False, "the same bits each time on a GPU too, which is slower; a CPU gives them anyway")


@dataclass(frozen=True)
class ReportOptions:
    """Logs, pages and checkpoints (frequencies in pictures)"""

    print_freq: int = flag(100, "print and log the losses", low=1)
    display_freq: int = flag(400, "save pictures of the training", low=1)
    update_html_freq: int = flag(1000, "rewrite the training page", low=1)
    display_winsize: int = flag(256, "width of pictures on the page (pixels)", low=16)
    no_html: bool = flag(False, "no training page")
    display: str = flag("", "show the training elsewhere too: visdom, tensorboard, wandb, or several with commas; none")
    display_id: int | None = flag(
        None, "first number of visdom's windows; above 0 it switches visdom on, 0 or -1 off; default: the run's name",
        low=-1,
    )  # fmt: skip
    display_server: str = flag("http://localhost", "where visdom's server is")
    display_port: int = flag(8097, "port of that server", low=1, high=65535)
    display_env: str = flag("main", "the environment of visdom that the windows are in")
    display_ncols: int = flag(4, "pictures in a row of a visdom window; 0: each has a window", low=-1)
    save_latest_freq: int = flag(5000, "save the state of the run", low=1)
    save_epoch_freq: int = flag(5, "keep the weights of every so many epochs", low=1)
    save_by_iter: bool = flag(False, "keep the weights at every --save_latest_freq too, as iter_N_net_G.pth")


@dataclass(frozen=True)
class QualityOptions:
    """Quality, measured while training"""

    eval_every: int = flag(0, "measure the quality every so many pictures, and at the end; 0: never", low=0)
    metrics: str = flag(
        "offline", "what is measured: names of metrics, and groups of them, with commas; offline: all that need no "
        "download; see docs/metrics.md",
    )  # fmt: skip
    best_metric: str | None = flag(
        None, "by which best_net_G.pth is chosen; default: domain_distance if it can be taken, else the first"
    )
    eval_phase: str = flag(
        "val", "pictures to measure on, not learned from: PHASEA and PHASEB; where there are none, a tenth of the "
        "training pictures is held out",
    )  # fmt: skip
    probe_data: str | None = flag(
        None, "for encoders: labelled pictures, train/CLASS/ and EVAL_PHASE/CLASS/, of which features are read instead"
    )
    eval_pictures: int = flag(100, "of each domain at most", low=2)
    metrics_weights: str | None = flag(
        None, "file or folder with the weights of networks that metrics use; default: the cache, else a download"
    )


@dataclass(frozen=True)
class TestOptions:
    """Test"""

    __test__ = False  # not a test case, whatever its name begins with

    dataroot: str | None = flag(None, "folder that holds testA, or a known dataset; default: the run's own")
    name: str | None = flag(None, "which run; default: the newest")
    checkpoints_dir: str = flag("./checkpoints", "folder of all runs")
    results_dir: str = flag("./results/", "folder of the results pages")
    epoch: str = flag("latest", "which weights: latest, an epoch's number, iter_N; with _ema behind it their average")
    phase: str = flag("test", "which pictures: PHASEA (domain B is not needed)")
    direction: str | None = flag(
        None, "AtoB reads PHASEA, BtoA PHASEB; default: the run's own; the other has a results folder of its own",
        choices=("AtoB", "BtoA"),
    )  # fmt: skip
    num_test: int | None = flag(None, "translate at most this many pictures; default: all", low=1)
    max_dataset_size: int | None = flag(None, "the same, by its name in training", low=1)
    size: str | None = flag(
        None, "crop: shorter side to the training crop size (default); original; WIDTHxHEIGHT in pixels"
    )
    preprocess: str | None = flag(None, "the reference's words instead of --size, e.g. resize_and_crop")
    load_size: int | None = flag(None, "with --preprocess; default: the crop size; alone: the shorter side", low=4)
    crop_size: int | None = flag(None, "with --preprocess or --size crop; default: the run's own", low=4)
    tile: int | None = flag(
        None,
        "translate larger pictures in tiles of this side (pixels), by resnets and stylegan2; default: whole",
        low=64,
    )
    tile_stats: str = flag(
        "exact", "what instance norms of tiles know; exact: all of the picture; lowres: it scaled down, in less memory",
        choices=TILE_STATS,
    )  # fmt: skip
    format: str = flag(
        "png", "of the pictures; same: the input's own if it can be written, else png; jpg and webp lose a little",
        choices=OUTPUT_FORMATS,
    )  # fmt: skip
    name_template: str | None = flag(
        None, "names of the pictures below images, of {name} {folder} {label} {run} {epoch} {index}; "
        "default: {label}/{folder}/{name}",
    )  # fmt: skip
    metrics: str = flag(
        "quick", "what is measured: names of metrics, and groups of them, with commas; none; see docs/metrics.md"
    )
    metrics_weights: str | None = same_as(QualityOptions, "metrics_weights")
    display_winsize: int = flag(256, "width of pictures on the page (pixels)", low=16)
    skip_bad_images: bool = flag(False, "go on without the pictures that cannot be read")
    gpu_ids: str = flag("0", "which GPU; -1 is the CPU, which is also taken where there is no GPU")
    precision: str = flag(
        "auto", "as in training; auto: bf16 where the hardware is fast in it", choices=PRECISION_NAMES
    )
    suffix: str = flag("", "appended to the name, as in training")


@dataclass(frozen=True)
class ApplyOptions:
    """Apply"""

    output: str | None = flag(None, "folder for the results, made where it is missing")
    format: str = flag(
        "same", "of the results; same: the picture's own if it can be written, else png; png, tiff, bmp, ppm, npy, and "
        "at quality 95 jpg, webp",
        choices=OUTPUT_FORMATS,
    )  # fmt: skip
    name_template: str | None = flag(
        None, "names of the results, of {name} {folder} {label} {run} {epoch} {index}; default: {folder}/{name}"
    )
    overwrite: bool = flag(False, "replace results that are there")
    skip_existing: bool = flag(False, "leave results that are there, and translate the others")
    skip_bad_images: bool = same_as(TestOptions, "skip_bad_images")
    checkpoints_dir: str = same_as(TestOptions, "checkpoints_dir")
    epoch: str = same_as(TestOptions, "epoch")
    direction: str | None = flag(
        None, "AtoB or BtoA, for a run that learned both; default: the run's own", choices=("AtoB", "BtoA")
    )
    size: str | None = same_as(TestOptions, "size")
    preprocess: str | None = same_as(TestOptions, "preprocess")
    load_size: int | None = same_as(TestOptions, "load_size")
    crop_size: int | None = same_as(TestOptions, "crop_size")
    tile: int | None = same_as(TestOptions, "tile")
    tile_stats: str = same_as(TestOptions, "tile_stats")
    smooth_stats: float = flag(
        0.0, "films: the statistics of instance norms are a moving average over frames, of this decay (0.9), against "
        "flicker; 0: each frame by itself",
        low=0, high=0.999,
    )  # fmt: skip
    film: bool = flag(False, "with --smooth_stats: the pictures of a folder are the frames of a film, in natural order")
    gpu_ids: str = same_as(TestOptions, "gpu_ids")
    precision: str = same_as(TestOptions, "precision")


@dataclass(frozen=True)
class ExportOptions:
    """Export"""

    output: str | None = flag(None, "the file to write")
    format: str | None = flag(
        None, "onnx: for ONNX Runtime and others; pt2: of torch.export; default: by the ending of the file",
        choices=EXPORT_FORMATS,
    )  # fmt: skip
    raw: bool = flag(False, "values from -1 to 1, as the networks have them, in place of 0 to 1")
    no_check: bool = flag(False, "do not compare the file's results with the translator's")
    overwrite: bool = flag(False, "replace a file that is there")
    checkpoints_dir: str = same_as(TestOptions, "checkpoints_dir")
    epoch: str = same_as(TestOptions, "epoch")
    direction: str | None = same_as(ApplyOptions, "direction")


# Flags that only visdom has a use for.
VISDOM_FLAGS = ("display_server", "display_port", "display_env", "display_ncols")

# Flags of the reference that can have no effect here: accepted, with one warning. A method may have one of them.
LEGACY = {
    "easy_label": "it only labelled a launcher's page",
    "evaluation_freq": "the reference never read it",
    "pool_size": "only --model cycle_gan has an image pool",
    "stylegan2_G_num_downsampling": "only --model sincut has a StyleGAN2 generator",
    "eval": "translation always runs in evaluation mode",
}


@dataclass(frozen=True)
class EvaluateOptions:
    """Evaluate"""

    dataroot: str | None = flag(
        None, "the data set that the pictures were translated from: PHASEA, PHASEB, trainA and trainB are taken from it"
    )
    phase: str = same_as(TestOptions, "phase")
    direction: str = flag("AtoB", "AtoB: results are in domain B", choices=("AtoB", "BtoA"))
    inputs: str | None = flag(None, "folder of what was translated, under the results' names; default: PHASEA")
    truths: str | None = flag(None, "folder of the true translations, under the same names; default: PHASEA_truth")
    real: str | None = flag(None, "folder of real pictures of the results' domain; default: PHASEB")
    metrics: str = flag("offline", "what is measured: names of metrics, and groups of them, with commas")
    metrics_weights: str | None = same_as(QualityOptions, "metrics_weights")
    output: str | None = flag(None, "a file to which what was found is appended as a line of JSON")
    gpu_ids: str = same_as(TestOptions, "gpu_ids")


@dataclass(frozen=True)
class TransferOptions:
    """Transfer"""

    dataroot: str | None = flag(
        None, "folder of labelled pictures: train/CLASS/ and test/CLASS/, and val/CLASS/; or one in VOC's format"
    )
    protocols: str = flag(
        "linear,knn", "with commas: linear and knn read the frozen features of each layer; fc learns new layers on "
        "the deepest; finetune learns with all weights; zero_shot, of clip: by the names of the classes alone; on a "
        "folder in VOC's format svm (its default), segmentation, detection",
    )  # fmt: skip
    templates: str = flag(
        "a photo of a {}.", "of zero_shot: sentences with {} for the class, separated by |, or a file of them"
    )
    epochs: int = flag(30, "of fc, finetune, segmentation and detection", low=1)
    lr: float = flag(0.001, "learning rate of fc, finetune, segmentation and detection", above=0)
    rescale: bool = flag(
        False, "before fc and whatever is fine-tuned, scale the layers of an alexnet so that all learn equally fast"
    )
    random: int = flag(3, "untrained networks of each kind beside the runs, of so many seeds", low=0)
    shots: int | None = flag(None, "learn from at most so many pictures of each class", low=1)
    seed: int = flag(0, "which pictures these are, and what is random in what is trained", low=0)
    most_values: int = flag(9216, "values of a picture that a layer is pooled to, at most", low=1)
    epoch: str = flag("latest", "which weights of the runs")
    checkpoints_dir: str = same_as(TestOptions, "checkpoints_dir")
    output: str | None = flag(
        None, "folder for the table: a page, transfer.md and transfer.json; default: it is printed only"
    )
    gpu_ids: str = same_as(TestOptions, "gpu_ids")
