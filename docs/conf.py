"""Sphinx configuration: MyST pages, and a catalogue of rules that is written from the rules themselves."""

import sys
from importlib.metadata import version as installed
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "headerguard"
author = "The headerguard authors"
project_copyright = author
release = version = installed("headerguard")

extensions = ["myst_parser", "sphinx.ext.autodoc", "catalogue"]
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints = "none"
myst_enable_extensions = ["deflist", "fieldlist"]
myst_heading_anchors = 3
exclude_patterns = ["_build", "_ext"]
nitpicky = True

html_theme = "furo"
html_title = f"headerguard {release}"
html_copy_source = False
html_show_sourcelink = False
