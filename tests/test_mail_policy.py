"""SPF and DMARC records as text: what they say, what is broken, and any octets at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headerguard.mail_policy import Dmarc, Spf, discovered, dmarc, spf, tree_walk


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
        (
            b"v = DMARC1 ;P=Quarantine;sp=NONE;pct=20;",
            Dmarc(1, "quarantine", "none", percent=20, found_at="a.example"),
        ),
        (
            b"v=DMARC1;p=none;np=Reject;psd=Y;t=y",
            Dmarc(1, "none", nonexistent="reject", testing=True, psd="y", found_at="a.example"),
        ),
        (b"v=DMARC1;p=none;sp=reject;np=reject;psd=n;t=n", Dmarc(1, "none", "reject", psd="n", found_at="a.example")),
        (b"v=DMARC1;p=none;sp=reject;np=none;psd=x", Dmarc(1, "none", "reject", "none", found_at="a.example")),
        (b"v=DMARC1;p=reject;np=x;rua=mailto:d@a.example", Dmarc(1, "none", found_at="a.example")),
        (b"v=DMARC1;p=reject;np=x;psd=n", Dmarc(1, psd="n", found_at="a.example", error="it names no policy")),
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


def test_a_tree_walk_goes_up_to_the_top_level_in_eight_questions_at_most() -> None:
    assert tree_walk("a.b.c.d.e.f.g.h.i.j.mail.example.com") == (
        "a.b.c.d.e.f.g.h.i.j.mail.example.com",
        "g.h.i.j.mail.example.com",
        "h.i.j.mail.example.com",
        "i.j.mail.example.com",
        "j.mail.example.com",
        "mail.example.com",
        "example.com",
        "com",
    )
    assert tree_walk("a.b.c.d.e.f.g.h") == tuple("a.b.c.d.e.f.g.h"[start:] for start in range(0, 15, 2))
    assert tree_walk("a.example") == ("a.example", "example")
    assert tree_walk("example") == ("example",)


def walked(domain: str, **records: str) -> Dmarc | None:
    """What counts for a domain by records at the domains above it: "_" for a dot; "?" does not answer, "2" are two."""
    found: dict[str, Dmarc | None] = {}
    for place in tree_walk(domain):
        text = records.get(place.replace(".", "_"), "")
        texts = [f"v=DMARC1;{text}".encode()] * (2 if text == "2" else bool(text))
        found[place] = None if text == "?" else dmarc(texts, place)
    return discovered(found)


@pytest.mark.parametrize(
    ("records", "found_at", "organization"),
    [
        ({"a_mail_x_test": "p=none"}, "a.mail.x.test", "a.mail.x.test"),
        ({"mail_x_test": "p=none", "x_test": "p=reject"}, "x.test", "x.test"),
        ({"a_mail_x_test": "p=none", "x_test": "p=reject"}, "a.mail.x.test", "x.test"),
        ({"mail_x_test": "p=none;psd=n", "x_test": "p=reject"}, "mail.x.test", "mail.x.test"),
        ({"test": "p=reject;psd=y"}, "test", "x.test"),
        ({"x_test": "p=none", "test": "p=reject;psd=y"}, "x.test", "x.test"),
        ({"mail_x_test": "p=none", "test": "p=reject;psd=y"}, "test", "x.test"),
        ({"x_test": "p=none;psd=y", "test": "p=reject"}, "x.test", "mail.x.test"),
        ({"a_mail_x_test": "p=none;psd=y", "x_test": "p=reject"}, "a.mail.x.test", "a.mail.x.test"),
        ({"a_mail_x_test": "p=none;psd=n", "x_test": "p=reject"}, "a.mail.x.test", "a.mail.x.test"),
        ({"a_mail_x_test": "2", "x_test": "p=reject"}, "x.test", "x.test"),
        ({"a_mail_x_test": "p=none", "x_test": "2"}, "a.mail.x.test", "a.mail.x.test"),
        ({"a_mail_x_test": "p=none", "x_test": "?"}, "a.mail.x.test", ""),
        ({"mail_x_test": "p=none;psd=n", "x_test": "?"}, "mail.x.test", "mail.x.test"),
    ],
)
def test_the_record_that_counts_is_that_of_the_domain_its_organisation_or_the_suffix(
    records: dict[str, str], found_at: str, organization: str
) -> None:
    found = walked("a.mail.x.test", **records)
    assert found is not None
    assert (found.records, found.found_at, found.organizational_domain) == (1, found_at, organization)


def test_who_does_not_answer_leaves_the_policy_unknown() -> None:
    assert walked("a.mail.x.test", a_mail_x_test="?", x_test="p=none") is None
    assert walked("a.mail.x.test", mail_x_test="?", x_test="p=none") is None
    assert walked("a.mail.x.test", x_test="p=none", test="?") is None
    none, twice = walked("a.mail.x.test"), walked("a.mail.x.test", a_mail_x_test="2")
    assert none is not None
    assert twice is not None
    assert (none.records, twice.records, twice.error, twice.organizational_domain) == (0, 2, "2 records", "")


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


@given(
    st.lists(st.none() | OCTETS.map(lambda octets: [b"v=DMARC1;" + octets]) | st.just([b""]), min_size=3, max_size=3)
)
def test_any_records_may_stand_in_a_tree(answers: list[list[bytes] | None]) -> None:
    places = tree_walk("a.x.test")
    read = {p: None if texts is None else dmarc(texts, p) for p, texts in zip(places, answers, strict=True)}
    found = discovered(read)
    if found is not None and found.records:
        assert found.found_at in places
        assert found.organizational_domain in ("", *places)


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
