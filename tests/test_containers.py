"""Compressed files and archives: their mail is that of the plain files, and nothing in them does harm."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import random
import struct
import tarfile
import tempfile
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headerguard.errors import SourceError
from headerguard.message import Message
from headerguard.sources import archives, compressed, read, spool, total, window
from headerguard.sources.compressed import DENSE
from headerguard.sources.containers import NESTED

DATE = b"Sun Aug  7 10:00:00 2022"
PACKERS: dict[str, Callable[[bytes], bytes]] = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}
PACKED = pytest.mark.parametrize("packed", PACKERS)
NAMES = {"gz": "gzip", "bz2": "bzip2", "xz": "xz"}


def block(number: int) -> bytes:
    """A header block with its empty line."""
    return b"From: shop@client.example\nTo: c%d@client.example\nSubject: number %d\n\n" % (number, number)


def joined(*messages: bytes) -> bytes:
    """An mbox of messages that hold no From_ line."""
    return b"".join(b"From c@client.example " + DATE + b"\n" + message + b"\n" for message in messages)


def zipped(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as made:
        for name, octets in files.items():
            made.writestr(name, octets)
    return file.getvalue()


def tarred(files: dict[str, bytes], form: int = tarfile.PAX_FORMAT) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=form) as made:
        for name, octets in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(octets)
            made.addfile(info, io.BytesIO(octets))
    return file.getvalue()


ARCHIVES: dict[str, Callable[[dict[str, bytes]], bytes]] = {
    "stored": lambda files: zipped(files, zipfile.ZIP_STORED),
    "deflated": zipped,
    "zip-bzip2": lambda files: zipped(files, zipfile.ZIP_BZIP2),
    "zip-lzma": lambda files: zipped(files, zipfile.ZIP_LZMA),
    "zip.gz": lambda files: gzip.compress(zipped(files)),
    "ustar": lambda files: tarred(files, tarfile.USTAR_FORMAT),
    "gnu": lambda files: tarred(files, tarfile.GNU_FORMAT),
    "pax": tarred,
    "tar.gz": lambda files: gzip.compress(tarred(files)),
    "tar.bz2": lambda files: bz2.compress(tarred(files)),
    "tar.xz": lambda files: lzma.compress(tarred(files)),
}
ARCHIVED = pytest.mark.parametrize("form", ARCHIVES)


class Stream:
    """Standard input as a program gets it: forward only, and in pieces of any size."""

    def __init__(self, octets: bytes, most: int = 1 << 30) -> None:
        self.rest, self.most = io.BytesIO(octets), most

    def read(self, size: int, /) -> bytes:
        return self.rest.read(min(size, self.most))


def collect(source: object, kind: str | None = None, **options: object) -> tuple[list[Message], list[str]]:
    """Every message of a copy and every sentence about what could not be read."""
    errors: list[SourceError] = []
    messages = list(read(source, kind, on_error=errors.append, **options))  # type: ignore[arg-type]
    return messages, [sentence for error in errors for sentence in error.errors]


def subjects(source: object, kind: str | None = None) -> list[str]:
    return [message.subject for message in collect(source, kind)[0]]


def numbers(*wanted: int) -> list[str]:
    return [f"number {number}" for number in wanted]


def where(messages: list[Message]) -> list[tuple[str, str | None, int | None]]:
    return [(m.origin.kind, m.origin.path, m.origin.index) for m in messages if m.origin]


# ---- what is inside is read as if it lay outside


MAIL = {
    "a.mbox": joined(block(0) + b"text\n", block(1)),
    "b/c.eml": block(2) + b"body",
    "b/" + "d" * 120 + "/" + "e" * 90 + ".eml": block(3),
    "b/ü.eml": block(4),
    "z": block(5),
}


@ARCHIVED
def test_an_archive_gives_what_its_members_give(form: str, tmp_path: Path) -> None:
    octets = ARCHIVES[form](MAIL)
    path = tmp_path / "archive"
    path.write_bytes(octets)
    messages, errors = collect(path)
    assert errors == []
    assert [m.subject for m in messages] == numbers(0, 1, 2, 3, 4, 5)
    names = list(MAIL)
    paths = [names[0], *names]
    kinds = ["mboxo", "mboxo", "eml", "eml", "eml", "eml"]
    indexes = [0, 1, None, None, None, None]
    assert where(messages) == [
        (kind, f"{path}/{name}", index) for kind, name, index in zip(kinds, paths, indexes, strict=True)
    ]
    for source in (octets, Stream(octets), Stream(octets, most=7)):
        messages, errors = collect(source)
        assert errors == []
        assert [(m.subject, m.origin and m.origin.path) for m in messages] == list(
            zip(numbers(0, 1, 2, 3, 4, 5), paths, strict=True)
        )


@PACKED
def test_a_compressed_file_is_read_as_what_it_holds(packed: str, tmp_path: Path) -> None:
    pack = PACKERS[packed]
    path = tmp_path / "not.named.so"
    path.write_bytes(pack(MAIL["a.mbox"]))
    messages, errors = collect(path)
    assert (where(messages), errors) == ([("mboxo", str(path), 0), ("mboxo", str(path), 1)], [])
    assert subjects(pack(block(3))) == numbers(3)
    with open(path, "rb") as file:
        assert subjects(file) == numbers(0, 1)
        assert not file.closed


@PACKED
def test_parts_that_follow_one_another_are_one_file(packed: str) -> None:
    first, second = joined(block(0)), joined(block(1))
    pack = PACKERS[packed]
    cut = first[:40], first[40:] + second
    for octets in (pack(first) + pack(second), pack(first) + bytes(512) + pack(second), pack(cut[0]) + pack(cut[1])):
        for source in (octets, Stream(octets, most=1)):
            messages, errors = collect(source)
            assert ([m.subject for m in messages], errors) == (numbers(0, 1), [])
    messages, errors = collect(pack(first) + b"<html>nothing packed</html>")
    assert [m.subject for m in messages] == numbers(0)
    assert errors == [f"input: cannot be read to its end: what follows its {NAMES[packed]} data is none"]


ASCII = st.characters(min_codepoint=33, max_codepoint=126)
HEADS = st.lists(
    st.tuples(st.sampled_from(["To", "Cc", "Subject"]), st.text(ASCII, min_size=1, max_size=20)),
    min_size=1,
    max_size=4,
).map(lambda fields: b"".join(f"{name}: {value}\n".encode() for name, value in fields) + b"\n")
BODIES = st.lists(st.sampled_from([b"", b"text", b"From here", b"x" * 3_000]), max_size=9).map(b"\n".join)
FILES = st.lists(st.lists(st.tuples(HEADS, BODIES), min_size=1, max_size=3), min_size=1, max_size=4)


@given(FILES, st.sampled_from(list(ARCHIVES)), st.integers(1, 5_000), st.sampled_from([None, "mbox", "eml"]))
@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
def test_any_mail_is_the_same_inside_and_outside(
    drawn: list[list[tuple[bytes, bytes]]], form: str, most: int, kind: str | None
) -> None:
    files = {f"d/{n}.mbox": joined(*(head + body for head, body in file)) for n, file in enumerate(drawn)}
    plain = [[m.header.text for m in collect(octets, kind)[0]] for octets in files.values()]
    octets = ARCHIVES[form](files)
    for source in (octets, Stream(octets, most)):
        messages, errors = collect(source, kind)
        assert [m.header.text for m in messages] == [text for texts in plain for text in texts]
        assert errors == []
    for pack in PACKERS.values():
        for file, expected in zip(files.values(), plain, strict=True):
            assert [m.header.text for m in read(Stream(pack(file), most), kind)] == expected


def test_archives_in_directories_and_maildirs_are_looked_into(tmp_path: Path) -> None:
    for folder in ("box/cur", "box/new", "box/tmp", "d"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "box/cur/1:2,S").write_bytes(gzip.compress(block(0)))  # as the zlib plugin of Dovecot stores it
    (tmp_path / "d/a.zip").write_bytes(zipped({"1": block(1), "2": block(2)}))
    (tmp_path / "d/b.eml").write_bytes(block(3))
    messages, errors = collect(tmp_path)
    assert ([m.subject for m in messages], errors) == (numbers(0, 1, 2, 3), [])
    assert [m.origin.path for m in messages if m.origin][1] == str(tmp_path / "d" / "a.zip" / "1")
    (tmp_path / "d/b.eml").unlink()
    (tmp_path / "d/a.zip").write_bytes(zipped({}))
    assert collect(tmp_path / "d")[1] == [
        f"{tmp_path / 'd' / 'a.zip'}: the archive holds no mail",
        f"{tmp_path / 'd'}: the directory holds no mail",
    ]


@ARCHIVED
def test_a_named_kind_holds_for_every_member(form: str) -> None:
    octets = ARCHIVES[form]({"a": block(0), "b": joined(block(1), block(2))})
    messages, errors = collect(octets, "mandrill_submitted")
    assert [m.origin.kind for m in messages if m.origin] == ["mandrill_submitted"] * 3
    assert errors == []
    messages, errors = collect(octets, "mbox")
    assert [m.subject for m in messages] == numbers(1, 2)
    assert errors == ["a: not an mbox mailbox: it starts with no From_ line (but as a single message does)"]


@ARCHIVED
def test_what_is_hidden_or_of_macos_is_skipped_but_not_the_folders_of_a_maildir(form: str) -> None:
    files = dict.fromkeys(
        ["__MACOSX/a.eml", "._a.eml", "x/._a.eml", ".DS_Store", ".git/a.eml", "x/.cache/y/a.eml"], block(9)
    )
    files |= {"./a.eml": block(0), "Maildir/.Sent/cur/1:2,S": block(1)}
    messages, errors = collect(ARCHIVES[form](files))
    assert ([m.subject for m in messages], errors) == (numbers(0, 1), [])
    assert [m.origin.path for m in messages if m.origin] == ["a.eml", "Maildir/.Sent/cur/1:2,S"]


def test_links_devices_and_directories_are_skipped() -> None:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as made:
        for number, kind in enumerate(
            [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE]
        ):
            info = tarfile.TarInfo(f"{number}")
            info.type, info.linkname = kind, "/etc/passwd"
            info.size = 5_000 if kind == tarfile.LNKTYPE else 0  # some programs write the size of what it leads to
            made.addfile(info)
        info = tarfile.TarInfo("of no known type")
        info.type, info.size = b"Q", len(block(9))
        made.addfile(info, io.BytesIO(block(9)))
        info = tarfile.TarInfo("a.eml")
        info.size = len(block(0))
        made.addfile(info, io.BytesIO(block(0)))
    messages, errors = collect(file.getvalue())
    assert ([m.subject for m in messages], errors) == (numbers(0), [])
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as zips:
        zips.mkdir("d")
        for name, mode in (("link", 0o120777), ("pipe", 0o010644), ("a.eml", 0o100644)):
            entry = zipfile.ZipInfo(name)
            entry.create_system, entry.external_attr = 3, mode << 16
            zips.writestr(entry, block(0) if name == "a.eml" else b"/etc/passwd")
    messages, errors = collect(file.getvalue())
    assert ([m.subject for m in messages], errors) == (numbers(0), [])


@ARCHIVED
def test_what_has_the_name_of_a_directory_and_contents_is_read(form: str) -> None:
    messages, errors = collect(ARCHIVES[form]({"a/": block(0), "b/": b"", "c/d.eml": block(1)}))
    assert ([m.subject for m in messages], errors) == (numbers(0, 1), [])
    assert [m.origin.path for m in messages if m.origin] == ["a", "c/d.eml"]


def test_a_directory_of_unix_in_zip_that_has_contents_is_read() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        for name, octets in (("a", block(0)), ("b/", b""), ("c", block(1))):
            entry = zipfile.ZipInfo(name)
            entry.create_system, entry.external_attr = 3, 0o040755 << 16
            made.writestr(entry, octets, zipfile.ZIP_DEFLATED)
    messages, errors = collect(file.getvalue())
    assert ([m.subject for m in messages], errors) == (numbers(0, 1), [])


def test_sparse_members_are_said_and_stepped_over() -> None:
    info = tarfile.TarInfo("holes.mbox")
    info.size = 512
    header = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    header[156:157] = tarfile.GNUTYPE_SPARSE
    header[482] = 1
    header[148:156] = b"%06o\0 " % (sum(header[:148]) + 256 + sum(header[156:]))
    more = bytes(504) + b"\1" + bytes(7), bytes(512)
    octets = bytes(header) + more[0] + more[1] + b"x" * 512 + tarred({"a.eml": block(0)})
    assert collect(octets)[1] == ["holes.mbox: it is stored with holes (a sparse file), which is not read"]
    assert subjects(octets) == numbers(0)


# ---- names


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("../../etc/passwd", "_.._/_.._/etc/passwd"),
        ("/etc/passwd", "etc/passwd"),
        ("a/../b", "a/_.._/b"),
        ("a\x1b[2J\n", "a\x1b[2J\n"),
        ("C:\\x", "C:\\x"),
    ],
)
@pytest.mark.parametrize("form", ["tar", "zip"])
def test_a_name_is_a_label_below_the_archive(name: str, path: str, form: str) -> None:
    octets = (tarred if form == "tar" else zipped)({"first": block(1), name: block(0), name + "2": b""})
    messages, errors = collect(octets)
    assert [m.origin.path for m in messages if m.origin] == ["first", path]
    assert all(error.isprintable() for error in errors)
    assert len(errors) == 1


def test_names_that_are_no_text_or_hold_a_nul() -> None:
    octets = zipped({"a_b": block(0), "c": block(1)}).replace(b"a_b", b"a\0b")
    messages, errors = collect(octets.replace(b"\0b", b"\0b"))
    assert ([m.subject for m in messages], errors) == (numbers(0, 1), [])
    assert [m.origin.path for m in messages if m.origin] == ["a\0b", "c"]
    (error,) = collect(zipped({"a_b": b""}).replace(b"a_b", b"a\0b"))[1]
    assert error == "'a\\x00b': not a mail message (empty file)"
    octets = zipped({"ü": block(0)}).replace("ü".encode(), b"\xff\xfe")
    assert [m.origin.path for m in read(octets) if m.origin] == ["\\xff\\xfe"]


# ---- damage


@PACKED
def test_a_file_cut_anywhere_gives_sentences(packed: str) -> None:
    octets = PACKERS[packed](joined(block(0), block(1)))
    for length in range(11, len(octets)):
        _, errors = collect(octets[:length])
        assert f"input: cannot be read to its end: its {NAMES[packed]} data is cut off" in errors, length


def test_all_that_comes_before_a_cut_or_damage_in_gzip_is_read() -> None:
    mail = joined(*(block(n) + random.Random(n).randbytes(600).hex().encode() + b"\n" for n in range(20)))
    octets = gzip.compress(mail)
    messages, errors = collect(octets[: len(octets) // 2])
    assert 8 <= len(messages) <= 11
    assert errors[-1] == "input: cannot be read to its end: its gzip data is cut off"
    middle = len(octets) // 2
    messages, errors = collect(octets[:middle] + bytes(40) + octets[middle + 40 :])
    assert len(messages) >= 8
    assert errors[-1].startswith("input: cannot be read to its end: its gzip data is damaged (")
    messages, errors = collect(octets[:-8] + b"\0\0\0\0" + octets[-4:])
    assert [m.subject for m in messages] == numbers(*range(20))
    assert errors == ["input: cannot be read to its end: its gzip data is damaged (incorrect data check)"]


def test_damage_in_bzip2_and_xz_is_said() -> None:
    for name, pack in (("bzip2", bz2.compress), ("xz", lzma.compress)):
        octets = bytearray(pack(joined(block(0))))
        octets[len(octets) // 2] ^= 0xFF
        assert f"input: cannot be read to its end: its {name} data is damaged (" in collect(bytes(octets))[1][-1]


def test_xz_that_asks_for_much_memory_is_refused() -> None:
    greedy = [{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 20}]
    octets = bytearray(lzma.compress(block(0), filters=greedy))
    octets[16] = 40  # the size of the dictionary (The .xz File Format, section 5.3.1): 4 GiB
    octets[20:24] = zlib.crc32(bytes(octets[12:20])).to_bytes(4, "little")
    assert collect(bytes(octets))[1] == [
        "input: cannot be read to its end: its xz data is damaged (Memory usage limit exceeded)"
    ]


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_bad_checksum_in_zip_is_said_and_stops_no_other(method: int) -> None:
    octets = zipped({"a": joined(block(0)), "b": block(1)}, method)
    checksum = zlib.crc32(joined(block(0))).to_bytes(4, "little")
    messages, errors = collect(octets.replace(checksum, b"\1\2\3\4"))
    assert [m.subject for m in messages] == numbers(0, 1)
    assert errors == ["a: cannot be read to its end: its checksum is wrong"]


def test_members_that_cannot_be_read_stop_no_other() -> None:
    good = zipped({"a": block(0), "b": block(1), "c": block(2)}, zipfile.ZIP_STORED)
    second = good.index(b"PK\x01\x02", good.index(b"PK\x01\x02") + 1)

    def changed(at: int, octets: bytes) -> tuple[list[str], list[str]]:
        messages, errors = collect(good[: second + at] + octets + good[second + at + len(octets) :])
        return [m.subject for m in messages], errors

    assert changed(8, b"\1\0") == (numbers(0, 2), ["b: it is encrypted; not read"])
    assert changed(10, b"\x5d\0") == (
        numbers(0, 2),
        ["b: it is compressed with ZIP method 93, which is not supported"],
    )
    assert changed(42, b"\1") == (numbers(0, 2), ["b: cannot be read: the directory leads to no member"])
    assert changed(42, b"\xfe\xff\xff\x7f") == (
        numbers(0, 2),
        ["b: cannot be read: it lies past the end of the archive"],
    )
    assert changed(0, b"XX") == (
        numbers(0),
        ["input: cannot be read to its end: the directory of the ZIP archive is damaged"],
    )
    assert changed(28, b"\xff\x7f") == (
        numbers(0),
        ["input: cannot be read to its end: the directory of the ZIP archive is damaged"],
    )
    assert changed(20, b"\xff\xff\xff") == (numbers(0), ["input: its members lie on one another; not read further"])
    messages, errors = collect(good[:-30])
    assert messages == []
    assert errors == ["input: cannot be read: the ZIP archive is cut off or damaged, its directory was not found"]


def test_members_that_lie_on_one_another_are_given_up() -> None:
    """The bomb of overlapping members: each is small, all of them are not."""
    good = zipped({"a": b"From c@client.example " + DATE + b"\n" + block(0) * 40}, zipfile.ZIP_STORED)
    start, end = good.index(b"PK\x01\x02"), good.index(b"PK\x05\x06")
    entry = good[start:end]
    tail = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 50, 50, len(entry) * 50, start, 0)
    _, errors = collect(good[:start] + entry * 50 + tail)
    assert errors == ["input: its members lie on one another; not read further"]


def test_zip64_and_octets_before_the_archive_are_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 10)
    monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 1)
    octets = zipped({"a": block(0), "b": block(1)})
    assert b"PK\x06\x06" in octets
    assert (subjects(octets), collect(octets)[1]) == (numbers(0, 1), [])
    before = zipped({"x": block(9)})
    assert subjects(before + octets) == numbers(0, 1)
    assert subjects(before + zipped({"a": block(0)})) == numbers(0)


def test_a_tar_archive_that_is_cut_or_damaged() -> None:
    octets = tarred(
        {"a": joined(block(0), block(1)), "b": block(2) + b"x" * 50_000, "c": block(3)}, tarfile.USTAR_FORMAT
    )
    messages, errors = collect(octets[: 512 + len(joined(block(0), block(1))) - 1])
    assert [m.subject for m in messages] == numbers(0, 1)
    assert "a: cannot be read to its end: the archive ends inside it" in errors
    assert subjects(octets[:2_000]) == numbers(0, 1, 2)
    assert collect(Stream(octets[:40_000]))[1] == ["input: cannot be read to its end: the archive is cut off"]
    assert collect(octets[:1_200])[1] == ["input: cannot be read to its end: the archive is cut off"]
    damaged = bytearray(octets)
    damaged[1024 + 150] ^= 1
    messages, errors = collect(bytes(damaged))
    assert [m.subject for m in messages] == numbers(0, 1)
    assert errors == ["input: cannot be read to its end: a tar header is damaged"]
    info = tarfile.TarInfo("x")
    info.size, info.type = 1 << 40, tarfile.XHDTYPE
    messages, errors = collect(info.tobuf(tarfile.GNU_FORMAT) + bytes(512))
    assert errors == ["input: cannot be read to its end: a tar header is longer than 1 MiB"]


def test_a_tar_archive_in_damaged_gzip_gives_what_came_before() -> None:
    rng = random.Random(5)
    octets = gzip.compress(tarred({f"{n}": block(n) + rng.randbytes(3_000).hex().encode() for n in range(20)}))
    messages, errors = collect(octets[: len(octets) // 2])
    assert 8 <= len(messages) <= 11
    assert errors[-1] == "input: cannot be read to its end: its gzip data is cut off"
    for at in range(20, len(octets), len(octets) // 40):
        wrong = bytearray(octets)
        wrong[at] ^= 0x55
        messages, errors = collect(bytes(wrong))
        assert messages or errors


@given(st.binary(max_size=40), st.sampled_from(list(ARCHIVES)), st.floats(0, 1), st.integers(1, 100), st.booleans())
@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])
def test_no_damage_raises(wrong: bytes, form: str, part: float, most: int, forward: bool) -> None:
    octets = ARCHIVES[form]({"a": joined(block(0), block(1)), "b" * 60 + "/" + "b" * 60: block(2)})
    at = int(part * len(octets))
    octets = octets[:at] + wrong + octets[at + len(wrong) :]
    messages, errors = collect(Stream(octets, most) if forward else octets)
    assert messages or errors


def test_a_mail_that_holds_the_numbers_of_a_tar_header_is_mail() -> None:
    head = bytearray(b"From: a@b.example\nTo: c@d.example\nX-Pad: ".ljust(100, b"x") + tarred({"x": b""})[100:512])
    head[148:156] = b"%06o\0 " % (sum(head[:148]) + 256 + sum(head[156:]))
    assert tarfile.TarInfo.frombuf(bytes(head), "utf-8", "strict").isreg()
    (message,) = read(bytes(head) + b"\n\n")
    assert "to" in message.names


# ---- bombs


def dense(size: int) -> bytes:
    """An mbox with one message whose body is much of the same."""
    return joined(block(0)) + b"x" * size


def test_what_unpacks_to_too_much_is_given_up_and_stops_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compressed, "RATIO", 50)
    for module in (compressed, archives):
        monkeypatch.setattr(module, "FREE", 1 << 20)
    monkeypatch.setattr("headerguard.sources.containers.FREE", 1 << 20)
    bomb = dense(8 << 20)
    for pack in PACKERS.values():
        messages, errors = collect(pack(bomb))
        assert ([m.subject for m in messages], errors) == (numbers(0), [f"input: {DENSE}"])
    for method in (zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        messages, errors = collect(zipped({"a": block(1), "bomb": bomb, "b": block(2)}, method))
        assert ([m.subject for m in messages], errors) == (numbers(1, 0, 2), [f"bomb: {DENSE}"])
    messages, errors = collect(tarred({"bomb": gzip.compress(bomb), "b": block(2)}))
    assert ([m.subject for m in messages], errors) == (numbers(0, 2), [f"bomb: {DENSE}"])
    messages, errors = collect(gzip.compress(tarred({"a": block(1), "bomb": bomb, "b": block(2)})))
    assert [m.subject for m in messages] == numbers(1, 0)
    assert errors == ["bomb: cannot be read to its end: the archive ends inside it", f"input: {DENSE}"]
    assert collect(gzip.compress(random.Random(1).randbytes(3 << 20)), "mboxo")[1] != [f"input: {DENSE}"]


def test_the_bound_is_200_to_1_after_64_mib() -> None:
    assert DENSE == "compressed more than 200 to 1; not read further"
    assert (compressed.RATIO, compressed.FREE) == (200, 64 << 20)
    source = gzip.compress(b"From c@client.example " + DATE + b"\n" + block(0) + bytes(63 << 20), 1)
    assert collect(source)[1] == []
    source = gzip.compress(b"From c@client.example " + DATE + b"\n" + block(0) + bytes(70 << 20), 1)
    assert collect(source)[1] == [f"input: {DENSE}"]


def test_many_small_bombs_are_one_large_bomb(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headerguard.sources.containers.FREE_IN_ALL", 4 << 20)
    inner = gzip.compress(dense(900_000))
    for octets in (
        zipped({f"{n}": dense(900_000) for n in range(9)}),
        tarred({f"{n}": inner for n in range(9)}),
        zipped({f"{n}": inner for n in range(9)}),
        gzip.compress(tarred({f"{n}": dense(900_000) for n in range(9)})),
    ):
        messages, errors = collect(octets)
        assert 2 <= len(messages) <= 6
        assert errors[-1].endswith(DENSE)


def test_what_is_compressed_twice_is_weighed_against_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compressed, "RATIO", 50)
    monkeypatch.setattr("headerguard.sources.containers.FREE_IN_ALL", 1 << 20)
    inner = gzip.compress(joined(block(0) + random.Random(4).randbytes(2_500).hex().encode()) + b"x" * 100_000)
    octets = gzip.compress(tarred({f"{n}": inner for n in range(60)}))
    messages, errors = collect(octets)
    assert len(messages) < 30
    assert errors[-1] == f"input: {DENSE}"


def test_archives_in_archives_are_not_opened() -> None:
    inner = {"zip": zipped({"x": block(9)}), "tar": tarred({"x": block(9)}), "tgz": gzip.compress(tarred({"x": b""}))}
    twice = gzip.compress(gzip.compress(block(9)))
    for pack in (zipped, tarred, lambda files: gzip.compress(tarred(files))):
        messages, errors = collect(pack({**inner, "twice.gz": twice, "z.gz": gzip.compress(block(1))}))
        assert [m.subject for m in messages] == numbers(1)
        assert errors == [f"{name}: {NESTED}" for name in (*inner, "twice.gz")]
    assert collect(twice) == ([], [f"input: {NESTED}"])
    assert NESTED == "archives inside archives are not read"


def test_a_zip_archive_that_cannot_seek_is_spooled_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    octets = zipped({"a": block(0)})
    monkeypatch.setattr(spool, "SPOOL", 4 << 20)
    assert subjects(Stream(octets)) == numbers(0)
    messages, errors = collect(Stream(zipped({"a": bytes(5 << 20)}, zipfile.ZIP_STORED)))
    assert messages == []
    assert errors == ["input: cannot be read: a ZIP archive of more than 4 MiB must be given by its path"]


# ---- memory, files, progress


class Made:
    """A file that exists only while it is read."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self.pieces, self.rest = pieces, b""

    def read(self, size: int, /) -> bytes:
        self.rest = self.rest or next(self.pieces, b"")
        octets, self.rest = self.rest[:size], self.rest[size:]
        return octets


def peak(source: object) -> tuple[int, int]:
    """The number of messages, and the octets of memory that reading them took at most."""
    tracemalloc.start()
    try:
        count = len([None for _ in read(source)])  # type: ignore[arg-type]
        return count, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def packed_pieces(record: bytes, count: int) -> Iterator[bytes]:
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    for _ in range(count):
        yield packer.compress(record)
    yield packer.flush()


def test_a_large_mbox_in_gzip_takes_little_memory() -> None:
    record = joined(block(0) + random.Random(2).randbytes(1 << 17).hex().encode() + b"\n")
    count, memory = peak(Made(packed_pieces(record, 200)))
    assert count == 200
    assert memory < 8 << 20


def test_a_large_tar_archive_in_gzip_takes_little_memory() -> None:
    record = tarred({"x": block(0) + random.Random(2).randbytes(1 << 16).hex().encode()})[:-1024]
    record = record[: len(record) // 512 * 512]
    size = 512 + (len(block(0)) + (1 << 17) + 511) // 512 * 512
    count, memory = peak(Made(packed_pieces(record[:size], 300)))
    assert count == 300
    assert memory < 8 << 20


def test_a_zip_archive_of_many_or_large_members_takes_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "many.zip"
    with zipfile.ZipFile(path, "w") as made:
        for number in range(1_500):
            made.writestr(f"{number:0500}", block(number))
    count, memory = peak(path)
    assert count == 1_500
    assert memory < 1 << 20
    body = random.Random(3).randbytes(1 << 20).hex().encode() + b"\n"
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_BZIP2):
        path.write_bytes(
            zipped({"a.mbox": joined(block(0) + body * (8 if method == zipfile.ZIP_STORED else 1))}, method)
        )
        count, memory = peak(path)
        assert count == 1
        assert memory < 8 << 20


def test_a_step_of_a_dense_format_does_not_unpack_at_once() -> None:
    for method in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        octets = zipped({"a": dense(30 << 20)}, method)
        assert peak(octets)[1] < 16 << 20  # LZMA keeps 8 MiB of what it unpacked


def test_an_early_end_of_a_message_reads_no_further() -> None:
    octets = gzip.compress(block(0) + random.Random(1).randbytes(9 << 20))
    source = Stream(octets)
    assert subjects(source) == numbers(0)
    assert source.rest.tell() < 1 << 18


@ARCHIVED
@pytest.mark.parametrize("early", [0, 1, 2, 9])
def test_nothing_stays_open(form: str, early: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[io.FileIO] = []
    spooled: list[object] = []
    spool = tempfile.SpooledTemporaryFile

    def noted(*arguments: object, **options: object) -> io.FileIO:
        opened.append(open(*arguments, **options))  # type: ignore[call-overload]  # noqa: SIM115
        return opened[-1]

    def noted_spool(size: int) -> object:
        spooled.append(spool(size))
        return spooled[-1]

    monkeypatch.setattr(window, "open", noted, raising=False)
    monkeypatch.setattr(tempfile, "SpooledTemporaryFile", noted_spool)
    path = tmp_path / "a"
    path.write_bytes(ARCHIVES[form](MAIL))
    messages = read(path)
    found = list(islice(messages, early))
    messages.close()
    assert len(found) == min(early, 6)
    assert all(file.closed for file in [*opened, *spooled])  # type: ignore[attr-defined]
    assert len(opened) == (1 if early else 0)
    assert len(spooled) == (form == "zip.gz" and early > 0)
    assert os.listdir(tmp_path) == ["a"]


@ARCHIVED
def test_progress_adds_up_to_the_octets_on_the_disk(form: str, tmp_path: Path) -> None:
    path = tmp_path / "archive"
    rng = random.Random(7)
    files = {f"{n}": block(n) + rng.randbytes(60_000).hex().encode() for n in range(5)}
    path.write_bytes(ARCHIVES[form]({**files, "m": joined(*files.values()), ".hidden": files["0"], "bad": b""}))
    steps: list[int] = []
    assert len(collect(path, progress=steps.append)[0]) == 10
    assert sum(steps) == total(path) == path.stat().st_size
    assert min(steps) >= 0
    octets = path.read_bytes()
    path.write_bytes(octets[: len(octets) // 2])
    steps.clear()
    collect(path, progress=steps.append)
    assert sum(steps) == total(path)


@PACKED
def test_progress_counts_what_nobody_had_to_read(packed: str, tmp_path: Path) -> None:
    path = tmp_path / "a.eml"
    path.write_bytes(PACKERS[packed](block(0) + random.Random(1).randbytes(1 << 20)))
    steps: list[int] = []
    assert len(list(read(path, progress=steps.append))) == 1
    assert sum(steps) == total(path)


def test_progress_goes_on_from_member_to_member(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(zipped({f"{n}": block(n) + bytes(100_000) for n in range(5)}, zipfile.ZIP_STORED))
    steps: list[int] = []
    for number, _ in enumerate(read(path, progress=steps.append)):
        assert sum(steps) >= number * 100_000
