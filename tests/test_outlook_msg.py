"""Messages that Outlook saved: whom they name, what they leave unknown, and files that are damaged on purpose."""

from __future__ import annotations

import gzip
import io
import random
import struct
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import olefile
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from compound_writer import Tree, compound, properties, saved
from headerguard import Guard, Message, read
from headerguard.message import Stage
from headerguard.sources import compound as reader
from headerguard.sources import total

SUBJECT, SENT, FLAGS, HEADERS, MESSAGE_ID, PAGE = 0x0037, 0x0039, 0x0E07, 0x007D, 0x1035, 0x3FFD
TO, CC, BCC = 0x0E04, 0x0E03, 0x0E02
TYPE, SMTP, ADDRESS, NAME, AS_TYPE = 0x0C15, 0x39FE, 0x3003, 0x3001, 0x3002
AUTHOR = {0x5D02: "shop@shop.example", 0x0042: "The shop", 0x5D01: "clerk@shop.example"}
WHEN = datetime(2022, 8, 7, 10, tzinfo=UTC)
OWN: dict[int, object] = {**AUTHOR, SUBJECT: "Your receipt", SENT: WHEN, FLAGS: 0x20, MESSAGE_ID: "<m1@shop.example>"}
ROWS: list[dict[int, object]] = [
    {TYPE: 1, SMTP: "jane@client.example", NAME: "Jane"},
    {TYPE: 2, ADDRESS: "team@client.example", AS_TYPE: "SMTP"},
    {TYPE: 3, SMTP: "copy@arxxwalls.com", ADDRESS: "/O=EXAMPLE/CN=COPY", AS_TYPE: "EX", NAME: "Copy"},
]
SECTORS = pytest.mark.parametrize("sector", [512, 4_096])


def collect(source: object, kind: str | None = None) -> tuple[list[Message], list[str]]:
    errors: list[str] = []
    messages = list(read(source, kind, on_error=lambda error: errors.extend(error.errors)))  # type: ignore[arg-type]
    return messages, errors


def only(values: Mapping[int, object], rows: list[dict[int, object]], page: str = "") -> Message:
    (message,), errors = collect(saved(values, rows, page))
    assert errors == []
    return message


def found(message: Message, role: str) -> list[str]:
    return [str(s.address) for s in message.sightings if s.role == role]


# ---- what a saved message says


@SECTORS
@pytest.mark.parametrize("kind", [None, "outlook_msg"])
def test_a_message_saved_before_it_was_sent_names_everybody(sector: int, kind: str | None) -> None:
    (message,), errors = collect(saved(OWN, ROWS, sector=sector), kind)
    assert errors == []
    assert [found(message, role) for role in ("to", "cc", "bcc")] == [
        ["jane@client.example"],
        ["team@client.example"],
        ["copy@arxxwalls.com"],
    ]
    assert message.hidden == ("copy@arxxwalls.com",)
    assert (found(message, "from"), found(message, "sender")) == (["shop@shop.example"], ["clerk@shop.example"])
    assert {s.display_name for s in message.sightings} == {"Jane", None, "Copy", "The shop"}
    assert (message.subject, message.date, message.stage) == ("Your receipt", WHEN, Stage.SUBMITTED)
    assert message.correlation == ("m1@shop.example",)
    assert message.origin is not None
    assert message.origin.kind == "outlook_msg"
    assert any("no header" in spot for spot in Guard().check(message).blind_spots)


def test_a_header_that_came_over_the_wire_is_read_and_counts_first() -> None:
    header = (
        "Received: by mx.example; Sun, 7 Aug 2022 10:00:00 +0000\r\nFrom: shop@shop.example\r\n"
        "Bcc: other@arxxwalls.com\r\nTo: jane@client.example\r\nSubject: On the wire\r\n\r\nCc: body@client.example"
    )
    for title in ("", "Microsoft Mail Internet Headers Version 2.0\r\n"):
        message = only({**OWN, HEADERS: title + header, FLAGS: 0}, ROWS)
        assert (message.subject, message.stage) == ("On the wire", Stage.DELIVERED)
        assert set(message.hidden) == {"copy@arxxwalls.com", "other@arxxwalls.com"}
        assert found(message, "from") == ["shop@shop.example"]
        assert "clerk@shop.example" in found(message, "sender")
        assert "body@client.example" not in str(message.sightings)
        assert message.defects == ()


def test_body_and_attachments_are_not_read() -> None:
    attached = properties({0x3704: "a.bin", 0x3001: "b@body.example", 0x3701: b"x" * 9_000}, 8)
    inner: Tree = {"__substg1.0_3701000D": properties({SUBJECT: "inner", BCC: "c@body.example"}, 24)}
    octets = saved(
        {**OWN, 0x1000: "To: a@body.example\n" * 900},
        ROWS,
        more={"__attach_version1.0_#00000000": {**attached, **inner}},
    )
    (message,), errors = collect(octets)
    assert errors == []
    assert "body.example" not in str(message.sightings)


def test_who_is_known_by_name_alone_is_counted() -> None:
    rows: list[dict[int, object]] = [
        {TYPE: 1, ADDRESS: "/O=EXAMPLE/CN=JANE@CLIENT", AS_TYPE: "EX", NAME: "Jane"},
        {TYPE: 1, ADDRESS: "/O=EXAMPLE/CN=JOE", AS_TYPE: "EX", NAME: "'joe@client.example'"},
    ]
    message = only({**OWN, BCC: "Somebody; else"}, rows)
    assert found(message, "to") == ["joe@client.example"]
    assert message.record is not None
    assert "recipients of whom only the name in a directory is there: 1" in message.record.blind_spots
    assert "its Bcc names people without an address" in message.record.blind_spots
    assert only(OWN, ROWS).record is not None
    assert only({**OWN, BCC: "Copy"}, ROWS).record.blind_spots == ()  # type: ignore[union-attr]


def test_addresses_that_are_shown_and_stand_in_no_row_are_not_lost() -> None:
    message = only({**OWN, TO: "Jane; new@client.example", BCC: "'blind@arxxwalls.com'; jane@client.example"}, ROWS[:1])
    assert found(message, "to") == ["jane@client.example", "new@client.example"]
    assert message.hidden == ("blind@arxxwalls.com",)
    message = only({**OWN, BCC: "copy@arxxwalls.com"}, ROWS)
    assert found(message, "bcc") == ["copy@arxxwalls.com"]


@pytest.mark.parametrize(
    ("row", "role"), [({}, "envelope"), ({TYPE: 7}, "envelope"), ({TYPE: 0}, "mentioned"), ({TYPE: 0x10000003}, "bcc")]
)
def test_a_row_of_any_type_is_read(row: dict[int, object], role: str) -> None:
    message = only(OWN, [*ROWS, {**row, SMTP: "odd@client.example"}])
    assert "odd@client.example" in found(message, role)


@pytest.mark.parametrize(
    ("page", "number"),
    [("cp1251", 1251), ("utf-8", 65001), ("iso8859-15", 28605), ("shift_jis", 932), ("cp1252", None)],
)
def test_text_of_an_older_outlook_is_in_its_code_page(page: str, number: int | None) -> None:
    subject = {"cp1251": "Счёт", "shift_jis": "領収書"}.get(page, "Reçu")
    values = {**OWN, SUBJECT: subject, **({PAGE: number} if number else {})}
    message = only(values, ROWS, page)
    assert message.subject == subject
    assert message.hidden == ("copy@arxxwalls.com",)


def one_off(*fields: str, wide: bool = True) -> bytes:
    flags = struct.pack("<HH", 0, 0x8000 if wide else 0)
    text = "\0".join(fields) + "\0"
    return (
        bytes(4)
        + bytes.fromhex("812b1fa4bea310199d6e00dd010f5402")
        + flags
        + text.encode("utf-16-le" if wide else "cp1252")
    )


def test_replies_go_where_the_entries_say_or_else_the_names() -> None:
    entries = one_off("Desk", "SMTP", "desk@shop.example") + one_off("é", "SMTP", "b@shop.example", wide=False)
    assert found(only({**OWN, 0x4F: entries, 0x50: "Desk; other@x.example"}, ROWS), "reply") == [
        "desk@shop.example",
        "b@shop.example",
    ]
    assert found(only({**OWN, 0x50: "Desk; other@x.example"}, ROWS), "reply") == ["other@x.example"]


def test_a_date_that_is_none_is_none() -> None:
    assert only({**OWN, SENT: 0}, ROWS).date is None
    octets = saved(OWN, ROWS)
    ticks = struct.pack("<Q", round((WHEN - datetime(1601, 1, 1, tzinfo=UTC)).total_seconds()) * 10_000_000)
    assert octets.count(ticks) == 1
    assert collect(octets.replace(ticks, b"\xff" * 8))[0][0].date is None


def test_who_wrote_a_message_of_which_nobody_is_the_owner_is_not_said_to_have_sent_it() -> None:
    assert only({**OWN, FLAGS: 1}, ROWS).stage is Stage.UNKNOWN
    (message,) = read(saved(OWN, ROWS), stage="archive")
    assert message.stage is Stage.ARCHIVE


# ---- where it lies


def _zip(octets: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.msg", octets)
        archive.writestr("b.eml", "To: b@client.example\n\n")
    return file.getvalue()


def _tar(octets: bytes) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        for name, held in (("a.msg", octets), ("b.eml", b"To: b@client.example\n\n")):
            info = tarfile.TarInfo(name)
            info.size = len(held)
            archive.addfile(info, io.BytesIO(held))
    return file.getvalue()


class Stream(io.RawIOBase):
    """A file that reads forward only, in small pieces."""

    def __init__(self, octets: bytes) -> None:
        super().__init__()
        self.rest = io.BytesIO(octets)

    def read(self, size: int = -1, /) -> bytes:
        return self.rest.read(min(size, 700))


HOLDERS: dict[str, Callable[[bytes], bytes]] = {"plain": bytes, "gzip": gzip.compress, "zip": _zip, "tar": _tar}
HELD = pytest.mark.parametrize("holder", list(HOLDERS))


@HELD
def test_a_saved_message_is_the_same_wherever_it_lies(holder: str, tmp_path: Path) -> None:
    octets = HOLDERS[holder](saved({**OWN, 0x1000: "body" * 9_000}, ROWS))
    (tmp_path / "held").write_bytes(octets)
    for source in (octets, Stream(octets), tmp_path / "held", tmp_path):
        messages, errors = collect(source)
        assert errors == []
        assert messages[0].hidden == ("copy@arxxwalls.com",)
        assert len(messages) == 1 + (holder in ("zip", "tar"))
    steps: list[int] = []
    assert list(read(tmp_path, progress=steps.append))
    assert sum(steps) == total(tmp_path) == len(octets)
    assert min(steps) >= 0


def test_a_compound_file_of_another_program_is_said_to_be_one() -> None:
    assert collect(compound({"WordDocument": b"x"})) == (
        [],
        ["input: not an Outlook message (a compound file of another program)"],
    )
    assert collect(b"To: a@b.example\n\n", "outlook_msg")[1] == ["input: not an Outlook message (no compound file)"]


# ---- damage


def _patched(octets: bytes, at: int, *numbers: int) -> bytes:
    return octets[:at] + struct.pack(f"<{len(numbers)}L", *numbers) + octets[at + 4 * len(numbers) :]


WHOLE = saved({**OWN, 0x1000: "x" * 20_000}, ROWS)
LARGE = saved({**OWN, 0x1000: "x" * 4_000_000}, ROWS)
"""With a table of sectors that does not fit into the header."""
(FIRST_FAT,) = struct.unpack_from("<L", WHOLE, 76)
(DIRECTORY,) = struct.unpack_from("<L", WHOLE, 48)
(DIFAT,) = struct.unpack_from("<L", LARGE, 68)


(MINI,) = struct.unpack_from("<L", WHOLE, (DIRECTORY + 1) * 512 + 116)


@pytest.mark.parametrize(
    "octets",
    [
        WHOLE[:8],
        WHOLE[:511],
        WHOLE[:600],
        _patched(WHOLE, 44, 0xFFFFFFFF),
        _patched(WHOLE, 48, 0xFFFFFFFF),
        _patched(WHOLE, 48, 5_000_000),
        _patched(WHOLE, 60, 5_000_000),
        _patched(WHOLE, 30, 0x00060020),
        _patched(WHOLE, 30, 0x00400009),
        _patched(WHOLE, 76, 5_000_000),
        _patched(WHOLE, 76, *[DIRECTORY] * 109),
        _patched(WHOLE, (FIRST_FAT + 1) * 512 + 4 * DIRECTORY, DIRECTORY),
        _patched(WHOLE, (FIRST_FAT + 1) * 512 + 4 * MINI, MINI),
        _patched(WHOLE, (DIRECTORY + 1) * 512 + 128 + 68, 1),
        _patched(WHOLE, (DIRECTORY + 1) * 512 + 128 + 72, 1),
        _patched(WHOLE, (DIRECTORY + 1) * 512 + 76, 0),
        _patched(WHOLE, (DIRECTORY + 1) * 512 + 76, 0x0FFFFFFF),
        _patched(WHOLE, (DIRECTORY + 1) * 512 + 116, 5_000_000),
        _patched(WHOLE, (DIRECTORY + 1) * 512 + 120, 0xFFFFFFFF),
        _patched(LARGE, (DIFAT + 1) * 512 + 508, DIFAT),
        _patched(_patched(LARGE, (DIFAT + 1) * 512, *[DIFAT] * 127, DIFAT), 44, 0xFFFFFFF0),
    ],
)
def test_damage_is_an_error_and_costs_no_more_than_the_file(octets: bytes) -> None:
    file = Counted(octets)
    messages, errors = collect(file)
    assert messages or errors
    assert file.given <= 2 * len(octets) + 4_096
    if messages:
        assert not errors
        assert messages[0].hidden == ("copy@arxxwalls.com",)


@pytest.mark.parametrize(
    "octets",
    [
        WHOLE[:-99],  # inside the last sector, behind all that counts
        _patched(WHOLE, 80, 5_000_000),  # a second sector of the table, which it does not need
        _patched(
            WHOLE, WHOLE.index("__substg1.0_39FE001F".encode("utf-16-le")) + 124, 0xDEAD
        ),  # undefined in version 3
    ],
)
def test_what_means_nothing_may_be_damaged(octets: bytes) -> None:
    (message,), errors = collect(octets)
    assert (message.hidden, errors) == (("copy@arxxwalls.com",), [])


class Counted(io.BytesIO):
    """Counts what is read of it."""

    given = 0

    def read(self, size: int | None = -1, /) -> bytes:
        octets = super().read(size)
        self.given += len(octets)
        return octets


def _row(octets: bytes, name: str) -> int:
    """Where the directory has an entry."""
    return octets.index(name.encode("utf-16-le"))


def test_a_recipient_that_is_damaged_costs_itself_alone() -> None:
    octets = saved(OWN, [{TYPE: 1, SMTP: "x" * 5_000 + "@client.example"}, *ROWS])
    at = _row(octets, "__substg1.0_39FE001F")
    assert int.from_bytes(octets[at + 120 : at + 124], "little") > 5_000
    (message,), errors = collect(_patched(octets, at + 116, 5_000_000))
    assert message.hidden == ("copy@arxxwalls.com",)
    assert errors == [
        "input: its compound file is damaged: it is cut off, or leads past its end (__substg1.0_39FE001F)"
    ]


def test_a_property_that_is_too_long_is_cut_and_said() -> None:
    (message,), errors = collect(saved(OWN, [*ROWS, {TYPE: 3, SMTP: "a@client.example", NAME: "x" * 70_000}]))
    assert "a@client.example" in message.hidden
    assert errors == ["input: longer than 64 KiB; the rest is not read (__substg1.0_3001001F)"]


def test_streams_that_lie_on_one_another_are_given_up() -> None:
    shared = [{TYPE: 3, SMTP: "c@client.example", NAME: "x" * 30_000} for _ in range(300)]
    octets = saved(OWN, shared[:1] + [{TYPE: 3, SMTP: "c@client.example", NAME: "x"} for _ in shared])
    row = _row(octets, "__substg1.0_3001001F")
    start, size = octets[row + 116 : row + 120], octets[row + 120 : row + 124]
    hostile = bytearray(octets)
    while (row := hostile.find("__substg1.0_3001001F".encode("utf-16-le"), row + 1)) >= 0:
        hostile[row + 116 : row + 124] = start + size
    file = Counted(bytes(hostile))
    (message,), errors = collect(file)
    assert "c@client.example" in message.hidden
    assert any("lie on one another" in error for error in errors)
    assert file.given <= 2 * len(octets)


def test_many_recipients_are_read_in_one_pass() -> None:
    count = 10_000
    octets = saved(OWN, [{TYPE: 3, SMTP: f"c{number}@client.example"} for number in range(count)])
    file = Counted(octets)
    tracemalloc.start()
    messages, errors = collect(file)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert errors == []
    assert len(messages[0].hidden) == count
    assert file.given < 2 * len(octets)
    assert most < 60 << 20


@given(st.sampled_from([WHOLE, saved(OWN, ROWS, sector=4_096)]), st.randoms(use_true_random=False), st.floats(0, 1))
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_damage_raises(octets: bytes, chance: random.Random, part: float) -> None:
    damaged = bytearray(octets)
    for _ in range(chance.randrange(6)):
        at = chance.randrange(len(damaged) - 4)
        damaged[at : at + 4] = chance.choice([b"\xff" * 4, b"\0" * 4, struct.pack("<L", chance.randrange(99))])
    file = Counted(bytes(damaged[: round(len(damaged) * part)]))
    messages, errors = collect(file, "outlook_msg")
    assert messages or errors
    assert file.given <= 3 * len(octets)


# ---- against olefile

TREES = st.recursive(
    st.binary(max_size=300)
    | st.sampled_from([4_095, 4_096, 4_097, 9_000]).map(lambda size: (bytes(range(251)) * 36)[:size]),
    lambda inner: st.dictionaries(st.text("abcXYZ_0", min_size=1, max_size=20), inner, max_size=12),
    max_leaves=40,
)


@given(st.dictionaries(st.text("abcXYZ_0", min_size=1, max_size=20), TREES, max_size=8), st.sampled_from([512, 4_096]))
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_compound_file_holds_what_olefile_finds_in_it(tree: dict[str, bytes | Tree], sector: int) -> None:
    octets = compound(_unlike(tree), sector)
    held = reader.Compound(io.BytesIO(octets), len(octets))

    def streams(storage: reader.Entry | None = None) -> dict[str, object]:
        inner = list(held.entries(storage))
        return {e.name: held.read(e, 1 << 20) if e.is_stream else streams(e) for e in inner}

    def as_olefile(entry: olefile.olefile.OleDirectoryEntry, path: list[str]) -> dict[str, object]:
        return {
            kid.name: file.openstream([*path, kid.name]).read()
            if kid.entry_type == olefile.STGTY_STREAM
            else as_olefile(kid, [*path, kid.name])
            for kid in entry.kids
        }

    with olefile.OleFileIO(octets, raise_defects=olefile.DEFECT_UNSURE) as file:
        assert streams() == as_olefile(file.root, [])


def _unlike(tree: Tree) -> Tree:
    """A tree without names that differ in case alone, which a compound file cannot have."""
    names = {name.upper(): name for name in tree}
    held = {name: tree[name] for name in names.values()}
    return {name: what if isinstance(what, bytes) else _unlike(what) for name, what in held.items()}
