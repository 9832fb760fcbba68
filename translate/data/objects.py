"""What lies in a picture: boxes with classes."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Objects:
    """The objects of a picture.

    Attributes:
        boxes: (M, 4) as left, top, right, bottom in pixels; the first pixel lies between 0 and 1.
        labels: (M,) indices of classes.
        difficult: (M,) bool, those that are neither asked for nor held against who finds them.
    """

    boxes: np.ndarray
    labels: np.ndarray
    difficult: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)
