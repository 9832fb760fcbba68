"""Parts of resized pictures against the slow way: resize all of it, then cut."""

import numpy as np
import pytest

from translate.data.cutting import FILTERS, Cut, needed_part, zoomed_part


def fast(image, cut, filter):
    needed = needed_part(image.size, cut, filter)
    return zoomed_part(image.crop(needed), needed, image.size, cut, filter)


@pytest.mark.parametrize("filter", FILTERS)
@pytest.mark.parametrize("zoomed", [(150, 110), (75, 55), (51, 98), (190, 130), (149, 37)])
def test_a_part_is_that_of_the_whole_to_rounding(noise, zoomed, filter):
    # Bicubic overshoots, and Pillow clips that to 0 to 255 between its two passes, whose order depends on the sizes.
    image = noise(150, 110, "RGB").point(lambda level: 90 + level // 4)
    corners = [(0, 0), (zoomed[0] - 32, zoomed[1] - 32), (zoomed[0] // 3, 3), (7, zoomed[1] - 33)]
    differences = []
    for left, top in corners:
        box = (left, top, left + 32, top + 32)
        slow = image.resize(zoomed, FILTERS[filter]).crop(box)
        part = fast(image, Cut(zoomed, box, (32, 32), False), filter)
        differences.append(np.abs(np.asarray(part).astype(int) - np.asarray(slow)))
    assert np.max(differences) <= 1


def test_little_of_a_picture_is_needed():
    cut = Cut((300, 200), (100, 50, 164, 114), (64, 64), False)
    assert needed_part((900, 600), cut, "bilinear") == (296, 146, 496, 346)
    assert needed_part((900, 600), cut._replace(box=(0, 0, 300, 200)), "bilinear") == (0, 0, 900, 600)
