"""Files that come with the library and are no code: the recipes, and the list of known datasets.

They lie at the top of a checkout, where people look for them. A wheel carries them inside the package (``setup.py``).
"""

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


def shipped(folder: str) -> Path:
    """Where ``options`` or ``datasets`` lies, in a checkout or as installed."""
    # Inside first: beside an installed package lie those of others, and some are called datasets.
    inside = PACKAGE / "_shipped" / folder
    return inside if inside.is_dir() else PACKAGE.parent / folder
