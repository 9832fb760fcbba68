"""Flags that only one method has when it translates; here, so that a command knows them without its networks."""

from dataclasses import dataclass

from translate.flags import flag


@dataclass(frozen=True)
class ContextEncoderTestOptions:
    """Translation by context_encoder"""

    mask: str | None = flag(
        None, "what is filled: centre, blocks, region, a picture that is white there, or a folder of such pictures, of "
        "the names of those that are translated; default: as trained",
    )  # fmt: skip
    mask_seed: int = flag(0, "fixes the masks blocks and region", low=0)


@dataclass(frozen=True)
class ColorizationTestOptions:
    """Translation by colorization"""

    annealed_T: float | None = flag(None, "temperature of the result; default: the run's own", low=0)
    predict_px: int | None = flag(None, "see training; default: the run's own", low=0)


TEST_OPTIONS: dict[str, type] = {
    "context_encoder": ContextEncoderTestOptions,
    "colorization": ColorizationTestOptions,
}
