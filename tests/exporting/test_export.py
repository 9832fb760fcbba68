"""translate.export: which weights, what stands in the file, what is refused, and that nothing is left half-done."""

import io
import json
import re
import shutil
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from PIL import Image

import translate
from translate import exporting
from translate.errors import InputError, RunError
from translate.exporting import formats
from translate.flags import build_all
from translate.networks import build_generator
from translate.options import ExportOptions
from translate.translator import Translator

PAGE = Path(__file__).resolve().parents[2] / "docs" / "export.md"


@pytest.fixture(scope="module")
def onnx_file(trained_run, tmp_path_factory):
    """The trained run as ONNX, and what the export returned."""
    path = tmp_path_factory.mktemp("exported") / "my_run.onnx"
    return path, translate.export(trained_run, path)


@pytest.fixture
def graphs(monkeypatch):
    """In place of graphs, which take seconds: the modules that would be written down, in order."""
    seen = []

    def keep(module, channels):
        seen.append(module)
        sizes = dict.fromkeys((0, 2, 3), torch.export.Dim.DYNAMIC)
        return torch.export.export(torch.nn.Identity(), (torch.zeros(2, 3, 4, 5),), dynamic_shapes=(sizes,))

    monkeypatch.setattr(exporting, "export_graph", keep)
    return seen


def names_in(folder):
    return sorted(path.name for path in Path(folder).iterdir())


class TestOnnx:
    def test_it_is_valid_takes_any_size_and_names_no_folder_of_this_machine(self, onnx_file):
        model = onnx.load(onnx_file[0])
        onnx.checker.check_model(model, full_check=True)
        (taken,) = model.graph.input
        assert [each.dim_param or each.dim_value for each in taken.type.tensor_type.shape.dim] == [
            "batch", 3, "height", "width",
        ]  # fmt: skip
        assert {each.domain: each.version for each in model.opset_import}[""] == formats.OPSET
        assert str(PAGE.parents[1]).encode() not in onnx_file[0].read_bytes()

    def test_the_result_says_what_was_written(self, onnx_file):
        path, result = onnx_file
        assert (result.path, result.format) == (path, "onnx")
        assert 0 < result.difference < 0.01
        assert names_in(path.parent) == ["my_run.onnx"]

    def test_metadata_tell_what_a_reader_needs(self, onnx_file):
        told = onnxruntime.InferenceSession(onnx_file[0]).get_modelmeta().custom_metadata_map
        assert told.items() >= {
            "run": "tiny", "model": "cut", "epoch": "latest", "direction": "AtoB", "channels": "RGB",
            "value_range": "0 to 1", "stride": "4", "trained_size_px": "32", "translate_version": translate.__version__,
        }.items()  # fmt: skip

    def test_values_of_a_range_are_told_and_go_from_0_to_1(self, trained_run, tmp_path):
        folder = tmp_path / "deep"
        shutil.copytree(trained_run, folder)
        record = json.loads((folder / "run.json").read_text())
        ranges = {"A": {"low": -1000, "high": 2000, "dtype": "int16"}, "B": {"low": 0, "high": 4095, "dtype": "uint16"}}
        (folder / "run.json").write_text(json.dumps(record | {"values": ranges}))
        translator = Translator.load(folder, device="cpu", precision="fp32")
        assert translator.source and translator.target
        told = exporting.describe(translator, folder, build_all(ExportOptions, {}))
        assert (told["values_in"], told["values_out"]) == ("0 is -1000, 1 is 2000", "0 is 0, 1 is 4095")
        plain = exporting._of_shares(translator)
        pictures = torch.rand(1, 3, 20, 24)
        values = translator((pictures[0] * 3000 - 1000).permute(1, 2, 0).numpy(), size="original")
        shares = plain(pictures, size="original")[0].permute(1, 2, 0).numpy()
        assert np.abs(values / 4095 - shares).max() < 0.6 / 4095

    def test_the_lines_of_the_page_give_what_the_translator_gives(self, onnx_file, trained_run, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        shutil.copy(onnx_file[0], "my_run.onnx")
        Image.linear_gradient("L").convert("RGB").resize((61, 50)).save("horse.jpg")
        code = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)[0]
        exec(compile(code, PAGE.name, "exec"), {})
        translator = Translator.load(trained_run, size="original", device="cpu", precision="fp32")
        expected = np.asarray(translator("horse.jpg"), int)
        assert np.abs(np.asarray(Image.open("zebra.png"), int) - expected).max() <= 1


def test_pt2_holds_its_metadata_and_is_found_by_the_ending(trained_run, tmp_path, capsys):
    result = translate.export(trained_run, tmp_path / "deep" / "tiny.PT2", raw=True)
    assert result.format == "pt2"
    extra = {formats.METADATA: ""}
    module = torch.export.load(io.BytesIO(result.path.read_bytes()), extra_files=extra).module()
    assert json.loads(extra[formats.METADATA])["value_range"] == "-1 to 1"
    pictures = torch.rand(1, 3, 25, 18)
    expected = Translator.load(trained_run, size="original", device="cpu", precision="fp32")(pictures)
    assert torch.allclose(module(pictures * 2 - 1) / 2 + 0.5, expected, atol=1e-5)
    said = capsys.readouterr().out.splitlines()
    assert said[0].endswith("tiny.PT2: 0.3 MiB, pictures of any size, float32 (B, C, H, W) from -1 to 1")
    assert said[1] == f"largest difference from the translator: {result.difference:.4f} grey levels of 255"


class TestWhichWeights:
    @pytest.fixture
    def two_ways(self, tmp_path):
        """A run of CycleGAN with weights of two epochs."""
        folder = tmp_path / "checkpoints" / "ways"
        folder.mkdir(parents=True)
        for epoch in ("latest", "5"):
            for name in ("G_A", "G_B"):
                torch.manual_seed(len(names_in(folder)))
                torch.save(build_generator("resnet_4blocks", ngf=2).state_dict(), folder / f"{epoch}_net_{name}.pth")
        return folder

    @pytest.mark.parametrize(("flags", "file"), [
        ({}, "latest_net_G_A"), ({"direction": "BtoA"}, "latest_net_G_B"),
        ({"epoch": 5}, "5_net_G_A"), ({"epoch": "5", "direction": "BtoA"}, "5_net_G_B"),
    ])  # fmt: skip
    def test_epoch_and_direction_choose(self, two_ways, graphs, tmp_path, flags, file):
        named = {"run": "ways", "output": tmp_path / "a.pt2", "checkpoints_dir": two_ways.parent}
        translate.export(**named, no_check=True, **flags)
        expected = torch.load(two_ways / f"{file}.pth", weights_only=True)
        assert torch.equal(graphs[0].generator.model[1].weight, expected["model.1.weight"])
        assert not graphs[0].generator.training

    @pytest.mark.parametrize(("flags", "said"), [
        ({"direction": "BtoA"}, "--direction BtoA: the run .* learned AtoB alone"),
        ({"epoch": "7"}, "no weights at .*7_net_G.pth; its folder has weights for"),
    ])  # fmt: skip
    def test_what_a_run_does_not_have_is_refused(self, trained_run, graphs, tmp_path, flags, said):
        with pytest.raises(InputError, match=said):
            translate.export(trained_run, tmp_path / "a.pt2", **flags)
        assert names_in(tmp_path) == graphs == []


class TestRefusals:
    @pytest.mark.parametrize(("name", "flags", "said"), [
        ("a.pth", {}, "a.pth does not end in .onnx or .pt2"),
        ("", {}, "no file to write is given; name one with -o"),
        ("a.onnx", {"opset": 9}, "unknown option 'opset'"),
        ("a.onnx", {"format": "torchscript"}, "--format torchscript is not known: choose from onnx, pt2"),
    ])  # fmt: skip
    def test_of_what_cannot_be_meant(self, trained_run, graphs, tmp_path, monkeypatch, name, flags, said):
        monkeypatch.chdir(tmp_path)
        with pytest.raises(InputError, match=said):
            translate.export(trained_run, name, **flags)
        assert names_in(tmp_path) == graphs == []

    def test_of_a_run_that_is_not_there_or_damaged(self, graphs, tmp_path):
        with pytest.raises(InputError, match="no run 'nothing' in"):
            translate.export("nothing", tmp_path / "a.pt2", checkpoints_dir=tmp_path)
        (tmp_path / "bad_net_G.pth").write_bytes(b"no weights")
        with pytest.raises(InputError, match=r"bad_net_G\.pth is"):
            translate.export(tmp_path / "bad_net_G.pth", tmp_path / "a.pt2")
        assert names_in(tmp_path) == ["bad_net_G.pth"]

    def test_of_a_context_encoder(self, graphs, tmp_path):
        weights = build_generator("context_encoder_64", normG="batch", ngf=2, bottleneck=4).state_dict()
        torch.save(weights, tmp_path / "filler.pth")
        with pytest.raises(InputError, match=r"filler\.pth is a context encoder, .* cannot be exported"):
            translate.export(tmp_path / "filler.pth", tmp_path / "a.pt2")
        assert names_in(tmp_path) == ["filler.pth"]

    @pytest.mark.parametrize(("missing", "flags", "said"), [
        ("onnxscript", {}, r"--format onnx needs the package onnxscript: pip install 'unpaired-translate\[export\]'"),
        ("onnxruntime", {}, "the check of the file needs the package onnxruntime: .* or give --no_check"),
    ])  # fmt: skip
    def test_of_onnx_without_its_packages(self, trained_run, graphs, tmp_path, monkeypatch, missing, flags, said):
        find = formats.importlib.util.find_spec
        monkeypatch.setattr(formats.importlib.util, "find_spec", lambda name: None if name == missing else find(name))
        with pytest.raises(InputError, match=said):
            translate.export(trained_run, tmp_path / "a.onnx", **flags)
        assert names_in(tmp_path) == graphs == []

    def test_of_a_file_that_is_there_unless_told(self, trained_run, graphs, tmp_path):
        target = tmp_path / "a.pt2"
        target.write_bytes(b"mine")
        with pytest.raises(InputError, match=r"a\.pt2 exists already; give --overwrite"):
            translate.export(trained_run, target)
        with pytest.raises(InputError, match="is a folder; name a file"):
            translate.export(trained_run, tmp_path, format="pt2")
        assert target.read_bytes() == b"mine"
        translate.export(trained_run, target, overwrite=True, no_check=True)
        assert target.read_bytes() != b"mine"
        assert names_in(tmp_path) == ["a.pt2"]

    def test_of_a_graph_that_cannot_be_made_or_run(self, trained_run, graphs, tmp_path, monkeypatch):
        fails = formats.FORMATS["pt2"]._replace(load=lambda content: lambda pictures: pictures.no_such_thing)
        with monkeypatch.context() as patch:
            patch.setitem(formats.FORMATS, "pt2", fails)
            with pytest.raises(RunError, match=r"the exported file cannot be run .*no_such_thing"):
                translate.export(trained_run, tmp_path / "a.pt2")
        monkeypatch.setattr(exporting, "export_graph", lambda module, channels: 1 / 0)
        with pytest.raises(RunError, match=r"torch .* cannot write this generator as pt2 \(division by zero\)"):
            translate.export(trained_run, tmp_path / "a.pt2")
        assert names_in(tmp_path) == []

    def test_of_a_file_that_translates_otherwise(self, trained_run, graphs, tmp_path):
        """The graph that is written here gives back what it is given."""
        target = tmp_path / "a.pt2"
        target.write_bytes(b"mine")
        with pytest.raises(RunError, match=r"differs from the translator by up to \d+ grey levels"):
            translate.export(trained_run, target, overwrite=True, format="pt2")
        assert target.read_bytes() == b"mine"
        assert names_in(tmp_path) == ["a.pt2"]
