"""Flags of methods that learn from pictures with captions; here, for the method and for whoever opens the data."""

from dataclasses import dataclass

from translate.flags import flag


@dataclass(frozen=True)
class CaptionOptions:
    """Captions: how they are found, and how they become ids."""

    captions: str = flag(
        "names", "a CSV file with the columns path and caption, each caption a row; names: the names of the files"
    )
    vocabulary: str | None = flag(
        None, "folder with vocab.json and merges.txt, such as CLIP's or a run's; default: learned from the captions"
    )
    vocab_size: int = flag(
        8192, "ids that there is room for, of which no more are learned; CLIP: 49408", low=1, fixed=True
    )
    context_length: int = flag(77, "ids of a caption; what is longer is cut", low=3, fixed=True)
