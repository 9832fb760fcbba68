"""What --precision comes to, and what computing in it changes."""

from contextlib import nullcontext

import numpy as np
import pytest
import skimage
import torch
from PIL import Image

from translate.data.tensors import to_signed, to_tensor
from translate.errors import InputError
from translate.methods import METHODS
from translate.networks import build_generator
from translate.settings import resolve
from translate.sizing import TestSize
from translate.training import precision as module
from translate.training.job import build_method, prepare_job
from translate.training.precision import Precision, choose_precision, cpu_flags, is_fast_in_bf16
from translate.training.processes import Processes
from translate.translator import Translator

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def ask_anew():
    is_fast_in_bf16.cache_clear()
    yield
    is_fast_in_bf16.cache_clear()


@pytest.mark.parametrize(
    ("flags", "name"), [("fpu amx_bf16", "bf16"), ("avx512_bf16", "bf16"), ("fpu avx512f avx2", "fp32"), (None, "fp32")]
)
def test_auto_follows_what_the_processor_says(flags, name, tmp_path, monkeypatch):
    cpuinfo = tmp_path / "cpuinfo"
    if flags is not None:
        cpuinfo.write_text(f"processor\t: 0\nmodel name\t: some\nflags\t\t: {flags}\nbugs\t: amx_bf16_bug\n")
    assert cpu_flags(cpuinfo) == set((flags or "").split())
    monkeypatch.setattr(module, "cpu_flags", lambda: cpu_flags(cpuinfo))
    assert choose_precision("auto", CPU).name == name


@pytest.mark.parametrize(
    ("flags", "name"),
    [
        ({"ngf": 31}, "fp32"),
        ({"ngf": 32}, "bf16"),
        ({"ngf": 8, "precision": "bf16"}, "bf16"),
        ({"ngf": 8, "model": "cycle_gan"}, "fp32"),
        ({"ngf": 8, "model": "sincut", "ndf": 1}, "bf16"),  # whose --ngf is no number of channels
        ({"model": "rotation", "nef": 8}, "bf16"),
    ],
)
def test_auto_leaves_generators_that_gain_nothing_in_float32(flags, name, make_domains, tmp_path, monkeypatch):
    monkeypatch.setattr("translate.training.precision.cpu_flags", lambda: {"amx_bf16", "avx512f"})
    root = make_domains(tmp_path / "data", size=(80, 80))
    if "model" in flags and not METHODS[flags["model"]].generators:
        root = root / "trainA"
    sizes = {"load_size": 80, "crop_size": 72, "batch_size": 2, "max_dataset_size": 1 if "ndf" in flags else 4}
    told = {"dataroot": str(root), "checkpoints_dir": str(tmp_path / "runs"), **sizes, **flags}
    job = prepare_job(told, Processes(), CPU)
    assert job.precision.name == job.settings.speed.precision == name


@pytest.mark.parametrize(("ngf", "name"), [(31, "fp32"), (32, "bf16")])
@pytest.mark.parametrize("tile", [None, 64])
def test_a_translator_follows_the_width_of_its_generator_as_its_training_did(ngf, name, tile, monkeypatch):
    monkeypatch.setattr("translate.training.precision.cpu_flags", lambda: {"amx_bf16", "avx512f"})
    generator = build_generator("resnet_4blocks", ngf=ngf)
    assert Translator(generator, TestSize(), 3, tile=tile).precision.name == name
    assert Translator(generator, TestSize(), 3, precision="bf16", tile=tile).precision.name == "bf16"


@pytest.mark.parametrize(("capability", "name"), [((8, 0), "bf16"), ((9, 0), "bf16"), ((7, 5), "fp32")])
def test_auto_follows_the_capability_of_a_gpu(capability, name, monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert choose_precision("auto", torch.device("cuda", 0)).name == name


@pytest.mark.parametrize("word", ["fp32", "bf16", "fp16"])
def test_what_is_told_is_taken(word):
    assert choose_precision(word, CPU) == Precision(word, CPU)


def test_tf32_is_for_gpus():
    with pytest.raises(InputError, match="--precision tf32 is a precision of GPUs"):
        choose_precision("tf32", CPU)


@pytest.mark.parametrize(("word", "allowed"), [("fp32", False), ("tf32", True), ("bf16", False), ("fp16", False)])
def test_float32_on_a_gpu_is_rounded_only_where_that_was_asked_for(word, allowed, monkeypatch):
    former = torch.get_float32_matmul_precision()
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", not allowed)
    try:
        Precision(word, torch.device("cuda")).set_up()
        assert torch.backends.cudnn.allow_tf32 == allowed
        assert (torch.get_float32_matmul_precision() == "high") == allowed
    finally:
        torch.set_float32_matmul_precision(former)


@pytest.mark.parametrize(
    ("word", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16), ("fp16", torch.float16)]
)
def test_convolutions_compute_in_it(word, dtype):
    with Precision(word, CPU).autocast():
        assert torch.nn.Conv2d(3, 2, 3)(torch.zeros(1, 3, 8, 8)).dtype == dtype


def test_only_fp16_scales_its_losses():
    assert [Precision(word, CPU).scaler().is_enabled() for word in ("fp32", "bf16", "fp16")] == [False, False, True]


def photograph(pixels: np.ndarray) -> torch.Tensor:
    return to_signed(to_tensor(Image.fromarray(pixels).resize((128, 128))))[None]


def gradients(
    word: str, mode: str, layout: torch.memory_format = torch.channels_last, dtype: torch.dtype = torch.float32
) -> dict[str, torch.Tensor]:
    """Of one step, by network, as flat vectors."""
    precision = Precision(word, CPU)
    flags = {
        "CUT_mode": mode,
        "ngf": 32,
        "ndf": 16,
        "num_patches": 256,
        "netG": "resnet_4blocks",
        "nce_layers": "0,4,8",
    }
    method = build_method(resolve({**flags, "input_nc": 3, "output_nc": 3}))
    method.to(memory_format=layout, dtype=dtype)
    drawn = torch.Generator().manual_seed(0)
    pictures = {"A": skimage.data.astronaut(), "B": skimage.data.coffee()}
    batch = {letter: photograph(pixels).to(dtype, memory_format=layout) for letter, pixels in pictures.items()}
    for letter in "AB":
        sizes = method.networks["G"].tap_sizes(128, 128, method.taps)
        places = [torch.randperm(height * width, generator=drawn)[None, :256] for height, width in sizes]
        batch[f"positions_{letter}"] = places
    batch |= {"mirrors": torch.tensor([True]), "mirrored": torch.tensor([[True]])}
    with precision.autocast():
        state = method(batch)
    found = {}
    for player, names in method.players.items():
        with precision.autocast():
            total, _ = method.losses(player, state)
        assert total.dtype == dtype
        for name in names:
            weights = list(method.networks[name].parameters())
            gradient = torch.autograd.grad(total, weights, retain_graph=True, allow_unused=True)
            found[name] = torch.cat([g.flatten() for g in gradient if g is not None])
    return found


@pytest.mark.parametrize(
    ("flags", "word", "layout"),
    [
        ({"avx2"}, "fp32", torch.contiguous_format),
        ({"avx2"}, "bf16", torch.channels_last),
        ({"avx2", "avx512f"}, "fp32", torch.channels_last),
        (set(), "fp32", torch.channels_last),
    ],
)
def test_the_layout_of_a_training_is_the_one_that_the_processor_is_fast_in(flags, word, layout, monkeypatch):
    monkeypatch.setattr(module, "cpu_flags", lambda: flags)
    assert Precision(word, CPU).layout == layout


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_a_job_has_told_torch_and_its_weights_lie_in_the_layout(layout, make_domains, tmp_path, monkeypatch):
    told = []
    monkeypatch.setattr(Precision, "layout", property(lambda self: layout))
    monkeypatch.setattr(Precision, "set_up", lambda self: told.append(self.name))
    root = make_domains(tmp_path / "data")
    flags = {"load_size": 40, "crop_size": 32, "ngf": 2, "ndf": 2, "precision": "bf16"}
    job = prepare_job({"dataroot": str(root), "checkpoints_dir": str(tmp_path / "runs"), **flags}, Processes(), CPU)
    weights = [weight for weight in job.method.parameters() if weight.ndim == 4 and min(weight.shape[1:]) > 1]
    assert weights and all(weight.is_contiguous(memory_format=layout) for weight in weights)
    assert told == ["bf16"]


def test_the_layout_changes_nothing_but_rounding():
    layouts = torch.channels_last, torch.contiguous_format
    last, plain = (gradients("fp32", "CUT", layout, torch.float64) for layout in layouts)
    for name in last:
        assert 0 < (last[name] - plain[name]).norm() / last[name].norm() < 1e-9, name


@pytest.mark.parametrize("outside", [nullcontext, torch.no_grad, torch.inference_mode])
def test_a_pass_without_gradients_takes_none_from_the_next(outside):
    module.keeps_gradients_apart.cache_clear()
    with outside():
        precision = Precision("bf16", CPU)
        precision.autocast()
    layer, x = torch.nn.Linear(3, 2), torch.ones(1, 3)
    with precision.autocast():
        with torch.no_grad():
            layer(x)
        layer(x).float().sum().backward()
    assert torch.equal(layer.weight.grad, torch.ones(2, 3))


def test_nothing_that_was_cast_is_kept_where_torch_confuses_it(monkeypatch):
    monkeypatch.setattr(module, "keeps_gradients_apart", lambda: False)
    layer, x = torch.nn.Linear(3, 2), torch.ones(1, 3)
    with Precision("bf16", CPU).autocast():
        assert not torch.is_autocast_cache_enabled()
        layer(x).float().sum().backward()
    assert torch.equal(layer.weight.grad, torch.ones(2, 3))


@pytest.mark.parametrize("mode", ["CUT", "FastCUT"])
def test_bf16_gradients_point_where_those_of_float32_do(mode):
    half, full = gradients("bf16", mode), gradients("fp32", mode)
    assert set(half) == {"G", "D", "F"}
    for name in half:
        assert torch.cosine_similarity(half[name], full[name], dim=0) > 0.99, name


@pytest.mark.parametrize("model", [name for name in METHODS.names() if METHODS[name].generators])
def test_translations_leave_every_generator_in_full_precision(model):
    output_nc = 1 if model == "depth" else 3
    method = build_method(resolve({"model": model, "input_nc": 3, "output_nc": output_nc, "ngf": 8}))
    side_px = 256 if model == "pix2pix" else 128
    with torch.inference_mode(), Precision("bf16", CPU).autocast():
        assert method.eval().translate(torch.zeros(1, 3, side_px, side_px)).dtype == torch.float32


def test_a_translator_differs_by_rounding_only(make_generator):
    pictures = torch.rand(3, 32, 32, generator=torch.Generator().manual_seed(1))
    size = TestSize("original")
    results = [Translator(make_generator(), size, 3, precision=word)(pictures) for word in ("fp32", "bf16")]
    assert 0 < (results[0] - results[1]).abs().max() < 0.05


def test_the_choice_is_recorded_and_kept(train, base_flags):
    folder = train(max_steps=1, precision="fp16").folder
    assert '"precision": "fp16"' in (folder / "run.json").read_text()
    train(max_steps=2, continue_train=True)
    assert '"precision": "fp16"' in (folder / "run.json").read_text()
    assert torch.load(folder / "latest_state.pth", weights_only=True)["scaler"]["scale"] > 1
