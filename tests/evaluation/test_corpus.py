"""Real mail that nobody here wrote: all of it is read, every place is right, and clean mail raises few findings.

How an item becomes octets: a member of an archive is its own octets, whatever it is (a message, a header block, a
payload). A JSON payload is also searched for what carries a header: lists of names and values, and strings that start
with a field. A record of the header-only histories is written out as the few fields it stands for.
"""

from __future__ import annotations

import base64
import contextlib
import csv
import gzip
import json
import re
import string
import tarfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any

import pytest

from headerguard.address import Address
from headerguard.address_list import Tier
from headerguard.finding import Severity
from headerguard.guard import Guard
from headerguard.header import decode_words
from headerguard.message import Message, Sighting
from needs import shared

ITEMS = 27_559
"""Members of all archives, as the manifest counts them."""


@dataclass
class Survey:
    """What reading the archives gave."""

    items: int = 0
    messages: int = 0
    sightings: int = 0
    raised: list[tuple[str, str]] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)
    misplaced: list[tuple[str, str]] = field(default_factory=list)
    flagged: Counter[str] = field(default_factory=Counter)
    where: dict[str, str] = field(default_factory=dict)


@pytest.fixture(scope="module")
def survey() -> Survey:
    """Read everything once."""
    found = Survey()
    guard = Guard()
    with shared("corpus", "MANIFEST.tsv").open(encoding="utf-8") as file:
        names = [row["file"] for row in csv.DictReader(file, delimiter="\t")]
    for name in names:
        with tarfile.open(shared("corpus", *name.split("/"))) as archive:
            for member in archive:
                content = archive.extractfile(member) if member.isfile() else None
                if content is not None:
                    found.items += 1
                    for octets in _octets(member.name, content.read()):
                        _judge(found, guard, f"{name}: {member.name}", octets)
    real = found.flagged.copy()
    for path in sorted(shared("corpus", "parser-fixtures").glob("*.eml")):
        _judge(found, guard, path.name, path.read_bytes())
    found.flagged = real  # those are broken on purpose
    return found


def _octets(name: str, content: bytes) -> Iterator[bytes]:
    yield content
    if name.endswith(".json"):
        try:
            yield from _headers(json.loads(content))
        except ValueError:  # a payload in another encoding, or a form: read as octets above
            return


def _headers(value: Any) -> Iterator[bytes]:
    """What looks like a header block anywhere in a payload."""
    if isinstance(value, str):
        if re.match(r"[A-Za-z-]+:[ \t]", value):
            yield value.encode("utf-8", "surrogatepass")
        elif value.startswith(("{", "[")):
            try:
                yield from _headers(json.loads(value))
            except ValueError:
                return
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _headers(inner)
    elif isinstance(value, list):
        pairs = [_pair(item) for item in value]
        if pairs and all(pairs):
            yield "".join(f"{name}: {text}\r\n" for pair in pairs if pair for name, text in [pair]).encode()
        for inner in value:
            yield from _headers(inner)


def _pair(item: Any) -> tuple[str, str] | None:
    if isinstance(item, dict):
        lower = {str(name).lower(): inner for name, inner in item.items()}
        item = [lower.get("name"), lower.get("value")]
    if isinstance(item, list) and len(item) == 2 and all(isinstance(text, str) for text in item):
        return item[0], item[1]
    return None


def _judge(survey: Survey, guard: Guard, name: str, octets: bytes) -> None:
    survey.messages += 1
    try:
        message = Message.from_bytes(octets)
        sightings, defects = message.sightings, message.defects
        report = guard.check(message)
        texts = [part.text for part in message.header.fields]
    except Exception as error:  # every exception is what this test is about
        survey.raised.append((name, repr(error)))
        return
    survey.sightings += len(sightings)
    survey.failed += [(name, failure.error) for failure in report.failures]
    block = b"".join(part.octets for part in message.header.fields)
    if not octets.startswith(block) or len(texts) != len(message.header.lines):
        survey.misplaced.append((name, "the fields are not the header"))
    survey.misplaced += [(name, repr(s)) for s in sightings if not _is_in_place(s, octets)]
    survey.misplaced += [
        (name, repr(d)) for d in defects if d.span is None or not 0 <= d.span[0] <= d.span[1] <= len(block)
    ]
    for rule in {finding.rule for finding in report.findings if finding.severity >= Severity.MEDIUM}:
        survey.flagged[rule] += 1
        survey.where.setdefault(rule, name)


def _is_in_place(sighting: Sighting, octets: bytes) -> bool:
    if sighting.span is None:
        return False
    if sighting.tier is Tier.CANDIDATE:
        return True
    cited = octets[slice(*sighting.span)].decode("latin-1")
    letters = [letter for letter in sighting.address.local_part if letter in string.ascii_letters]
    return any(_in_order(letters, text) for text in (cited, decode_words(cited), *_stamps(cited)))


def _in_order(letters: list[str], text: str) -> bool:
    rest = iter(text)
    return all(letter in rest for letter in letters)


def _stamps(value: str) -> Iterator[str]:
    """What base64 between bars says."""
    for part in value.split("|"):
        with contextlib.suppress(ValueError):
            yield base64.b64decode("".join(part.split()).rstrip("=") + "==").decode("latin-1")


def test_all_of_it_is_read(survey: Survey) -> None:
    assert survey.items == ITEMS
    assert survey.messages > ITEMS
    assert survey.raised == []


def test_no_rule_fails(survey: Survey) -> None:
    assert survey.failed == []


def test_every_place_holds_what_stands_there(survey: Survey) -> None:
    assert survey.sightings > 100_000
    assert survey.misplaced == []


def test_a_rule_without_history_fires_on_one_in_ten_thousand_or_ships_as_low(survey: Survey) -> None:
    """The promise of the house for mail without declared recipients, at the level that fails a check."""
    allowed = survey.items / 10_000
    often = {rule: (count, survey.where[rule]) for rule, count in survey.flagged.items() if count > allowed}
    assert often == {}


@pytest.mark.parametrize("name", ["enron_internal", "kernel_people", "kernel_robots"])
def test_a_history_of_known_recipients_is_read_back(name: str) -> None:
    """Here the truth is known: the record says who stands in which field."""
    path = shared("corpus", "leaks", f"{name}.jsonl.gz")
    count = 0
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            record = json.loads(line)
            message = Message.from_bytes(_block(record))
            for role in ("from", "to", "cc", "bcc", "reply_to"):
                said = record.get(role) or []
                wanted = [_key(spec) for spec in ([said] if isinstance(said, str) else said)]
                seen = [s.address.key for s in message.sightings if s.field == role.replace("_", "-")]
                assert seen == wanted, record
            assert set(message.hidden) <= set(record["bcc"])
            count += 1
    assert count > 10_000


def _key(spec: str) -> str:
    local, _, domain = spec.rpartition("@")
    return Address(local, domain.lower()).key


def _block(record: dict[str, Any]) -> bytes:
    lines = [f"Date: {formatdate(record['date'])}", f"Subject: {record.get('subject', '')}"]
    for role in ("from", "to", "cc", "bcc", "reply_to"):
        if said := record.get(role):
            name = role.replace("_", "-").title()
            lines.append(f"{name}: " + (said if isinstance(said, str) else ",\r\n\t".join(said)))
    return ("\r\n".join(lines) + "\r\n\r\n").encode()
