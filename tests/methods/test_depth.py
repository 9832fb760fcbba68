import json
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from translate.data.planes import Planes, read_depth
from translate.errors import InputError
from translate.evaluation.depth import aligned_errors, si_rmse
from translate.losses.depth import (
    edge_aware_curvature,
    edge_aware_smoothness,
    human_pairs,
    log_residual,
    multi_scale_gradient,
    scale_invariant,
)
from translate.methods.depth import DEPTH_INPUTS, Depth
from translate.networks.hourglass import Hourglass
from translate.settings import resolve
from translate.testing import run_test
from translate.training.job import build_method
from translate.training.preparing import share_counts
from translate.training.run import train_from_flags
from translate.translator import Translator

TINY = {
    "model": "depth", "ngf": 4, "load_size": 36, "crop_size": 32, "batch_size": 2, "n_epochs": 1, "n_epochs_decay": 0,
    "num_threads": 0, "gpu_ids": "-1", "precision": "fp32", "no_html": True, "print_freq": 1,
}  # fmt: skip


def make(**flags):
    return build_method(resolve({"model": "depth", "ngf": 4, "crop_size": 32, "input_nc": 3, "output_nc": 1, **flags}))


def batch_of(method, seed=0):
    rng = torch.Generator().manual_seed(seed)
    colours = torch.rand(2, 3, 32, 32, generator=rng) * 2 - 1
    planes = torch.rand(2, method.batch_nc["A"] - 3, 32, 32, generator=rng)
    depth = torch.rand(2, 1, 32, 32, generator=rng) + 0.5
    depth[:, :, :5] = 0
    people = (torch.rand(2, method.batch_nc["B"] - 1, 32, 32, generator=rng) > 0.6).float()
    return {"A": torch.cat([colours, planes], 1), "B": torch.cat([depth, people], 1)}


class TestLosses:
    def test_weights_are_the_published_ones(self):
        method = make()
        batch = batch_of(method)
        state = method(batch)
        total, named = method.losses("G", state)
        valid = batch["B"] > 0
        residual = log_residual(state.log_depth, batch["B"], valid)
        unit = (batch["A"] + 1) / 2
        assert named["si"].item() == pytest.approx(1.5 * scale_invariant(residual, valid).item())
        assert named["gradient"].item() == pytest.approx(0.75 * multi_scale_gradient(residual, valid).item())
        assert named["smooth"].item() == pytest.approx(0.075 * edge_aware_smoothness(state.log_depth, unit).item())
        assert named["curvature"].item() == pytest.approx(0.1 * edge_aware_curvature(state.log_depth, unit).item())
        assert total.item() == pytest.approx(sum(value.item() for name, value in named.items() if name != "G"))

    def test_pieces_of_a_batch_have_the_losses_of_the_whole_whatever_is_known_in_each(self):
        method = make(lambda_human=0.5).double().eval()  # batch norms of all of them alike
        batch = {domain: images.double() for domain, images in batch_of(method).items()}
        batch["B"][0, 0, 9:, 2:] = 0
        parts = [{domain: images[at : at + 1] for domain, images in batch.items()} for at in (0, 1)]
        pieces = [method.losses("G", method(part))[1] for part in share_counts(method, parts)]
        for name, loss in method.losses("G", method(batch))[1].items():
            assert sum(piece[name].item() for piece in pieces) / 2 == pytest.approx(loss.item(), rel=1e-9), name

    def test_with_people_the_weights_are_1_and_a_half(self):
        method = make(lambda_human=0.5)
        assert method.options.lambda_si == 1.0
        assert make(lambda_human=0.5, lambda_si=2.0).options.lambda_si == 2.0
        assert Depth.layers(method.options)["B"] == ("mask",)
        batch = batch_of(method)
        state = method(batch)
        named = method.losses("G", state)[1]
        depth, people = batch["B"][:, :1], batch["B"][:, 1:] > 0
        residual = log_residual(state.log_depth, depth, depth > 0)
        assert named["si"].item() == pytest.approx(scale_invariant(residual, depth > 0).item())
        assert named["human"].item() == pytest.approx(0.5 * human_pairs(residual, depth > 0, people).item())

    def test_a_batch_whose_depth_is_not_known_at_all_has_finite_losses_and_gradients(self):
        method = make(lambda_human=0.5)
        batch = batch_of(method)
        batch["B"].zero_()
        total, named = method.losses("G", method(batch))
        total.backward()
        assert all(named[name].item() == 0 for name in ("si", "human", "gradient"))
        assert all(weight.grad is None or weight.grad.isfinite().all() for weight in method.parameters())


class TestInputs:
    @pytest.mark.parametrize(("inputs", "channels"), [*zip(DEPTH_INPUTS, (3, 4, 6, 7), strict=True)])
    def test_the_network_sees_the_published_channels(self, inputs, channels):
        method = make(depth_inputs=inputs)
        assert method.networks["G"].input_nc == method.batch_nc["A"] == channels
        seen = []
        method.networks["G"].register_forward_pre_hook(lambda _, given: seen.append(given[0]))
        batch = batch_of(method)
        method(batch)
        assert torch.allclose(seen[0][:, :3], (batch["A"][:, :3] + 1) / 2)
        assert torch.equal(seen[0][:, 3:], batch["A"][:, 3:])

    def test_planes_stand_in_the_order_that_published_weights_read_them(self):
        published = {3: (), 6: ("mask", "initial", "confidence"), 7: ("mask", "keypoints", "initial", "confidence")}
        kinds = {3 + len(found): found for found in DEPTH_INPUTS.values()}
        assert {channels: kinds[channels] for channels in published} == published

    def test_solver_and_batch_are_the_published_ones(self):
        settings = resolve({"model": "depth"})
        assert (settings.optimizer.lr, settings.optimizer.beta1, settings.optimizer.beta2) == (4e-4, 0.9, 0.999)
        assert (settings.optimizer.optimizer, settings.data.batch_size) == ("adam", 8)

    @pytest.mark.parametrize(
        ("flags", "said"),
        [
            ({"ndf": 8}, "--ndf 8 has no effect, since depth is learned without a discriminator"),
            ({"normG": "none"}, "--normG none has no effect, since hourglass has its own layers"),
            ({"ngf": 6}, "--ngf 6 does not suit hourglass: use a multiple of 4"),
            ({"no_antialias": True}, "--no_antialias True has no effect, since hourglass has its own layers"),
            ({"input_nc": 1}, "--input_nc 1 does not suit depth"),
            ({"lambda_si": 0, "lambda_gradient": 0}, "nothing is left to learn"),
            ({"range_B": "0,9"}, "--range_B does not suit --model depth"),
            ({"output_nc": 3}, "--output_nc 3 does not suit depth"),
            ({"lambda_human": "half"}, "--lambda_human half is not a number"),
        ],
    )
    def test_flags_that_do_not_suit_are_refused(self, flags, said):
        with pytest.raises(InputError, match=said):
            make(**flags)

    def test_sizes_that_do_not_suit_are_refused(self):
        with pytest.raises(InputError, match=r"--crop_size 40 .*multiple of 16: use --crop_size 48"):
            make().check_size(40)
        with pytest.raises(InputError, match="--crop_size 16 is too small for depth: use 32"):
            make().check_size(16)
        make().check_size(32)


@pytest.fixture(scope="module")
def scenes(tmp_path_factory, make_domains, make_depth):
    home = tmp_path_factory.mktemp("depth")
    return make_depth(home / "scenes", make_domains(home / "plain", 4, 1, size=(44, 40)))


@pytest.fixture(scope="module")
def runs(scenes):
    """Two runs: of colours alone, and of all that is known."""
    home = scenes.parent / "runs"
    told = {**TINY, "dataroot": str(scenes), "checkpoints_dir": str(home)}
    train_from_flags({**told, "name": "rgb"})
    train_from_flags({**told, "name": "all", "depth_inputs": "rgb,mask,initial,confidence", "lambda_human": 0.5})
    return home


def results_of(runs, name, out, **flags):
    page = run_test({"checkpoints_dir": runs, "name": name, "results_dir": out, "gpu_ids": "-1", **flags}).page
    return page.parent, json.loads((page.parent / "scores.json").read_text())


class TestResults:
    @pytest.mark.parametrize("name", ["rgb", "all"])
    def test_numbers_are_written_and_compared_with_the_truth(self, name, runs, scenes, tmp_path):
        folder, scores = results_of(runs, name, tmp_path)
        paths = sorted((folder / "values/depth_B").glob("*.npy"))
        assert len(paths) == len(list((scenes / "testA").iterdir()))
        for path in paths:
            predicted = np.load(path)
            assert predicted.dtype == np.float32
            assert (predicted > 0).all()
            size = predicted.shape[::-1]
            with Image.open(folder / f"images/fake_B/{path.stem}.png") as coloured:
                assert coloured.size == size
            truth = Planes(read_depth(scenes / f"testB/{path.stem}.png")).resize(size, Image.Resampling.NEAREST)
            mask = Image.open(scenes / f"testA_mask/{path.stem}.png").resize(size, Image.Resampling.NEAREST)
            depth = truth.signed[:, :, 0]
            expected = si_rmse(np.log(predicted), depth, depth > 0, np.asarray(mask) > 127)
            found = scores["pictures"][path.stem]
            assert {key.removeprefix("si-RMSE "): found[key] for key in found if "si-RMSE" in key} == pytest.approx(
                expected
            )
            errors = aligned_errors(predicted, depth, depth > 0)
            assert (found["relative error"], found["RMSE"]) == pytest.approx((errors["relative"], errors["rmse"]))
        assert "si-RMSE full" in (folder / "index.html").read_text()

    def test_without_truth_there_are_pictures_and_numbers(self, runs, scenes, tmp_path):
        bare = tmp_path / "bare"
        (bare / "testA").mkdir(parents=True)
        first = sorted((scenes / "testA").iterdir())[0]
        (bare / "testA" / first.name).write_bytes(first.read_bytes())
        folder, scores = results_of(runs, "rgb", tmp_path / "out", dataroot=str(bare))
        assert (folder / f"values/depth_B/{first.stem}.npy").is_file()
        assert {path.name for path in (folder / "images").iterdir()} == {"real_A", "fake_B"}
        assert scores["mean"] == {}

    def test_what_the_network_saw_must_be_there_in_a_test(self, runs, scenes, tmp_path):
        bare = tmp_path / "bare"
        (bare / "testA").mkdir(parents=True)
        first = sorted((scenes / "testA").iterdir())[0]
        (bare / "testA" / first.name).write_bytes(first.read_bytes())
        with pytest.raises(InputError, match=r"testA_\w+ does not exist: it is to hold the"):
            results_of(runs, "all", tmp_path / "out", dataroot=str(bare))

    @pytest.mark.parametrize(("folder", "kind"), [("testB", "depth"), ("testA_mask", "mask")])
    def test_a_truth_of_another_size_is_refused(self, folder, kind, runs, scenes, tmp_path):
        odd = shutil.copytree(scenes, tmp_path / "odd")
        path = sorted((odd / folder).iterdir())[0]
        Image.fromarray(np.zeros((30, 50), np.uint8 if kind == "mask" else np.uint16)).save(path)
        with pytest.raises(InputError, match=rf"\(50x30\) is the {kind} of .*testA\S+ \(44x40\); bring both to one"):
            results_of(runs, "rgb", tmp_path / "out", dataroot=str(odd))
        assert not list((tmp_path / "out").rglob("index.html"))

    def test_metrics_of_pictures_are_refused(self, runs, tmp_path):
        with pytest.raises(
            InputError, match="--metrics ssim_truth compares pictures, and depth is measured by si-RMSE"
        ):
            results_of(runs, "rgb", tmp_path, metrics="ssim_truth")

    def test_measuring_while_training_is_refused(self, runs, scenes):
        with pytest.raises(InputError, match="--eval_every does not suit --model depth"):
            train_from_flags({
                **TINY, "dataroot": str(scenes), "checkpoints_dir": str(runs), "name": "x", "eval_every": 2,
            })  # fmt: skip


class TestTranslator:
    def test_it_gives_depth_and_colours_of_a_picture(self, runs, scenes, tmp_path):
        translator = Translator.load(runs / "rgb", device="cpu", precision="fp32")
        path = sorted((scenes / "testA").iterdir())[0]
        depth = translator.depth(path)
        folder, _ = results_of(runs, "rgb", tmp_path, precision="fp32")
        assert np.array_equal(depth, np.load(folder / f"values/depth_B/{path.stem}.npy"))
        assert translator(path).size == depth.shape[::-1]
        with Image.open(path) as picture:
            assert np.array_equal(translator.depth(picture), depth)
            exif = Image.Exif()
            exif[0x0112] = 8
            picture.save(tmp_path / "turned.png", exif=exif)
        turned = translator.depth(tmp_path / "turned.png")
        assert not np.array_equal(turned, depth)
        with Image.open(tmp_path / "turned.png") as picture:
            assert np.array_equal(translator.depth(picture), turned)

    def test_a_run_that_sees_more_says_what_it_lacks(self, runs, scenes):
        translator = Translator.load(runs / "all", device="cpu")
        with pytest.raises(InputError, match=r"this run reads 3 planes beside a picture .*test\.py"):
            translator(sorted((scenes / "testA").iterdir())[0])

    def test_what_is_no_picture_is_refused(self, runs):
        translator = Translator.load(runs / "rgb", device="cpu")
        with pytest.raises(InputError, match="cannot read the depth of a ndarray: give a path or a PIL image"):
            translator.depth(np.zeros((32, 32, 3), np.uint8))

    def test_others_know_nothing_of_depth(self, trained_run, scenes):
        translator = Translator.load(trained_run, device="cpu")
        with pytest.raises(InputError, match="knows nothing of depth"):
            translator.depth(sorted((scenes / "testA").iterdir())[0])

    def test_a_published_file_loads_as_it_is(self, tmp_path):
        network = Hourglass(3, 8)
        torch.save(
            {f"module.{key}": value for key, value in network.state_dict().items()},
            tmp_path / "best_depth_Ours_Bilinear_inc_3_net_G.pth",
        )
        translator = Translator.load(
            tmp_path / "best_depth_Ours_Bilinear_inc_3_net_G.pth", size="original", device="cpu", precision="fp32"
        )
        picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (32, 48, 3), np.uint8))
        unit = torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None] / 255
        with torch.no_grad():
            expected = network.eval()(unit).log_depth[0, 0].exp().numpy()
        assert np.allclose(translator.depth(picture), expected, rtol=1e-4)


def test_it_learns_a_plane_by_heart():
    """Depth that falls down the picture; the error falls too."""
    method = make(lambda_smooth=0, lambda_curvature=0, ngf=4)
    batch = batch_of(method)
    batch["A"][:, :3] = torch.linspace(-1, 1, 32).view(1, 1, 32, 1)
    batch["B"] = torch.linspace(5, 1, 32).view(1, 1, 32, 1).expand(2, 1, 32, 32).contiguous()
    optimizer = torch.optim.Adam(method.parameters(), 5e-3)
    errors = []
    for _ in range(25):
        loss, named = method.losses("G", method(batch))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        errors.append(named["si"].item())
    assert errors[-1] < 0.2 * errors[0]


def test_the_depth_of_the_pages_is_grey_where_it_is_not_known():
    method = make()
    batch = batch_of(method)
    pictures = method.pictures(method(batch))
    assert pictures.keys() == {"real_A", "fake_B", "real_B"}
    assert all(picture.shape == (3, 32, 32) for picture in pictures.values())
    assert pictures["real_B"][:, :5].unique().numel() == 1


def test_it_is_a_method_of_its_own_kind_of_data():
    assert Depth.needs == "depth"
    assert Depth.multiple_px(None) == Hourglass.stride == 16
