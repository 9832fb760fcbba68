"""``--smooth_stats``: frames of one scene share slowly moving statistics, and a cut begins anew."""

import numpy as np
from PIL import Image

from translate.errors import InputError
from translate.networks.smoothing import Smoothing
from translate.translator import Translator

THUMBNAIL_PX = 32
# Mean absolute difference of neighbouring frames, as thumbnails, from which on they are of two scenes (0-1).
CUT = 0.1


class CutDetector:
    """Tells whether a frame begins a scene: its thumbnail of 32x32 differs from that of the frame before it by a tenth
    of the range of values, on average.

    Quick movements of the camera may reach that too; then a scene begins where none does, which does no harm. A cut
    between scenes that are alike, and a slow fade, are not seen.
    """

    def __init__(self) -> None:
        self.last: np.ndarray | None = None

    def __call__(self, frame: Image.Image) -> bool:
        small = frame.resize((THUMBNAIL_PX, THUMBNAIL_PX), Image.Resampling.BOX)
        now = np.asarray(small, dtype=np.float32) / 255  # (32, 32) or (32, 32, 3)
        last, self.last = self.last, now
        return last is None or float(np.abs(now - last).mean()) > CUT


class Steadier:
    """Smooths a translator's statistics from one frame to the next, for good; see ``translate.networks.smoothing``.

    Args:
        decay: of ``--smooth_stats``; 0: every frame is translated by itself.

    Raises:
        InputError: the translator's network has no instance norm.
    """

    def __init__(self, translator: Translator, decay: float):
        self.smoothing: Smoothing | None = None
        self.begins_scene = CutDetector()
        if decay > 0:
            try:
                self.smoothing = Smoothing(translator.generator, decay)
            except ValueError:
                raise InputError(
                    f"--smooth_stats {decay:g} smooths the statistics of instance norms, and this run's generator has "
                    "none; leave it out"
                ) from None

    def see(self, frame: Image.Image) -> None:
        """A frame that is translated next, as the generator sees it."""
        if self.smoothing is not None and self.begins_scene(frame):
            self.smoothing.forget()

    def begin(self) -> None:
        """The next frame is the first of another film."""
        self.begins_scene = CutDetector()
