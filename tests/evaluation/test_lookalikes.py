"""How many imitations of real names are told, with the right original, and how many unrelated names are called one.

The imitations come from dnstwist and from ICU's table of confusables, where these are installed; the unrelated names
are the registrable domains of the shared corpus.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import random
import re
import tarfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from headerguard.address import BUNDLED, to_a_label
from headerguard.lookalike import Lookalikes
from needs import shared

HERE = Path(__file__).parent
WORDS = ["account", "billing", "support", "secure", "login", "verify", "update", "payment", "service", "online", "www"]
SUFFIXES = [
    "com",
    "net",
    "org",
    "co",
    "info",
    "biz",
    "io",
    "de",
    "eu",
    "us",
    "shop",
    "online",
    "app",
    "co.uk",
    "com.br",
]


def known_names() -> list[str]:
    lines = (HERE / "known_domains.txt").read_text(encoding="utf-8").splitlines()
    return [name for line in lines if not line.startswith("#") for name in line.split()]


def optional(name: str) -> Any:
    """An oracle of developers; nothing depends on it, so that it may be absent everywhere."""
    return pytest.importorskip(name, reason=f"{name} is no dependency; install it to measure with it")


@pytest.fixture(scope="module")
def names() -> Lookalikes:
    return Lookalikes(known_names())


def test_imitations_of_every_class_are_told_with_their_original(names: Lookalikes) -> None:
    dnstwist = optional("dnstwist")
    told, asked = Counter[str](), Counter[str]()
    chance = random.Random(1)
    for known in known_names():
        fuzzer = dnstwist.Fuzzer(known, dictionary=WORDS, tld_dictionary=list(SUFFIXES))
        fuzzer.generate()
        made: dict[str, list[str]] = {}
        for entry in fuzzer.domains:
            made.setdefault(entry["fuzzer"], []).append(entry["domain"])
        for kind, domains in made.items():
            for domain in chance.sample(sorted(domains), min(len(domains), 200)):
                if BUNDLED.registrable_domain(to_a_label(domain)) in names:
                    continue  # the name itself, or another of the known ones
                found = names.imitated(domain)
                asked[kind] += 1
                told[kind] += found is not None and found.original == known
    shares = {kind: round(told[kind] / asked[kind], 4) for kind in sorted(asked)}
    print({kind: (asked[kind], share) for kind, share in shares.items()})
    assert len(asked) >= 15
    assert {kind: share for kind, share in shares.items() if share < 0.99} == {}


def test_what_icu_calls_confusable_is_told(names: Lookalikes) -> None:
    icu = optional("icu")
    checker = icu.SpoofChecker()
    similar: dict[str, list[str]] = {}
    for code in range(0x80, 0x1F000):
        char = chr(code)
        if char == char.lower() and char.isalpha():
            target = checker.getSkeleton(0, char)
            if len(target) == 1 and "a" <= target <= "z":
                similar.setdefault(target, []).append(char)
    asked, missed = 0, []
    for known in known_names():
        label, _, suffix = known.partition(".")
        for index, letter in enumerate(label):
            for char in similar.get(letter, ()):
                stranger = f"{label[:index]}{char}{label[index + 1 :]}.{suffix}"
                if BUNDLED.registrable_domain(to_a_label(stranger)) in names:
                    continue  # UTS #46 maps it to the letter itself
                asked += 1
                found = names.imitated(stranger)
                if found is None or found.original != known:
                    missed.append(stranger)
    print(asked, len(missed), missed[:10])
    assert asked > 5_000
    assert len(missed) <= 0.01 * asked


ADDRESS = re.compile(rb"[A-Za-z0-9._%+=-]{1,64}@([A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,6})")
RELAY = re.compile(rb"(?:from|by) ([A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,6})[ \r\n]")
OPEN: dict[str, Any] = {".gz": gzip.open, ".xz": lzma.open, ".bz2": bz2.open}


def texts(folder: Path) -> Iterator[bytes]:
    for path in sorted(folder.rglob("*")):
        if ".tar" in path.name:
            with tarfile.open(path) as archive:
                for member in archive:
                    if member.isfile():
                        file = archive.extractfile(member)
                        assert file is not None
                        yield file.read(60_000)
        elif path.is_file():
            with OPEN.get(path.suffix, open)(path, "rb") as file:
                yield file.read(4_000_000)


@pytest.fixture(scope="module")
def strangers() -> list[str]:
    hosts: set[bytes] = set()
    for text in texts(shared("corpus")):
        hosts.update(ADDRESS.findall(text), RELAY.findall(text))
    listed = BUNDLED._extractor()
    names = {BUNDLED.registrable_domain(host.decode().lower()) for host in hosts}
    return sorted(name for name in names if (parts := listed(name)).suffix and parts.domain)


def test_real_unrelated_names_imitate_nobody(names: Lookalikes, strangers: list[str]) -> None:
    """A name with a known one in it, or the same under another top level, is related or an imitation indeed."""
    labels = {known.partition(".")[0].replace("-", "") for known in known_names()}
    unrelated = [s for s in strangers if not any(label in s.replace("-", "") for label in labels if len(label) > 4)]
    unrelated = [stranger for stranger in unrelated if stranger.partition(".")[0] not in labels]
    found = {stranger: imitation for stranger in unrelated if (imitation := names.imitated(stranger))}
    print(len(unrelated), found)
    assert len(unrelated) > 5_000
    assert len(found) <= len(unrelated) / 1_000


def test_real_names_hardly_imitate_each_other(strangers: list[str]) -> None:
    """A tenth of them against another tenth, in turn, families left aside: one label within the other is one."""
    found, asked = [], 0
    for index in range(10):
        known = strangers[index::10]
        names, labels = Lookalikes(known), {label_of(name) for name in known}
        for stranger in strangers[(index + 1) % 10 :: 10]:
            asked += 1
            if label_of(stranger) not in labels and (imitation := names.imitated(stranger)):
                mine, other = sorted((label_of(stranger), label_of(imitation.original)), key=len)
                if len(mine) < 4 or mine not in other:
                    found.append((stranger, imitation.original))
    print(asked, len(found), found)
    assert asked > 5_000
    assert len(found) <= 3 * asked / 1_000


def label_of(name: str) -> str:
    return name.partition(".")[0].replace("-", "")
