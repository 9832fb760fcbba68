"""How Sphinx builds these pages: sphinx-build -W docs docs/_build (needs the extra "docs")."""

from translate import __version__

project = "translate"
author = "the translate team"
release = __version__
extensions = ["myst_parser"]
html_theme = "furo"
html_title = f"translate {release}"
exclude_patterns = ["_build"]
myst_heading_anchors = 3
# Links to files of the repository lead there on its own pages and are plain text here.
suppress_warnings = ["myst.xref_missing"]
