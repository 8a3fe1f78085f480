"""SPF and DMARC records as text: what they say, what is broken, and any octets at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headerguard.mail_policy import Dmarc, Spf, dmarc, spf


@pytest.mark.parametrize(
    ("record", "read"),
    [
        (b"v=spf1", Spf(1)),
        (b"v=spf1 -all", Spf(1, "-")),
        (b"V=SPF1  ALL ", Spf(1, "+")),
        (b"v=spf1 ~all -all", Spf(1, "~")),
        (b"v=spf1 a mx ptr ?all", Spf(1, "?", lookups=3)),
        (b"v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 ip4:192.0.2.1 -all", Spf(1, "-")),
        (
            b"v=spf1 a:mail.example/24//64 mx//64 a/24 include:_spf.example exists:%{i}._spf.%{d2} -all",
            Spf(1, "-", "", 5),
        ),
        (b"v=spf1 redirect=_spf.example", Spf(1, "", "_spf.example", 1)),
        (b"v=spf1 redirect=_spf.example -all", Spf(1, "-")),
        (b"v=spf1 exp=why.example moo.cow=%{l}%%%_%-x -all", Spf(1, "-")),
        (b"v=spf1 a:foo/bar.example -all", Spf(1, "-", "", 1)),
        (b"v=spf1 include:a.example. include:x-y.co-m ~all", Spf(1, "~", "", 2)),
    ],
)
def test_spf_says(record: bytes, read: Spf) -> None:
    assert spf([b"v=spf10", b"v=spf1x -all", record, b""]) == read


@pytest.mark.parametrize(
    ("record", "error"),
    [
        (b"v=spf1 -al", "'-al' is no term"),
        (b"v=spf1 all:x.example", "'all:x.example' is no term"),
        (b"v=spf1 ip4:192.0.2.1/33", "'ip4:192.0.2.1/33' is no term"),
        (b"v=spf1 ip4:192.0.2.0/255.255.255.0", "'ip4:192.0.2.0/255.255.255.0' is no term"),
        (b"v=spf1 ip4:2001:db8::1", "'ip4:2001:db8::1' is no term"),
        (b"v=spf1 ip6:192.0.2.1", "'ip6:192.0.2.1' is no term"),
        (b"v=spf1 ip4", "'ip4' is no term"),
        (b"v=spf1 include", "'include' is no term"),
        (b"v=spf1 include:example", "'include:example' is no term"),
        (b"v=spf1 include:example.123", "'include:example.123' is no term"),
        (b"v=spf1 a:mail.example/33", "'a:mail.example/33' is no term"),
        (b"v=spf1 a//129", "'a//129' is no term"),
        (b"v=spf1 exists:%{z}.example", "'exists:%{z}.example' is no term"),
        (b"v=spf1 redirect=a.example redirect=b.example", "redirect stands there twice"),
        (b"v=spf1 \xff", "'\xff' is no term"),
        (b"v=spf1 a,mx", "'a,mx' is no term"),
        (b"v=spf1 " + b"x" * 50, f"'{'x' * 40}...' is no term"),
        (b"v=spf1" + b" include:a.example" * 11, "more than ten lookups"),
    ],
)
def test_spf_is_broken(record: bytes, error: str) -> None:
    assert spf([record]).error == error


def test_one_spf_record_counts() -> None:
    assert spf([]) == spf([b"google-site-verification=1"]) == Spf()
    assert spf([b"v=spf1 -all", b"v=spf1 -all"]) == Spf(2, error="2 records")


@pytest.mark.parametrize(
    ("record", "read"),
    [
        (b"v=DMARC1; p=reject", Dmarc(1, "reject", found_at="a.example")),
        (b"v = DMARC1 ;P=Quarantine;sp=NONE;pct=20;", Dmarc(1, "quarantine", "none", 20, "a.example")),
        (b"v=DMARC1;p=none;sp=none;pct=101", Dmarc(1, "none", found_at="a.example")),
        (b"v=DMARC1;p=none;p=reject", Dmarc(1, "none", found_at="a.example")),
        (b"v=DMARC1;rua=mailto:d@a.example", Dmarc(1, "none", found_at="a.example")),
        (b"v=DMARC1;p=rejekt;rua=mailto:d@a.example", Dmarc(1, "none", found_at="a.example")),
        (b"v=DMARC1", Dmarc(1, found_at="a.example", error="it names no policy")),
        (b"v=DMARC1;p=rejekt", Dmarc(1, found_at="a.example", error="it names no policy")),
        (b"v=DMARC1;p=reject;sp=x", Dmarc(1, found_at="a.example", error="it names no policy")),
    ],
)
def test_dmarc_says(record: bytes, read: Dmarc) -> None:
    assert dmarc([b"v=DMARC12; p=none", b"p=none; v=DMARC1", record, b"v=dmarc1;p=none"], "a.example") == read


def test_one_dmarc_record_counts() -> None:
    assert dmarc([], "a.example") == Dmarc(found_at="a.example")
    assert dmarc([b"v=DMARC1;p=none"] * 2, "a.example").error == "2 records"


OCTETS = st.binary(max_size=400)
TERMS = st.lists(
    st.sampled_from(
        [b"all", b"a:", b"mx/", b"//64", b"ip4:", b"ip6:", b"1.2.3.4", b"%{", b"}", b"redirect=", b" ", b"+"]
    )
    | st.binary(max_size=6),
    max_size=40,
).map(b"".join)


@given(st.lists(OCTETS | TERMS.map(lambda terms: b"v=spf1 " + terms), max_size=3))
def test_any_octets_are_read_as_spf(texts: list[bytes]) -> None:
    read = spf(texts)
    assert read.records == sum(text[:6].lower() == b"v=spf1" and text[6:7] in (b"", b" ") for text in texts)
    assert read.all in ("", "+", "-", "~", "?")
    assert not (read.error and read.all and read.records != 1)


@given(st.lists(OCTETS | OCTETS.map(lambda octets: b"v=DMARC1;" + octets), max_size=3))
def test_any_octets_are_read_as_dmarc(texts: list[bytes]) -> None:
    read = dmarc(texts, "a.example")
    assert (read.policy in ("none", "quarantine", "reject")) is (read.records == 1 and not read.error)
    assert 0 <= read.percent <= 100


HOSTILE = [
    b"a:" + b"/1" * 9,
    b"/" * 20,
    b"a:" + b"%{s1" * 5,
    b"a:" + b"a-" * 9,
    b"exists:" + b"%{d}." * 4,
    b"a:" + b"1" * 20,
]


@pytest.mark.parametrize(
    "unit", [*HOSTILE, *(unit + b" " for unit in HOSTILE), b"x=%%", b";p=", b";", b"\xff", b"ip4:1"]
)
@pytest.mark.parametrize("head", [b"v=spf1 ", b"v=spf1 a:", b"v=spf1 exists:a.", b"v=DMARC1;"])
def test_hostile_records_are_read_in_linear_time(head: bytes, unit: bytes) -> None:
    """Nothing is timed: what costs the square of so many octets does not come to an end within a quarter of an hour."""
    text = head + unit * (300_000 // len(unit)) + b"!"
    assert spf([text]).records + dmarc([text], "a.example").records == 1
