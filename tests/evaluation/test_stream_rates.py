"""Streams of real mail, unedited and with single messages edited: how often machines are flagged, and what is found.

Each list is replayed from the first message to the last by one guard, as it arrived. An alarm counts once for each key
of a finding; the first twenty messages of a stream are not counted.
"""

from __future__ import annotations

import tarfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from functools import cache
from typing import NamedTuple

import pytest

from headerguard import Envelope, Finding, Guard, Message, Role, Severity
from headerguard.address import BUNDLED
from headerguard.profile import CONCEALED, PARTIES, Profile
from headerguard.riders import Company, company_of
from needs import shared

WARM = 20
STRANGER = "arxxwalls.com"
EXPLAINED = {
    ("unfamiliar-author", "googlegroups.com"): "the list began to write in the name of its robots (DMARC)",
    ("unfamiliar-reply-path", "kernel.org"): "the same day: the robot went into Reply-To",
    ("frequent-recipient", "luiz.dentz@gmail.com"): "a maintainer came, whom the robot tells of each of his changes",
    ("unfamiliar-author", "linutronix.de"): "a second robot took over the notices of commits",
    ("unfamiliar-bounce-path", "itu.edu.tr"): "one notice that a university's relay sent again",
    ("unfamiliar-reply-path", "cip-project.org"): "the list moved to another host, which adds Reply-To",
    ("unfamiliar-address", "cip-testing-results@lists.cip-project.org"): "the same move: Sender became the list's own",
}
"""What is left on unedited mail, by rule and subject. All are changes that an operator would want to hear of."""


class Mail(NamedTuple):
    """One message of a stream."""

    stream: str
    number: int
    octets: bytes


@cache
def lists() -> dict[str, list[Mail]]:
    """The automated streams of each source, in order of arrival."""
    found: dict[str, list[Mail]] = {}
    for path in sorted(shared("corpus").glob("*/*-stream-headers.tar.xz")):
        mails = []
        with tarfile.open(path) as archive:
            for place, member in enumerate(archive):
                *_, kind, stream, name = ("", "", *member.name.split("/"))
                if member.isfile() and kind == "auto":
                    content = archive.extractfile(member)
                    assert content is not None
                    time = int(name.rpartition("-")[2].partition(".")[0])
                    mails.append((time, place, stream, content.read()))
        numbers: Counter[str] = Counter()
        found[path.parent.name] = ordered = []
        for _, _, stream, octets in sorted(mails):
            numbers[stream] += 1
            ordered.append(Mail(stream, numbers[stream], octets))
    return found


def alarms(findings: tuple[Finding, ...]) -> list[Finding]:
    return [finding for finding in findings if finding.severity >= Severity.MEDIUM]


@pytest.mark.parametrize("named", [False, True], ids=["as it comes", "with its stream"])
def test_machines_are_flagged_once_in_a_thousand_messages_at_most(named: bool) -> None:
    counted, repeats = 0, 0
    opened: dict[tuple[str, object], tuple[Mail, Finding]] = {}
    for source, mails in lists().items():
        guard = Guard()
        for mail in mails:
            report = guard.observe(mail.octets, stream=mail.stream if named else None)
            assert report.failures == ()
            if mail.number > WARM:
                counted += 1
                for finding in alarms(report.findings):
                    repeats += (source, finding.key) in opened
                    opened.setdefault((source, finding.key), (mail, finding))
    print(f"\n{len(opened)} alarms in {counted:,} messages, {repeats:,} repeats")
    for (source, _), (mail, finding) in opened.items():
        print(f"  {source} {mail.stream} {mail.number}: {finding.rule} {finding.subject}")
    assert counted > 7_000
    assert [(f.rule, f.subject) for _, f in opened.values() if (f.rule, f.subject) not in EXPLAINED] == []
    assert len(opened) * 1_000 <= counted


# ---- edits ---------------------------------------------------------------------------------------------------


class Edit(NamedTuple):
    """A way in: what is done to a message, and whether the stream is protected against it, as its profile says."""

    change: Callable[[bytes, str], tuple[bytes, Envelope | None]]
    protected: Callable[[Profile, str, Company], bool]


def first(line: str) -> Callable[[bytes, str], tuple[bytes, None]]:
    """A field on top of the header."""
    return lambda octets, address: (f"{line.format(address)}\r\n".encode() + octets, None)


def swapped(octets: bytes, address: str) -> tuple[bytes, None]:
    """Another Reply-To, in the place of any."""
    lines: list[bytes] = []
    for line in octets.splitlines(keepends=True):
        held = line[:1] in b" \t" and bool(lines) and not lines[-1]
        lines.append(b"" if held or line.lower().startswith(b"reply-to:") else line)
    return f"Reply-To: <{address}>\r\n".encode() + b"".join(lines), None


def enveloped(octets: bytes, address: str) -> tuple[bytes, Envelope]:
    """A recipient that the envelope alone names, beside those of the header."""
    shown = [str(r.address) for r in Message.from_bytes(octets).recipients if not r.hidden]
    return octets, Envelope(None, (*shown, address), complete=True)


VISIBLE = frozenset((Role.TO, Role.CC))


def closed(*roles: Role) -> Callable[[Profile, str, Company], bool]:
    """Where a domain is none that a closed role has shown."""
    return lambda profile, domain, _: any(
        profile.closed(role) and not profile.knows(role, domain) and (role not in VISIBLE or profile.trend(role).closed)
        for role in roles
    )


def constant(shape: str, *roles: Role) -> Callable[[Profile, str, Company], bool]:
    """Where one recipient more is beyond a constant shape as well; who is at home with the author is no party."""

    def protected(profile: Profile, domain: str, company: Company) -> bool:
        count = len(set(company.shown.values())) if shape == PARTIES else len(company.hidden)
        return profile.is_beyond(shape, count, 1_000) or closed(*roles)(profile, domain, company)

    return protected


EDITS = {
    "Bcc": Edit(first("Bcc: {}"), constant(CONCEALED, Role.BCC)),
    "Bcc with a space": Edit(first("Bcc : {}"), constant(CONCEALED, Role.BCC)),
    "X-MC-BccAddress": Edit(first("X-MC-BccAddress: {}"), constant(CONCEALED, Role.CONTROL)),
    "envelope alone": Edit(enveloped, constant(CONCEALED, Role.ENVELOPE)),
    "To": Edit(first("To: {}"), constant(PARTIES, Role.TO)),
    "Cc": Edit(first("Cc: {}"), constant(PARTIES, Role.CC)),
    "Reply-To": Edit(swapped, closed(Role.REPLY)),
}


def strangers(profile: Profile, mail: Message) -> Iterator[tuple[str, str]]:
    """Addresses to plant by kind: at a domain of one's own, of free mail, and at one that To knows."""
    yield "unseen", f"copy@{STRANGER}"
    yield "free mail", "copy4711@gmail.com"
    known = sorted(profile.roles["to"].values or ()) if "to" in profile.roles else []
    home = {s.address.registrable_domain for s in mail.sightings_of((Role.FROM,))}
    for domain in [name for name in known if name not in home][:1]:
        yield "known to To", f"copy4711@{domain}"


def is_named(findings: list[Finding], address: str) -> bool:
    """Whether a finding is about an address, or cites it."""
    domain = address.rpartition("@")[2]
    texts = [text for f in findings for text in (f.subject, *(evidence.text for evidence in f.evidence))]
    return any(address in text or text == domain for text in texts)


def test_an_edit_of_one_message_is_found_where_the_stream_is_protected() -> None:
    """Every fiftieth message of each stream is edited in each way, judged, and learned as it was."""
    tried: defaultdict[tuple[str, str], list[bool]] = defaultdict(list)
    streams: defaultdict[str, list[bool]] = defaultdict(list)
    missed: list[tuple[str, str, str, int]] = []
    open_to: Counter[tuple[str, str]] = Counter()
    for mails in lists().values():
        guard = Guard()
        for mail in mails:
            if mail.number > WARM and mail.number % 50 == 21:
                plain = Message.from_bytes(mail.octets)
                level = next(level for level in plain.levels if guard.baseline.profile(level) is not None)
                profile = guard.baseline.profile(level)
                assert profile is not None
                for way, edit in EDITS.items():
                    for kind, address in strangers(profile, plain):
                        octets, envelope = edit.change(mail.octets, address)
                        edited = Message.from_bytes(octets, envelope)
                        if not edit.protected(profile, address.rpartition("@")[2], company_of(edited, BUNDLED)):
                            open_to[way, kind] += 1
                            continue
                        found = is_named(alarms(guard.check(edited).findings), address)
                        tried[way, kind].append(found)
                        streams[mail.stream].append(found)
                        if not found:
                            missed.append((way, kind, mail.stream, mail.number))
            guard.observe(mail.octets)
    print("\nfound of tried (not protected)")
    for place in sorted(tried.keys() | open_to.keys()):
        print(f"  {' / '.join(place)}: {sum(tried[place])} of {len(tried[place])} ({open_to[place]})")
    for stream, results in sorted(streams.items()):
        print(f"  {stream}: {sum(results)} of {len(results)}")
    print("  missed", Counter(one[:3] for one in missed))
    for place, results in tried.items():
        assert sum(results) >= 0.99 * len(results), place
    assert sum(map(len, tried.values())) > 1_000
