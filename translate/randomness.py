"""Randomness as data: every random number is a pure function of what it is for.

A crop, a flip, the partner from the other domain, a set of patch positions: each is drawn from a
generator keyed by (seed, purpose, epoch, sample index). So a resumed run, another number of loader
workers or of processes, and a compiled step all see the same numbers.
"""

import zlib

import numpy as np


def generator(seed: int, purpose: str, epoch: int = 0, index: int = 0) -> np.random.Generator:
    """The random generator of one purpose for one sample of one epoch.

    >>> float(generator(1, "crop", 2, 3).random()) == float(generator(1, "crop", 2, 3).random())
    True
    >>> float(generator(1, "crop", 2, 3).random()) == float(generator(1, "flip", 2, 3).random())
    False
    """
    key = (seed, zlib.crc32(purpose.encode()), epoch, index)
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(key)))
