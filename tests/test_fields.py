"""The catalogue of fields, each entry by its own sample, and the traps of every grammar."""

from __future__ import annotations

import base64
import json
import re
from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from headerguard import grammar
from headerguard.address_list import Tier
from headerguard.fields import ANY, CATALOGUE, FIELDS, MARKED, TRACKED, Entry, Role, entry_of
from headerguard.grammar import Name
from headerguard.grammar.packed import base64_text
from headerguard.message import Envelope, Message

SAMPLED = [entry for entry in FIELDS if entry.sample]
PACKED = sorted({entry.grammar for entry in FIELDS if entry.reading.unpack})


def read(name: str, value: str) -> Message:
    """A message of one field."""
    return Message.from_bytes(f"{name}: {value}\r\n\r\n".encode())


def shown(message: Message) -> list[str]:
    """What a message holds, as samples say it."""
    return [f"{s.role} {s.address}" for s in message.sightings] + [f"{m.kind} {m.value}" for m in message.marks]


def shows(name: str, value: str) -> set[str]:
    found = shown(read(name, value))
    assert len(set(found)) == len(found)
    return set(found)


def packed(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


# ---- the table -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("entry", SAMPLED, ids=lambda entry: entry.name)
def test_a_sample_shows_what_its_line_says(entry: Entry) -> None:
    name = entry.name.replace("*", "Made-Up")
    assert Counter(shown(read(name, entry.sample))) == Counter(entry.shows)
    if entry.grammar != "address-list":
        folded = entry.sample.replace(" ", "\r\n ")
        assert Counter(shown(read(name, folded))) == Counter(entry.shows)


def complaints(entry: Entry) -> Iterator[str]:
    """What is wrong with a line of the table."""
    if not entry.reference:
        yield "names no document"
    if not entry.sample and entry.grammar != "none":
        yield "has a grammar and no sample"
    if entry.sample and not entry.shows:
        yield "has a sample that shows nothing"
    for text in entry.shows:
        if not re.fullmatch(rf"(?:{'|'.join(entry.roles)}) \S+@\S+|host [^\s@]+|account [a-z0-9-]+:\S+", text):
            yield f"shows {text!r}, which is none of its roles, no host and no account"
    if entry.stage not in ("envelope", "submitted", "delivered", "archive", "any"):
        yield f"has the stage {entry.stage!r}"
    if re.search(r"[a-z0-9-]\*.|\*[a-z0-9-]", entry.name):
        yield "has a star inside"


@pytest.mark.parametrize("entry", FIELDS, ids=lambda entry: entry.name)
def test_a_line_is_complete(entry: Entry) -> None:
    assert list(complaints(entry)) == []


def test_an_incomplete_line_is_found() -> None:
    line = Entry("X-*-Y", Role.TO, "text", ANY.reading, "later", "", "", ANY.roles, True, sample="a", shows=("to x",))
    assert len(list(complaints(line))) == 4
    bare = Entry("X", Role.TO, "text", ANY.reading, "any", "", "RFC", ANY.roles, True)
    assert list(complaints(bare)) == ["has a grammar and no sample"]


def test_names_are_unique() -> None:
    assert [name for name, count in Counter(entry.name.lower() for entry in FIELDS).items() if count > 1] == []


def test_every_grammar_is_used() -> None:
    assert {entry.grammar for entry in FIELDS} >= set(grammar._GRAMMARS)


def test_an_unknown_grammar_is_an_error() -> None:
    with pytest.raises(KeyError):
        grammar.grammar("address list")


# ---- nothing is lost -----------------------------------------------------------------------------------------

SILENT = {"message-id", "received"}
"""Grammars of values that are full of things which look like addresses and are none."""


@pytest.mark.parametrize(
    "name",
    [
        "X-Unheard-Of",
        "X-GreenArrow-Whatever",
        "x-ms-acsemail-whatever",
        *(entry.name.replace("*", "Made-Up") for entry in FIELDS if entry.grammar not in SILENT and " " not in entry.name and ":" not in entry.name),
    ],
)  # fmt: skip
def test_no_field_hides_an_address(name: str) -> None:
    for value in (
        "copy@arxxwalls.com",
        "a; b=c; copy@arxxwalls.com",
        "<x:y> copy@arxxwalls.com",
        "{'a': 'copy@arxxwalls.com'}",
    ):
        assert "copy@arxxwalls.com" in {str(s.address) for s in read(name, value).sightings}, value


@pytest.mark.parametrize(
    "field",
    [
        "X-Made-Up: copy@arxxwalls.com",
        "X-Made-Up: copy%40arxxwalls.com",
        "X-Made-Up: https://click.example.com/?u=copy%40arxxwalls.com&v=1",
        "X-Made-Up: =?utf-8?q?copy=40arxxwalls=2Ecom?=",
        "X-Made-Up: =?utf-8?b?Y29weUBhcnh4d2FsbHMuY29t?=",
        "X-Made-Up: a=copy@arxxwalls.com;",
        "X-Made-Up: 'copy@arxxwalls.com'",
        'X-Made-Up: "Copy" <copy@arxxwalls.com>',
        "copy@arxxwalls.com: 1",
        "no colon, copy@arxxwalls.com",
        ": copy@arxxwalls.com",
    ],
)
def test_an_address_that_nobody_expects_is_mentioned(field: str) -> None:
    message = Message.from_bytes(f"Date: today\r\n{field}\r\nTo: jane@client.example\r\n\r\n".encode())
    found = [s for s in message.sightings if str(s.address) == "copy@arxxwalls.com"]
    assert [s.role for s in found] == [Role.MENTIONED]
    assert message.sightings_of({Role.MENTIONED}) == [s for s in message.sightings if s.role is Role.MENTIONED]
    assert [str(r.address) for r in message.recipients] == ["jane@client.example"]
    assert found[0].span is not None
    start, end = found[0].span
    assert message.header.text[start:end] == field.removeprefix("X-Made-Up: ").removeprefix(": ")


@pytest.mark.parametrize(
    ("value", "address"),
    [('"copy"@arxxwalls.com', "copy@arxxwalls.com"), ("copy@[192.0.2.1]", "copy@[192.0.2.1]")],
)
def test_odd_forms_in_free_text(value: str, address: str) -> None:
    (sighting,) = read("X-Made-Up", f"see {value}").sightings
    assert sighting.address.key.replace('"', "") == address


def test_a_family_has_members_and_lines_of_its_own() -> None:
    assert entry_of("x-pm-metadata-color").name == "X-PM-Metadata-*"
    assert entry_of("x-mc-metadata").name == "X-MC-Metadata"
    assert entry_of("x-mc-tags").name == "X-MC-*"
    assert entry_of("x-greenarrow-a") is entry_of("x-pm") is ANY


def test_what_stands_in_a_damaged_field_is_no_surer_than_the_field() -> None:
    (sighting,) = Message.from_bytes(b'X Y X-SMTPAPI: {"to": ["a@b.example"]}\r\n\r\n').sightings
    assert (sighting.role, sighting.tier) == (Role.CONTROL, Tier.CANDIDATE)


# ---- Received -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("from a.example (unknown [192.0.2.1]) by b.example (Postfix) with ESMTPS id 4Lx for <jane@client.example>; x", {"delivered jane@client.example"}),
        ("from a.example (Authenticated sender: app@shop.example) by b.example (Postfix) with ESMTPSA id 4Lx; x", {"mentioned app@shop.example"}),
        ("from [192.0.2.1] (helo=x) by b.example with esmtps (Exim 4.96) (envelope-from <b@shop.example>) id 1mq-00A for jane@client.example; x", {"mentioned b@shop.example", "delivered jane@client.example"}),
        ("from x (app%40shop.example) by b.example with ESMTP; x", {"mentioned app@shop.example"}),
        ("by b.example (8.17.1) id 277A0 for jane@client.example, joe@client.example; x", {"delivered jane@client.example", "delivered joe@client.example"}),
        ("by b.example id <20220807.AA12@b.example> for <jane@client.example>,\r\n\t<joe@client.example>; x", {"delivered jane@client.example", "delivered joe@client.example"}),
        ("from b.example (ORCPT <rfc822;list@shop.example>) by c.example; x", {"mentioned list@shop.example"}),
        ("from for.example (for the record) by mx.example id 1 for <jane@client.example>; x", {"delivered jane@client.example"}),
        ("(from root@localhost) by b.example (8.14/Submit) id 1 FOR <jane@client.example>; x", {"mentioned root@localhost", "delivered jane@client.example"}),
        ("(qmail 1234 invoked by uid 89); 7 Aug 2022 10:00:00 -0000", set()),
        ("from a.prod.example (2001:db8::1) by b.prod.example (2001:db8::2) with Microsoft SMTP Server id 15.20 via Frontend Transport; x", set()),
        ("for " * 1000 + "<", set()),
        ("for <jane@client.example" + " for <" * 1000, {"mentioned jane@client.example"}),
    ],
    ids=lambda value: str(value)[:40],
)  # fmt: skip
def test_a_relay_says_for_whom_and_names_others(value: str, found: set[str]) -> None:
    message = read("Received", value)
    assert {f"{s.role} {s.address}" for s in message.sightings} == found
    for sighting in message.sightings:
        assert sighting.span is not None
        cited = message.header.text[slice(*sighting.span)].replace("%40", "@")
        assert str(sighting.address) in cited
        assert sighting.role is Role.MENTIONED or cited == str(sighting.address)


def test_text_without_blanks_between_its_words_ends_an_address() -> None:
    found = shows("X-Made-Up", "\u8bf7copy@arxxwalls.com\u8bf7")
    assert any(text.endswith("copy@arxxwalls.com") for text in found)
    assert len(shows("X-Made-Up", "see copy@b\xfccher.example")) == 1


# ---- return paths --------------------------------------------------------------------------------------------


def paths(path: str) -> set[str]:
    """What a return path shows besides itself."""
    return shows("Return-Path", f"<{path}>") - {f"bounce {path}"}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("bounce-md_30490001.62ef9c1a.v1-0123456789abcdef0123456789abcdef@mandrill.example", {"account mandrill:30490001"}),
        ("bounces+19000077-4f2a-a=b=client.example@em.example.com", {"envelope a=b@client.example", "account sendgrid:19000077"}),
        ("bounces+19000077-4f2a-mary-ann=client.example@em.example.com", {"envelope mary-ann@client.example", "account sendgrid:19000077"}),
        ("bounce-mc.us1_30490001.123456-jane=client.example@mail.example", {"envelope jane@client.example", "account mailchimp:30490001"}),
        ("bounce-mc.us1_30490001.123456-0f1e2d@mail.example", set()),
        ("bounce-mc.us1_30490001.123456-@mail.example", {"account mailchimp:30490001"}),
        # VERP: qmail, Mailman, ezmlm, a stamp before the recipient
        ("list-owner-jane=client.example@lists.example", {"envelope jane@client.example"}),
        ("list-bounces+jane=client.example@lists.example", {"envelope jane@client.example"}),
        ("list-bounces+mary-ann=client.example@lists.example", {"envelope mary-ann@client.example"}),
        ("list-return-17-jane=client.example@lists.example", {"envelope jane@client.example"}),
        ("bounce+8a3f2c.bd0e-jane=client.example@mg.example", {"envelope jane@client.example"}),
        ("b+ecdffbfe-jane=client.example@mg.example", {"envelope jane@client.example"}),
        ("bounces-a=b=client.example@lists.example", {"envelope a=b@client.example"}),
        ("list-owner-mary-ann=client.example@lists.example", {"envelope mary-ann@client.example"}),
        ("list+bounces-17-mary-ann+news=client.example@lists.example", {"envelope mary-ann+news@client.example"}),
        ("list+bounces=client.example@lists.example", {"envelope bounces@client.example"}),
        ("list+bounces-ann=client.example@lists.example", {"envelope bounces-ann@client.example"}),
        ("list-return-17-mary-ann=client.example@lists.example", {"envelope mary-ann@client.example"}),
        ("list-return-17-jane+news=client.example@lists.example", {"envelope jane+news@client.example"}),
        ("list-bounces+jane+news=client.example@lists.example", {"envelope jane+news@client.example"}),
        ("list-bounces+abe-smith=client.example@lists.example", {"envelope abe-smith@client.example"}),
        ("bounce+7-4f2a-mary-ann=client.example@em.example.com", {"envelope mary-ann@client.example"}),
        ("bounce+17=client.example@mg.example", {"envelope 17@client.example"}),
        ("owner-list+jane=client.example@lists.example", {"envelope jane@client.example"}),
        ("owner-list-jane=client.example@lists.example", {"envelope jane@client.example", "mentioned owner-list-jane@client.example"}),
        ("news-jane=client.example@lists.example", {"envelope jane@client.example", "mentioned news-jane@client.example"}),
        ("jane=client.example@mail.example", {"envelope jane@client.example"}),
        ("j=b\u00fccher.example@mail.example", {"envelope j@xn--bcher-kva.example"}),
        ("jane=client.example=example@mail.example", set()),
        ("abc=1.25@mail.example", set()),
        ("list-return-=client.example@mail.example", set()),
        # SRS: a forwarder names the author behind it
        *[(f"SRS0{sign}HHH=TT=shop.example=jane@relay.example", {"identity jane@shop.example"}) for sign in "=+-"],
        *[(f"SRS1=HHH=one.example={sign}HHH=TT=shop.example=jane@two.example", {"identity jane@shop.example"}) for sign in "=+-"],
        ("srs1-HHH=one.example==HHH=TT=shop.example=jane@two.example", {"identity jane@shop.example"}),
        ("SRS0=HHH=TT=shop.example=a=b@relay.example", {"identity a=b@shop.example"}),
        # BATV: the draft and its predecessor
        ("prvs=0123ABCDEF=jane@shop.example", {"identity jane@shop.example"}),
        ("prvs=jane/0123abcdef@shop.example", {"identity jane@shop.example"}),
        # one inside the other
        (
            "SRS0=HHH=TT=em.example.com=bounces+19000077-4f2a-jane=client.example@relay.example",
            {"identity bounces+19000077-4f2a-jane=client.example@em.example.com", "envelope jane@client.example", "account sendgrid:19000077"},
        ),
        # nobody's
        ("0101018024f2cbaf-f5cef361-e93a-4952-94a5-ff6225b319d2-000000@us-west-2.mail.example", set()),
        ("bounce+64575+143059+4520527@lists.example", set()),
        ("bounces=jane@lists.example", set()),
        ("SRS0=HHH=shop.example=jane@relay.example", set()),
        ("", set()),
    ],
)  # fmt: skip
def test_a_return_path_shows_whom_it_encodes(path: str, found: set[str]) -> None:
    assert paths(path) - {"bounce "} == found
    message = Message.from_bytes(b"", Envelope(path, ()))
    told = {f"{s.role} {s.address}" for s in message.sightings if s.field == "mail from" and s.role is not Role.BOUNCE}
    told |= {f"{mark.kind} {mark.value}" for mark in message.marks}
    assert told == found


def test_a_path_that_asks_for_verp_encodes_nobody() -> None:
    assert not any(shown.startswith("envelope") for shown in paths("list-return-@lists.example-@[]"))


# ---- JSON ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ('{"to": "jane@client.example"}', {"control jane@client.example"}),
        ('{"to": ["Jane <jane@client.example>", "joe@client.example"]}', {"control jane@client.example", "control joe@client.example"}),
        ('{"to": {"jane@client.example": "Jane"}}', {"mentioned jane@client.example"}),
        ('{"to": [["jane@client.example"], 7, null, true]}', {"mentioned jane@client.example"}),
        ('{"to": null, "filters": {"bcc": []}}', set()),
        ('{"to": 7, "filters": 7}', set()),
        ('{"filters": {"bcc": {"settings": {"enable": 1, "email": "copy@arxxwalls.com"}}}}', {"control copy@arxxwalls.com"}),
        ('{"filters": {"bcc": {"settings": {"enable": 0, "email": ["copy@arxxwalls.com"]}}}}', {"control copy@arxxwalls.com"}),
        ('{"filters": {"bcc": {"email": "copy@arxxwalls.com"}}}', {"mentioned copy@arxxwalls.com"}),
        ('{"filters": {"dkim": {"settings": {"domain": "Example.com"}}}}', {"host example.com"}),
        ('{"filters": {"dkim": {"settings": {"domain": "a b", "x": ""}}}}', set()),
        ('{"filters": {"spamcheck": {"settings": {"url": "https://a@hook.example/x?y"}}}}', {"host hook.example", "mentioned a@hook.example"}),
        # as JSON may spell it
        ('{"to": "jane\\u0040client.example"}', {"control jane@client.example"}),
        ('{"t\\u006f": "jane\\u0040client.example"}', {"control jane@client.example"}),
        ('{"to":\r\n ["jane@client.example",\r\n\t"joe@client.example"]}', {"control jane@client.example", "control joe@client.example"}),
        ('{"a": "x\r\n y", "to": "jane@client.example"}', {"control jane@client.example"}),
        ('{"u": "https://click.example/jane%40client.example"}', {"mentioned jane@client.example"}),
        # the last of a name counts, and the first is not lost
        ('{"to": "joe@client.example", "to": "jane@client.example"}', {"control jane@client.example", "mentioned joe@client.example"}),
        # no JSON
        ('{"to": ["jane@client.example"', {"mentioned jane@client.example"}),
        ('{"to": "jane\\u0040client.example",}', {"mentioned jane@client.example"}),
        ("to: jane@client.example", {"mentioned jane@client.example"}),
        ('{"to": "jane@client.example", "n": ' + "9" * 5000 + "}", {"mentioned jane@client.example"}),
        ("", set()),
        ("null", set()),
        ("[" * 100_000, set()),
        ('{"a":' * 100_000 + '"jane@client.example"', {"mentioned jane@client.example"}),
        ("[" * 100_000 + '"jane@client.example"' + "]" * 100_000, {"mentioned jane@client.example"}),
    ],
    ids=lambda value: str(value)[:60],
)  # fmt: skip
def test_sendgrid_parameters(value: str, found: set[str]) -> None:
    assert shows("X-SMTPAPI", value) == found


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ('{"cc": "a@b.example", "bcc": ["c@d.example", {"email": "e@f.example", "name": "g@h.example"}]}', {"cc a@b.example", "control c@d.example", "control e@f.example", "mentioned g@h.example"}),
        ('{"archive": {"email": ["a@b.example"]}, "bcc": 7}', {"control a@b.example"}),
        ("[]", set()),
    ],
)  # fmt: skip
def test_sparkpost_parameters(value: str, found: set[str]) -> None:
    assert shows("X-MSYS-API", value) == found


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ('{"a@b.example": {"by": "c@d.example"}, "": 1}', {"control a@b.example", "mentioned c@d.example"}),
        ('{"a\\u0040b.example": {}, "a\\u0040b.example": {"by": "c@d.example"}}', {"control a@b.example", "mentioned c@d.example"}),
        ('["a@b.example"]', {"mentioned a@b.example"}),
        ("7", set()),
    ],
)  # fmt: skip
def test_mailgun_recipient_variables(value: str, found: set[str]) -> None:
    assert shows("X-Mailgun-Recipient-Variables", value) == found


def test_objects_nest_without_end_and_repeat_their_names() -> None:
    value = '{"a": 1, "a": ' * 300 + '"x@y.example"' + "}" * 300
    assert shows("X-SMTPAPI", value) == {"mentioned x@y.example"}


# ---- stamps --------------------------------------------------------------------------------------------------

POSTMARK = {"account postmark:44001", "account postmark-server:19000077", "envelope jane+x@client.example"}
MAILGUN = {"account mailgun:9f8e7d", "envelope jane+x@client.example"}
SPARKPOST = {"account sparkpost:30490001", "account sparkpost-subaccount:7", "envelope jane+x@client.example"}
STAMPS = [
    ("X-PM-RCPT", "|{}|", packed("m1|44001|19000077|jane+x@client.example"), POSTMARK),
    ("X-Mailgun-Sid", "{}", packed(json.dumps(["a1b", "jane+x@client.example", "9f8e7d"])), MAILGUN),
    ("X-MSFBL", "x/y=|{}", packed(json.dumps({"r": "jane+x@client.example", "customer_id": 30490001, "subaccount_id": "7"})), SPARKPOST),
]  # fmt: skip


@pytest.mark.parametrize(("name", "around", "stamp", "found"), STAMPS, ids=[name for name, *_ in STAMPS])
def test_a_stamp_is_unpacked_however_it_is_written(name: str, around: str, stamp: str, found: set[str]) -> None:
    for written in (stamp, stamp.rstrip("="), stamp[:20] + "\r\n " + stamp[20:], f" {stamp}\t"):
        assert shows(name, around.format(written)) == found


def test_the_stamp_of_older_momentum_servers_joins_its_parts_with_at_signs() -> None:
    for stamp, found in [
        ("jane@client.example@vmta-1@pool@114-QVD:18199", {"envelope jane@client.example"}),
        ("jane@client.example@vmta-1@pool@", {"envelope jane@client.example"}),
        ("jane@client.example@vmta-1@pool@by@shop.example", {"envelope jane@client.example", "mentioned by@shop.example"}),
        ("jane@client.example", {"mentioned jane@client.example"}),
    ]:  # fmt: skip
        assert shows("X-MSFBL", packed(stamp)) >= found
        assert {text for text in shows("X-MSFBL", packed(stamp)) if text.startswith("envelope")} <= found


@pytest.mark.parametrize("name", [name for name, *_ in STAMPS])
def test_a_stamp_of_another_shape_is_no_account(name: str) -> None:
    for stamp in (
        "",
        "=",
        "!!!!",
        "a",
        packed("x"),
        packed("[]"),
        packed("{}"),
        packed("[1, 2, true]"),
        packed("ä")[:-2],
    ):
        assert shows(name, stamp) == set()
    for text in ("jane@client.example", '["jane@client.example"]', '{"x": "jane@client.example"}'):
        assert shows(name, packed(text)) == {"mentioned jane@client.example"}


# ---- web addresses -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("<mailto:leave@example.com?bcc=copy%40arxxwalls.com>", {"tracking leave@example.com", "mentioned copy@arxxwalls.com"}),
        ("<mailto:leave@example.com?subject=x&amp;BCC=a@b.example,c@d.example>", {"tracking leave@example.com", "mentioned a@b.example", "mentioned c@d.example"}),
        ("<mailto:a@b.example,c%40d.example>, <MAILTO:e@f.example>", {"tracking a@b.example", "tracking c@d.example", "tracking e@f.example"}),
        ("<mailto:a%2Bb@c.example?subject=for%20x@y.example>", {"tracking a+b@c.example", "mentioned x@y.example"}),
        ("<mailto:?to=a@b.example>", {"mentioned a@b.example"}),
        ("<mailto:a@b.example?c@d.example>", {"tracking a@b.example", "mentioned c@d.example"}),
        ("<mailto:leave@exam\r\n ple.com>", {"tracking leave@example.com"}),
        ("mailto:a@b.example, https://click.example.com:8080/x", {"tracking a@b.example", "host click.example.com"}),
        ("<https://u:p@click.example.com/jane%40client.example>", {"mentioned jane@client.example", "host click.example.com", "mentioned p@click.example.com"}),
        ("a@b.example", {"mentioned a@b.example"}),
        ("NO", set()),
    ],
)  # fmt: skip
def test_list_fields(value: str, found: set[str]) -> None:
    hosts = {f"host {text.rpartition('@')[2]}" for text in found if text.startswith("tracking")}
    assert shows("List-Unsubscribe", value) == found | hosts


@pytest.mark.parametrize(
    ("value", "copies"),
    [
        ("<mailto:a@b.example>, <mailto:c@d.example?subject=e@f.example>", []),
        ("<mailto:a@b.example?cc=c@d.example&Bcc=e%40f.example>", [("a@b.example", "c@d.example"), ("a@b.example", "e@f.example")]),
        ("<mailto:a@b.example?subject=x&amp;bcc=c@d.example>", [("a@b.example", "c@d.example")]),
        ("<mailto:a@b.example,c@d.example>", [("a@b.example", "c@d.example")]),
        ("<mailto:?to=a@b.example&%63c=c@d.example>", [("a@b.example", "c@d.example")]),
        ("<https://b.example/?cc=a@b.example>, mailto:a@b.example?cc=c@d.example", [("a@b.example", "c@d.example")]),
        ("<mailto:a@b.example?cc=&bcc=nobody>", []),
        ("<mailto:>, <mailto:?>, mailto:", []),
    ],
)  # fmt: skip
def test_who_else_gets_what_a_link_sends(value: str, copies: list[tuple[str, str]]) -> None:
    assert list(grammar.mailto_copies(value)) == copies


# ---- tags and parameters -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("v=1; d=Example.com; i=@mail.example.com; b=a/b+c==", {"host example.com", "host mail.example.com"}),
        ("v=1; d=example.com; i=jane=2Bx@example.com; b=a", {"host example.com", "identity jane+x@example.com"}),
        ("d=example.com; i=jane\r\n @example.com", {"host example.com", "identity jane@example.com"}),
        ("z=From:shop@shop.example|Bcc:=20copy=40arxxwalls.com", {"mentioned shop@shop.example", "mentioned copy@arxxwalls.com"}),
        ("z=Bcc:=20copy@arxxwalls=2ec\r\n om; s=a@b.example", {"mentioned copy@arxxwalls.com", "mentioned a@b.example"}),
        ("d", set()),
    ],
)  # fmt: skip
def test_signatures(value: str, found: set[str]) -> None:
    assert shows("DKIM-Signature", value) >= found
    assert {text for text in shows("DKIM-Signature", value) if not text.startswith("mentioned")} <= found


@pytest.mark.parametrize("name", ["DKIM-Signature", "ARC-Seal"])
def test_the_bare_domain_of_an_identity_is_no_address(name: str) -> None:
    assert read(name, "v=1; i=@shop.example; d=shop.example").sightings == ()


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("mx.example; spf=pass smtp.mailfrom=example.com smtp.rcptto=<jane@client.example>", {"host example.com", "delivered jane@client.example"}),
        ('mx.example; auth=pass SMTP.AUTH = "a@b.example" header.i=@d.example', {"identity a@b.example", "host d.example"}),
        ("mx.example; dmarc=pass (policy=none) header.from=shop.example", {"host shop.example"}),
        ("mx.example; x=y policy.z=a@b.example", {"mentioned a@b.example"}),
        ("mx.example; spf=pass smtp.mailfrom=shop.example smtp.rcpttodomain=client.example", {"host shop.example", "host client.example"}),
        ("mx.example; none", set()),
    ],
)  # fmt: skip
def test_authentication_results(value: str, found: set[str]) -> None:
    assert {t for t in shows("Authentication-Results", value) if "=" not in t} == found


# ---- accounts ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "found"),
    [
        ("Feedback-ID", "30490001:30490001.20220807:md", {"account mandrill:30490001"}),
        ("Feedback-ID", "30490001:30490001.1234:us1:mc", {"account mailchimp:30490001"}),
        ("Feedback-ID", "s19000077-cmVjZWlwdA==:s19000077:a44001:postmark", {"account postmark-server:19000077", "account postmark:44001"}),
        ("Feedback-ID", "1.us-west-2.dpZ3+4zb8Tw1/c7x=:AmazonSES", {"account ses-feedback:1.us-west-2.dpZ3+4zb8Tw1/c7x="}),
        ("Feedback-ID", "a:b:1.us-west-2.dpZ3=:AmazonSES", {"account ses-feedback:1.us-west-2.dpZ3="}),
        ("Feedback-ID", "::1.us-west-2.dpZ3=:AmazonSES", {"account ses-feedback:1.us-west-2.dpZ3="}),
        ("Feedback-ID", "100012345:7654321:192.0.2.1:sfmktgcld", {"account sfmc:100012345"}),
        ("Feedback-ID", "192.0.2.1:30490001_-1:30490001:Sendinblue", {"account brevo:30490001"}),
        ("X-Report-Abuse", "see https://mandrillapp.com/contact/abuse?id=30490001.0f1e2d", {"account mandrill:30490001"}),
        ("X-Report-Abuse", "see https://mailchimp.com/contact/abuse/?u=5f1c0a9be27d&id=1&e=2", {"account mailchimp-user:5f1c0a9be27d"}),
        *[("X-Report-Abuse", value, set()) for value in ("", "https://mandrillapp.com/contact/abuse?id=x.y", "https://shop.example/contact/abuse?id=3.4")],
        ("List-Unsubscribe", "<http://[2001:DB8::1]:81/u>, <https://192.0.2.1/u>, <https://[x]/u>", {"host [2001:db8::1]", "host 192.0.2.1"}),
        *[("Feedback-ID", value, set()) for value in ("", "md", ":md", "::md", "a:md", "AmazonSES", "a:b:c:elsewhere", "postmark")],
        ("X-SES-SOURCE-ARN", "arn:aws:ses:eu-west-1:123456789012:identity/jane@client.example", {"account ses:123456789012", "identity jane@client.example"}),
        ("X-SES-SOURCE-ARN", "arn:aws-cn:ses:cn-north-1:123456789012:configuration-set/x", {"account ses:123456789012"}),
        ("X-SES-SOURCE-ARN", "a:b:c:d:e:f", set()),
        ("X-SES-SOURCE-ARN", "arn:aws", set()),
        ("X-Job", "44001_19000077", {"account job:44001"}),
        *[("X-Job", value, set()) for value in ("", "44001", "44001_", "_1", "a_b", "44001_x")],
        ("X-Mandrill-User", "md_30490001", {"account mandrill:30490001"}),
        ("X-MC-Subaccount", "", set()),
        ("X-MC-Subaccount", "x" * 300, {"account mandrill-subaccount:" + "x" * 200}),
        ("Received", f"from {packed('19000077')} (unknown)\r\n\tby geopod.example (SG) with HTTP id x", {"account sendgrid:19000077"}),
        ("Received", f"from {packed('jane1234')} (unknown) by geopod.example (SG) with HTTP id x", set()),
        ("Received", "from a.example (SG) by b.example", set()),
        ("List-ID", "Receipts of <Receipts.Example.com>", {"host receipts.example.com"}),
        ("List-ID", "receipts.example.com", {"host receipts.example.com"}),
        ("X-MC-TrackingDomain", "https://click.example.com:8080/x?y#z", {"host click.example.com"}),
        ("X-MC-TrackingDomain", "not_a host -", set()),
    ],
)  # fmt: skip
def test_accounts_and_hosts(name: str, value: str, found: set[str]) -> None:
    assert shows(name, value) == found


def test_a_host_that_gets_mail_or_clicks_is_tracked_in_whatever_field_it_stands() -> None:
    assert {"x-smtpapi", "list-unsubscribe", "archived-at", "x-mc-trackingdomain"} <= TRACKED <= MARKED
    assert "list-help" not in TRACKED


def test_the_accounts_of_a_message() -> None:
    message = Message.from_bytes(b"X-MC-Subaccount: a\r\nFeedback-ID: 3:3.2:md\r\nX-Mandrill-User: md_3\r\n\r\n")
    assert message.accounts == ("mandrill-subaccount:a", "mandrill:3")


# ---- whatever stands there -----------------------------------------------------------------------------------

UNPACKERS = {name: grammar.grammar(name).unpack for name in PACKED}
_SAMPLES = [entry.sample for entry in SAMPLED if entry.reading.unpack]
_PIECES = (
    "@",
    "=",
    "%40",
    "=40",
    "\\u0040",
    '"',
    "{",
    "}",
    "[",
    "]",
    "<",
    ">",
    "|",
    ";",
    ":",
    ",",
    "/",
    "a@b.example",
    " ",
    "\r",
    "\n",
    "ÿ",
    "\x00",
)


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A sample of some field that something happened to."""
    text = draw(st.sampled_from(_SAMPLES))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = draw(st.integers(start, min(len(text), start + 12)))
        text = text[:start] + draw(st.sampled_from(_PIECES) | st.text(max_size=4)) + text[end:]
    return packed(text) if draw(st.integers(0, 4)) == 0 else text


def decoded(text: str) -> str:
    """A value in every way that something may be written, one after the other, without what folding adds."""
    forms = [text]
    for part in re.split(r"[|\s]+", text):
        forms.append(base64_text(part))
    forms.append(base64_text(text.rpartition("|")[2]))
    forms.append(base64_text(text.strip().strip("|")))
    for form in list(forms):
        forms.append(re.sub(r"\\u([0-9A-Fa-f]{4})", lambda m: chr(int(m[1], 16)), form))
    for form in list(forms):
        forms.append(re.sub(r"%([0-9A-Fa-f]{2})", lambda m: chr(int(m[1], 16)), form))
        forms.append(re.sub(r"=([0-9A-Fa-f]{2})", lambda m: chr(int(m[1], 16)), re.sub(r"\s+", "", form)))
    return re.sub(r"[\s+]", "", "\n".join(forms)).lower()


@pytest.mark.parametrize("name", PACKED)
def test_unpackers_take_anything(name: str) -> None:
    unpack = UNPACKERS[name]
    assert unpack is not None

    @given(st.text() | mutated())
    @example("[" * 100_000)
    @example('{"a":' * 100_000)
    @example("bounces+1-a-=@")
    def check(value: str) -> None:
        whole = decoded(value) if len(value) < 10_000 else ""
        for found in unpack(value):
            assert isinstance(found, Name)
            assert found.kind in ("address", "host", "account")
            if found.kind == "address" and "@" in found.value and value.isascii():
                domain = re.sub(r"[\s+]", "", found.value.rpartition("@")[2]).lower()
                assert domain in whole

    check()


@given(st.sampled_from(sorted(CATALOGUE)), st.text() | mutated())
def test_every_field_takes_anything(name: str, value: str) -> None:
    message = Message.from_items([(name, value)])
    if CATALOGUE[name].reading.decode is None:
        assert (
            max(Counter((s.address, s.role, s.field, s.occurrence) for s in message.sightings).values(), default=1) == 1
        )
    for mark in message.marks:
        assert mark.kind in ("host", "account")
        assert mark.value == mark.value.strip() != ""


@given(st.text() | mutated(), st.sampled_from(["X-Made-Up", "X-SMTPAPI", "List-Unsubscribe", "Feedback-ID", "X-PM-RCPT", "DKIM-Signature", "Authentication-Results", "X-MC-TrackingDomain", "Autocrypt"]))  # fmt: skip
@example("=0", "DKIM-Signature")
@example("z=0", "DKIM-Signature")
@example("d=", "DKIM-Signature")
@example("md_", "X-MC-TrackingDomain")
def test_whatever_stands_around_an_address_does_not_hide_it(around: str, name: str) -> None:
    around = re.sub(r"[^ -~]|=\?", "", around)
    message = read(name, f"{around} copy@arxxwalls.com")
    assert "copy@arxxwalls.com" in {str(s.address) for s in message.sightings}
