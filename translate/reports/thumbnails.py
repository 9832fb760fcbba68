"""Small copies of pictures: what a page shows of large ones, and what a contact sheet is made of."""

from pathlib import Path

from PIL import Image, ImageOps

SHARPNESS = 2  # pixels of a thumbnail for each of the page, as many screens have
WORTH_IT = 4  # a picture is large if its width is more than so many times that in the page
JPEG_QUALITY = 88
SIXTEEN_BITS = {"I", "I;16", "I;16B", "I;16L"}


def save_thumbnail(picture: Image.Image, path: Path, width: int, needed: bool = False) -> bool:
    """Write a small JPEG of a large picture.

    Args:
        width: of the picture in the page, in pixels.
        needed: also of a small picture, since the page cannot show the picture itself.

    Returns:
        Whether one was needed, and written.

    Raises:
        OSError: the disk refused the write.
    """
    if picture.width <= WORTH_IT * width and not needed:
        return False
    height = -(-SHARPNESS * width * picture.height // picture.width)
    small = shrunk(picture, (SHARPNESS * width, height))
    path.parent.mkdir(parents=True, exist_ok=True)
    small.save(path, quality=JPEG_QUALITY)
    return True


def shrunk(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    """A copy in RGB, upright, that fits into (width, height); small pictures stay as they are."""
    if picture.mode in SIXTEEN_BITS:
        picture = picture.point(lambda value: value / 256).convert("L")
    elif picture.mode not in {"L", "RGB"}:
        picture = picture.convert("RGB")
    picture = ImageOps.exif_transpose(picture)
    if picture.width > size[0] or picture.height > size[1]:
        scale = min(size[0] / picture.width, size[1] / picture.height)
        fitting = [max(1, round(scale * side)) for side in picture.size]  # Pillow's ``contain`` may ask for no pixels
        picture = picture.resize(fitting, Image.Resampling.LANCZOS)
    return picture.convert("RGB")
