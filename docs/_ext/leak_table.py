"""The table of planted leaks in the page of the adapters, from the table that the tests run.

The page is kept under version control; a test compares it with what is written here, and building the documentation
brings it up to date.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "adapters")]

from planted import table  # noqa: E402

__all__ = ["PAGE", "page"]

PAGE = ROOT / "docs" / "adapters.md"
_TABLE = re.compile(r"(?<=<!-- planted leaks -->\n\n).*?(?=\n<!-- end of planted leaks -->)", re.DOTALL)


def page() -> str:
    """The page as it stands, with the table as it is."""
    text = "".join(f"{line}\n" for line in table())
    return _TABLE.sub(lambda _: text, PAGE.read_text(encoding="utf-8"))
