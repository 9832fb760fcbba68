"""Everything that the reference computed and the golden files keep, computed here."""

import json
from pathlib import Path
from typing import Any

import cases
import formula
import pytest
import torch
from torch import Tensor, nn

from translate.losses.adversarial import discriminator_loss, generator_loss
from translate.methods import Method
from translate.networks import build_discriminator, build_generator, build_patch_head
from translate.settings import TrainSettings, resolve
from translate.training.job import build_method
from translate.training.optimizers import build_optimizers

HERE = Path(__file__).parent
NETWORKS, STEPS, TRAINING = (
    json.loads((HERE / f"{name}.json").read_text()) for name in ("networks", "steps", "training")
)
BOUND = 1e-9


@pytest.mark.parametrize("name", ["G", "D", "F"])
def test_state_dicts_have_the_keys_and_shapes_of_the_reference(name):
    networks = {
        "G": build_generator("resnet_9blocks"),
        "D": build_discriminator("basic"),
        "F": build_patch_head("mlp_sample", [3, 128, 256, 256, 256]),
    }
    layout = {key: list(value.shape) for key, value in networks[name].state_dict().items()}
    assert layout == NETWORKS["layouts"][name]
    assert list(layout) == list(NETWORKS["layouts"][name])


@pytest.mark.parametrize("name", [*cases.GENERATORS, *cases.DROPOUT])
def test_generator(name):
    flags = {**cases.GENERATORS, **cases.DROPOUT}[name]
    network = formula.fill(build_generator(**flags))
    network.train(flags.get("no_dropout", True))
    image = formula.picture(2, 3, *cases.GENERATOR_SIZE, number=1)
    output, on_the_way = network.forward_with_features(image, cases.TAPS)
    features = network.features(image, cases.TAPS)
    kept = NETWORKS["generators"][name]
    assert formula.deviation(output, kept["output"]) <= BOUND
    for mine in (on_the_way, features):
        deviations = [formula.deviation(a, b) for a, b in zip(mine, kept["taps"], strict=True)]
        assert max(deviations) <= BOUND


@pytest.mark.parametrize("name", cases.DISCRIMINATORS)
def test_discriminator(name):
    network = formula.fill(build_discriminator(**cases.DISCRIMINATORS[name]))
    output = network(formula.picture(2, 3, *cases.DISCRIMINATOR_SIZE, number=1))
    assert formula.deviation(output, NETWORKS["discriminators"][name]) <= BOUND


@pytest.mark.parametrize("name", cases.PATCH_HEADS)
def test_patch_head(name):
    arguments = cases.PATCH_HEADS[name]
    features = cases.patch_features()
    head = formula.fill(build_patch_head(arguments["netF"], [f.shape[1] for f in features], 16))
    positions = positions_in([f.shape[2] * f.shape[3] for f in features], 2, arguments["patches"], first=1)
    vectors = head(features, positions)
    for vector, kept in zip(vectors, NETWORKS["patch_heads"][name], strict=True):
        assert formula.deviation(vector.flatten(0, 1), kept) <= BOUND


@pytest.mark.parametrize("mode", cases.GAN_MODES)
def test_gan_losses(mode):
    logits, kept = cases.logits(), NETWORKS["gan_losses"][mode]
    assert discriminator_loss(mode, logits, real=True).item() == pytest.approx(kept["real"], rel=BOUND)
    assert discriminator_loss(mode, logits, real=False).item() == pytest.approx(kept["fake"], rel=BOUND)
    assert generator_loss(mode, logits).item() == pytest.approx(kept["real"], rel=BOUND)


@pytest.mark.parametrize("name", cases.STEPS)
def test_step(name):
    flags, mirrored = cases.STEPS[name]
    training = Training(flags)
    losses = training.step(1, mirrored)
    kept = STEPS["steps"][name]
    assert losses == pytest.approx(kept["losses"], rel=BOUND)
    for network, gradient in kept["gradients"].items():
        assert formula.deviation(gradients(training.method.networks[network]), gradient) <= BOUND
    state = training.method.networks["G"].state_dict()
    running = {key: value for key, value in state.items() if "running" in key}
    assert bool(running) == ("running_statistics" in kept)
    if running:
        assert formula.deviation(formula.flatten(running), kept["running_statistics"]) <= BOUND


@pytest.mark.parametrize("name", cases.TRAINING)
def test_ten_steps(name):
    training = Training(cases.TRAINING[name])
    for step, kept in enumerate(TRAINING["losses"][name], start=1):
        assert training.step(step, cases.is_mirrored(step)) == pytest.approx(kept, rel=1e-6)


def positions_in(places: list[int], batch: int, patches: int, first: int) -> list[Tensor]:
    """What the reference draws for maps of so many places: (B, P), the same for the whole batch."""
    drawn = [formula.permutation(count, first + i)[:patches] for i, count in enumerate(places)]
    return [torch.from_numpy(positions.copy()).expand(batch, -1) for positions in drawn]


class Training:
    """Steps as the training loop takes them, on the pictures and draws of the golden files."""

    def __init__(self, flags: dict[str, Any]):
        self.settings = settings_of(flags)
        self.method = fill_method(build_method(self.settings)).train()
        self.optimizers = build_optimizers(self.method, self.settings)

    def step(self, number: int, mirrored: bool) -> dict[str, float]:
        state = self.method(self._batch(number, mirrored))
        losses: dict[str, float] = {}
        for player, optimizer in self.optimizers.items():
            total, named = self.method.losses(player, state)
            optimizer.zero_grad()
            total.backward(inputs=[p for group in optimizer.param_groups for p in group["params"]])
            optimizer.step()
            losses |= {name: loss.item() for name, loss in named.items()}
        return losses

    def _batch(self, number: int, mirrored: bool) -> dict[str, Any]:
        count, patches = self.settings.data.batch_size, self.settings.method.num_patches
        sizes = self.method.networks["G"].tap_sizes(*cases.STEP_SIZE, self.method.taps)
        places = [height * width for height, width in sizes]
        first = cases.first_draw(number)
        return {
            **cases.pictures(count, cases.STEP_SIZE, number),
            "positions_A": positions_in(places, count, patches, first),
            "positions_B": positions_in(places, count, patches, first + len(places)),
            "mirrors": torch.full((count,), mirrored),
            "mirrored": torch.full((count, 1), mirrored),
        }


def settings_of(flags: dict[str, Any]) -> TrainSettings:
    return resolve({**cases.SMALL, **flags, "input_nc": 3, "output_nc": 3})


def fill_method(method: Method) -> Method:
    for number, name in enumerate("GFD"):
        formula.fill(method.networks[name], number)
    return method


def gradients(network: nn.Module) -> Tensor:
    return formula.flatten({name: parameter.grad for name, parameter in network.named_parameters()})
