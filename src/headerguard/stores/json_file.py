"""The file for review in git: sorted JSON, a line for each thing that is known, the same bytes for the same mail."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from headerguard.errors import BaselineError
from headerguard.file import replace

__all__ = ["change", "parsed", "read", "write"]


def read(path: str | os.PathLike[str]) -> Any:
    """What the file holds. Raises BaselineError with the place where it is no JSON."""
    name = os.fspath(path)
    try:
        with open(path, "rb") as file:
            text = file.read().decode()
        return parsed(text)
    except OSError as error:
        raise BaselineError(f"{name}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise BaselineError(f"{name}: is not a baseline: {error}") from error


def parsed(text: str) -> Any:
    """JSON in which no key stands twice, as after a merge that kept both sides. Raises ValueError with the place."""
    try:
        return json.loads(text, object_pairs_hook=_once)
    except _TwiceError:
        raise ValueError(_twice(text)) from None
    except RecursionError:
        raise ValueError("it nests too deep") from None
    except json.JSONDecodeError as error:
        lines = enumerate(text.split("\n"), 1)
        conflict = next((number for number, line in lines if line.startswith(("<<<<<<<", ">>>>>>>"))), 0)
        if conflict:
            raise ValueError(f"line {conflict}: is a conflict that a merge left open") from None
        raise ValueError(f"line {error.lineno} column {error.colno}: {error.msg}") from None


class _TwiceError(Exception):
    """A key stands in an object twice."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _TwiceError
    return found


class _Pairs(list[tuple[str, Any]]):
    """An object with every key as often as it stands there."""


def _twice(text: str) -> str:
    """Which key stands twice, and where; looked for once it is known that there is one."""
    found = [("", json.loads(text, object_pairs_hook=_Pairs))]
    for where, value in found:
        if isinstance(value, _Pairs):
            for key, times in Counter(key for key, _ in value).items():
                if times > 1:
                    return f"{where or 'the file'} holds {key!a} twice"
            found += ((f"{where}[{key!a}]" if where else key, below) for key, below in value)
        elif isinstance(value, list):
            found += ((f"{where}[{number}]", below) for number, below in enumerate(value))
    return "a key stands twice"


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
