"""Nobody becomes normal by coming often, and nobody who is flagged lowers the power elsewhere."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from headerguard import Envelope, Guard, Message, Report, Severity

STREAMS = ("receipt", "reset", "invoice", "report")
TEAM = ("a@team.example", "b@team.example")


class Mail:
    """A shop with four streams: three to customers, one to the same team, whose archive gets a hidden copy."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.number = 0

    def one(self, stream: str = "", *, to: str = "", more: str = "", reply: str = "", rcpt: str = "") -> Message:
        """The next message, with what was added to it."""
        self.number += 1
        stream = stream or self.random.choice(STREAMS)
        number = self.random.randrange(10_000)
        usual = f"c{number}@client-{number % 997}.example"
        shown = "a@team.example, b@team.example" if stream == "report" else usual
        lines = [
            f"Date: {1 + self.number // 900 % 28} Mar 2026 10:00:00 +0000",
            "From: shop@shop.example",
            f"To: {shown}{', ' + to if to else ''}",
            f"X-PM-Tag: {stream}",
            f"Reply-To: {reply or 'help@shop.example'}",
        ]
        if stream == "report":
            lines.append("Bcc: archive@vault.example")
        octets = "".join(f"{line}\r\n" for line in lines) + more + "\r\n"
        path = ["archive@vault.example"] if stream == "report" else []
        people = [*TEAM] if stream == "report" else [usual]
        paths = (*people, *path, *filter(None, (to, rcpt)))
        return Message.from_bytes(octets.encode(), Envelope("b@bounce.example", paths, complete=True))


def seen(report: Report, name: str) -> bool:
    """Whether somebody is flagged where it counts."""
    grave = [finding for finding in report.findings if finding.severity >= Severity.MEDIUM]
    return any(name in f.subject or any(name in piece.text for piece in f.evidence) for f in grave)


def trained(seed: int = 1, count: int = 400) -> tuple[Guard, Mail]:
    guard, mail = Guard(), Mail(seed)
    for _ in range(count):
        guard.observe(mail.one())
    return guard, mail


def plants() -> Iterator[tuple[str, dict[str, str]]]:
    """Leaks of each kind in each stream."""
    for stream in STREAMS:
        yield "eve@evil.example", {"stream": stream, "more": "Bcc: eve@evil.example\r\n", "rcpt": "eve@evil.example"}
        yield "eve@gmail.com", {"stream": stream, "to": "eve@gmail.com"}
        yield "eve@client-5.example", {"stream": stream, "to": "eve@client-5.example"}
        yield "evil.example", {"stream": stream, "reply": "eve@evil.example"}
        yield "eve@evil.example", {"stream": stream, "rcpt": "eve@evil.example"}
        yield "eve@evil.example", {"stream": stream, "more": "X-MC-BccAddress: eve@evil.example\r\n"}


def recall(guard: Guard) -> list[bool]:
    """Which of the planted leaks are seen; checking learns nothing."""
    mail = Mail(99)
    domain = [(name, mail.one(**lines)) for name, lines in plants()]
    return [
        seen(guard.check(message), name) or seen(guard.check(message), name.rpartition("@")[2])
        for name, message in domain
    ]


def ride(guard: Guard, mail: Mail, name: str) -> list[int]:
    """A rider with an address of his own at every message of the streams to customers; who saw him, by severity."""
    found = []
    for number in range(12):
        report = guard.observe(mail.one(STREAMS[number % 3], to=name))
        found.append(max((f.severity for f in report.findings if f.subject == name), default=0))
    return found


def test_the_plants_are_seen_before_anything_else_happens() -> None:
    guard, _ = trained()
    assert all(recall(guard))


def test_a_burst_of_fresh_domains_is_flagged_to_the_last() -> None:
    """200 messages with a domain of their own each, in Reply-To and in Bcc."""
    for kind in ("reply", "more"):
        guard, mail = trained(count=1_000 if kind == "reply" else 400)
        before = recall(guard)
        missed = []
        for number in range(200):
            name = f"x@fresh-{number}.example"
            value = f"Bcc: {name}\r\n" if kind == "more" else name
            report = guard.observe(mail.one("receipt", **{kind: value}))
            if not (seen(report, f"fresh-{number}.example")):
                missed.append(number)
        assert missed == [], kind
        assert recall(guard) == before
        assert len(guard.incidents) == 200


def test_second_recipients_who_are_always_others_open_their_own_stream_alone() -> None:
    """Three are flagged; then the stream is one for groups, and it says so. Nothing else is any less protected."""
    guard, mail = trained()
    flagged = []
    for number in range(50):
        report = guard.observe(mail.one("receipt", to=f"x@fresh-{number}.example"))
        flagged.append(seen(report, f"fresh-{number}.example"))
    assert flagged == [True] * 3 + [False] * 47
    assert any("a recipient more" in spot for spot in report.blind_spots)
    hidden = guard.check(mail.one("receipt", more="Bcc: copy@arxxwalls.com\r\n"))
    other = guard.check(mail.one("invoice", to="copy@arxxwalls.com"))
    assert seen(hidden, "arxxwalls.com")
    assert seen(other, "arxxwalls.com")


@pytest.mark.parametrize("kind", ["reply", "more", "to"])
def test_a_slow_drip_is_flagged_each_time(kind: str) -> None:
    """One message in fifty."""
    guard, mail = trained()
    before = recall(guard)
    drops = []
    for number in range(1_000):
        drop = number % 50 == 49
        value = "Bcc: eve@drip.example\r\n" if kind == "more" else "eve@drip.example"
        report = guard.observe(mail.one("receipt", **({kind: value} if drop else {})))
        if drop:
            drops.append(seen(report, "drip.example"))
    assert drops == [True] * 20
    assert recall(guard) == before
    (one,) = [i for i in guard.incidents if "drip.example" in i.subject]
    assert one.messages == 20


def quiet(guard: Guard, mail: Mail) -> None:
    """So much usual mail that nobody of whom there is one message gets a good part of all."""
    for _ in range(24):
        guard.observe(mail.one())


def test_a_stranger_who_signs_up_first_is_a_stranger_still() -> None:
    guard, mail = trained()
    for number in range(30):
        lines = f"From: shop@shop.example\r\nTo: eve@evil.example\r\nX-PM-Tag: {STREAMS[number % 3]}\r\n\r\n"
        signed = Message.from_bytes(lines.encode(), Envelope("b@bounce.example", ("eve@evil.example",), complete=True))
        assert guard.observe(signed).findings == ()
        quiet(guard, mail)
    assert all(recall(guard))
    assert seen(guard.observe(mail.one("receipt", more="Bcc: eve@evil.example\r\n")), "evil.example")


def test_whoever_has_a_stream_to_himself_is_a_stranger_in_every_other_role() -> None:
    """His sign-ups make the role of his stream look closed; that vouches for him nowhere, nor in his own stream."""
    guard, mail = trained()
    for _ in range(30):
        lines = "From: shop@shop.example\r\nTo: eve@evil.example\r\nX-PM-Tag: trial\r\n\r\n"
        guard.observe(Message.from_bytes(lines.encode(), Envelope("b@bounce.example", ("eve@evil.example",))))
        quiet(guard, mail)
    assert guard.baseline.streams["-/tag:trial"].roles["to"].closed
    assert not guard.baseline.has_seen("evil.example")
    for stream in ("receipt", "trial"):
        report = guard.check(mail.one(stream, more="Bcc: eve@evil.example\r\n"))
        assert "unfamiliar-blind-recipient" in {f.rule for f in report.findings if f.subject == "evil.example"}, stream


@pytest.mark.parametrize("share", [1, 10])
def test_a_rider_whom_nobody_judges_costs_nothing_elsewhere(share: int) -> None:
    """10,000 messages with him in all of them, or in one in ten."""
    guard, mail = trained()
    clean, other = trained()
    before = recall(guard)
    told = unseen = 0
    for number in range(10_000):
        riding = number % share == 0
        stream = STREAMS[number % 3] if riding else ""
        report = guard.observe(mail.one(stream, to="copy@arxxwalls.com" if riding else ""))
        told += len(report.due)
        unseen += riding and not seen(report, "arxxwalls.com")
    assert unseen == 0
    (one,) = [i for i in guard.incidents if "arxxwalls.com" in i.subject]
    assert one.messages == 10_000 // share
    assert told <= 10
    assert recall(guard) == before
    second = ride(guard, mail, "second@rider.example")
    assert second == ride(clean, other, "second@rider.example")
    assert min(second) >= Severity.HIGH


def test_what_was_flagged_feeds_no_rate() -> None:
    guard, mail = trained()
    before = guard.baseline.novelty.as_dict()
    for number in range(20):
        guard.observe(mail.one("receipt", reply=f"x@fresh-{number}.example"))
    assert guard.baseline.novelty.as_dict() == before
    guard.observe(mail.one("receipt"))
    assert guard.baseline.novelty.as_dict() != before
