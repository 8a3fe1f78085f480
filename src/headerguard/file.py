"""The file: written so that the old one stays whole until the new one is."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress

__all__ = ["replace"]


def replace(path: str | os.PathLike[str], octets: bytes, mode: int = 0o644) -> None:
    """Write a file as a whole; an old one keeps its mode. Raises OSError, and leaves no trace."""
    target = os.path.realpath(path)
    handle, temporary = tempfile.mkstemp(prefix=".headerguard-", dir=os.path.dirname(target))
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(octets)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, os.stat(target).st_mode & 0o777 if os.path.exists(target) else mode)
        os.replace(temporary, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise
