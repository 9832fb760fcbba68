"""What docs/ say can be done: commands run, Python imports what exists, links lead somewhere, flags are real."""

import ast
import importlib
import re
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from translate.commandline import parse_train
from translate.methods import METHODS
from translate.options import LEGACY, ApplyOptions, EvaluateOptions, TestOptions, TransferOptions
from translate.settings import test_groups, train_flags

OF_TORCHRUN = {"nnodes", "nproc_per_node", "rdzv_backend", "rdzv_endpoint", "max_restarts"}
REPOSITORY = Path(__file__).resolve().parent.parent
# What each method's tiniest network needs, over the flags of the tiniest run.
CLIP = {"nef": 4, "text_width": 8, "text_layers": 1, "text_heads": 2, "vocab_size": 600, "feature_nc": 8}
TINY = {
    "clip": {**CLIP, "load_size": 72, "crop_size": 64, "batch_size": 2},
    "context_encoder": {
        "netG": "context_encoder_64",
        "bottleneck": 8,
        "load_size": 72,
        "crop_size": 64,
        "batch_size": 2,
    },
    "colorization": {"netG": "colorizer_small", "predict_px": 64, "batch_size": 2},
    "depth": {"netG": "hourglass", "ngf": 4, "crop_size": 32, "batch_size": 2},
    "pix2pix": {"normG": "instance"},
    "rotation": {"nef": 4, "load_size": 72, "crop_size": 64, "batch_size": 2},
    "sincut": {"netG": "smallstylegan2", "netD": "stylegan2", "ngf": 1, "ndf": 1, "crop_size": 16, "batch_size": 4},
}
ELSEWHERE = (
    "pip install .",
    'pip install ".[video]"',
    'pip install ".[text]"',
    "scripts/quickstart.sh",
    "python scripts/repeat.py --seeds 0 1 2 -- --dataroot my_data --name my_run",
    "python scripts/compare_encoders.py --dataroot my_labelled_photos --minutes 5",
)  # tried by tests/test_wheel.py, by hand, by tests/test_repeat.py and by tests/test_compare_encoders.py
SUCCESS = (
    r"done: \d+ steps|(\d+) in, \1 written|largest difference from the translator: 0\.0|untouched"
    r"|page: results/compare\.html|the best layer by validation|different captions|Of the test pictures, in percent"
)
ABOUT_SEVERAL = "encoders"
PAGES = sorted((REPOSITORY / "docs").glob("*.md"))
BLOCKS = [
    (page.stem, *block) for page in PAGES for block in re.findall(r"```(\w+)\n(.*?)```", page.read_text(), re.DOTALL)
]
COMMANDS = [(stem, line) for stem, kind, text in BLOCKS if kind == "bash" for line in text.splitlines()]
WITH_COMMANDS = [page for page in PAGES if {page.stem} & {stem for stem, line in COMMANDS if line not in ELSEWHERE}]
LINKS = [
    (page, link) for page in PAGES for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text()) if "://" not in link
]


def model_of(stem):
    """The method that a page is about; pages about something else speak of the usual one."""
    return stem if stem in METHODS.names() else "cut"


@pytest.fixture(scope="module")
def folders(tmp_path_factory, make_domains, make_deep_domains, write_voc, make_depth) -> Path:
    """The pictures that the pages speak of."""
    home = tmp_path_factory.mktemp("folders")
    for name in ("my_data", "my_pairs", "datasets/grumpifycat", "datasets/horse2zebra"):
        make_domains(home / name, 8, 8)
    make_domains(home / "my_big_data", 20, 20)  # enough to hold some out
    make_domains(home / "my_two_pictures", 1, 1, phases=("train",))
    for path in (home / "my_pairs").glob("*B/b*.png"):
        path.rename(path.with_name(path.name.replace("b", "a")))  # of one name with its partner
    make_depth(home / "my_scenes", home / "my_data")
    make_deep_domains(home / "my_scans", A=(-1000, 2000, "int16", "npy"), B=(0, 4095, "uint16", "png"))
    shutil.copytree(home / "my_scans/testA", home / "new_scans")
    for name in ("my_photos", "old_grey_pictures", "holiday", "frames"):
        (home / name).mkdir()
        for number in range(2):
            Image.fromarray(np.random.default_rng(number).integers(0, 255, (80, 72, 3), np.uint8)).save(
                home / name / f"{number}.png"
            )
    for number, name in enumerate(["train/coat", "train/hat", "test/coat", "test/hat"]):
        folder = home / "my_labelled_photos" / name
        folder.mkdir(parents=True)
        for index in range(6):
            pixels = np.random.default_rng((number, index)).integers(0, 200, (80, 80, 3), np.uint8)
            Image.fromarray(pixels + np.uint8(50 * (number % 2))).save(folder / f"{index}.png")
    (home / "my_named_photos").mkdir()
    for index, name in enumerate(["n01234567_red_coat", "blue-hat_12"]):
        shutil.copy(home / "my_photos" / f"{index}.png", home / "my_named_photos" / f"{name}.png")
    (home / "captions.csv").write_text("path,caption\n0.png,a coat\n1.png,a hat\n")
    write_voc(home / "VOCdevkit/VOC2007", {"trainval": 3, "test": 3})
    write_voc(home / "VOCdevkit/VOC2012", {"train": 3, "val": 3})
    frames = [Image.new("RGB", (64, 48), (90 * number, 40, 200)) for number in range(3)]
    frames[0].save(home / "moving.gif", save_all=True, append_images=frames[1:])
    with av.open(str(home / "film.mp4"), "w") as film:
        video = film.add_stream("libx264", rate=25)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        for frame in [*map(av.VideoFrame.from_image, frames), None]:
            film.mux(video.encode(frame))
    return home


@pytest.fixture
def workplace(tmp_path, folders, trained_run, monkeypatch) -> Path:
    """A folder with these pictures, and a run that was trained before."""
    for entry in folders.iterdir():
        (shutil.copytree if entry.is_dir() else shutil.copy)(entry, tmp_path / entry.name)
    shutil.copytree(trained_run, tmp_path / "checkpoints" / "my_run")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def model_told(words):
    given = parse_train(words)
    return given.get("model") or "cut"


@pytest.mark.parametrize("page", WITH_COMMANDS, ids=lambda page: page.stem)
def test_the_commands_of_a_page_work_in_their_order(page, workplace, main_of, tiny_flags, monkeypatch, capsys):
    """As they stand, but for networks and pictures of the tiniest size and a step or two."""
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.syspath_prepend(REPOSITORY / "scripts")
    steps = 2  # of the run that is there
    for line in [line for stem, line in COMMANDS if stem == page.stem and line not in ELSEWHERE]:
        program, *words = shlex.split(line)
        script, *words = [word for word in words if word.lstrip("-").split("=")[0] not in OF_TORCHRUN]
        capsys.readouterr()
        if script == "scripts/transfer.py":
            short = ["--epochs", "1"] if re.search("finetune|segmentation", line) else []
            importlib.import_module("translate.commands.transfer").main([*words, *short])
        elif script == "scripts/retrieval.py":
            importlib.import_module("retrieval").main(words)
        elif program == "translate":
            importlib.import_module(f"translate.commands.{script}").main(words)
        elif script == "train.py":
            assert program in ("python", "torchrun")
            steps += 1
            model = model_told(words)
            assert model == model_of(page.stem) or page.stem == ABOUT_SEVERAL
            known = train_flags(model)
            flags = {name: value for name, value in tiny_flags.items() if name in known}
            if "netE" in known:  # an encoder has no discriminator, and no generator unless it is the half of one
                idle = {"ndf"} if "generator" in words else {"ndf", "ngf", "netG"}
                flags = {name: value for name, value in flags.items() if name not in idle}
            if model == "depth":
                del flags["ndf"]
            flags |= {**TINY.get(model, {}), "n_epochs": 9, "max_steps": steps}
            main_of("train")([*words, *(str(word) for name, value in flags.items() for word in (f"--{name}", value))])
        else:
            assert (program, script) in (("python", "test.py"), ("python", "scripts/compare.py"))
            main_of(script.removesuffix(".py"))(words)
        said = capsys.readouterr().out
        assert "--dry_run" in line or re.search(SUCCESS, said), (line, said)


@pytest.mark.parametrize(("stem", "code"), [(stem, text) for stem, kind, text in BLOCKS if kind == "python"])
def test_python_compiles_and_imports_what_exists(stem, code):
    for node in ast.walk(ast.parse(code, stem)):
        if isinstance(node, ast.Import):
            assert all(importlib.import_module(name.name) for name in node.names)
        if isinstance(node, ast.ImportFrom):
            assert all(hasattr(importlib.import_module(node.module), name.name) for name in node.names)


@pytest.mark.parametrize(("page", "link"), LINKS, ids=lambda value: getattr(value, "stem", value))
def test_links_lead_somewhere(page, link):
    path, _, heading = link.partition("#")
    assert (page.parent / path).is_file()
    assert not heading or heading in headings(page.parent / path)


def headings(page):
    """What links call the headings of a page."""
    titles = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).strip().replace(" ", "-") for title in titles}


OF_APPLY = {
    "out",
    *(name for group in (ApplyOptions, EvaluateOptions, TransferOptions) for name in group.__dataclass_fields__),
}
OF_EXPORT = {"raw", "no_check"}
OF_SCRIPTS = {"seeds", "metrics", "minutes", "jobs", "crops", "mirrored", "scene"}
OF_TOOLS = {"build", "logdir", "reference", "config", "help"}  # pip, tensorboard, scripts, every command


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_flags_exist(page):
    """Those of its method on a page about a method, elsewhere those of any."""
    about = [page.stem] if page.stem in METHODS.names() else METHODS.names()
    known = {*TestOptions.__dataclass_fields__, *LEGACY, "model", *OF_TORCHRUN, *OF_APPLY, *OF_EXPORT, *OF_SCRIPTS}
    known |= OF_TOOLS
    for model in about:
        known |= {*train_flags(model), *getattr(test_groups().get(model), "__dataclass_fields__", ())}
    assert set(re.findall(r"--(\w+)", page.read_text())) <= known


def test_the_pages_are_built_without_a_warning(tmp_path):
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", REPOSITORY / "docs", tmp_path / "built"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "built" / "how_cut_works.html").is_file()
    assert all((tmp_path / "built" / f"{page.stem}.html").is_file() for page in PAGES)


# Flags of its train.py and test.py at b3ac297, with the models cut, cycle_gan and sincut.
OF_THE_REFERENCE = (
    "dataroot", "name", "easy_label", "gpu_ids", "checkpoints_dir", "model", "input_nc", "output_nc", "ngf", "ndf",
    "netD", "netG", "n_layers_D", "normG", "normD", "init_type", "init_gain", "no_dropout", "no_antialias",
    "no_antialias_up", "dataset_mode", "direction", "serial_batches", "num_threads", "batch_size", "load_size",
    "crop_size", "max_dataset_size", "preprocess", "no_flip", "display_winsize", "random_scale_max", "epoch",
    "verbose", "suffix", "stylegan2_G_num_downsampling", "display_freq", "display_ncols", "display_id",
    "display_server", "display_env", "display_port", "update_html_freq", "print_freq", "no_html",
    "save_latest_freq", "save_epoch_freq", "evaluation_freq", "save_by_iter", "continue_train", "epoch_count",
    "phase", "pretrained_name", "n_epochs", "n_epochs_decay", "beta1", "beta2", "lr", "gan_mode", "pool_size",
    "lr_policy", "lr_decay_iters", "results_dir", "eval", "num_test", "CUT_mode", "lambda_GAN", "lambda_NCE",
    "nce_idt", "nce_layers", "nce_includes_all_negatives_from_minibatch", "netF", "netF_nc", "nce_T", "num_patches",
    "flip_equivariance", "lambda_A", "lambda_B", "lambda_identity", "lambda_R1",
)  # fmt: skip


def test_moving_over_knows_every_flag_of_the_reference():
    text = (REPOSITORY / "docs" / "moving_over.md").read_text()
    lines = text.partition("## Flag by flag")[2].splitlines()
    told = [flag for line in lines if line.startswith("| `--") for flag in re.findall(r"--(\w+)", line.split("|")[1])]
    assert sorted(told) == sorted(OF_THE_REFERENCE)
    known = {
        *train_flags("cut"),
        *train_flags("cycle_gan"),
        *train_flags("sincut"),
        *TestOptions.__dataclass_fields__,
        *LEGACY,
        "model",
    }
    assert set(OF_THE_REFERENCE) <= known
