"""How well pixels are told apart: intersection over union of each class."""

import numpy as np

from translate.data.voc import VOID
from translate.evaluation.average_precision import mean_over_classes


class Confusion:
    """Counts of pixels by true and by told class, over any number of pictures (Everingham et al., IJCV 2015, 4.3).

    ::

        confusion = Confusion(21)
        confusion.add(told, truth)
        confusion.mean_iou()

    Attributes:
        counts: (classes, classes) int64, a row for each true class.
    """

    def __init__(self, classes: int):
        self.counts = np.zeros((classes, classes), dtype=np.int64)

    def add(self, told: np.ndarray, truth: np.ndarray) -> None:
        """Count the pixels of maps of classes of one shape; those whose truth is 255 are left out.

        Raises:
            ValueError: shapes that differ, or a class that there is not.
        """
        told, truth = np.asarray(told), np.asarray(truth)
        if told.shape != truth.shape:
            raise ValueError(f"maps of different shapes: {told.shape} and {truth.shape}")
        classes, asked = len(self.counts), truth != VOID
        told, truth = told[asked].astype(np.int64), truth[asked].astype(np.int64)
        if ((told < 0) | (told >= classes) | (truth < 0) | (truth >= classes)).any():
            raise ValueError(f"a pixel of a class that is not below {classes}")
        self.counts += np.bincount(truth * classes + told, minlength=classes**2).reshape(classes, classes)

    def ious(self) -> list[float]:
        """Of each class: pixels in both over pixels in either; NaN where there are none."""
        both = self.counts.diagonal()
        either = self.counts.sum(0) + self.counts.sum(1) - both
        return [float(shared / union) if union else float("nan") for shared, union in zip(both, either, strict=True)]

    def mean_iou(self) -> float:
        """The mean over classes that occur, in truth or in what is told."""
        return mean_over_classes(self.ious())
