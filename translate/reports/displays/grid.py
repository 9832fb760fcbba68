"""Pictures with captions in one picture, for displays that show one at a time."""

from math import ceil

from PIL import Image, ImageDraw, ImageFont

from translate.reports.displays.base import Pictures

MARGIN = 4  # px, around each picture and its caption


def captioned_grid(pictures: Pictures, columns: int, width: int) -> Image.Image:
    """Rows of pictures, each above its label.

    Args:
        pictures: at least one.
        columns: most pictures in a row.
        width: of a picture, at most (pixels); wider ones are reduced.

    Returns:
        an RGB picture; all cells of it are as large as the largest picture and the longest label need.
    """
    font = ImageFont.load_default()
    shown = {label: _reduced(picture, width) for label, picture in pictures.items()}
    boxes = [font.getbbox(label) for label in shown]
    cell_width = max(*(image.width for image in shown.values()), *(ceil(box[2]) for box in boxes)) + 2 * MARGIN
    image_height, text_height = max(image.height for image in shown.values()), max(ceil(box[3]) for box in boxes)
    cell_height = image_height + text_height + 3 * MARGIN
    columns = min(columns, len(shown))
    grid = Image.new("RGB", (columns * cell_width, ceil(len(shown) / columns) * cell_height), "white")
    draw = ImageDraw.Draw(grid)
    for index, (label, image) in enumerate(shown.items()):
        left, top = index % columns * cell_width + MARGIN, index // columns * cell_height + MARGIN
        grid.paste(image, (left, top))
        draw.text((left, top + image_height + MARGIN), label, fill="black", font=font)
    return grid


def _reduced(picture: Image.Image, width: int) -> Image.Image:
    picture = picture.convert("RGB")
    if picture.width <= width:
        return picture
    height = max(round(picture.height * width / picture.width), 1)
    return picture.resize((width, height), Image.Resampling.LANCZOS)
