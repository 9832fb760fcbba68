"""What a run starts from: its flags alone, the state of a former run, or weights from elsewhere."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from translate.errors import InputError
from translate.flags import build, convert
from translate.methods import METHODS
from translate.options import NetworkOptions, RunOptions
from translate.settings import SESSION_FLAGS, TrainSettings, resolve, train_flags
from translate.training.initial import describe_weights, find_weights, is_wanted
from translate.training.run_folder import RunFolder, find_run


@dataclass(frozen=True)
class Start:
    """The settled flags of a run and where its first weights come from.

    Attributes:
        folder: of the run; it need not exist yet.
        continues: the folder goes on being used; otherwise what it holds is set aside.
        record: what the continued run wrote about itself; empty if there is none.
        state: of the continued run; None starts with fresh optimisers.
        weights: files of networks to start from where there is no state.
        mark: of the state when it was read.
    """

    settings: TrainSettings
    folder: RunFolder
    continues: bool = False
    record: dict[str, Any] = field(default_factory=dict)
    state: dict[str, Any] | None = None
    weights: dict[str, Path] = field(default_factory=dict)
    mark: tuple[int, int] | None = None

    def check_newest(self) -> None:
        """Refuse to go on from a state that is no longer the newest, which would be lost. To be asked when nobody else
        can save one any more.

        Raises:
            InputError: the process that trained the run until now has saved again.
        """
        if self.continues and self.folder.state_mark() != self.mark:
            raise InputError(
                f"{self.folder.path} was saved by another process while this one was being made ready; start it again"
            )

    @property
    def own(self) -> Path | None:
        """The folder of the run that is gone on with."""
        return self.folder.path if self.continues else None

    @property
    def source(self) -> Path | None:
        """The folder of the weights that are started from."""
        return next((file.parent for file in self.weights.values()), None)


def settle(values: Mapping[str, Any], launches: Collection[str] = ()) -> Start:
    """Where the flags say to start. Reads files and writes none.

    Args:
        launches: the calls of torchrun that train together; what an earlier life of them has saved is gone on with.

    Raises:
        InputError: nothing there to start from, or flags that contradict it.
    """
    if "model" not in values and (model := model_gone_on_with(values)):
        values = {**values, "model": model}
    settings = resolve(values)
    run = settings.run
    if run.init_from and run.pretrained_name:
        raise InputError("--init_from and --pretrained_name both name weights to start from; give one of them")
    # The suffix is part of the name now.
    values = {**values, "name": run.name, "suffix": "", "checkpoints_dir": run.checkpoints_dir}
    folder = RunFolder(Path(run.checkpoints_dir) / run.name)
    source = run.init_from
    if run.pretrained_name:
        source = str(find_run(Path(run.checkpoints_dir), run.pretrained_name).path)
    if not (run.continue_train or folder.belongs_to(launches)):
        return _start_anew(settings, folder, values, source)
    if source and not folder.state_path.exists():
        # With both flags the reference goes on from the weights of another run, under a name of its own.
        return _start_anew(settings, folder, values, source)
    if source:
        print(f"note: the run goes on from its own state; the weights of {source} were for its start")
    return _continue(settings, find_run(Path(run.checkpoints_dir), run.name), values)


def model_gone_on_with(values: Mapping[str, Any]) -> str | None:
    """The method of the run that ``--continue_train`` goes on with, if that is asked for and the run has a record.

    Args:
        values: flags of ``train.py``; their values may be text.
    """
    if not convert(RunOptions, "continue_train", values.get("continue_train", False)):
        return None
    named = resolve({name: values[name] for name in ("name", "suffix", "checkpoints_dir") if name in values}).run
    return RunFolder(Path(named.checkpoints_dir) / named.name).read_record().get("model")


def _start_anew(settings: TrainSettings, folder: RunFolder, values: Mapping[str, Any], source: str | None) -> Start:
    if source is None:
        return Start(settings, folder)
    weights = find_weights(source, settings.run.epoch)
    described = _architecture(settings.model, weights, values)
    try:
        settings = resolve({**described, **values})
    except InputError as error:
        named = str(error).partition(" ")[0].removeprefix("--")
        if named in described and named not in values:  # nobody gave this flag: the weights say so
            raise InputError(f"{source} cannot start this run: {error}") from None
        raise
    return Start(settings, folder, weights=weights)


def _architecture(model: str, weights: Mapping[str, Path], values: Mapping[str, Any]) -> dict[str, Any]:
    """The flags of networks in files: as recorded beside them by a run of this method, else as their keys tell.

    Those are left out that do nothing in this method beside the flags that are given.
    """
    known = train_flags(model)
    described = {name: value for name, value in describe_weights(weights).items() if name in known}
    if "netG" in described and "netE" in known:
        described.setdefault("netE", "generator")  # a translator starts an encoder by the half of its generator
    record = RunFolder(next(iter(weights.values())).parent).read_record()
    if record.get("model") == model:
        shape = {field.name for field in fields(NetworkOptions) if field.metadata["fixed"]} | described.keys()
        described |= {name: value for name, value in record["options"].items() if name in shape}
    method = METHODS[model]
    idle = method.idle_flags(build(method.Options, {**described, **values}))
    return {name: value for name, value in described.items() if name not in idle}


def _continue(settings: TrainSettings, folder: RunFolder, values: Mapping[str, Any]) -> Start:
    """A resumed run takes the flags it was started with, but for those of this call."""
    record = folder.read_record()
    kept = _kept(record)
    if "model" in values and settings.model != kept.get("model", settings.model):  # it may not even know the flags
        raise InputError(_fixed("model", settings.model, kept["model"]))
    if "display" in values:
        kept.pop("display_id", None)  # it would go before the display that is asked for now
    mark = folder.state_mark()
    state = folder.load_state()
    if state is not None:
        settings = resolve({**kept, **values})
        _refuse_fixed(settings, kept)
        _note_the_place(settings.run, folder, state["progress"]["epoch"])
        return Start(settings, folder, continues=True, record=record, state=state, mark=mark)
    run = settings.run
    if not any(is_wanted(name) for name in folder.weights(run.epoch)):
        raise InputError(f"--continue_train: {folder.path} holds nothing to continue; drop the flag to start the run")
    print(f"note: no saved state in {folder.path}; its weights go on with fresh optimisers, epoch {run.epoch_count}")
    weights = find_weights(str(folder.path), run.epoch)
    settings = resolve({**describe_weights(weights), **kept, **values})
    return Start(settings, folder, continues=True, record=record, weights=weights, mark=mark)


def _kept(record: Mapping[str, Any]) -> dict[str, Any]:
    """The recorded flags that a continued run inherits."""
    kept = {name: value for name, value in record.get("options", {}).items() if name not in SESSION_FLAGS}
    root = record.get("dataset", {}).get("root")
    if root and Path(root).is_dir():
        kept["dataroot"] = root  # absolute: the run may be continued from another folder
    return kept


def _refuse_fixed(settings: TrainSettings, kept: Mapping[str, Any]) -> None:
    values = settings.flat()
    for name, group in train_flags(settings.model).items():
        fixed = group.__dataclass_fields__[name].metadata["fixed"]
        if fixed and name in kept and values[name] != kept[name]:
            raise InputError(_fixed(name, values[name], kept[name]))


def _note_the_place(run: RunOptions, folder: RunFolder, epoch: int) -> None:
    """Say so where flags name another one than that of the state, which is in this epoch or behind it."""
    told = [f"--epoch {run.epoch}"] if run.epoch != "latest" else []
    if run.epoch_count not in (1, epoch, epoch + 1):
        told.append(f"--epoch_count {run.epoch_count}")
    if told:
        print(
            f"note: without effect here: {' '.join(told)}; the run goes on from its own state, of epoch {epoch}; to go "
            f"back to weights of another, start a new run with --init_from {folder.path} --epoch NUMBER"
        )


def _fixed(name: str, value: Any, kept: Any) -> str:
    return (
        f"--{name} {value}: the run was started with {kept}, which its weights depend on; drop the flag, or start a "
        "new run with --init_from"
    )
