"""RGB and CIE Lab (D65, 2 degrees) as tensors: the numbers are those of scikit-image's rgb2lab and lab2rgb."""

import torch
from torch import Tensor

# IEC 61966-2-1 (sRGB) and CIE 1976; the constants are rounded as they are in scikit-image.
_XYZ_FROM_RGB = torch.tensor(
    [[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]],
    dtype=torch.float64,
)
_WHITE = torch.tensor([0.95047, 1.0, 1.08883], dtype=torch.float64)
# To and from shares of the white point; rows of plain numbers, which need no copy to the device of a picture.
_SHARES_FROM_RGB = (_XYZ_FROM_RGB / _WHITE[:, None]).tolist()
_RGB_FROM_SHARES = (_XYZ_FROM_RGB.inverse() * _WHITE).tolist()
_GAMMA_KNEE = 0.04045
_LINEAR_KNEE = 0.0031308
_CUBE_KNEE = 0.008856
_ROOT_KNEE = 0.2068966


def rgb_to_lab(images: Tensor) -> Tensor:
    """sRGB pictures to CIE Lab.

    Args:
        images: (B, 3, H, W) in [-1, 1].

    Returns:
        (B, 3, H, W), at least float32: L in [0, 100]; a and b are 0 for grey, within -86.2 ... 98.3 and
        -107.9 ... 94.5. Differentiable.
    """
    rgb = (_full_precision(images) + 1) / 2
    # Each side of a knee is kept out of the other's formula, whose gradient is not finite there.
    curved = ((rgb.clamp(min=_GAMMA_KNEE) + 0.055) / 1.055).pow(2.4)
    linear = torch.where(rgb > _GAMMA_KNEE, curved, rgb / 12.92)
    shares = _mix(linear, _SHARES_FROM_RGB)
    roots = torch.where(shares > _CUBE_KNEE, shares.clamp(min=_CUBE_KNEE).pow(1 / 3), 7.787 * shares + 16 / 116)
    x, y, z = roots.unbind(1)
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], dim=1)


def lab_to_rgb(lab: Tensor) -> Tensor:
    """CIE Lab to sRGB; what sRGB cannot show is clipped channel by channel.

    Args:
        lab: (B, 3, H, W).

    Returns:
        (B, 3, H, W) in [-1, 1], at least float32. Differentiable; no gradient passes where it is clipped.
    """
    lightness, a, b = _full_precision(lab).unbind(1)
    y = (lightness + 16) / 116
    roots = torch.stack([y + a / 500, y, (y - b / 200).clamp(min=0)], dim=1)
    cubes = torch.where(roots > _ROOT_KNEE, roots.pow(3), (roots - 16 / 116) / 7.787)
    linear = _mix(cubes, _RGB_FROM_SHARES)
    curved = 1.055 * linear.clamp(min=_LINEAR_KNEE).pow(1 / 2.4) - 0.055
    rgb = torch.where(linear > _LINEAR_KNEE, curved, 12.92 * linear)
    return rgb.clamp(0, 1) * 2 - 1


def _mix(images: Tensor, rows: list[list[float]]) -> Tensor:
    """The channels of (B, 3, H, W) times a matrix (3, 3), in the pictures' own precision whatever autocast says."""
    first, second, third = images.unbind(1)
    return torch.stack([first * a + second * b + third * c for a, b, c in rows], dim=1)


def _full_precision(images: Tensor) -> Tensor:
    return images.to(torch.promote_types(images.dtype, torch.float32))
