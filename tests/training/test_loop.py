"""The loop itself, over a method so small that everything it does can be computed by hand."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from translate.errors import InputError, RunError
from translate.randomness import generator
from translate.training.averaging import WARM_UP, WeightAverage
from translate.training.loop import Timing
from translate.training.precision import HALF, Precision
from translate.training.schedule import Plateau

sys.path.insert(0, str(Path(__file__).parent))

from toy import Toy, make_batches, make_trainer


def test_players_move_in_order_and_the_later_one_sees_the_earlier_one_s_update():
    trainer = make_trainer()
    trainer.run(make_batches(steps=2))
    assert trainer.method.calls == [
        "forward", ("D", 3.0), ("G", 2.5), "after_step",
        "forward", ("D", 2.5), ("G", 2.0), "after_step",
    ]  # fmt: skip


def test_a_loss_gives_no_gradient_to_the_other_player():
    trainer = make_trainer()
    trainer.run(make_batches(steps=1))
    networks = trainer.method.networks
    # d(d * mean(B))/dd = 1, and nothing of d(g * d)/dd = 2 added to it.
    assert networks["D"].weight.grad.item() == 1.0
    assert networks["G"].weight.grad.item() == 2.5
    assert networks["G"].weight.item() == 2.0 - 0.5 * 2.5


def test_a_batch_in_parts_has_the_gradients_and_losses_of_the_whole():
    trainer = make_trainer(size=2)
    trainer.parts = 2
    trainer.run(make_batches(steps=1, size=2))
    assert [trainer.method.networks[name].weight.grad.item() for name in "DG"] == [1.0, 2.5]
    assert trainer.check_losses() == {"loss_D": 3.0, "loss_G": 5.0}


def test_gradients_do_not_add_up_over_steps():
    trainer = make_trainer()
    trainer.run(make_batches(steps=3))
    assert trainer.method.networks["D"].weight.grad.item() == 1.0


@pytest.mark.parametrize("word", ["fp32", "bf16", "fp16"])
@pytest.mark.parametrize("parts", [1, 2])
def test_passes_and_losses_compute_in_the_precision_of_the_run(word, parts):
    class Halving(Toy):
        def forward(self, batch):
            seen.append(nn.functional.linear(torch.ones(1), torch.ones(1, 1)).dtype)
            return super().forward(batch)

        def losses(self, player, state):
            seen.append(nn.functional.linear(torch.ones(1), torch.ones(1, 1)).dtype)
            return super().losses(player, state)

    seen = []
    trainer = make_trainer(Halving(), word=word, size=parts)
    trainer.parts = parts
    trainer.run(make_batches(steps=1, size=parts))
    assert set(seen) == {HALF.get(word, torch.float32)}
    assert len(seen) == {1: 3, 2: 8}[parts]


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_pictures_lie_in_the_layout_of_the_precision(layout, monkeypatch):
    monkeypatch.setattr(Precision, "layout", property(lambda self: layout))
    trainer = make_trainer()
    trainer.run(make_batches(steps=1))
    assert trainer.state.batch["A"].is_contiguous(memory_format=layout)


def test_the_rate_is_that_of_the_epoch():
    trainer = make_trainer(lr={1: 0.5, 2: 0.25}.get)
    trainer.run(make_batches(epochs=2, steps=2))
    assert trainer.method.networks["D"].weight.item() == 3.0 - 2 * 0.5 - 2 * 0.25


def test_a_method_knows_how_much_of_the_run_is_behind_a_step_also_when_it_is_resumed():
    class Watching(Toy):
        def after_step(self):
            seen.append(self.progress)

    seen = []
    first = make_trainer(Watching(), last_epoch=2, size=2)
    first.run([*make_batches(epochs=2, size=2)][:4])
    # Another --max_steps changes nothing of it.
    resumed = make_trainer(Watching(), last_epoch=2, size=2, max_steps=5)
    resumed.load_state_dict(first.state_dict())
    resumed.run([*make_batches(epochs=2, size=2)][4:])
    assert seen == [step / 6 for step in range(1, 6)]


def test_pictures_reach_the_method_between_minus_one_and_one():
    trainer = make_trainer()
    trainer.run(make_batches(steps=1))
    assert trainer.state.batch["A"].dtype == torch.float32
    assert trainer.state.batch["A"].unique().tolist() == [1.0]


def test_draws_are_those_of_each_sample_and_arrive_stacked():
    trainer = make_trainer(size=2)
    trainer.run(make_batches(steps=2, size=2))
    batch = trainer.state.batch
    rngs = [generator(7, "method", 1, index) for index in (2, 3)]
    expected = [(np.float32(rng.random()), rng.random() < 0.5) for rng in rngs]
    assert batch["number"].tolist() == [pytest.approx(number) for number, _ in expected]
    assert batch["coin"].dtype == torch.bool
    assert batch["coin"].tolist() == [coin for _, coin in expected]
    assert batch["sizes"].tolist() == [[4, 6], [4, 6]]


def test_lists_of_draws_are_stacked_entry_by_entry():
    trainer = make_trainer()
    stacked = trainer.prepare._stack([[np.array([1, 2]), np.array([3])], [np.array([4, 5]), np.array([6])]])
    assert [entry.tolist() for entry in stacked] == [[[1, 2], [4, 5]], [[3], [6]]]


def test_decisions_stay_on_the_host_and_what_networks_use_goes_to_the_device():
    trainer = make_trainer()
    trainer.prepare.device = torch.device("meta")
    for decisions in ([np.int64(3), np.int64(-1)], [3, -1], [True, False], [np.bool_(True), np.bool_(False)]):
        assert trainer.prepare._stack(decisions).tolist() == decisions
    for used in (np.float32(0.5), np.array([1, 2]), np.array([True, False]), np.zeros((2, 2))):
        assert trainer.prepare._stack([used, used]).device.type == "meta"


def test_layers_that_draw_see_numbers_of_seed_epoch_and_sample_only():
    first, second, other = make_trainer(), make_trainer(), make_trainer(seed=8)
    first.run(make_batches(epochs=2, steps=3))
    torch.manual_seed(99)
    torch.rand(5)
    second.run(list(make_batches(epochs=2, steps=3))[2:])
    other.run(make_batches(epochs=2, steps=3))
    assert first.method.noise[2:] == second.method.noise
    assert len(set(first.method.noise + other.method.noise)) == 12


def test_losses_are_those_of_the_newest_step():
    trainer = make_trainer()
    trainer.run(make_batches(steps=2))
    assert trainer.check_losses() == {"loss_D": 2.5, "loss_G": (2.0 - 0.5 * 2.5) * 2.0}


def test_a_loss_that_is_not_finite_ends_the_run_with_step_loss_and_pictures():
    method = Toy()
    method.poison = {"G": 2}
    trainer = make_trainer(method)
    with pytest.raises(RunError, match=r"loss_G is nan at step 2 \(A1-1.png, B1-1.png\).*--lr"):
        trainer.run(make_batches())
    with pytest.raises(RunError, match="loss_G"):
        trainer.state_dict()


def test_weights_that_are_not_finite_never_become_a_state():
    trainer = make_trainer()
    trainer.run(make_batches(steps=2))
    trainer.method.networks["G"].weight.data.fill_(float("inf"))
    with pytest.raises(RunError, match="network G are not finite after step 2"):
        trainer.state_dict()


def adam_trainer(beta1=0.5, lr=0.1):
    trainer = make_trainer(lr=lambda epoch: lr)
    trainer.optimizers = {
        player: torch.optim.Adam([trainer.method.networks[player].weight], lr=lr, betas=(beta1, 0.999))
        for player in trainer.method.players
    }
    return trainer


def test_a_state_carries_weights_moments_and_counters_over():
    whole, begun, resumed = adam_trainer(), adam_trainer(), adam_trainer()
    batches = list(make_batches(epochs=2))
    whole.run(batches)
    begun.run(batches[:4])
    resumed.load_state_dict(begun.state_dict())
    resumed.run(batches[4:])
    assert resumed.progress == whole.progress
    for name in "GD":
        assert torch.equal(resumed.method.networks[name].weight, whole.method.networks[name].weight)


def test_what_the_optimiser_is_told_now_counts_and_not_what_it_was_told_before():
    begun, resumed = adam_trainer(), adam_trainer(beta1=0.9, lr=0.01)
    begun.run(make_batches(steps=2))
    resumed.load_state_dict(begun.state_dict())
    for optimizer in resumed.optimizers.values():
        assert optimizer.param_groups[0]["betas"] == (0.9, 0.999)
        assert optimizer.param_groups[0]["lr"] == 0.01


def drop_player(state):
    del state["optimizers"]["D"]


def drop_network(state):
    del state["method"]["networks.D.weight"]


def other_size(state):
    state["method"]["networks.D.weight"] = torch.zeros(2, 3)  # torch 2.6 takes the first of three for a single number


@pytest.mark.parametrize("change", [drop_player, drop_network, other_size])
def test_a_state_of_another_run_is_refused_in_words(change):
    trainer = adam_trainer()
    state = trainer.state_dict()
    change(state)
    with pytest.raises(InputError, match="does not fit these flags"):
        trainer.load_state_dict(state)


def test_timing_is_a_mean_since_the_last_report(monkeypatch):
    now = iter([10.0, 14.0, 15.0])
    monkeypatch.setattr("translate.training.loop.time.monotonic", lambda: next(now))
    timing = Timing(since=8.0)
    timing.steps, timing.waiting_s = 4, 1.0
    assert timing.take() == (0.5, 0.25)
    timing.steps = 2
    assert timing.take() == (2.0, 0.0)
    assert timing.take() == (1.0, 0.0)


def scaled_trainer():
    trainer = make_trainer()
    trainer.scaler = Precision("fp16", trainer.device).scaler()
    return trainer


def test_scaled_losses_give_the_steps_of_plain_ones_and_the_scale_goes_on_when_resumed():
    plain, scaled, resumed = make_trainer(), scaled_trainer(), scaled_trainer()
    plain.run(make_batches(steps=2))
    scaled.run(make_batches(steps=2))
    assert weights_of(scaled) == weights_of(plain)
    resumed.load_state_dict(scaled.state_dict())
    for trainer in (scaled, resumed):
        assert trainer.scaler.state_dict()["_growth_tracker"] == 2
        trainer.run([*make_batches()][2:])
    assert resumed.scaler.state_dict() == scaled.scaler.state_dict()


def test_a_gradient_that_overflows_skips_the_step_of_its_player_alone_and_lowers_the_scale():
    trainer = scaled_trainer()
    before, scale = weights_of(trainer), trainer.scaler.get_scale()
    hook = trainer.method.networks["G"].weight.register_hook(lambda gradient: gradient * float("inf"))
    trainer.run(make_batches(steps=1))
    after = weights_of(trainer)
    assert (after["G"], after["D"]) == (before["G"], before["D"] - 0.5)
    assert trainer.scaler.get_scale() == scale / 2
    hook.remove()
    trainer.run([*make_batches(steps=2)][1:])
    assert weights_of(trainer)["G"] == 2.0 - 0.5 * 2.0


def weights_of(trainer):
    return {name: network.weight.item() for name, network in trainer.method.networks.items()}


def test_the_average_takes_in_what_each_step_has_made():
    trainer = make_trainer()
    trainer.average = WeightAverage({"G": trainer.method.networks["G"]}, 0.9)
    seen, expected = [], 2.0

    def observe(trainer):
        seen.append(trainer.method.networks["G"].weight.item())
        return False

    trainer.observer = observe
    trainer.run(make_batches())
    for step, weight in enumerate(seen, start=1):
        keep = step / (step + WARM_UP)
        expected = keep * expected + (1 - keep) * weight
    assert len(set(seen)) == 3
    assert trainer.average.networks["G"].weight.item() == pytest.approx(expected, rel=1e-6)


def test_a_plateau_of_what_g_minimises_lowers_the_rates_of_all_players():
    trainer = make_trainer(last_epoch=9)
    trainer.plateau = Plateau()
    trainer.method.losses = lambda player, state: (
        trainer.method.networks[player].weight * 0 + 5.0,
        {"x": torch.ones(())},
    )
    rates = []

    def observe(trainer):
        rates.append([group["lr"] for optimizer in trainer.optimizers.values() for group in optimizer.param_groups])
        assert trainer.used_rate == rates[-1][0]  # what is logged
        return False

    trainer.observer = observe
    trainer.run(make_batches(epochs=9))
    assert rates[:21] == [[0.5, 0.5]] * 21  # the first epoch sets the mark, six more go by
    assert rates[21:] == [[pytest.approx(0.1), pytest.approx(0.1)]] * 6
    assert trainer.rate(9) == pytest.approx(0.1)
    again = make_trainer(last_epoch=9)
    again.plateau = Plateau()
    again.load_state_dict(trainer.state_dict())
    assert again.plateau.state_dict() == trainer.plateau.state_dict()
