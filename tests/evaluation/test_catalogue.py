"""The catalogue of the package against the research data: every confirmed field, every field of real mail."""

from __future__ import annotations

import csv
import json
import re
import tarfile
from collections import Counter
from typing import Any

import pytest

from headerguard.fields import ANY, FIELDS, entry_of
from headerguard.message import Message
from headerguard.stream import _KEYS, levels
from needs import shared

ROLES = {
    "recipient-envelope": {"envelope", "delivered"},
    "recipient-visible": {"to", "cc", "resent_to", "resent_cc"},
    "recipient-hidden": {"bcc", "resent_bcc", "control", "envelope"},
    "identity": {"from", "sender", "identity", "resent_from"},
    "stream": {"mentioned", "identity"},
    "unknown": {"mentioned"},
}
"""Role in the research data to roles of the house; any other keeps its name."""
STAGES = {"both": "any", "bounce": "delivered"}
ARGUED = {
    "Received": "the address of a relay is for whom it was, which is a delivery",
    "Received-SPF": "a receiver repeats what it saw, and what it repeats stands elsewhere",
    "MMHS-Exempted-Address": "names who does not get the message",
    "MMHS-Other-Recipients-Indicator-To": "names who gets it by other means",
    "MMHS-Other-Recipients-Indicator-CC": "names who gets it by other means",
    "Jabber-ID": "no mail goes there",
    "HP-Outer": "repeats outer fields; what they say is read where they stand",
    "List-ID": "identifies a list, as well as a stream",
    "Autocrypt-Gossip": "makes nobody a recipient",
    "X-Complaints-To": "an address of the ESP, to which no bounce goes",
    "X-CSA-Complaints": "an address of the ESP, to which no bounce goes",
    "X-MC-MergeVars": "values for a recipient that another field names",
    "X-Mailgun-Recipient-Variables": "keys make recipients of a batch",
}
"""Fields whose role differs, and why."""


def confirmed() -> list[dict[str, Any]]:
    entries = json.loads(shared("fields", "fields.json").read_text(encoding="utf-8"))
    return [entry for entry in entries if not entry["unconfirmed"]]


def test_every_confirmed_field_has_its_role_stage_and_a_grammar() -> None:
    lines = {line.name.lower(): line for line in FIELDS}
    wrong = []
    for entry in confirmed():
        if entry["name"] == "(any other field)":
            assert entry_of("x-never-heard-of") is ANY
            continue
        # a name with a remark shares its field with others: "Return-Path (SendGrid)", "X-MC-* (other)"
        line = lines.get(re.sub(r" \([^()]*\)$", "", entry["name"]).lower())
        if line is None:
            wrong.append((entry["name"], "is missing"))
            continue
        kinds = {path["kind"] for path in entry["addresses"]} - {"stream-key", "ip"}
        if ":" in entry["name"]:
            assert line.grammar == "none"  # envelope, parts and body are read by the sources, not as fields
            continue
        if kinds and line.grammar == "none":
            wrong.append((entry["name"], f"is not looked into for {kinds}"))
        roles = line.roles if "(" in entry["name"] else {line.role}
        if kinds and roles.isdisjoint(ROLES.get(entry["role"], {entry["role"]})) and line.name not in ARGUED:
            wrong.append((entry["name"], f"{entry['role']} became {line.role}"))
        if line.stage != STAGES.get(entry["stage"], entry["stage"]) and "(" not in entry["name"]:
            wrong.append((entry["name"], f"{entry['stage']} became {line.stage}"))
    assert wrong == []


def test_a_pattern_of_names_is_a_family() -> None:
    for entry in confirmed():
        if entry["match"] == "regex" and entry["name"].rstrip(")").endswith(("*", "(other")):
            family = re.sub(r" \(other\)$", "", entry["name"])
            name = family.replace("*", "made").lower()
            assert re.fullmatch(entry["pattern"], name, re.IGNORECASE)
            assert entry_of(name).name == family or entry_of(name) is ANY


def test_every_field_of_the_census_has_an_entry_of_its_own() -> None:
    with shared("corpus", "census.tsv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert len(rows) == 150
    assert [row["field"] for row in rows if entry_of(row["field"]) is ANY] == []


SAMPLES = {
    "X-MC-Template": "receipt|main",
    "X-SMTPAPI": '{"filters": {"templates": {"settings": {"template_id": "t1"}}}, "category": ["b", "a"]}',
    "X-MSYS-API": '{"campaign_id": "receipt"}',
    "X-SES-MESSAGE-TAGS": "campaign=receipt, order=77123456",
    "List-ID": "Receipts <Receipts.Example.com>",
}


def test_every_field_that_names_a_stream_does() -> None:
    keys = json.loads(shared("fields", "stream_keys.json").read_text(encoding="utf-8"))
    ranked = [rank for rank in keys["precedence"] if 1 <= rank["rank"] <= 4]
    texts = " ".join(key for rank in ranked for key in rank["keys"])
    fields = sorted({*re.findall(r"\bX-[A-Za-z-]+", texts), "List-ID"})
    assert len(fields) >= 14
    read = {name for name, _, _ in _KEYS}
    assert [name for name in fields if name.lower() not in read] == []
    for name in fields:
        found = next(levels(Message.from_bytes(f"{name}: {SAMPLES.get(name, 'receipt')}\r\n\r\n".encode()).header))
        assert found.kind in ("template", "campaign", "tag", "list"), name
    for text in keys["never_use"]:
        for name in re.findall(r"[A-Za-z]+-[A-Za-z-]+", text):
            assert name.lower() not in read


WORD = re.compile(r"[A-Za-z0-9_.+-]*[A-Za-z0-9_+-]@(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z]{2,24}\b")
IDS = {entry.name.lower() for entry in FIELDS if entry.grammar == "message-id"}
"""Fields of ids, whose left-hand sides look like addresses and never are."""


@pytest.mark.parametrize("every", [20])
def test_every_string_that_looks_like_an_address_is_seen_where_it_stands(every: int) -> None:
    lost: Counter[str] = Counter()
    where: dict[str, tuple[str, str]] = {}
    words = 0
    with shared("corpus", "MANIFEST.tsv").open(encoding="utf-8") as file:
        names = [row["file"] for row in csv.DictReader(file, delimiter="\t") if "anymail" not in row["file"]]
    for name in names:
        with tarfile.open(shared("corpus", *name.split("/"))) as archive:
            for number, member in enumerate(archive):
                content = archive.extractfile(member) if number % every == 0 and member.isfile() else None
                if content is None or member.name.endswith(".json"):
                    continue
                message = Message.from_bytes(content.read())
                seen: dict[str, set[str]] = {}
                for sighting in message.sightings:
                    seen.setdefault(sighting.field, set()).add(str(sighting.address).lower())
                for field in message.header.fields:
                    place = field.name.lower()
                    text = re.sub(r"\bid\s+<?\S+@\S+", "", field.text) if place == "received" else field.text
                    for word in () if place in IDS else WORD.findall(text):
                        words += 1
                        # the local part may reach further to the left than the word does
                        if not any(address.endswith(word.lower()) for address in seen.get(place, ())):
                            lost[place] += 1
                            where.setdefault(place, (word, member.name))
    assert words > 20_000
    # top levels of more than 24 letters, which the pattern cuts short, exist only in hostile samples
    assert {place: where[place] for place, count in lost.items() if count > words / 10_000} == {}
