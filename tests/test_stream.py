"""Which routine mail a message belongs to."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headerguard.header import Header
from headerguard.message import Message
from headerguard.stream import Level, level_key, levels, mask


def named(*lines: str, **more: Any) -> list[str]:
    """The levels of a message of header lines, as people name them, without that of the whole account."""
    header = Header("".join(f"{line}\r\n" for line in lines).encode("latin-1"))
    return [level.name for level in levels(header, **more) if level.kind != "account"]


AUTHOR = "From: Shop <Shop@Shop.Example>"

# Each field, a value as its vendor documents it, and the level that it names.
KEY_FIELDS = [
    ("X-MC-Template: receipt", "template:receipt"),
    ("X-MC-Template: receipt|main", "template:receipt"),  # Mailchimp Transactional: name|block
    ("X-MC-Template:  receipt | main ", "template:receipt"),
    ("X-MJ-TemplateID: 1404", "template:1404"),
    ("X-Template-Id: welcome", "template:welcome"),
    ("X-SES-CONFIGURATION-SET: news", "campaign:news"),
    ("X-Mailjet-Campaign: spring", "campaign:spring"),
    ("X-PM-Tag: receipt", "tag:receipt"),
    ("X-MC-Tags: receipts,urgent", "tag:receipts,urgent"),
    ("X-MC-Tags: urgent, receipts , urgent", "tag:receipts,urgent"),  # a set, whatever the order
    ("X-MC-Tags: receipts,order-99817", "tag:receipts"),  # a number of more than four digits is one message's own
    ("X-MC-Tags: receipts,2026-03-01", "tag:receipts"),
    ("X-MC-Tags: receipts,f47ac10b-58cc-4372-a567-0e02b2c3d479", "tag:receipts"),
    ("X-Mailgun-Tag: receipts", "tag:receipts"),
    ("X-SES-MESSAGE-TAGS: account=7, template=receipt", "tag:receipt"),
    ("X-SES-MESSAGE-TAGS: campaign=spring, template=receipt", "tag:receipt"),
    ("X-SES-MESSAGE-TAGS: campaign=spring", "tag:spring"),
    ("List-Id: Announcements <News.Shop.Example>", "list:news.shop.example"),  # RFC 2919 section 3
    ("List-Id: <news.shop.example>", "list:news.shop.example"),
    ("List-Id: news.shop.example", "list:news.shop.example"),
]


@pytest.mark.parametrize(("line", "name"), KEY_FIELDS)
def test_a_field_that_names_the_stream(line: str, name: str) -> None:
    assert named(AUTHOR, "Subject: Hello", line) == [name, "author:shop@shop.example"]
    assert named(line.replace(": ", ":\r\n ", 1), AUTHOR)[0] == name  # folded
    field, _, value = line.partition(":")
    assert named(f"{field.swapcase()}:{value}", AUTHOR)[0] == name


@pytest.mark.parametrize(
    "line",
    [
        "X-MC-Template:",
        "X-MC-Template: |main",
        "X-MC-Tags: 2026-03-01,order-99817",
        "X-SES-MESSAGE-TAGS: account=7",
        "X-SES-MESSAGE-TAGS: nonsense",
        "X-PM-Tag:   ",
        "List-Id: ",
    ],
)
def test_a_field_that_names_nothing_is_passed_over(line: str) -> None:
    assert named(line, AUTHOR, "Subject: Hello") == [
        "subject:shop@shop.example hello",
        "author:shop@shop.example",
        "author:",
    ]
    if not line.startswith("List-Id"):
        assert named(line, AUTHOR, "List-Id: <other.example>")[0] == "list:other.example"


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("s19000077-cmVjZWlwdA==:s19000077:a44001:postmark", "tag:receipt"),
        ("s19000077-_:s19000077:a44001:postmark", "author:shop@shop.example"),
        ("receipt:eu:1.us-west-2.dpZ3=:AmazonSES", "tag:eu,receipt"),
        ("receipt:99817345:1.us-west-2.dpZ3=:AmazonSES", "tag:receipt"),
        ("::1.us-west-2.dpZ3=:AmazonSES", "author:shop@shop.example"),
        ("1.us-west-2.dpZ3=:AmazonSES", "author:shop@shop.example"),
        ("30490001:30490001.20220807:md", "author:shop@shop.example"),
    ],
)
def test_the_stable_parts_of_a_feedback_id_name_a_stream(value: str, name: str) -> None:
    assert next(level for level in named(AUTHOR, f"Feedback-ID: {value}") if not level.startswith("subject")) == name


ORDER = [
    "X-MC-Template: a",
    "X-MJ-TemplateID: b",
    "X-Template-Id: c",
    "X-Mailjet-Campaign: e",
    "X-PM-Tag: f",
    "X-MC-Tags: g",
    "X-Mailgun-Tag: h",
    "X-SES-MESSAGE-TAGS: template=i",
    "X-SES-CONFIGURATION-SET: d",
    "List-Id: <j>",
]


@pytest.mark.parametrize("first", range(len(ORDER)))
def test_the_strongest_name_wins_wherever_it_stands(first: int) -> None:
    """Template, then campaign, then tag, then what may cover a whole account, then list."""
    expected = named(ORDER[first])[0]
    assert named(*ORDER[first:])[0] == expected
    assert named(*reversed(ORDER[first:]))[0] == expected


def test_the_caller_knows_best_then_the_configured_field_then_the_vendors() -> None:
    lines = (AUTHOR, "X-MC-Template: receipt", "X-Shop-Stream: orders")
    rest = ["template:receipt", "author:shop@shop.example"]
    assert named(*lines, stream="nightly", field="X-Shop-Stream") == ["nightly", *rest]
    assert named(*lines, field="X-Shop-Stream") == ["orders", *rest]
    assert named(*lines, field="x-shop-stream")[0] == "orders"
    assert named(*lines, field="X-Absent")[0] == "template:receipt"
    assert named(*lines, stream="")[0] == "template:receipt"


@pytest.mark.parametrize(
    ("stream", "level"),
    [
        ("receipts", Level("stream", "receipts", None)),
        ("template:receipt", Level("template", "receipt", None)),
        ("list:news.shop.example", Level("list", "news.shop.example", None)),
        ("stream:receipts", Level("stream", "receipts", None)),
        ("orders:eu", Level("stream", "orders:eu", None)),  # no such kind: the colon is the caller's own
    ],
)
def test_the_name_that_a_caller_gives(stream: str, level: Level) -> None:
    found = next(levels(Header(b""), stream=stream))
    assert found == level
    assert level_key(None, stream) == level.key
    assert level_key("acme", stream) == level._replace(account="acme").key


@pytest.mark.parametrize("name", [line for line, _ in KEY_FIELDS])
def test_the_name_of_a_level_leads_back_to_its_key(name: str) -> None:
    header = Header(f"{name}\r\n{AUTHOR}\r\n".encode())
    for level in levels(header, "acme"):
        assert level_key("acme", level.name) == level.key


def test_everything_lives_inside_the_account() -> None:
    header = Header(f"X-PM-Tag: a\r\n{AUTHOR}\r\n".encode())
    assert [level.key for level in levels(header)] == ["-/tag:a", "-/author:shop@shop.example", "-/account:"]
    mine = [level.key for level in levels(header, "acme")]
    assert mine == ["acme/tag:a", "acme/author:shop@shop.example", "acme/account:"]
    one = {level.key for level in levels(header, "acme", stream="receipts")}
    assert one.isdisjoint(level.key for level in levels(header, "other", stream="receipts"))
    assert Message.from_bytes(b"X-PM-Tag: a\r\n", account="acme").levels[0].account == "acme"


def test_an_account_cannot_pose_as_another() -> None:
    """Two accounts whose names and streams join to the same text are still two."""
    one = Level("stream", "b/stream:c", "a")
    other = Level("stream", "c", "a/stream:b")
    assert one.key != other.key


# ---- the author and the subject ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("subject", "masked"),
    [
        ("Your receipt", "your receipt"),
        ("Order 100234 confirmed", "order # confirmed"),
        ("Order #100234 confirmed", "order # confirmed"),
        ("Order №7 confirmed", "order # confirmed"),
        ("Invoice A12-7/03 for March", "invoice # for march"),
        ("Your code is 1234", "your code is #"),
        ("Report of 2026-03-01 12:30", "report of # #"),
        ('"Doe, Jane" has written', "# has written"),
        ("Message from jane@client.example", "message from #"),
        ("  Two   blanks\tand a tab ", "two blanks and a tab"),
        ("", ""),
        ("x" * 500, "x" * 120),
    ],
)
def test_the_masked_subject(subject: str, masked: str) -> None:
    assert mask(subject) == masked


@pytest.mark.parametrize(
    "subject", ["Order {} is on its way", "Invoice INV-{}", "{}: your code", "№ {}", "a{}b", "Re: {}/2"]
)
@given(one=st.integers(0, 10**12), other=st.integers(0, 10**12))
def test_a_number_does_not_make_another_stream(subject: str, one: int, other: int) -> None:
    assert mask(subject.format(one)) == mask(subject.format(other))


@given(st.text(max_size=300))
def test_masking_never_raises_and_stays_short(subject: str) -> None:
    once = mask(subject)
    assert len(once) <= 120
    assert not set("0123456789") & set(once)
    assert mask(once) == once


def test_without_a_name_it_is_the_author_refined_by_the_subject() -> None:
    assert named(AUTHOR, "Subject: =?utf-8?q?Bestellung_17_best=C3=A4tigt?=") == [
        "subject:shop@shop.example bestellung # bestätigt",
        "author:shop@shop.example",
        "author:",
    ]
    assert named(AUTHOR, "Subject: Order\r\n 17\r\n\tconfirmed")[0] == "subject:shop@shop.example order # confirmed"
    assert named("Subject: Hello") == ["subject:- hello", "author:-", "author:"]
    assert named() == ["subject:- ", "author:-", "author:"]


def test_the_author_is_the_first_that_is_sure() -> None:
    assert named("From: a@x.example, b@x.example")[-2] == "author:a@x.example"
    assert named("From: =?utf-8?q?c=40x.example?=", "From: <b@x.example>")[-2] == "author:b@x.example"
    assert named("From: a@bücher.example".encode().decode("latin-1"))[-2] == "author:a@xn--bcher-kva.example"


def test_a_tenant_in_the_author_does_not_split_a_named_stream() -> None:
    one = named("From: a@tenant-a.example", "X-PM-Tag: receipt")
    other = named("From: b@tenant-b.example", "X-PM-Tag: receipt")
    assert one[0] == other[0]
    assert one[1] != other[1]


def test_a_level_is_worked_out_when_it_is_asked_for() -> None:
    asked: list[str] = []

    def author() -> str:
        asked.append("author")
        return "shop@shop.example"

    found = levels(Header(b"X-PM-Tag: a\r\n"), author=author)
    assert next(found).name == "tag:a"
    assert asked == []
    assert next(found).name == "author:shop@shop.example"
    assert asked == ["author"]
    assert [level.kind for level in found] == ["account"]


def test_the_stream_of_a_message() -> None:
    assert Message.from_bytes(b"X-PM-Tag: a\r\n").stream == "tag:a"
    assert Message.from_bytes(b"From: a@x.example\r\nSubject: Hi\r\n").stream == "subject:a@x.example hi"
    assert Message.from_bytes(b"Subject: Hi\r\n").stream is None
    assert Message.from_bytes(b"").stream is None


def test_how_a_sentence_names_a_level() -> None:
    assert str(Level("stream", "receipts", "acme")) == "stream 'receipts'"
    assert str(Level("template", "receipt", None)) == "stream 'template:receipt'"
    assert str(Level("author", "a@x.example", None)) == "author a@x.example"


def test_a_long_value_does_not_make_a_long_key() -> None:
    assert len(named("X-PM-Tag: " + "x" * 5000)[0]) <= 210
    assert len(named(f"From: {'a' * 5000}@x.example", "Subject: " + "word " * 5000)[0]) <= 500
