"""The file for review in git: sorted JSON, a line for each thing that is known, the same bytes for the same mail."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from typing import Any

from headerguard.errors import BaselineError
from headerguard.file import replace

__all__ = ["change", "read", "write"]


def read(path: str | os.PathLike[str]) -> Any:
    """What the file holds. Raises BaselineError with the place where it is no JSON."""
    name = os.fspath(path)
    try:
        with open(path, "rb") as file:
            return json.loads(file.read().decode())
    except OSError as error:
        raise BaselineError(f"{name}: cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise BaselineError(f"{name}: is not a baseline: {_place(error)}") from error


def write(path: str | os.PathLike[str], data: Any, names: Callable[[Any], str] | None = None) -> None:
    """Write it as a whole. Raises BaselineError where that fails, and the old file is as it was."""
    text = json.dumps(data, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    try:
        replace(path, text.encode())
    except OSError as error:
        raise BaselineError(f"{os.fspath(path)}: cannot be written: {error.strerror}") from error


def change(
    path: str | os.PathLike[str],
    changed: Callable[[Any], Mapping[str, Any] | None],
    names: Callable[[Any], str] | None = None,
) -> None:
    """Read it and write what becomes of it; two who do so at the same time are for git to join."""
    data = changed(read(path) if os.path.exists(path) else None)
    if data is not None:
        write(path, data)


def _place(error: BaseException) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"line {error.lineno} column {error.colno}: {error.msg}"
    return str(error) or type(error).__name__
