"""Unpaired image-to-image translation: CUT, FastCUT and the methods that share their losses.

::

    import translate

    translate.train(dataroot="datasets/horse2zebra", name="horse2zebra")
    translator = translate.Translator.load("checkpoints/horse2zebra")
    translator("horse.jpg").save("zebra.png")
"""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["Translator", "apply", "evaluate", "export", "list_methods", "train"]

if TYPE_CHECKING:
    from translate.applying import ApplyResult
    from translate.exporting import ExportResult
    from translate.measuring import Evaluation
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


def apply(
    run: str | os.PathLike[str],
    pictures: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    output: str | os.PathLike[str],
    **options: Any,
) -> "ApplyResult":
    """Translate picture files into a folder, under the names that they have.

    ::

        translate.apply("checkpoints/horse2zebra", ["horse.jpg", "pasture/"], "zebras", size="original")

    Args:
        run: a run folder, a ``.pth`` file, or the name of a run in ``./checkpoints``.
        pictures: files, folders (searched, their sub-folders kept) and patterns such as ``"pasture/*.jpg"``.
        output: the folder of the results.
        options: the flags of ``translate apply`` by name.

    Returns:
        how many pictures went in and came out.

    Raises:
        translate.errors.InputError: an option, file or folder is wrong, or a result is there already; nothing was
            written, but where the damage of a film shows on the way: then the results that are written are whole.
        translate.errors.RunError: the disk is full, or a picture needs more memory than there is; the results that are
            written are whole.
    """
    from translate.applying import apply_to_files

    return apply_to_files(run, pictures, {**options, "output": output})


def export(run: str | os.PathLike[str], output: str | os.PathLike[str], **options: Any) -> "ExportResult":
    """Write a trained generator as a file for other programs, in float32, for pictures of any size.

    ::

        translate.export("checkpoints/horse2zebra", "horse2zebra.onnx")

    Args:
        run: a run folder, a ``.pth`` file, or the name of a run in ``./checkpoints``.
        output: the file: ``.onnx``, or ``.pt2`` for ``torch.export.load``.
        options: the flags of ``translate export`` by name.

    Returns:
        the file, its format, and the largest difference from the translator in grey levels.

    Raises:
        translate.errors.InputError: an option, the run or the file is wrong, the run cannot be exported, or a package
            is missing; nothing was written.
        translate.errors.RunError: the file would not translate as the translator does, or the disk is full; nothing
            was written.
    """
    from translate.exporting import export_to_file

    return export_to_file(run, {**options, "output": output})


def evaluate(results: str | os.PathLike[str], **options: Any) -> "Evaluation":
    """Measure translated pictures, whoever translated them; prints a table.

    ::

        found = translate.evaluate("results/my_run/test_latest/images/fake_B", dataroot="horse2zebra", metrics="fid")
        found.measured["kid_clean"].value

    Args:
        results: folder of translated pictures.
        options: the flags of ``translate evaluate`` by name.

    Returns:
        what was found by the names of metrics, why others could not be taken, and how many pictures there were.

    Raises:
        translate.errors.InputError: an option or a folder is wrong, or a metric that is named cannot be taken.
    """
    from translate.measuring import evaluate_folder

    return evaluate_folder(results, options)


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
