"""What honest mail does that looks odd, each beside an attack that looks like it: the one is silent, the other is found.

A pipeline observes a learned stream, then the phenomenon. Nothing that weighs MEDIUM or more may be said of it, neither
while it is new nor when it has become usual; its twin, which differs by one stranger, has to be found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import pytest

from headerguard import Envelope, Finding, Guard, Message, Severity
from headerguard.config import parse

START = datetime(2026, 3, 1, 8, tzinfo=UTC)
USUAL = 80
"""Messages of the stream before the phenomenon, four a day."""
SETTLED = 40
"""Of these, how many nobody looks at."""
STRANGER = "copy@arxxwalls.com"
ARCHIVE = "shop.81c2@vault.example"


def mail(
    number: int,
    *more: str,
    sender: str = "bounce@esp.example",
    to: str = "",
    rcpt: tuple[str, ...] | None = None,
    enveloped: bool = True,
    complete: bool | None = True,
    author: str = "shop@shop.example",
    template: str | None = "receipt",
    days: int = 0,
) -> Message:
    """A receipt to the customer of that number, and what differs from it; `rcpt` goes in the place of the customer."""
    customer = to or f"c{number}@client-{number}.example"
    moment = START + timedelta(hours=6 * number, days=days)
    lines = [f"Date: {moment:%a, %d %b %Y %H:%M:%S} +0000", f"From: {author}", f"To: {customer}", *more]
    lines += [f"X-MC-Template: {template}"] if template else []
    octets = "".join(f"{line}\r\n" for line in lines).encode()
    envelope = Envelope(sender, (customer,) if rcpt is None else rcpt, complete) if enveloped else None
    return Message.from_bytes(octets, envelope, account="shop")


class Phenomenon(NamedTuple):
    """What a stream does, what it does once more, and the same with a stranger in it."""

    usual: Callable[[int], list[Message]]
    clean: Callable[[int], list[Message]]
    attacked: Callable[[int], list[Message]]
    stranger: str = STRANGER


def plain(number: int) -> list[Message]:
    return [mail(number)]


def archived(number: int, *more: str, extra: tuple[str, ...] = ()) -> list[Message]:
    to = f"c{number}@client-{number}.example"
    return [mail(number, f"Bcc: {ARCHIVE}", *more, rcpt=(to, ARCHIVE, *extra))]


def archived_by_the_relay(number: int) -> list[Message]:
    return [mail(number, rcpt=(f"c{number}@client-{number}.example", ARCHIVE))]


def agency(number: int, often: int = 3, agency: str = "") -> list[Message]:
    """Every third invoice goes to the accountant of the customer as well; five agencies have all of them."""
    at = agency or (f"books@ledger-{number % 5}.example" if number % often == 0 else "")
    customer = f"c{number}@client-{number}.example"
    return [mail(number, *([f"Cc: {at}"] if at else []), rcpt=(customer, *filter(None, [at])))]


def expanded(number: int, *more: str, extra: tuple[str, ...] = ()) -> list[Message]:
    """A relay has put the members of an alias in its place."""
    alias = f"team@client-{number}.example"
    members = (f"ann@client-{number}.example", f"ben@client-{number}.example", f"ceo{number}@home-{number}.example")
    return [mail(number, f"X-Original-To: {alias}", *more, to=alias, rcpt=(*members, *extra), complete=None)]


def subscribed(number: int, *more: str) -> list[Message]:
    """A list, each copy of which is for one reader."""
    path = f"news-bounces+r{number}=reader-{number}.example@lists.example"
    fields = ("List-Id: <news.lists.example>", f"Delivered-To: r{number}@reader-{number}.example")
    reader = (f"r{number}@reader-{number}.example",)
    return [
        mail(number, *fields, *more, to="news@lists.example", sender=path, rcpt=reader, complete=False, template=None)
    ]


def listed(number: int) -> list[Message]:
    """The list as its server takes it in, before anybody's copy is made."""
    return [mail(number, "List-Id: <news.lists.example>", to="news@lists.example", enveloped=False, template=None)]


def copied(number: int, *more: str) -> list[Message]:
    """The copy of one reader as it lies in his mailbox: only its return path tells who he is."""
    path = f"Return-Path: <news-bounces+r{number}=reader-{number}.example@lists.example>"
    fields = (path, f"Delivered-To: r{number}@reader-{number}.example", "List-Id: <news.lists.example>", *more)
    return [mail(number, *fields, to="news@lists.example", enveloped=False, template=None)]


def split(number: int, *more: str) -> list[Message]:
    """Each recipient has a transaction of his own."""
    customer = f"c{number}@client-{number}.example"
    receivers = (customer, "finance@shop.example", ARCHIVE, *more)
    return [mail(number, "Cc: finance@shop.example", rcpt=(one,), complete=False) for one in receivers]


def apart(number: int, *more: str) -> list[Message]:
    """Each recipient has a copy of his own, To included; only the return path tells whom the message is for."""
    customer = f"c{number}@client-{number}.example"
    path = f"b+{number:08x}-c{number}=client-{number}.example@esp.example"
    receivers = (customer, "finance@shop.example", ARCHIVE, *more)
    return [mail(number, to=one, sender=path, complete=False) for one in receivers]


def returned(form: str) -> Callable[[int], list[Message]]:
    """Mail with that return path; the number of the message, and a hash of it, differ each time."""

    def made(number: int) -> list[Message]:
        return [mail(number, sender=form.format(n=number, hash=f"{number * 7919:08x}", day=f"{number % 1000:03}"))]

    return made


def nameless(number: int, author: str = "shop@shop.example") -> list[Message]:
    """Mail that nothing names but its author and its subject."""
    return [mail(number, "Subject: Your receipt", template=None, author=author)]


def forwarded(number: int) -> list[Message]:
    """The same, and what somebody wrote to the shop, passed on to whoever is on duty."""
    author, path = f"x{number}@who-{number}.test", f"SRS0=aa{number}=QX=who-{number}.test=x{number}@shop.example"
    passed_on = mail(
        number,
        f"Subject: Question {number}",
        to="support@shop.example",
        rcpt=("duty@phone.example",),
        author=author,
        sender=path,
        template=None,
    )
    return [*nameless(number), passed_on]


def of_the_platform(number: int) -> list[Message]:
    """Nameless mail, and a report by the platform that carries it."""
    author, subject = "MAILER-DAEMON@platform.example", "Subject: Undelivered Mail Returned to Sender"
    bounced = mail(number, subject, author=author, to=f"x{number}@who-{number}.test", sender="", template=None)
    return [*nameless(number), bounced]


def report(number: int, *more: str) -> list[Message]:
    """A receipt, and a report on somebody who wrote first."""
    fields = ("Auto-Submitted: auto-replied", "Subject: Undelivered Mail Returned to Sender", *more)
    return [
        mail(number),
        mail(
            number,
            *fields,
            author="MAILER-DAEMON@shop.example",
            to=f"x{number}@who-{number}.test",
            sender="",
            template=None,
        ),
    ]


def answer(number: int, *more: str) -> list[Message]:
    """A receipt, and an automatic answer to somebody who wrote first."""
    fields = ("Auto-Submitted: auto-replied", f"Subject: Re: question [#{number}]", *more)
    return [
        mail(number),
        mail(
            number, *fields, author="support@shop.example", to=f"x{number}@who-{number}.test", sender="", template=None
        ),
    ]


def tagged(number: int, *more: str) -> list[Message]:
    """The header has a tag that the envelope has not, and the archive one that it never had."""
    customer = f"c{number}@client-{number}.example"
    tag = customer.replace("@", "+shop@")
    return [mail(number, *more, to=tag, rcpt=(customer,)), *archived(number, "Reply-To: help+7@shop.example")]


def resent(number: int, *more: str) -> list[Message]:
    """The same message three times."""
    identified = (f"Message-ID: <{number}@shop.example>", *more)
    return [mail(number, *identified) for _ in range(3)]


def deployed(number: int, *more: str) -> list[Message]:
    """Thirty messages of a template that nobody has seen, a week later; each goes to two people."""
    fields = (f"Bcc: {ARCHIVE}", "Reply-To: help@shop.example", "Cc: c{n}@home-{n}.example", *more)
    numbers = range(number, number + 30)
    return [mail(n, *(line.format(n=n) for line in fields), template="gift-card", days=7) for n in numbers]


VERP = "b+{hash}-c{n}=client-{n}.example@bounces.{at}"
BATV = "prvs=1{day}{hash}=shop@{at}"
SRS = "SRS0=Ab{day}=TT=shop.example=bounce+{n}@{at}"


def at(form: str, domain: str) -> Callable[[int], list[Message]]:
    return returned(form.replace("{at}", domain))


PHENOMENA = {
    "agency": Phenomenon(
        agency,
        lambda n: [*agency(n, 1), *agency(900, agency="books@ledger-new.example")],
        lambda n: [copy for k in range(4) for copy in agency(n + k, agency=STRANGER)],
    ),
    "archive copy": Phenomenon(
        archived,
        lambda n: [*archived(n), *archived_by_the_relay(n + 1), mail(n + 2, f"X-MC-BccAddress: {ARCHIVE}")],
        lambda n: archived(n, f"Bcc: {STRANGER}"),
    ),
    "neighbour in the archive": Phenomenon(
        archived, archived, lambda n: archived(n, extra=("shop.77f0@vault.example",)), "shop.77f0@vault.example"
    ),
    "archive copy of the relay": Phenomenon(
        archived_by_the_relay, archived_by_the_relay, lambda n: archived(n, extra=(STRANGER,))
    ),
    "expansion of an alias": Phenomenon(plain, expanded, lambda n: expanded(n, f"Bcc: {STRANGER}")),
    "expansion of an alias, usual": Phenomenon(expanded, expanded, lambda n: expanded(n, f"Bcc: {STRANGER}")),
    "expansion of a list": Phenomenon(subscribed, subscribed, lambda n: subscribed(n, f"Bcc: {STRANGER}")),
    "expansion of a list, new": Phenomenon(listed, copied, lambda n: copied(n, f"Bcc: {STRANGER}")),
    "split copies": Phenomenon(split, split, lambda n: split(n, STRANGER)),
    "copies apart": Phenomenon(apart, apart, lambda n: apart(n, STRANGER)),
    "neighbour in the archive, apart": Phenomenon(
        apart, apart, lambda n: apart(n, "shop.77f0@vault.example"), "shop.77f0@vault.example"
    ),
    "VERP": Phenomenon(at(VERP, "esp.example"), at(VERP, "esp.example"), at(VERP, "arxxwalls.com")),
    "VERP, new": Phenomenon(returned("bounce@bounces.esp.example"), at(VERP, "esp.example"), at(VERP, "arxxwalls.com")),
    "BATV": Phenomenon(at(BATV, "shop.example"), at(BATV, "shop.example"), at(BATV, "arxxwalls.com")),
    "BATV, new": Phenomenon(returned("shop@shop.example"), at(BATV, "shop.example"), at(BATV, "arxxwalls.com")),
    "SRS": Phenomenon(at(SRS, "relay.example"), at(SRS, "relay.example"), at(SRS, "arxxwalls.com")),
    "forwarded by SRS": Phenomenon(nameless, forwarded, lambda n: nameless(n, author=STRANGER)),
    "forwarded by SRS, usual": Phenomenon(forwarded, forwarded, lambda n: nameless(n, author=STRANGER)),
    "report of a failure": Phenomenon(report, report, lambda n: report(n, f"Bcc: {STRANGER}")),
    "report of the platform": Phenomenon(nameless, of_the_platform, lambda n: nameless(n, author=STRANGER)),
    "report of a failure, new": Phenomenon(plain, report, lambda n: [mail(n, f"Bcc: {STRANGER}", sender="")]),
    "automatic answer": Phenomenon(answer, answer, lambda n: answer(n, f"Reply-To: {STRANGER}")),
    "automatic answer, new": Phenomenon(plain, answer, lambda n: [mail(n, f"Bcc: {STRANGER}", sender="")]),
    "plus-tag": Phenomenon(archived, tagged, lambda n: tagged(n, "Cc: copy+shop@arxxwalls.com"), "copy+shop@arxxwalls.com"),
    "resend": Phenomenon(plain, resent, lambda n: resent(n, f"Bcc: {STRANGER}")),
    "deploy day": Phenomenon(archived, deployed, lambda n: deployed(n, f"Bcc: {STRANGER}")),
}  # fmt: skip
EVERY = pytest.mark.parametrize("phenomenon", PHENOMENA.values(), ids=PHENOMENA.keys())


def observed(guard: Guard, messages: list[Message]) -> Iterator[Finding]:
    """What weighs MEDIUM or more."""
    for message in messages:
        report = guard.observe(message)
        assert report.failures == ()
        yield from (finding for finding in report.findings if finding.severity >= Severity.MEDIUM)


def trained(phenomenon: Phenomenon) -> tuple[Guard, list[Finding]]:
    """A guard that has seen what is usual, and what it said of the later half."""
    guard = Guard()
    said = [list(observed(guard, phenomenon.usual(number))) for number in range(USUAL)]
    return guard, [finding for findings in said[SETTLED:] for finding in findings]


@EVERY
def test_an_honest_phenomenon_is_silent(phenomenon: Phenomenon) -> None:
    guard, said = trained(phenomenon)
    assert [(finding.rule, finding.subject) for finding in said] == []
    later = [list(observed(guard, phenomenon.clean(USUAL + 10 * count))) for count in range(8)]
    assert [(f.rule, f.subject) for findings in later for f in findings] == []


@EVERY
def test_its_attacked_twin_is_found(phenomenon: Phenomenon) -> None:
    guard, _ = trained(phenomenon)
    found = list(observed(guard, phenomenon.attacked(USUAL)))
    domain = phenomenon.stranger.rpartition("@")[2]
    named = {text for f in found for text in (f.subject, *(piece.text for piece in f.evidence))}
    assert phenomenon.stranger in named or domain in {f.subject for f in found}


# ---- a migration, which is one change ------------------------------------------------------------------------


def sent_by(esp: str, number: int, *more: str, days: int = 0) -> list[Message]:
    """One message of each of three streams, and all of what an ESP puts its own name to."""
    fields = (f"DKIM-Signature: v=1; d={esp}; s=k{days}; b=c2ln", f"List-Unsubscribe: <https://click.{esp}/{number}>")
    path = f"b-{number:05}@bounces.{esp}"
    streams = ("receipt", "welcome", "invoice")
    return [mail(number, *fields, *more, sender=path, template=name, days=days) for name in streams]


MIGRATION = Phenomenon(
    lambda n: sent_by("relay-one.example", n),
    lambda n: sent_by("postway.example", n, days=7),
    lambda n: sent_by("postway.example", n, f"Bcc: {STRANGER}", days=7),
)


def test_a_migration_is_one_incident_of_all_streams_and_no_page() -> None:
    guard, said = trained(MIGRATION)
    assert said == []
    opened, rules = set(), set()
    for number in range(USUAL, USUAL + 20):
        for message in MIGRATION.clean(number):
            report = guard.observe(message)
            assert (report.worst or 0) < Severity.HIGH
            opened |= {(incident.account, incident.subject) for incident in report.incidents}
            rules |= {finding.rule for finding in report.findings}
    assert opened == {("shop", "postway.example")}
    assert rules == {"unfamiliar-bounce-path", "unfamiliar-signing-domain", "unfamiliar-tracking-host"}


def test_a_migration_that_was_announced_is_silent_and_its_attacked_twin_is_found() -> None:
    trusting = Guard(config=parse({"own-domains": ["postway.example"]}))
    for number in range(USUAL):
        list(observed(trusting, MIGRATION.usual(number)))
    assert [f for n in range(20) for f in observed(trusting, MIGRATION.clean(USUAL + n))] == []
    found = list(observed(trusting, MIGRATION.attacked(USUAL + 20)))
    assert {(f.subject, f.severity) for f in found} >= {("arxxwalls.com", Severity.HIGH)}


def test_a_stranger_on_the_day_of_a_migration_is_an_incident_of_his_own() -> None:
    guard, _ = trained(MIGRATION)
    found = list(observed(guard, MIGRATION.attacked(USUAL)))
    assert {f.subject for f in found} == {"postway.example", "arxxwalls.com"}
    assert {f.severity for f in found if f.subject == "arxxwalls.com"} == {Severity.HIGH}


def test_a_new_key_of_the_same_signer_is_no_change() -> None:
    guard, _ = trained(MIGRATION)
    assert list(observed(guard, sent_by("relay-one.example", USUAL, days=9))) == []
