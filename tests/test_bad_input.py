"""Input that is bad on purpose: a sentence for what is wrong, everything else read, memory bounded, exit code 3."""

from __future__ import annotations

import gzip
import io
import itertools
import json
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from compound_writer import saved
from headerguard import read
from headerguard.cli import main
from headerguard.sources import body as bodies
from headerguard.sources import total
from needs import require
from test_held_messages import HOLDERS, journal, plain

MSG = saved({0x0037: "number 9"}, [{0x0C15: 3, 0x39FE: "copy9@arxxwalls.com"}])
CUT = journal(1).partition(b"number 1")[0] + b"\n"
"""Inside the header of the enclosed message."""
IN_HEADER = "it ends inside the header of the enclosed message; what is there was read"
NESTED = "archives inside archives are not read"


def tarred(*members: tuple[str, bytes | None]) -> bytes:
    """A tar archive; None is a symbolic link out of it."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name, octets in members:
            info = tarfile.TarInfo(name)
            info.size = len(octets or b"")
            if octets is None:
                info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
            archive.addfile(info, io.BytesIO(octets or b""))
    return file.getvalue()


def zipped(*members: tuple[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, octets in members:
            archive.writestr(name, octets)
    return file.getvalue()


def _truncated() -> bytes:
    """Gzip that stops in the middle of its second message."""
    whole = gzip.compress(HOLDERS["mboxo"]([plain(2), b"Subject: number 3\nX-A: " + os.urandom(9_000).hex().encode()]))
    return whole[: len(whole) // 2]


BAD: dict[str, tuple[Callable[[], bytes], list[int], list[str]]] = {
    "journal.mbox": (lambda: HOLDERS["mboxo"]([journal(0), CUT, plain(2)]), [0, 1, 2], [f": record 1: {IN_HEADER}"]),
    "journal.bsmtp": (
        lambda: HOLDERS["exim_bsmtp"]([journal(0), CUT, plain(2)]),
        [0, 1, 2],
        [f": record 1: {IN_HEADER}"],
    ),
    "journal.tar": (
        lambda: tarred(("a", journal(0)), ("b", CUT), ("c.mbox", HOLDERS["mboxrd"]([CUT, journal(3)]))),
        [0, 1, 1, 3],
        [f"/b: {IN_HEADER}", f"/c.mbox: record 0: {IN_HEADER}"],
    ),
    "nested.zip": (
        lambda: zipped(
            ("a", plain(0)),
            ("b.zip", zipped(("x", plain(9)))),
            ("c.gz", gzip.compress(tarred(("x", plain(9))))),
            ("d", journal(3)),
        ),
        [0, 3],
        [f"/b.zip: {NESTED}", f"/c.gz: {NESTED}"],
    ),
    "nested.tar.gz": (
        lambda: gzip.compress(tarred(("a", plain(0)), ("b.tar", tarred(("x", plain(9)))), ("c", plain(2)))),
        [0, 2],
        [f"/b.tar: {NESTED}"],
    ),
    "truncated.tar": (
        lambda: tarred(("a", plain(1)), ("b.gz", _truncated()), ("link", None), ("d", journal(4)), ("e.msg", MSG)),
        [1, 2, 3, 4, 9],
        [
            "/b.gz: record 1: it ends inside its header block; what is there was read",
            "/b.gz: cannot be read to its end: its gzip data is cut off",
        ],
    ),
    "saved.zip": (
        lambda: zipped(("a", plain(0)), ("b.msg", MSG[:1_000]), ("c.msg", MSG), ("d", plain(2))),
        [0, 9, 2],
        ["/b.msg: not an Outlook message (its compound file is damaged: it is cut off, or leads past its end)"],
    ),
    "cut.msg": (
        lambda: MSG[:1_000],
        [],
        [": not an Outlook message (its compound file is damaged: it is cut off, or leads past its end)"],
    ),
}


@pytest.mark.parametrize("name", list(BAD))
def test_what_is_bad_is_said_and_the_others_are_read(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    make, numbers, sentences = BAD[name]
    monkeypatch.chdir(tmp_path)
    Path(name).write_bytes(make())
    assert main(["show", name, "--format", "json"]) == 3
    captured = capsys.readouterr()
    records: list[dict[str, Any]] = [json.loads(line) for line in captured.out.splitlines()]
    assert [_number(record) for record in records] == [f"{number}" for number in numbers]
    said = captured.err.splitlines()
    assert said == [f"headerguard: {name}{sentence}" for sentence in sentences]
    steps: list[int] = []
    list(read(name, on_error=lambda _: None, progress=steps.append))
    assert sum(steps) == total(name) == Path(name).stat().st_size
    assert min(steps) >= 0


def _number(record: dict[str, Any]) -> str:
    """The number of a made message, wherever it still stands in it."""
    found = re.search(r"\bnumber (\d)|[mcopy](\d)@", json.dumps(record))
    return (found[1] or found[2]) if found else "none"


def test_a_directory_in_which_much_is_unreadable_gives_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, octets in {"a.eml": plain(0), "b.eml": plain(1), "c.eml": CUT, "d/e.msg": MSG, "f.eml": plain(2)}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(octets)
    (tmp_path / "link.eml").symlink_to("nowhere")
    opened = open

    def refused(path: str, *arguments: object, **options: object) -> object:
        if path.endswith("b.eml"):
            raise PermissionError(13, "Permission denied")
        return opened(path, *arguments, **options)  # type: ignore[call-overload]

    monkeypatch.setattr("headerguard.sources.window.open", refused, raising=False)
    errors: list[str] = []
    steps: list[int] = []
    messages = list(read(tmp_path, on_error=lambda error: errors.extend(error.errors), progress=steps.append))
    assert [message.subject for message in messages] == ["number 0", "", "number 9", "number 2"]
    assert errors == [
        f"{tmp_path / 'b.eml'}: cannot be read: Permission denied",
        f"{tmp_path / 'c.eml'}: {IN_HEADER}",
        f"{tmp_path / 'link.eml'}: cannot be read: it is a symbolic link to nothing",
    ]
    assert sum(steps) == total(tmp_path) - len(plain(1))  # what cannot be opened is not dealt with


# ---- memory of the command

_PEAK = """\
import sys
from headerguard.cli import main
code = main(sys.argv[1:])
with open("/proc/self/status") as status:
    print(next(line.split()[1] for line in status if line.startswith("VmHWM")), file=sys.stderr)
sys.exit(code)
"""


def _members(count: int) -> Iterator[tuple[str, bytes]]:
    for number in range(count):
        yield f"{number}.eml", plain(number % 10)
    yield "cut.eml", CUT


def _bomb(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.eml", plain(0))
        with archive.open("b.gz.eml", "w") as member:
            member.write(b"not a field\n")
            for _ in range(300):
                member.write(bytes(1 << 20))
        with archive.open("c.msg", "w") as member:
            member.write(MSG[:512])
            for _ in range(300):
                member.write(bytes(1 << 20))
        archive.writestr("z.eml", plain(1))


def _many(path: Path) -> None:
    with tarfile.open(path, "w:gz", compresslevel=1) as archive:
        for name, octets in _members(20_000):
            info = tarfile.TarInfo(name)
            info.size = len(octets)
            archive.addfile(info, io.BytesIO(octets))


def _zipped_many(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, octets in _members(20_000):
            archive.writestr(name, octets)


def _report(path: Path) -> None:
    """A report with 300 MB before what counts, and one that is damaged."""
    head, _, tail = journal(1, filler="(here)").partition(b"(here)")
    with path.open("wb") as file:
        file.write(HOLDERS["mboxo"]([head])[:-1])
        for _ in range(300):
            file.write((b"x" * 79 + b"\n") * 12_500)
        file.write(tail + b"\n" + HOLDERS["mboxo"]([CUT, plain(2)]))


@pytest.mark.parametrize(
    ("make", "count"),
    [(_bomb, 2), (_many, 20_001), (_zipped_many, 20_001), (_report, 3)],
    ids=lambda value: str(value)[:20],
)
def test_the_command_takes_little_memory(make: Callable[[Path], None], count: int, tmp_path: Path) -> None:
    require("proc", os.path.exists("/proc/self/status"), "the system does not say how much memory a process took")
    make(tmp_path / "bad")
    command = [sys.executable, "-c", _PEAK, "show", str(tmp_path / "bad"), "--format", "json"]
    ran = subprocess.run(command, capture_output=True, check=False, text=True)
    *said, peak = ran.stderr.splitlines()
    assert (ran.returncode, len(ran.stdout.splitlines())) == (3, count)
    assert said
    assert int(peak) < 120 << 10


# ---- quoting


DOTS, FROM_LINES = rb"^\.", rb"^>(?=>*From )"


@given(
    st.lists(st.sampled_from([b".", b">", b"From ", b"\n", b"x", b".\n", b"\n>From ", b"y" * 20]), max_size=30),
    st.lists(st.integers(1, 40), min_size=1, max_size=9),
    st.sampled_from([DOTS, FROM_LINES]),
)
@example([b"y" * 20, b"."], [20], DOTS)
@example([b"\n>", b"From "], [2], FROM_LINES)
def test_a_quote_is_taken_off_at_the_start_of_a_line_only(parts: list[bytes], sizes: list[int], quote: bytes) -> None:
    octets = b"".join(parts)
    file, each = io.BytesIO(octets), itertools.cycle(sizes)
    pieces = iter(lambda: file.read(next(each)), b"")
    quoted = re.compile(quote, re.MULTILINE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bodies, "LINE", 16)
        assert b"".join(bodies.unquoted(pieces, quoted)) == quoted.sub(b"", octets)
