"""Unpaired image-to-image translation: CUT, FastCUT and the methods that share their losses.

::

    import translate

    translate.train(dataroot="datasets/horse2zebra", name="horse2zebra")
    translator = translate.Translator.load("checkpoints/horse2zebra")
    translator("horse.jpg").save("zebra.png")
"""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["Translator", "list_methods", "train"]

if TYPE_CHECKING:
    from translate.training.run import TrainingResult
    from translate.translator import Translator


def train(**options: Any) -> "TrainingResult | None":
    """Train a translator. The options are the flags of ``train.py`` by name.

    Returns:
        where the training ended (folder, step, epoch, losses); None for ``dry_run=True``.

    Raises:
        translate.errors.InputError: an option, file or folder is wrong; nothing was written.
        translate.errors.RunError: training failed; the last saved state is intact.
    """
    from translate.training.run import train_from_flags

    return train_from_flags(options)


def list_methods() -> list[str]:
    """The methods that ``train(model=...)`` knows."""
    from translate.methods import METHODS

    return METHODS.names()


def __getattr__(name: str) -> Any:
    # Imported on demand, so that "import translate" does not wait for torch.
    if name == "Translator":
        from translate.translator import Translator

        return Translator
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
