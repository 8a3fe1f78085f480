"""Addresses: every one that a server or reader might act on, how sure that is, and what their domains are."""

from __future__ import annotations

import copy
import gc
import pickle
import re
import string
import threading
import time
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tldextract
from hypothesis import assume, example, given
from hypothesis import strategies as st

from headerguard import address_list as address_module
from headerguard.address import BUNDLED, Address, SuffixList, to_a_label
from headerguard.address_list import Mailbox, Reading, Tier, is_plain, lex, parse
from headerguard.header import DefectName, decode_words
from headerguard.message import Message
from strategies import LEGAL, Spelled, address_texts, destination_names, hostile_texts, lists, plain_lists, spelled


def octets(text: str) -> str:
    """Text as a lexer sees it: one character per octet of its UTF-8."""
    return text.encode().decode("latin-1")


def by_tier(reading: Reading, tier: Tier) -> list[str]:
    return [str(box.address) for box in reading.mailboxes if box.tier is tier and not box.mentioned]


def mentioned(reading: Reading) -> set[str]:
    return {str(box.address) for box in reading.mailboxes if box.mentioned}


def keys(mailboxes: list[Mailbox]) -> set[str]:
    return {box.address.key for box in mailboxes}


# ---- what the grammar says -----------------------------------------------------------------------------------

APPENDIX_A: list[tuple[str, list[str]]] = [
    # RFC 5322 appendix A.1.1 to A.1.3
    ("John Doe <jdoe@machine.example>", ["jdoe@machine.example"]),
    ("Mary Smith <mary@example.net>", ["mary@example.net"]),
    ('"Joe Q. Public" <john.q.public@example.com>', ["john.q.public@example.com"]),
    (
        "Mary Smith <mary@x.test>, jdoe@example.org, Who? <one@y.test>",
        ["mary@x.test", "jdoe@example.org", "one@y.test"],
    ),
    (
        '<boss@nil.test>, "Giant; \\"Big\\" Box" <sysservices@example.net>',
        ["boss@nil.test", "sysservices@example.net"],
    ),
    ("Pete <pete@silly.example>", ["pete@silly.example"]),
    (
        "A Group:Ed Jones <c@a.test>,joe@where.test,John <jdoe@one.test>;",
        ["c@a.test", "joe@where.test", "jdoe@one.test"],
    ),
    ("Undisclosed recipients:;", []),
    # A.5: comments and folding
    ("Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>", ["pete@silly.test"]),
    (
        "A Group(Some people)\r\n     :Chris Jones <c@(Chris's host.)public.example>,\r\n"
        "         joe@example.org,\r\n  John <jdoe@one.test> (my dear friend); (the end of the group)",
        ["c@public.example", "joe@example.org", "jdoe@one.test"],
    ),
    ("(Empty list)(start)Hidden recipients  :(nobody(that I know))  ;", []),
    # A.6.1: unquoted dots in a phrase; a route; an empty member; blanks around the dots of a domain
    ("Joe Q. Public <john.q.public@example.com>", ["john.q.public@example.com"]),
    (
        "Mary Smith <@node.test:mary@example.net>, , jdoe@test  . example",
        ["mary@example.net", "jdoe@test.example"],
    ),
]

SECTION_4_4: list[tuple[str, list[str]]] = [
    ("<@a.test,@b.test:jdoe@example.net>", ["jdoe@example.net"]),  # obs-route
    ("<@a.test,,@b.test:jdoe@example.net>", ["jdoe@example.net"]),
    ("<@a.test(over here):jdoe@example.net>", ["jdoe@example.net"]),
    ("jane . doe@example.net", ["jane.doe@example.net"]),  # obs-local-part
    ('jane."d o e"@example.net', ['"jane.d o e"@example.net']),
    ("jane.(middle)doe@example.net", ["jane.doe@example.net"]),
    ("jane@example . net", ["jane@example.net"]),  # obs-domain
    ("jane@example(here).net", ["jane@example.net"]),
    ("jane @ example.net", ["jane@example.net"]),
    ("<jane@\r\n example.net>", ["jane@example.net"]),
    (", ,jane@example.net,,joe@example.org,", ["jane@example.net", "joe@example.org"]),  # obs-addr-list
    ("Group:,jane@example.net,,;", ["jane@example.net"]),  # obs-group-list
    ("Group:,;", []),
]

QUOTING: list[tuple[str, list[str]]] = [
    ('"jane doe"@example.net', ['"jane doe"@example.net']),
    ('"jane"@example.net', ["jane@example.net"]),  # section 3.2.4: the quotes are no part of the local part
    (r'"ja\ne"@example.net', ["jane@example.net"]),  # nor is the backslash of a quoted-pair
    (r'"j\"d"@example.net', [r'"j\"d"@example.net']),
    (r'"j\\d"@example.net', [r'"j\\d"@example.net']),
    ('"ja\r\n ne"@example.net', ['"ja ne"@example.net']),  # section 2.2.3: the fold goes, the blank stays
    ('"a,b;c:d<e>(f)"@example.net', ['"a,b;c:d<e>(f)"@example.net']),
    ('""@example.net', ['""@example.net']),
    ("jane@[192.0.2.1]", ["jane@[192.0.2.1]"]),  # section 3.4.1 domain-literal
    ("<jane@[IPv6:2001:db8::1]>", ["jane@[ipv6:2001:db8::1]"]),
    ("!#$%&'*+-/=?^_`{}~@example.net", ["!#$%&'*+-/=?^_`{}~@example.net"]),  # section 3.2.3 atext
    ('"Doe, Jane" <jane@example.net>', ["jane@example.net"]),
    ('Doe "Jane" D. <jane@example.net>', ["jane@example.net"]),
    ('"a""b" <jane@example.net>', ["jane@example.net"]),
    ("jane@example.net (Doe, Jane; all)", ["jane@example.net"]),
    ('jane@example.net (6" pipe), joe@example.org (5" pipe)', ["jane@example.net", "joe@example.org"]),
    ('jane@example.net (an "open quote)', ["jane@example.net"]),
    (r"jane@example.net (a \( b)", ["jane@example.net"]),
]

# RFC 6854 section 4: groups in From and Sender as well. RFC 6532 section 3.2: UTF-8 in atoms and quoted strings.
LATER: list[tuple[str, list[str]]] = [
    ("Nightly Monitor Robot:;", []),
    ("Managing Partners:ben@example.com,carol@example.com;", ["ben@example.com", "carol@example.com"]),
    ("jörg@example.net", ["jörg@example.net"]),
    ("Jörg <jörg@bücher.example>", ["jörg@xn--bcher-kva.example"]),
    ('"jö rg"@example.net', ['"jö rg"@example.net']),
    ("Ключ <ключ@example.net>", ["ключ@example.net"]),
    ("jane@xn--bcher-kva.example", ["jane@xn--bcher-kva.example"]),
    ("jane@XN--BCHER-KVA.example", ["jane@xn--bcher-kva.example"]),
    ("jane@BÜCHER.example", ["jane@xn--bcher-kva.example"]),
    ("jane@faß.example", ["jane@xn--fa-hia.example"]),  # UTS #46 section 7, non-transitional
    ("jane@bücher。example", ["jane@xn--bcher-kva.example"]),  # its ideographic full stop separates labels
]


@pytest.mark.parametrize(
    ("text", "addresses"),
    APPENDIX_A + SECTION_4_4 + QUOTING + LATER,
    ids=lambda value: repr(value)[:60] if isinstance(value, str) else "",
)
def test_what_the_grammar_allows(text: str, addresses: list[str]) -> None:
    """Legal syntax gives exactly its addresses, plain, and nothing is odd about it."""
    reading = lex(octets(text))
    assert by_tier(reading, Tier.PLAIN) == addresses
    assert by_tier(reading, Tier.RECOVERED) == []
    assert reading.defects == []


@pytest.mark.parametrize(
    ("text", "plain", "recovered", "defect"),
    [
        ("a@x.test; b@y.test", ["a@x.test", "b@y.test"], [], None),
        ("a@x.test;b@y.test;", ["a@x.test", "b@y.test"], [], None),
        ("A <a@x.test>; B <b@y.test>; c@z.test", ["a@x.test", "b@y.test", "c@z.test"], [], None),
        ("a@x.test b@y.test", [], ["a@x.test", "b@y.test"], "missing-comma"),
        ("<a@x.test> <b@y.test>", [], ["a@x.test", "b@y.test"], "missing-comma"),
        ("A <a@x.test> B <b@y.test>", [], ["a@x.test", "b@y.test"], "missing-comma"),
        ("a@x.test\r\n b@y.test", [], ["a@x.test", "b@y.test"], "missing-comma"),
        ('"A <a@x.test>', [], ["a@x.test"], "unbalanced"),
        ('A" <a@x.test>', [], ["a@x.test"], "unbalanced"),
        ("A <a@x.test", [], ["a@x.test"], "unbalanced"),
        ("A a@x.test>", [], ["a@x.test"], "unbalanced"),
        ("<<a@x.test>>", [], ["a@x.test"], "unbalanced"),
        ("A (B <a@x.test>", [], ["a@x.test"], "unbalanced"),
        ("A) B <a@x.test>", [], ["a@x.test"], "unbalanced"),
        ("<a@x.test,b@y.test>", [], ["a@x.test", "b@y.test"], "unbalanced"),
        ("[a@x.test]", [], ["a@x.test"], "unbalanced"),
        ("mailto:a@x.test", ["a@x.test"], [], None),
        ("<mailto:a@x.test>", ["a@x.test"], [], None),
        ("A <mailto:a@x.test>, <MAILTO:b@y.test>", ["a@x.test", "b@y.test"], [], None),
        ("a@x.test.", ["a@x.test"], [], None),  # the root label, RFC 1034 section 3.1
        ("<a@x.test.>", ["a@x.test"], [], None),
        ("Group: a@x.test, b@y.test", ["a@x.test", "b@y.test"], [], None),
        ("Outer: Inner: a@x.test; b@y.test;", ["a@x.test", "b@y.test"], [], None),
        ("a\x00@x.test", [], ["a@x.test"], "control-character"),
        ("a@x\x00.test", [], ["a@x.test"], "control-character"),
        ("a\x01@x.test", [], ["a@x.test"], "control-character"),
        ("a\x7f@x.test", [], ["a@x.test"], "control-character"),
        ("A B a@x.test", [], ["a@x.test"], "ambiguous-member"),
        ("a@x.test trailing words", [], ["a@x.test"], "ambiguous-member"),
        ("just words", [], [], "no-address"),
        ("@x.test", [], [], "no-address"),
        ("a@", [], [], "no-address"),
        ("<>", [], [], "no-address"),
        ("", [], [], None),
        (" \r\n\t", [], [], None),
        (",;, ;", [], [], None),
    ],
)
def test_what_mail_holds_and_the_grammar_does_not(
    text: str, plain: list[str], recovered: list[str], defect: str | None
) -> None:
    reading = lex(text)
    assert by_tier(reading, Tier.PLAIN) == plain
    assert by_tier(reading, Tier.RECOVERED) == recovered
    assert {str(name) for name, _, _ in reading.defects} == ({defect} if defect else set())


@pytest.mark.parametrize(
    ("text", "sure", "candidates", "defect"),
    [
        # A naked addr-spec beside one in brackets: the bracketed one is the address (section 3.4), some take both.
        ("jane@x.test <copy@y.test>", {"copy@y.test"}, {"jane@x.test"}, "ambiguous-member"),
        ("<copy@y.test> jane@x.test", {"copy@y.test"}, {"jane@x.test"}, "ambiguous-member"),
        ("jane@x.test: a@y.test;", {"a@y.test"}, {"jane@x.test"}, "ambiguous-member"),
        # Split at the first or at the last "@".
        ("jane@x.test@y.test", {"jane@x.test"}, {'"jane@x.test"@y.test'}, "missing-comma"),
        ("jane@@x.test", set(), {"jane@x.test", '"jane@"@x.test'}, "ambiguous-member"),
        # A quoted-pair outside a quoted string: Postfix drops the backslash.
        (r"jane\@x.test", set(), {"jane@x.test"}, "ambiguous-member"),
        # Blanks inside brackets: Postfix joins the words.
        ("<jane doe@x.test>", {"doe@x.test"}, {"janedoe@x.test"}, None),
        # A whole mailbox inside an encoded-word (RFC 2047 section 5 forbids it, webmail shows it).
        ("=?utf-8?q?jane=40x.test?=", set(), {"jane@x.test"}, "encoded-address"),
        ("=?utf-8?b?SmFuZSA8amFuZUB4LnRlc3Q+?=", set(), {"jane@x.test"}, "encoded-address"),
        ("=?utf-8?q?a=40x.test=2C_b=40y.test?=", set(), {"a@x.test", "b@y.test"}, "encoded-address"),
        # Single quotes are atext; many people who type them mean quotes.
        ("'jane@x.test'", {"'jane@x.test"}, {"jane@x.test"}, None),
        # Postfix cuts at NUL, others delete it, some keep it.
        ("jane\x00doe@x.test", {"janedoe@x.test"}, {"doe@x.test", '"jane\x00doe"@x.test'}, None),
        # An unbalanced quote belongs to the local part for Postfix.
        ('jane"@x.test', {"jane@x.test"}, {r'"jane\""@x.test'}, "unbalanced"),
        # What is no character of a host name ends one domain and starts the next local part.
        ("a@x.test|b@y.test", {"a@x.test"}, {"b@y.test"}, "missing-comma"),
        # No route: an "@" in it follows nothing or a comma (section 4.4).
        ("<@a.test@copy.test:b@c.test>", {"a.test@copy.test", "b@c.test"}, {"copy.testb@c.test"}, "missing-comma"),
        # A pipe ends a word for some.
    ],
)
def test_what_readers_take_differently_is_given_in_every_reading(
    text: str, sure: set[str], candidates: set[str], defect: str | None
) -> None:
    reading = lex(text)
    assert set(by_tier(reading, Tier.PLAIN) + by_tier(reading, Tier.RECOVERED)) >= sure
    assert set(by_tier(reading, Tier.CANDIDATE)) >= candidates
    assert not candidates & set(by_tier(reading, Tier.PLAIN))
    if defect:
        assert defect in {str(name) for name, _, _ in reading.defects}


@pytest.mark.parametrize(
    "text",
    [
        "=?utf-8?q?copy=40evil.test=3E=20?=@x.test",
        "<=?utf-8?q?copy=40evil.test=3E=20?=@x.test>",
        "Jane <=?utf-8?b?Y29weUBldmlsLnRlc3Q+IA==?=@x.test>",
    ],
)
def test_an_address_that_an_encoded_local_part_spells_is_a_candidate(text: str) -> None:
    """RFC 2047 section 5 forbids words there. Software that decodes one all the same and writes it into RCPT TO ends
    the path at the bracket ("Splitting the email atom", 2024).
    """
    reading = lex(text)
    assert len(by_tier(reading, Tier.PLAIN)) == 1
    assert by_tier(reading, Tier.PLAIN)[0].endswith("@x.test")
    assert "copy@evil.test" in by_tier(reading, Tier.CANDIDATE)


@pytest.mark.parametrize(
    ("text", "sure", "mention"),
    [
        ('"jane@x.test" <copy@y.test>', ["copy@y.test"], "jane@x.test"),
        ('"Jane, jane@x.test, " <copy@y.test>', ["copy@y.test"], "jane@x.test"),
        ('"<jane@x.test>" <copy@y.test>', ["copy@y.test"], "jane@x.test"),
        ("Jane (jane@x.test) <copy@y.test>", ["copy@y.test"], "jane@x.test"),
        ("copy@y.test (jane@x.test)", ["copy@y.test"], "jane@x.test"),
        ("copy@y.test (was (jane@x.test) once)", ["copy@y.test"], "jane@x.test"),
        ("=?utf-8?q?jane=40x.test?= <copy@y.test>", ["copy@y.test"], "jane@x.test"),
        ("=?utf-8?b?amFuZUB4LnRlc3Q=?= <copy@y.test>", ["copy@y.test"], "jane@x.test"),
        ('"=?utf-8?q?jane=40x.test?=" <copy@y.test>', ["copy@y.test"], "jane@x.test"),
        ("=?utf-8?q?jane=40x.test?= (a comment) <copy@y.test>", ["copy@y.test"], "jane@x.test"),
        ('"jane@x.test" Doe <copy@y.test>, b@z.test', ["copy@y.test", "b@z.test"], "jane@x.test"),
    ],
)
def test_an_address_in_a_name_or_comment_is_mentioned(text: str, sure: list[str], mention: str) -> None:
    """Quotes and parentheses are balanced, so no server delivers there: it is no recipient, at no tier."""
    reading = lex(text)
    assert by_tier(reading, Tier.PLAIN) == sure
    assert mention in mentioned(reading)
    assert by_tier(reading, Tier.RECOVERED) + by_tier(reading, Tier.CANDIDATE) == []


@pytest.mark.parametrize(
    "text",
    ['"jane@x.test" <jane@x.test>', "jane@x.test (jane@x.test)", '"JANE@X.test" <jane@x.test>', "Jane <jane@x.test>"],
)
def test_a_mailbox_named_like_itself_mentions_nobody(text: str) -> None:
    assert [box.address.key for box in lex(text).mailboxes] == ["jane@x.test"]


def test_behind_an_unbalanced_quote_a_mention_is_a_candidate() -> None:
    """Where quotes do not pair, readers differ on what stands in them."""
    reading = lex('"a@x.test, "b@y.test" <c@z.test>')
    assert {"a@x.test", "b@y.test", "c@z.test"} <= {str(box.address) for box in reading.mailboxes if not box.mentioned}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("jane@x.test", None),
        ("<jane@x.test>", None),
        ("Jane Doe <jane@x.test>", "Jane Doe"),
        ('"Doe, Jane" <jane@x.test>', "Doe, Jane"),
        (r'"Jane \"JD\" Doe" <jane@x.test>', 'Jane "JD" Doe'),
        ('Jane "JD" Doe <jane@x.test>', "Jane JD Doe"),
        ("=?utf-8?q?J=C3=B6rg?= Doe <jane@x.test>", "Jörg Doe"),
        ("J\xc3\xb6rg <jane@x.test>", "Jörg"),
        ("Jane\r\n Doe <jane@x.test>", "Jane Doe"),
        ("Jane (a comment) Doe <jane@x.test>", "Jane  Doe"),
    ],
)
def test_the_display_name(text: str, name: str | None) -> None:
    assert lex(text).mailboxes[0].name == name


# ---- nothing is lost -----------------------------------------------------------------------------------------


def key_of(spec: str) -> str:
    local, _, domain = spec.rpartition("@")
    return Address(local, domain).key


def is_mispaired(text: str) -> bool:
    """Whether a comment inside an addr-spec may come to stand inside quotes that miss their partner; see below."""
    return "(a host)" in text and '"' in text


@pytest.mark.parametrize(
    "member", ["copy@(a host)x.test", "copy(a comment)@x.test", "copy@x(a comment).test", "copy.(b)d@x.test"]
)
def test_a_comment_in_an_address_behind_an_unbalanced_quote(member: str) -> None:
    """Legal where the quote is none, and a reader that splits at commas takes it so."""
    address = re.sub(r"\(.*?\)", "", member)
    assert address in {str(box.address) for box in lex(f'"Jane <{member}>, "Joe" <joe@y.test>').mailboxes}


@given(destination_names(), lists())
@example("Bcc", Spelled('"copy <copy@x.example>, "Doe, Jane" <j@y.example>', ("copy@x.example", "j@y.example")))
def test_an_address_in_a_destination_field_comes_out(name: str, spelling: Spelled) -> None:
    assume(not is_mispaired(spelling.text))
    octets_ = f"From: shop@shop.example\r\n{name}: {spelling.text}\r\n\r\nbody".encode("latin-1")
    message = Message.from_bytes(octets_)
    seen = {s.address.key for s in message.sightings if s.field == name.lower()}
    assert {key_of(spec) for spec in spelling.meant} <= seen


def test_an_encoded_word_between_quotes_that_miss_their_partner_makes_nobody_a_mention() -> None:
    text = '"A <a@x.example>, =?utf-8?q?J=C3=B6rg?= <b@x.example>, jane@client.example, "" <c@x.example>'
    message = Message.from_bytes(f"Bcc: {text}\r\n".encode())
    assert {str(r.address) for r in message.recipients} == {f"{n}@x.example" for n in "abc"} | {"jane@client.example"}


@given(lists(legal_only=True), spelled(), lists(legal_only=True))
def test_an_address_that_is_meant_receives(before: Spelled, odd: Spelled, after: Spelled) -> None:
    """Not only seen: no spelling turns a recipient into a mere mention. (Two quotes that miss their partner could.)"""
    text = f"{before.text}, {odd.text}, {after.text}"
    assume(not is_mispaired(text))
    message = Message.from_bytes(f"Bcc: {text}\r\n".encode("latin-1"))
    received = {recipient.address.key for recipient in message.recipients}
    assert {key_of(spec) for spec in before.meant + odd.meant + after.meant} <= received


@given(spelled(legal_only=True))
def test_one_legal_member_is_plain(spelling: Spelled) -> None:
    reading = lex(spelling.text)
    assert [key_of(a) for a in by_tier(reading, Tier.PLAIN)] == [key_of(spec) for spec in spelling.meant]
    assert by_tier(reading, Tier.RECOVERED) == []


@pytest.mark.parametrize("template", LEGAL)
def test_every_legal_spelling_in_a_list(template: str) -> None:
    member = template.format(a="jane@x.test", l="jane", d="x.test", n="Jane D.")
    for text in (f"{member}, b@y.test", f"b@y.test, {member}", f"b@y.test,\r\n {member},\r\n\tc@z.test"):
        reading = lex(text)
        assert set(by_tier(reading, Tier.PLAIN)) == {"jane@x.test", "b@y.test"} | ({"c@z.test"} & set(text.split("\t")))
        assert reading.defects == []


@given(lists())
def test_line_ends_make_no_difference(spelling: Spelled) -> None:
    unix = spelling.text.replace("\r\n", "\n")
    dos = unix.replace("\n", "\r\n")
    found = [sorted((box.address, box.tier, box.mentioned) for box in lex(text).mailboxes) for text in (unix, dos)]
    assert found[0] == found[1]


@given(hostile_texts())
@example('a@b.example\r\n "@a@b.example')
@example('"\r"a@b.example')
def test_line_ends_make_no_difference_to_a_hostile_list(text: str) -> None:
    unix = re.sub("\r\n?", "\n", text)
    assert keys(lex(unix).mailboxes) == keys(lex(unix.replace("\n", "\r\n")).mailboxes)


def letters(text: str) -> str:
    return "".join(char for char in text if char in string.ascii_letters)


@given(hostile_texts() | lists().map(lambda spelling: spelling.text) | plain_lists())
@example('a."b\\"c"@x.test')
@example("(c)a(d).b@x.test")
def test_a_span_holds_what_it_stands_for(text: str) -> None:
    value = f"To: {text}\r\n".encode("latin-1")
    for sighting in Message.from_bytes(value).sightings:
        assert sighting.span is not None
        start, end = sighting.span
        assert 3 <= start < end <= len(value)
        if sighting.tier is not Tier.CANDIDATE:
            cited = value[start:end].decode("latin-1")
            found = iter(cited)
            assert all(letter in found for letter in letters(sighting.address.local_part)), (sighting, cited)
            assert "@" in cited


@given(hostile_texts() | st.text(st.characters(max_codepoint=255), max_size=60))
@example("(" * 500 + "a@x.test")
@example('"' * 501 + "a@x.test")
@example("<" * 500 + "a@x.test" + ">" * 500)
@example("\\" * 501 + "@x.test")
@example("@" * 500)
@example("a@" * 500)
@example('a@b.example@"\x00')
@example("a@b.example@@.")
def test_no_text_is_too_odd(text: str) -> None:
    reading = lex(text)
    for box in reading.mailboxes:
        assert 0 <= box.start < box.end <= len(text)
        assert box.address.domain
        assert box.address.domain == box.address.domain.lower()
    for _, start, end in reading.defects:
        assert 0 <= start < end <= len(text)


@given(st.text(st.characters(max_codepoint=255), max_size=20), hostile_texts(), st.text("a@x.,;:<>", max_size=9))
def test_a_part_of_a_text_is_read_like_the_part_alone(before: str, text: str, after: str) -> None:
    whole = lex(before + text + after, len(before), len(before) + len(text))
    alone = lex(text)
    assert [box._replace(start=0, end=0) for box in whole.mailboxes] == [
        box._replace(start=0, end=0) for box in alone.mailboxes
    ]
    assert [box.start - len(before) for box in whole.mailboxes] == [box.start for box in alone.mailboxes]


# ---- the fast path and the full tokenizer --------------------------------------------------------------------


def full(text: str) -> Reading:
    lexer = address_module._Lexer(text, 0, len(text))
    lexer.run()
    return Reading(lexer.mailboxes, lexer.defects)


def takes_all(text: str) -> bool:
    """Whether the fast path eats the whole list."""
    position = 0
    while position < len(text) and (match := address_module._match_member(text, position)):
        position = match.end()
    return position >= len(text)


@given(hostile_texts() | plain_lists() | lists().map(lambda spelling: spelling.text))
@example("root|jane@x.test")
@example("=?utf-8?q?a?=\r\n =?utf-8?q?=0ABcc=3A_?= <e@evil.test>")
@example("=?utf-8?q?=0DBcc=3A?= <e@evil.test>")
@example('"=?utf-8?q?=0D=0ABcc=3A_?=" <e@evil.test>')
@example("=?utf-8?q?a=40evil.test=3E_?=@x.test")
@example('"a\r\n b" <a@x.test>')
def test_what_is_called_plain_is_plain(text: str) -> None:
    """Rules do not look at a plain list again, so whatever hides in one is hidden from all of them."""
    text = re.sub(r"\r?\n(?![ \t])", "\r\n ", text)  # within a field every line end is a fold
    assume(is_plain(text, 0, len(text)))
    reading = lex(text)
    assert all(box.tier is Tier.PLAIN and not box.mentioned for box in reading.mailboxes)
    assert reading.defects == []
    unfolded = re.sub(r"\r?\n(?=[ \t])", "", text)
    shown = decode_words(unfolded)
    for char in "@\r\n":
        assert shown.count(char) <= unfolded.count(char)


@given(hostile_texts() | plain_lists() | lists().map(lambda spelling: spelling.text))
@example("root|jane@x.test")
@example("\"a'b\" <'j'@x.test>")
def test_the_full_tokenizer_finds_no_more_in_a_plain_list(text: str) -> None:
    assume(is_plain(text, 0, len(text)))
    slow = full(text)
    assert [(box.address, box.start, box.end) for box in slow.mailboxes] == [
        (box.address, box.start, box.end) for box in lex(text).mailboxes
    ]
    assert all(box.tier is Tier.PLAIN and not box.mentioned for box in slow.mailboxes)
    assert slow.defects == []


@given(hostile_texts() | plain_lists() | lists().map(lambda spelling: spelling.text))
@example('"a@b.test" <c@d.test>, "e|f@g.test" <h@i.test>')
def test_both_paths_agree_where_the_fast_one_takes_everything(text: str) -> None:
    assume(takes_all(text))
    fast, slow = lex(text), full(text)
    for tier in (Tier.PLAIN, Tier.RECOVERED):
        assert by_tier(fast, tier) == by_tier(slow, tier)
    assert set(by_tier(fast, Tier.CANDIDATE)) == set(by_tier(slow, Tier.CANDIDATE))
    assert bool(mentioned(fast)) >= bool(mentioned(slow))


@given(plain_lists(), hostile_texts())
def test_what_comes_first_does_not_depend_on_what_follows(first: str, rest: str) -> None:
    """The fast path gives up at the first odd member; the plain ones before it must read the same either way."""
    assume(takes_all(first))
    assert keys(lex(first).mailboxes) <= keys(lex(f"{first}, {rest}").mailboxes)
    assert set(by_tier(lex(first), Tier.PLAIN)) <= set(by_tier(lex(f"{first},{rest}"), Tier.PLAIN))


# ---- an address by itself ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("jane@client.example", Address("jane", "client.example")),
        ("<jane@client.example>", Address("jane", "client.example")),
        (" <jane@client.example>\r\n", Address("jane", "client.example")),
        ('"Doe, Jane" <Jane@Client.Example.>', Address("Jane", "client.example")),
        ("<@relay.example:jane@client.example>", Address("jane", "client.example")),  # RFC 5321 appendix F.2
        ("Jörg <jörg@bücher.example>", Address("jörg", "xn--bcher-kva.example")),
        ('"copy@x.example" <jane@client.example>', Address("jane", "client.example")),
        ("<postmaster>", Address("postmaster", "")),  # RFC 5321 section 4.1.1.3
        ("Postmaster", Address("Postmaster", "")),
        ("<>", None),
        ("", None),
        ("@", None),
        ("<@>", None),
        ("@x.example", None),
    ],
)
def test_an_address_that_somebody_wrote(text: str, address: Address | None) -> None:
    assert parse(text) == address


@given(st.text(max_size=30) | st.text('a@.<>"\\\ud800\udc80é', max_size=12))
@example("\ud800@x.example")
@example("\udcff@x.example")
def test_parsing_never_raises(text: str) -> None:
    """A path may come from JSON, where a lone surrogate is one escape away."""
    found = parse(text)
    assert found is None or isinstance(str(found), str)


_LOCALS = st.text(
    st.characters(min_codepoint=32, max_codepoint=126) | st.sampled_from("éßЖ中"), min_size=1, max_size=12
)


@given(_LOCALS, st.sampled_from(("x.example", "xn--bcher-kva.example", "[192.0.2.1]", "host")))
@example('"', "x.example")
@example("\\", "x.example")
@example("a..b", "x.example")
@example(" ", "x.example")
@example("=?utf-8?q?a?=", "x.example")
def test_what_is_written_out_reads_back(local: str, domain: str) -> None:
    address = Address(local, domain)
    assert parse(str(address)) == address
    assert parse(f"<{address}>") == address


@pytest.mark.parametrize(
    ("local", "written"),
    [
        ("jane.doe", "jane.doe@x.example"),
        ("jane doe", '"jane doe"@x.example'),
        ('j"d', r'"j\"d"@x.example'),
        ("j\\d", r'"j\\d"@x.example'),
        ("", '""@x.example'),
        ("a@b", '"a@b"@x.example'),
    ],
)
def test_a_local_part_is_quoted_where_it_must_be(local: str, written: str) -> None:
    assert str(Address(local, "x.example")) == written


def test_local_parts_compare_without_ascii_case_and_nothing_else() -> None:
    same = [Address("Jane", "x.example"), Address("JANE", "x.example"), Address("jane", "x.example")]
    assert {address.key for address in same} == {"jane@x.example"}
    assert Address("JÖRG", "x.example").key == "jÖrg@x.example"
    assert Address("\u212aim", "x.example").key != Address("kim", "x.example").key  # the Kelvin sign is no K here
    different = ["j.ane", "jane+tag", "jan\u00e9", "ja ne", "j-ane"]
    assert len({Address(local, "x.example").key for local in [*different, "jane"]}) == 6


@given(address_texts())
def test_the_key_ignores_case_of_a_plain_address(spec: str) -> None:
    boxes = [lex(text).mailboxes[0].address.key for text in (spec, spec.upper(), spec.swapcase())]
    assert boxes == [spec.lower()] * 3


# ---- domains -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("domain", "a_label"),
    [
        ("Client.EXAMPLE", "client.example"),
        ("client.example.", "client.example"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("BÜCHER.EXAMPLE.", "xn--bcher-kva.example"),
        ("faß.example", "xn--fa-hia.example"),
        ("ＳＨＯＰ.example", "shop.example"),  # noqa: RUF001 (full width, which UTS #46 maps)
        ("☃.example", "xn--n3h.example"),  # RFC 3490 has it, RFC 5891 has not
        ("[192.0.2.1]", "[192.0.2.1]"),
        ("", ""),
    ],
)
def test_a_domain_as_a_labels(domain: str, a_label: str) -> None:
    assert to_a_label(domain) == a_label


@given(st.text(max_size=40) | st.text("aéß.\u200d\u3002\u0130-xn", max_size=20))
def test_making_a_labels_never_raises_and_is_done_once(domain: str) -> None:
    made = to_a_label(domain)
    assert made == made.lower()
    if "." not in (made[-1:], domain[-1:]) and ".." not in unicodedata.normalize("NFKC", domain).replace("\u3002", "."):
        assert to_a_label(made) == made


@pytest.mark.parametrize(
    ("domain", "shown"),
    [
        ("xn--bcher-kva.example", "bücher.example"),
        ("client.example", "client.example"),
        ("xn--.example", "xn--.example"),  # no such A-label: shown as it stands
    ],
)
def test_a_domain_for_people(domain: str, shown: str) -> None:
    assert Address("jane", domain).unicode == f"jane@{shown}"


@pytest.mark.parametrize(
    ("domain", "all_sections", "icann_only"),
    [
        ("mail.client.com", "client.com", "client.com"),
        ("client.com", "client.com", "client.com"),
        ("a.b.client.co.uk", "client.co.uk", "client.co.uk"),
        ("co.uk", "co.uk", "co.uk"),  # a public suffix is its own
        ("com", "com", "com"),
        ("shop.github.io", "shop.github.io", "github.io"),  # the private section
        ("a.shop.github.io", "shop.github.io", "github.io"),
        ("github.io", "github.io", "github.io"),
        ("a.b.ck", "a.b.ck", "a.b.ck"),  # a wildcard rule
        ("x.www.ck", "www.ck", "www.ck"),  # and its exception
        ("mail.shop.example", "shop.example", "shop.example"),  # not listed: the prevailing rule "*"
        ("shop.test", "shop.test", "shop.test"),
        ("printer.local", "printer.local", "printer.local"),
        ("localhost", "localhost", "localhost"),
        ("[192.0.2.1]", "[192.0.2.1]", "[192.0.2.1]"),
        ("[ipv6:2001:db8::1]", "[ipv6:2001:db8::1]", "[ipv6:2001:db8::1]"),
        ("192.0.2.1", "192.0.2.1", "192.0.2.1"),  # a literal without its brackets
        ("mail.xn--bcher-kva.example", "xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("a.xn--80ak6aa92e.xn--p1ai", "xn--80ak6aa92e.xn--p1ai", "xn--80ak6aa92e.xn--p1ai"),
    ],
)
def test_the_registrable_domain(domain: str, all_sections: str, icann_only: str) -> None:
    assert BUNDLED.registrable_domain(domain) == all_sections
    assert BUNDLED.registrable_domain(domain, private=False) == icann_only
    assert Address("jane", domain).registrable_domain == all_sections


_ODD_DOMAINS = st.text(max_size=20) | st.text("a.-_[]:/#?%é\x00 comuk", max_size=24)


@given(_ODD_DOMAINS)
@example("." * 300)
@example("a." * 2000 + "com")
@example("xn--\udc80.com")
def test_a_registrable_domain_is_a_part_of_the_domain_and_never_empty(domain: str) -> None:
    for private in (True, False):
        found = BUNDLED.registrable_domain(domain, private=private)
        assert found in domain
        assert bool(found) == bool(domain)


def test_what_was_looked_up_is_remembered_up_to_a_bound() -> None:
    """The domains come from the mail of others."""
    suffixes = SuffixList()
    for number in range(70_000):
        assert suffixes.registrable_domain(f"[{number}]") == f"[{number}]"
    assert len(suffixes._known) <= 65_536


def test_eight_threads_build_the_list_once(monkeypatch: pytest.MonkeyPatch) -> None:
    built = []
    real = tldextract.TLDExtract

    def slow(**options: Any) -> tldextract.TLDExtract:
        built.append(options)
        time.sleep(0.05)  # long enough for the others to come by; nothing depends on how long
        return real(**options)

    monkeypatch.setattr(tldextract, "TLDExtract", slow)
    suffixes = SuffixList()
    barrier = threading.Barrier(8)
    found: list[str] = []

    def ask(number: int) -> None:
        barrier.wait()
        found.append(suffixes.registrable_domain(f"host{number}.client.co.uk"))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ["client.co.uk"] * 8
    assert len(built) == 1
    assert built[0]["suffix_list_urls"] == ()
    assert built[0]["cache_dir"] is None


LIST = """// VERSION: 2031-05-06_07-08-09_UTC
// ===BEGIN ICANN DOMAINS===
com
*.shop.example
!own.shop.example
// ===END ICANN DOMAINS===
// ===BEGIN PRIVATE DOMAINS===
host.com
// ===END PRIVATE DOMAINS===
"""


def test_a_list_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "a list.dat"
    path.write_text(LIST, encoding="utf-8")
    own = SuffixList(str(path))
    assert own.registrable_domain("a.b.c.shop.example") == "b.c.shop.example"
    assert own.registrable_domain("a.own.shop.example") == "own.shop.example"
    assert own.registrable_domain("x.a.host.com") == "a.host.com"
    assert own.registrable_domain("x.a.host.com", private=False) == "host.com"
    assert own.registrable_domain("a.b.co.uk") == "co.uk"  # not in this list, so the prevailing rule holds
    assert own.date == "2031-05-06"
    gc.collect()  # a file that was left open warns now


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda what: pickle.loads(pickle.dumps(what))])
def test_a_list_is_copied_without_what_was_read(copied: Callable[[Any], Any], tmp_path: Path) -> None:
    path = tmp_path / "list.dat"
    path.write_text(LIST, encoding="utf-8")
    own = SuffixList(str(path))
    assert own.registrable_domain("x.a.host.com") == "a.host.com"
    twin = copied(own)
    assert twin is not own
    assert twin.registrable_domain("x.a.host.com") == "a.host.com"
    BUNDLED.registrable_domain("a.example")
    assert copied(BUNDLED) is BUNDLED


def test_the_date_of_a_list(tmp_path: Path) -> None:
    undated = tmp_path / "undated.dat"
    undated.write_text("com\n", encoding="utf-8")
    assert SuffixList(str(undated)).date is None
    assert SuffixList(str(tmp_path / "absent.dat")).date is None
    assert re.fullmatch(r"20\d\d-\d\d-\d\d", BUNDLED.date or "")


# ---- what email-validator says -------------------------------------------------------------------------------

REFUSED = [
    ("a..b@x.example", "two periods"),
    ("a@x_y.example", "invalid characters"),
    ("jane@localhost", "period"),
    ("jane@printer.local", "special-use"),
    ("jane@x.invalid", "special-use"),
    ("jane@x.onion", "special-use"),
    ("jane@[999.0.2.1]", "brackets"),
    ("jane@" + "b" * 70 + ".example", "too many"),
    ("jane@xn--a.example", "IDNA"),
]


@pytest.mark.parametrize(("spec", "why"), REFUSED)
def test_a_refusal_is_recorded_and_decides_nothing(spec: str, why: str) -> None:
    message = Message.from_bytes(f"To: a@x.example, {spec}\r\nBcc: {spec}\r\n".encode())
    found = [s for s in message.sightings if s.address.domain != "x.example" or ".." in str(s.address)]
    assert [(str(s.address), s.field, s.tier) for s in found] == [
        (spec, "to", Tier.PLAIN),
        (spec, "bcc", Tier.PLAIN),
    ]
    refusal = found[0].address.refusal
    assert refusal is not None
    assert why in refusal


@pytest.mark.parametrize(
    "spec",
    ["jane@x.example", "jane@x.test", '"jane doe"@x.example', "jane@[192.0.2.1]", "jörg@xn--bcher-kva.example"],
)
def test_what_is_not_refused(spec: str) -> None:
    address = parse(spec)
    assert address is not None
    assert address.refusal is None


@given(_LOCALS | st.just(""), st.text(max_size=12) | st.sampled_from(("", "[", "[]", "[IPv6:", "xn--", ".", "a..b")))
def test_a_refusal_never_raises(local: str, domain: str) -> None:
    refusal = Address(local, domain).refusal
    assert refusal is None or refusal


def test_the_names_of_defects_in_lists_are_known() -> None:
    reading = lex("a@x.test b@y.test, just words, =?utf-8?q?c=40z.test?=")
    assert {name for name, _, _ in reading.defects} <= set(DefectName)
    assert len(reading.defects) == 3


def test_a_literal_hides_no_address() -> None:
    assert "copy@x.example" in {str(box.address) for box in lex("@[ copy@x.example<]").mailboxes}
    assert [str(box.address) for box in lex("jane@[192.0.2.1]").mailboxes] == ["jane@[192.0.2.1]"]


@pytest.mark.parametrize("dots", ["", ".", "..", "...."])
def test_dots_behind_an_international_domain_change_nothing(dots: str) -> None:
    (box,) = lex(f"jane@clienté.example{dots}".encode().decode("latin-1")).mailboxes
    assert box.address.domain == "xn--client-gva.example"


# ---- tenants, and what is odd ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("domain", "registrable"),
    [
        ("a.contoso.onmicrosoft.com", "contoso.onmicrosoft.com"),
        ("contoso.onmicrosoft.com", "contoso.onmicrosoft.com"),
        ("contoso.mail.onmicrosoft.com", "contoso.mail.onmicrosoft.com"),
        ("onmicrosoft.com", "onmicrosoft.com"),
        ("a.eu-west-1.amazonses.com", "eu-west-1.amazonses.com"),
        ("contoso.notonmicrosoft.com", "notonmicrosoft.com"),
    ],
)
def test_tenants_of_a_provider_are_told_from_each_other(domain: str, registrable: str) -> None:
    assert BUNDLED.registrable_domain(domain) == registrable
    assert BUNDLED.registrable_domain(domain, private=False) == ".".join(domain.rsplit(".", 2)[-2:])


@pytest.mark.parametrize(
    ("address", "words"),
    [
        (Address("jane", "digitalocean.com"), []),
        (Address("us..er", "digitalocean.com"), ["email-validator refuses it"]),
        (Address("jane", "client.test"), ["special-use"]),
        (Address("jane", "host.home.arpa"), ["refuses", "special-use"]),
        (Address("j" * 65, "digitalocean.com"), ["65 octets"]),
        (Address("jane", "d" * 64 + ".com"), ["refuses", "too long"]),
        (Address("jane", "digital..com"), ["refuses", "empty label"]),
        (Address("m\u0131ke", "digitalocean.com"), ["SMTPUTF8"]),
        (Address("\uff4dike", "digitalocean.com"), ["SMTPUTF8", "folds to 'mike'"]),
        (Address("jane", "xn--80ak6aa92e.com"), ["shown as \u0430\u0440\u0440\u04cf\u0435.com"]),
        (Address("\ud800", "x" * 4_000), ["too long"]),
    ],
)
def test_what_is_odd_about_an_address_is_said(address: Address, words: list[str]) -> None:
    said = address.quality
    assert all(any(word in sentence for sentence in said) for word in words)
    assert bool(said) == bool(words)
