"""No address that another reader finds in a destination or originator field is missing here.

Three readers: mail-parser, `email.utils.getaddresses` (lenient, where it can be told to be), fast-mail-parser. What
they find and this library does not is either a loss or stands in the table below with the reason.
"""

from __future__ import annotations

import email.parser
import email.utils
import importlib.util
import inspect
import logging
import re
from collections.abc import Callable, Iterable, Iterator

import pytest

from headerguard.address import Address, to_a_label
from headerguard.message import Message
from needs import require, shared

FIELDS = (
    "from",
    "sender",
    "reply-to",
    "to",
    "cc",
    "bcc",
    "resent-from",
    "resent-sender",
    "resent-reply-to",
    "resent-to",
    "resent-cc",
    "resent-bcc",
)

Found = dict[str, set[str]]
"""Comparison forms by field."""

WRONG: dict[tuple[str, str, str], str] = {
    # (file, field, what they say): why it is no address. "From: <@test.com, @test.ru:test@attack.com>" is a route
    # (RFC 5322 section 4.4); it is read here as test@attack.com, and the hosts before the colon are no part of it.
    ("rspamd-rspamd__phish_sender6.eml", "from", "@test.ru"): "a part of a source route",
    (
        "rspamd-rspamd__phish_sender6.eml",
        "from",
        "@test.com, @test.ru:test@attack.com",
    ): "a source route with the address behind it",
}


def comparable(spec: str) -> str:
    """An addr-spec as the readers spell it, in one form; what no UTF-8 spells is shown in different ways."""
    local, _, domain = spec.strip().rpartition("@")
    if len(local) > 1 and local[0] == local[-1] == '"':
        local = re.sub(r"\\(.)", r"\1", local[1:-1], flags=re.DOTALL)
    key = Address(re.sub(r"\s*\.\s*", ".", local.strip()), to_a_label(domain.strip().rstrip("."))).key
    return re.sub(r"[^\x00-\x7f]+", "\ufffd", key)


def listed(values: Iterable[str]) -> set[str]:
    """What `getaddresses` finds in values; the strict mode of newer versions drops whole fields."""
    lenient = {"strict": False} if "strict" in inspect.signature(email.utils.getaddresses).parameters else {}
    unfolded = [re.sub(r"\r?\n(?=[ \t])", "", value) for value in values]
    return {comparable(spec) for _, spec in email.utils.getaddresses(unfolded, **lenient) if "@" in spec}


def standard_library(octets: bytes) -> Found:
    parsed = email.parser.BytesHeaderParser().parsebytes(octets)
    found: Found = {}
    for name, value in parsed.raw_items():
        if name.lower() in FIELDS:
            text = str(value).encode("utf-8", "surrogateescape").decode("utf-8", "replace")
            found.setdefault(name.lower(), set()).update(listed([text]))
    return found


def mail_parser(octets: bytes) -> Found:
    import mailparser

    logging.getLogger("mailparser").setLevel(logging.CRITICAL)
    parsed = mailparser.parse_from_bytes(octets)
    names = ("from", "to", "cc", "bcc", "reply-to")
    return {
        name: {comparable(pair[1]) for pair in getattr(parsed, name.replace("-", "_")) or [] if "@" in pair[1]}
        for name in names
    }


def fast_mail_parser(octets: bytes) -> Found:
    import fast_mail_parser as fast

    parsed = fast.parse_email(octets)
    found: Found = {}
    for name, values in parsed.headers.items():  # names keep a blank before the colon
        if name.strip().lower() in FIELDS:
            found.setdefault(name.strip().lower(), set()).update(listed(values))
    for name in ("from_", "to", "cc", "bcc", "reply_to"):
        addresses = getattr(parsed, name)
        for address in addresses if isinstance(addresses, list) else [addresses]:
            if address is not None and "@" in (address.address or ""):
                field = name.rstrip("_").replace("_", "-")
                found.setdefault(field, set()).add(comparable(address.address))
    return found


def ours(octets: bytes) -> Found:
    found: Found = {}
    for sighting in Message.from_bytes(octets).sightings:
        found.setdefault(sighting.field, set()).add(comparable(str(sighting.address)))
    return found


def fixtures() -> Iterator[tuple[str, bytes]]:
    for path in sorted(shared("corpus", "parser-fixtures").glob("*.eml")):
        yield path.name, path.read_bytes()


# The other readers warn about what they meet.
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("reader", "refused"),
    [(standard_library, 1), (mail_parser, 1), (fast_mail_parser, 15)],
    ids=["getaddresses", "mail-parser", "fast-mail-parser"],
)
def test_what_another_reader_sees_is_seen(reader: Callable[[bytes], Found], refused: int) -> None:
    """`refused`: as many of the fixtures as the reader may fail on outright, so that it is really asked."""
    if reader is fast_mail_parser:
        present = importlib.util.find_spec("fast_mail_parser") is not None
        require("fast-mail-parser", present, "the package fast-mail-parser is not installed")
    missing: list[tuple[str, str, str]] = []
    seen = failures = 0
    for name, octets in fixtures():
        try:
            theirs = reader(octets)
        except Exception:  # a sender can switch some readers off; here that is no finding
            failures += 1
            continue
        mine = ours(octets)
        for field, specs in theirs.items():
            seen += len(specs)
            missing += [(name, field, spec) for spec in sorted(specs - mine.get(field, set()))]
    assert [entry for entry in missing if entry not in WRONG] == []
    assert failures <= refused
    assert seen > 500


def test_every_exception_in_the_table_is_one() -> None:
    """An entry that no longer names a difference is a hole."""
    named = {name for name, _, _ in WRONG}
    for name, octets in fixtures():
        if name in named:
            mine = ours(octets)
            for file, field, spec in WRONG:
                assert file != name or comparable(spec) not in mine[field]
            assert mine["from"] == {"test@attack.com"}
