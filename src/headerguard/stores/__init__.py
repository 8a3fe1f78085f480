"""Where a baseline lives. The records that it is made of are plain data here; only `baseline` knows what they mean."""

from __future__ import annotations

import os
from typing import Any

from headerguard.stores import json_file

__all__ = ["read", "write"]


def read(path: str | os.PathLike[str]) -> Any:
    """All that a file holds, as plain data. Raises BaselineError that names the place."""
    return json_file.read(path)


def write(path: str | os.PathLike[str], data: Any) -> None:
    """Write all that a file is to hold; the old one stays whole until the new one is. Raises BaselineError."""
    json_file.write(path, data)
