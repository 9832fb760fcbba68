"""What a run would do, in words."""

from translate.methods import Method
from translate.settings import TrainSettings
from translate.training.device import describe_device
from translate.training.feeding import Feed
from translate.training.precision import Precision
from translate.training.schedule import lr_of_flags


def describe_networks(method: Method) -> str:
    """A line for each network, with its number of weights."""
    lines = []
    for name, network in method.networks.items():
        count = sum(parameter.numel() for parameter in network.parameters())
        lines.append(f"network {name}: {type(network).__name__}, {count:,} parameters")
    return "\n".join(lines)


def describe_run(
    settings: TrainSettings, method: Method, feed: Feed, steps_per_epoch: int, precision: Precision
) -> str:
    """Options, networks, dataset, steps and schedule of a run that is not started."""
    flags = settings.optimizer
    epochs = flags.n_epochs + flags.n_epochs_decay
    lines = []
    for group in settings.groups():
        lines.append(f"{group.__doc__}")
        lines += [f"  {name}: {value}" for name, value in vars(group).items()]
    lines += ["", describe_networks(method), ""]
    for domain, folder in feed.folders.items():
        channels = feed.input_nc if domain == "A" else feed.output_nc
        lines.append(f"domain {domain}: {folder}, {feed.counts[domain]} pictures, {channels} channels")
    lines.append(f"augmentation: {feed.dataset.augment.describe()}")
    lines.append(f"steps: {steps_per_epoch} an epoch, {epochs} epochs, {steps_per_epoch * epochs} in all")
    marks = sorted({1, flags.n_epochs, flags.n_epochs + 1, epochs} & set(range(1, epochs + 1)))
    rates = (flags.lr * lr_of_flags(flags, epoch) for epoch in marks)
    rates_text = ", ".join(f"epoch {epoch}: {rate:.3g}" for epoch, rate in zip(marks, rates, strict=True))
    if flags.lr_policy == "plateau":
        rates_text = f"{flags.lr:.3g}, a fifth of it whenever the generator's loss does not fall"
    lines.append(f"learning rate ({flags.lr_policy}): {rates_text}")
    lines.append(f"device: {describe_device(precision.device, precision.name)}")
    return "\n".join(lines)
