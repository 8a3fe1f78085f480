"""Rendering as a whole: formats, laziness, memory, redaction, hostile text. Reports for the other test files too."""

from __future__ import annotations

import base64
import gc
import shlex
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from datetime import date
from email.message import EmailMessage
from itertools import cycle, islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headerguard.address import Address
from headerguard.errors import SourceError
from headerguard.finding import Evidence, Failure, Finding, History, Report, Severity, Skipped
from headerguard.message import Envelope, Message, Origin
from headerguard.rendering import FORMATS, Tally, render, stream, visible
from headerguard.rendering.disclosure import Disclosure, argument, cut, encodable
from headerguard.rendering.tally import Noted

RECEIPT = (
    b"From: no-reply@shop.example\r\n"
    b"To: alice@customer.com\r\n"
    b"Subject: Your receipt\r\n"
    b"Bcc: audit@shop.example, copy@arxxwalls.com\r\n"
    b"\r\n"
)
HISTORY = History(1904, date(2026, 3, 1), date(2026, 11, 22), ("audit@shop.example",))


def at(message: Message, octets: str, field: str, place: str = "", note: str = "") -> Evidence:
    """Evidence that stands where these octets first do."""
    start = message.header.text.index(octets)
    return Evidence(place or field, field, 0, octets, (start, start + len(octets)), note)


def copied(message: Message) -> Finding:
    """The finding of the plan's example."""
    return Finding(
        "unfamiliar-blind-recipient",
        "arxxwalls.com",
        Severity.HIGH,
        "a hidden copy to arxxwalls.com, submitted with the message",
        (at(message, "copy@arxxwalls.com", "bcc", "bcc[1]"),),
        stream="receipts",
        history=HISTORY,
    )


def receipt(
    *, origin: Origin | None = None, failures: tuple[Failure, ...] = (), envelope: Envelope | None = None
) -> Report:
    """The report of the plan's example."""
    message = Message.from_bytes(RECEIPT, envelope, origin=origin)
    return Report(message, (copied(message),), failures=failures)


def clean() -> Report:
    """A report that says nothing."""
    return Report(Message.from_bytes(b"From: shop@shop.example\r\nTo: jane@client.example\r\n\r\n"))


def simple(subject: str, summary: str = "it is odd", severity: Severity = Severity.MEDIUM) -> Finding:
    """A finding without evidence."""
    return Finding("some-rule", subject, severity, summary, ())


# ---- hostile text

_NASTY = st.sampled_from(
    (
        "\x1b[31m", "\x1b]8;;http://evil.example\x07", "\r\n", "\n::error::x", "\r", "\x00", "\x9b2J", "\u202e",
        "\u2066", "\u200b", "\ufeff", "\ufffe", "\U000e0041", "\ufe0f", "\u3164", "]]>", "<b>&amp;", "%0A", "%",
        "##[error]x", "##vso[task.setvariable variable=PATH]x", "](http://evil.example)[", "{0}", "\\", '"', "'",
        "@", " ", ",", ":", ";", "$(id)", "`id`", "\udcff", "\ud800", "a" * 400,
    )
)  # fmt: skip
HOSTILE = st.lists(st.one_of(_NASTY, st.text(st.characters(exclude_categories=()), max_size=8)), max_size=6).map(
    "".join
)
_PATHS = st.one_of(st.none(), st.just("-"), HOSTILE)


def _octets(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


@st.composite
def hostile_reports(draw: st.DrawFn) -> Report:
    """A report in which everything that mail, paths, rules and callers supply is hostile."""

    texts = cycle(draw(st.lists(HOSTILE, min_size=1, max_size=4)))

    def text() -> str:
        return next(texts)

    def path() -> str:  # as it comes off a wire
        return _octets(text()).decode("utf-8", "surrogateescape")

    number = draw(st.integers(0, 3).map(str))
    header = b"".join(
        name + _octets(text()) + end
        for name, end in (
            (b"From: ", b"@shop.example\r\n"),
            (b"Subject: ", b"\r\n"),
            (b"To: a@b.example, ", b"@evil.example\r\n"),
            (b"List-Id: ", b"\r\n"),
            (b"Bcc: x@y.example\r\nX-", b": 1\r\n"),
        )
    )
    envelope = Envelope(path(), (path(), f"{path()}@{path()}")) if number == "1" else None
    origin = None if number == "0" else Origin("eml", draw(_PATHS), 3 if number == "2" else None)
    message = Message.from_bytes(header, envelope, origin=origin, account=text())
    subjects = ["y.example", text(), *(str(recipient.address) for recipient in message.recipients[:2])]
    findings = tuple(
        Finding(
            "rule-" + text(),
            subject,
            Severity(1 + index % 4),
            text(),
            (Evidence(text(), "bcc", 0, text(), (0, 5), text()), Evidence("bcc[0]", text(), 1, text(), None)),
            account=text(),
            stream=text() if index else None,
            layer=text(),
            p_value=(None, 0.5, 1e-5, float("nan"))[index % 4],
            history=History(int(number), None, None, (text(),), text()),
        )
        for index, subject in enumerate(subjects)
    )
    return Report(
        message, findings[1:], (Skipped(text(), text()),), (Failure(text(), text()),), findings[:1], (text(),),
        (text(),),
    )  # fmt: skip


# ---- formats


@pytest.mark.parametrize(
    ("wrong", "near"), [("jsonl", "json"), ("Sarif", "sarif"), ("junitxml", "junit"), ("txt", "text")]
)
def test_an_unknown_format_names_the_near_miss(wrong: str, near: str) -> None:
    with pytest.raises(ValueError, match=f"'{wrong}' is not a known format; did you mean '{near}'"):
        render(clean(), wrong)


def test_a_format_like_no_other_lists_them_all() -> None:
    with pytest.raises(ValueError, match="known are text, json, sarif, junit, github"):
        render(clean(), "pdf")


def test_a_wrong_choice_is_refused_before_anything_is_read() -> None:
    def never() -> Iterator[Report]:
        raise AssertionError("read")
        yield

    with pytest.raises(ValueError, match="is not a known format"):
        stream(never(), "yaml")
    with pytest.raises(ValueError, match="'locla' is not a redaction: none or local"):
        stream(never(), "json", redact="locla")


@pytest.mark.parametrize("format", FORMATS)
def test_render_is_what_the_pieces_come_to(format: str) -> None:
    reports = [receipt(), clean(), receipt()]
    assert render(iter(reports), format) == "".join(stream(reports, format)).removesuffix("\n")


@pytest.mark.parametrize("format", FORMATS)
def test_the_same_reports_give_the_same_octets(format: str) -> None:
    assert render([receipt(), clean()], format) == render([receipt(), clean()], format)


def test_only_many_reports_get_a_line_on_all_of_them() -> None:
    assert "1 message, 1 with findings (1 high)" in render([receipt()])
    assert "with findings" not in render(receipt())


def test_render_can_be_called_whatever_was_imported_first() -> None:
    for first in ("headerguard.rendering.text", "headerguard.rendering", "headerguard"):
        code = f"import {first}\nfrom headerguard import render\nprint(render([]))"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout == "headerguard: 0 messages, 0 with findings\n"


def test_loading_the_package_loads_no_format() -> None:
    code = (
        "import sys, headerguard.rendering\nprint([n for n in sys.modules if n.startswith('headerguard.rendering.')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    for module in ("text", "records", "sarif", "junit", "github"):
        assert f"headerguard.rendering.{module}'" not in done.stdout


# ---- many reports


@pytest.mark.parametrize("format", ["text", "json", "sarif"])
def test_a_report_is_taken_only_when_it_is_needed(format: str) -> None:
    taken = []

    def reports() -> Iterator[Report]:
        for number in range(1000):
            taken.append(number)
            yield receipt()

    list(islice(stream(reports(), format), 4))
    assert len(taken) <= 4


def _peak(format: str, number: int) -> int:
    """Octets taken at most while reports are written, caches and the free lists of the interpreter aside."""
    gc.disable()  # a collection would empty the free lists, and nothing here makes circles
    try:
        for _ in stream((receipt() for _ in range(2_100)), format):
            pass
        tracemalloc.start()
        for _ in stream((receipt() for _ in range(number)), format):
            pass
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        gc.enable()


@pytest.mark.parametrize("format", ["text", "json", "sarif", "github"])
def test_memory_does_not_grow_with_the_number_of_reports(format: str) -> None:
    assert _peak(format, 2_000) < _peak(format, 200) + 100_000


@pytest.mark.parametrize("format", FORMATS)
def test_no_format_holds_on_to_reports(format: str) -> None:
    alive = []

    def reports() -> Iterator[Report]:
        for _ in range(30):
            yield receipt()
        gc.collect()
        alive.append(sum(type(thing) is Message for thing in gc.get_objects()))

    gc.collect()
    before = sum(type(thing) is Message for thing in gc.get_objects())
    for _ in stream(reports(), format):
        pass
    assert alive[0] - before <= 1


# ---- redaction

SECRET = "zebediah.quux"


def _secretive() -> Report:
    address = f"{SECRET}@client.example"
    message = Message.from_bytes(
        f"From: Me <{SECRET}@shop.example>\r\nTo: {address}\r\nSubject: For {address}\r\n"
        f"Bcc: {address}\r\nMessage-ID: <{SECRET}@id.example>\r\n\r\n".encode(),
        Envelope(f"{SECRET}@bounce.example", (f"{SECRET} @client.example", f"<{SECRET}@hidden.example>")),
        account=f"{SECRET}@account.example",
    )
    finding = Finding(
        "some-rule",
        address,
        Severity.HIGH,
        f"a copy to {address}, and one to {SECRET}@other.example",
        (Evidence("bcc[0]", "bcc", 0, f"Z <{SECRET}(c)@client.example>", (0, 9), f"as {address}"),
         Evidence("envelope[1]", "rcpt to", 1, f"<{SECRET}@hidden.example>", None, f"({address})")),
        account=f"{SECRET}@account.example",
        stream=f"author:{SECRET}@shop.example",
        history=History(20, None, None, (f"{SECRET}@x.example",), f"{SECRET}@y.example"),
    )  # fmt: skip
    other = Finding("other-rule", f"{SECRET}@z.example", Severity.LOW, f"{SECRET}@z.example", finding.evidence)
    return Report(
        message,
        (finding, other),
        (Skipped("a", f"for {address}"),),
        (Failure("b", f"ValueError: '{address}'"),),
        (finding,),
        (f"nothing on {address}",),
        (f"{address} lapsed",),
    )


@pytest.mark.parametrize("format", FORMATS)
def test_redaction_reaches_every_place_of_every_format(format: str) -> None:
    assert SECRET in render([_secretive()], format, verbose=True)
    redacted = render([_secretive()], format, verbose=True, redact="local")
    assert SECRET not in redacted
    assert "quux" not in redacted
    assert "z***@client.example" in redacted


@pytest.mark.parametrize("format", FORMATS)
def test_redaction_leaves_the_path_of_the_copy(format: str) -> None:
    report = receipt(origin=Origin("maildir", "mail/jane@client.example/cur/1"))
    path = "mail/jane%40client.example/cur/1" if format == "sarif" else "mail/jane@client.example/cur/1"
    assert path in render(report, format, redact="local")


LOCAL = Disclosure("local")


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("jane@client.example", "j***@client.example"),
        ("to <jane.doe+x@client.example>, now", "to <j***@client.example>, now"),
        ('"jane doe"@client.example', "j***@client.example"),
        ('"\\"jane"@client.example', '"***@client.example'),
        ('""@client.example', "***@client.example"),
        ("jane\r\n @client.example", "j***@client.example"),
        ("Ünal@client.example", "Ü***@client.example"),
        ("a@b@c.example", "a***@b***@c.example"),
        ("jane%40client.example", "j***%40client.example"),
        ("jane=40client.example", "j***=40client.example"),
        ('{"to": "jane\\u0040client.example"}', '{"to": "j***\\u0040client.example"}'),
        ("no address here: reply-to, 50% = half", "no address here: reply-to, 50% = half"),
    ],
)
def test_redacted_text(text: str, redacted: str) -> None:
    assert LOCAL.text(text) == redacted
    assert Disclosure().text(text) == text


@pytest.mark.parametrize(
    "source",
    [
        "Jane <jane.doe(comment)@client.example>",
        "jane.doe . x @ client.example",
        '"jane.doe".x@client.example',
        "=?utf-8?b?" + base64.b64encode(b"jane.doe@client.example").decode() + "?=",
        "=?utf-16?b?" + base64.b64encode("jane.doe@client.example".encode("utf-16")).decode() + "?=",
        "=?utf-8?q?jane.doe=40client.example?=",
        "X-Rcpt: " + base64.b64encode(b"jane.doe@client.example").decode(),
        '"jane.doe@client.example" <other@client.example>',
        "a@b.example =?utf-16?b?" + base64.b64encode("jane.doe@client.example".encode("utf-16")).decode() + "?=",
    ],
)
def test_redacted_source_discloses_no_local_part_in_any_coding(source: str) -> None:
    assert "doe" not in LOCAL.source(source)
    assert base64.b64encode(b"jane.doe@")[:11].decode() not in LOCAL.source(source)
    assert base64.b64encode("jane".encode("utf-16"))[:10].decode() not in LOCAL.source(source)
    assert Disclosure().source(source) == source


def test_readings_that_overlap_are_redacted_as_one() -> None:
    assert LOCAL.source('"jane.doe".x@client.example, b@x.example') == "j***@client.example, b***@x.example"


_LOCAL_PARTS = st.text(st.characters(min_codepoint=32, exclude_categories=("Cs", "Cc")), min_size=1, max_size=20)


@given(_LOCAL_PARTS)
def test_an_address_is_redacted_alike_alone_and_in_a_sentence(local: str) -> None:
    address = Address(local, "client.example")
    assert LOCAL.text(f"a copy to {address}, now") == f"a copy to {LOCAL.address(address)}, now"


def test_redaction_takes_time_in_proportion() -> None:
    for hostile in ("a" * 300_000, '"' * 100_000, '\\"' * 30_000, "a . " * 50_000, "=" * 200_000, "a=4" * 100_000):
        assert LOCAL.text(hostile)  # quadratic behaviour would take minutes


# ---- hostile characters


@given(HOSTILE)
def test_visible_text_is_printable_and_can_be_read_back(text: str) -> None:
    shown = visible(text)
    assert shown.isprintable()
    assert shown.encode("latin-1", "backslashreplace").decode("unicode_escape") == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ünï 漢字", "plain ünï 漢字"),
        ("a\x1b[31mb", r"a\x1b[31mb"),
        ("a\r\nb\tc", r"a\r\nb\tc"),
        ("\u202egro.elpmaxe", r"\u202egro.elpmaxe"),
        ("a\u200bb\ufe0fc\u3164d", r"a\u200bb\ufe0fc\u3164d"),
        ("\U000e0041", r"\U000e0041"),
        ("\\x1b", r"\\x1b"),
        ("##[error]x ##VSO[y] ##teamcity[z] ## [", r"#\x23[error]x #\x23VSO[y] #\x23teamcity[z] ## ["),
    ],
)
def test_what_visible_text_looks_like(text: str, shown: str) -> None:
    assert visible(text) == shown


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("evil.example", "evil.example"),
        ("a b'c", "'a b'\"'\"'c'"),
        ("##[error]$(id)", "'#''#[error]$(id)'"),
        ('"a\\"b"@x.example', '\'"a\\"b"@x.example\''),
    ],
)
def test_a_word_of_a_command_is_exact(text: str, written: str) -> None:
    assert argument(text) == written
    assert shlex.split(written) == [text]


def test_what_cannot_be_seen_is_not_put_into_a_command() -> None:
    assert argument("evil\ufe0f.example") == r"'evil\ufe0f.example'"
    assert argument("a\nb") == r"'a\nb'"


def test_a_lone_surrogate_can_be_encoded() -> None:
    assert encodable("a\udcffb").encode() == rb"a\udcffb"
    assert encodable("漢") == "漢"


def test_a_long_text_says_what_was_left_off() -> None:
    assert cut("x" * 10, 10) == "x" * 10
    assert cut("x" * 1_510, 10) == "x" * 10 + "[... 1,500 characters more]"


# ---- other kinds of message


@pytest.mark.parametrize("format", FORMATS)
def test_a_message_without_octets_is_written(format: str) -> None:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Bcc"] = "a@shop.example", "b@client.example", "c@evil.example"
    evidence = (Evidence("bcc[0]", "bcc", 0, "c@evil.example", None),)
    finding = Finding("some-rule", "c@evil.example", Severity.HIGH, "a copy", evidence)
    told = render(Report(Message.from_email(mail), (finding,)), format)
    assert "c@evil.example" in told
    if format == "text":
        assert "   >   bcc[0]  c@evil.example" in told


# ---- tally


def test_a_tally_counts_what_went_by() -> None:
    tally = Tally()
    message = clean().message
    low, high = simple("to", severity=Severity.LOW), simple("to", severity=Severity.HIGH)
    reports = [
        Report(message, (high, low), skipped=(Skipped("a", "no envelope"), Skipped("b", "young"))),
        Report(message, (low,), failures=(Failure("c", "KeyError: 1"),), allowed=(high, high)),
        Report(message, skipped=(Skipped("a", "no header"),), failures=(Failure("c", "KeyError: 2"),)),
    ]
    for _ in stream(reports, "json", tally=tally):
        pass
    assert (tally.messages, tally.flagged, tally.allowed) == (3, 2, 2)
    assert tally.findings == {Severity.LOW: 2, Severity.HIGH: 1}
    assert tally.worst is Severity.HIGH
    assert tally.skipped == {"a": Noted("no envelope", 2), "b": Noted("young", 1)}
    assert tally.failures == {"c": Noted("KeyError: 1", 2)}
    assert not tally.complete
    assert tally.line() == (
        "3 messages, 2 with findings (1 high, 2 low), 2 allowed, 2 skipped rules, incomplete: c failed on 2 messages"
    )


def test_an_empty_tally() -> None:
    tally = Tally()
    assert tally.worst is None
    assert tally.complete
    assert tally.line() == "0 messages, 0 with findings"


def test_unreadable_records_make_a_tally_incomplete() -> None:
    tally = Tally()
    tally.unreadable += len(SourceError("a.eml: no header").errors)
    assert not tally.complete
    assert tally.line() == "0 messages, 0 with findings, incomplete: 1 record could not be read"


def test_a_tally_goes_on_over_several_calls() -> None:
    tally = Tally()
    for _ in range(2):
        render([receipt(), clean()], "github", tally=tally)
    assert (tally.messages, tally.flagged) == (4, 2)


def test_the_text_of_a_tally_cannot_be_hostile() -> None:
    tally = Tally()
    tally.add(Report(clean().message, failures=(Failure("\x1b[2J", "x"),)))
    assert tally.line().isprintable()
