"""What every reader of copies stands on: a window over octets of any size, and the place of a copy."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterable
from typing import NamedTuple, Protocol

from headerguard.errors import SourceError
from headerguard.message import Message, Origin, Stage

__all__ = [
    "AHEAD",
    "CHUNK",
    "FIRST",
    "Items",
    "MessageReader",
    "Place",
    "Progress",
    "Readable",
    "Reader",
    "Seekable",
    "Window",
    "read_path",
    "read_plain",
]

FIRST = 16_384
"""Octets of the first look at a file: nearly every header block ends within them."""
CHUNK = 1 << 20
"""Octets read at a time from a container (1 MiB)."""
AHEAD = 2_048
"""Octets beyond an index that are in memory when a line there is looked at."""
PEEK = 2 * CHUNK
"""How far ahead a window looks where it cannot seek: this much is kept in memory."""

Progress = Callable[[int], None]
"""Takes the number of octets dealt with since the last call."""


class Readable(Protocol):
    """A binary file as far as it is used here: one that only reads forward will do."""

    def read(self, size: int, /) -> bytes:
        """Give at most `size` octets, and none only at the end."""
        ...


class Seekable(Readable, Protocol):
    """A binary file that may be read anywhere."""

    def seek(self, offset: int, whence: int, /) -> int:
        """Move, and give where that is."""
        ...

    def seekable(self) -> bool:
        """Whether it can move at all."""
        ...


def read_plain(message: Message, body: Iterable[bytes], place: Place) -> Items:
    """Give a message as it is."""
    yield message


class Place(NamedTuple):
    """Where a copy was found and what the caller said about it; makes its messages and its errors."""

    kind: str
    """Id of the source kind."""
    path: str | None
    """The path as the caller gave it, joined with what was found under it; None for octets without a name."""
    stage: Stage | None
    """What the caller, or the kind, says that the copies show; None leaves it to the message."""
    reader: MessageReader = read_plain
    """What makes of each message here what it stands for: a report, say, is about another message."""

    def message(self, octets: bytes, index: int | None = None) -> Message:
        """The message whose header block `octets` is; `index` is its number in its container."""
        return Message.from_bytes(octets, stage=self.stage, origin=self.origin(index))

    def origin(self, index: int | None = None) -> Origin:
        """How to find a copy here again."""
        return Origin(self.kind, self.path, index)

    def error(self, problem: str, index: int | None = None) -> SourceError:
        """One sentence that names the path and, within a container, the record."""
        record = "" if index is None else f"record {index}: "
        return SourceError(f"{self.label}: {record}{problem}")

    @property
    def label(self) -> str:
        """The path as people may read it: on one line, nothing in it that a terminal would act on."""
        path = "input" if self.path is None else self.path
        return path if path.isprintable() else ascii(path)


Items = Generator[Message | SourceError, None, None]
"""What a reader gives, in order: messages, and an error for each record that it could not read in full."""

MessageReader = Callable[[Message, Iterable[bytes], Place], Items]
"""Reads one message, cut out of whatever holds it: its header with all that its container says of it, and its body."""


class Window:
    """The octets of a copy that are in memory: `data`. Index 0 moves forward as octets are let go.

    Reading forward is all that a file must offer. Where the window owns a file that can seek, it looks ahead
    and skips without reading what lies between. A file that fails to read on ends there, and `failure` says
    why.
    """

    __slots__ = ("_file", "_progress", "_seekable", "data", "ended", "failure", "step")

    data: bytearray
    """The octets held."""
    ended: bool
    """Whether the copy is known to end where `data` does."""
    failure: str
    """Why reading stopped before the end, or ""."""
    step: int
    """Octets to ask for at least (the memory that a small copy costs)."""

    def __init__(self, file: Readable, progress: Progress | None = None, *, owned: Seekable | None = None) -> None:
        """Look at `file` from where it stands; `owned` is the same file when nobody else reads it."""
        self._file, self._progress = file, progress
        self._seekable = owned if owned is not None and owned.seekable() else None
        self.data, self.ended, self.failure, self.step = bytearray(), False, "", FIRST

    def hold(self, size: int) -> None:
        """Read on until `size` octets are held or the copy ends."""
        while len(self.data) < size and not self.ended:
            octets = self._read(min(max(self.step, size - len(self.data)), CHUNK))
            self.data += octets
            self.ended = not octets
            if self._progress is not None:
                self._progress(len(octets))

    def _read(self, size: int) -> bytes:
        """Read from the file; what cannot be read ends the copy and is noted."""
        try:
            octets = self._file.read(size)
        except (OSError, EOFError) as error:
            self.failure = reason(error)
            return b""
        if octets is None:  # a raw file set not to block
            self.failure = "it has no octets ready, and does not wait for them"
            return b""
        if not isinstance(octets, bytes):
            raise TypeError(f"a source is read from a binary file; this one gives {type(octets).__name__}")
        return octets

    def release(self, size: int) -> None:
        """Let the first `size` octets go; index `size` becomes 0."""
        del self.data[:size]

    def peek(self, at: int, size: int) -> bytes | None:
        """At most `size` octets from index `at`, without moving; fewer at the end, None where too far."""
        ahead = at - len(self.data)
        if self._seekable is None and at + size > max(PEEK, len(self.data)):
            return None
        if self._seekable is None or ahead < 0:
            self.hold(at + size)
            return bytes(self.data[at : at + size])
        here = self._seekable.seek(0, os.SEEK_CUR)
        try:
            self._seekable.seek(here + ahead, os.SEEK_SET)
            return self._seekable.read(size)
        except OSError:
            return None
        finally:
            self._seekable.seek(here, os.SEEK_SET)

    def skip(self, at: int) -> None:
        """Let everything before index `at` go, which `peek` has shown to be there."""
        ahead = at - len(self.data)
        if ahead > 0 and self._seekable is not None:
            self._seekable.seek(ahead, os.SEEK_CUR)
            if self._progress is not None:
                self._progress(ahead)
        self.release(at)

    def whole(self) -> Seekable | None:
        """The file itself, for reading it in another order, where the window owns one that can seek.

        The window ends with that; what is read past it is told to `count`.
        """
        if self._seekable is not None:
            self.data, self.ended = bytearray(), True
        return self._seekable

    def count(self, size: int) -> None:
        """Count octets as dealt with."""
        if self._progress is not None:
            self._progress(size)

    def finish(self) -> None:
        """Count the octets that nobody needs to read as dealt with, where their number can be had."""
        if self._progress is not None and self._seekable is not None and not self.ended:
            here = self._seekable.seek(0, os.SEEK_CUR)
            self._progress(max(0, self._seekable.seek(0, os.SEEK_END) - here))
            self.ended = True


Reader = Callable[[Window, Place], Items]
"""Reads the copies that a window shows."""


def read_path(path: str, reader: Reader, place: Place, progress: Progress | None = None) -> Items:
    """Open one file, let `reader` read it, close it. What the system refuses is an error item."""
    here = place._replace(path=path)
    try:
        file = open(path, "rb", buffering=0)  # noqa: SIM115 - closed below; a with block cannot tell whose OSError it is
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        yield here.error(f"cannot be read: {_refused(path, error)}")
        return
    with file:
        yield from read_window(Window(file, progress, owned=file), reader, here)


def read_window(window: Window, reader: Reader, place: Place) -> Items:
    """Let `reader` read a window; octets that stop early are an error item, after all that was readable."""
    yield from reader(window, place)
    if window.failure:
        yield place.error(f"cannot be read to its end: {window.failure}")


def reason(error: BaseException) -> str:
    """Why, in the words of the system, without the path."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(text)


def names(folder: str, place: Place, *, hidden: bool = False) -> tuple[list[str], SourceError | None]:
    """The names in a directory, sorted, hidden ones only on demand, or why it cannot be listed."""
    try:
        return sorted(name for name in os.listdir(folder) if hidden or not name.startswith(".")), None
    except OSError as error:
        return [], place._replace(path=folder).error(f"cannot be listed: {reason(error)}")


def _refused(path: str, error: Exception) -> str:
    if isinstance(error, FileNotFoundError) and os.path.islink(path):
        return "it is a symbolic link to nothing"
    return reason(error)
