"""Which routine mail is this? A key for each level that a message belongs to, finest first.

A stream is what the sender's system calls it: the caller's own name, the template id, campaign or tag that an ESP field
or event carries, the List-Id (RFC 2919). Without any of these it is the author, refined by the subject with
everything variable masked. All keys live inside the account. Per-send ids are never used.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple, TypeGuard

from headerguard.address_list import Tier, lex
from headerguard.header import Header, decode_octets, decode_words

__all__ = ["NAMED", "UNKNOWN", "Level", "level_key", "level_of", "levels", "mask"]


UNKNOWN = "-"
"""What stands for an account that nobody named."""


class Level(NamedTuple):
    """One level of the stream of a message."""

    kind: str
    """stream, template, campaign, tag, list, author, subject, or account for all of it."""
    value: str
    """The value within the kind; none for all authors of an account together."""
    account: str | None
    """The account that the level lives in."""

    def __str__(self) -> str:
        """How a sentence names it."""
        if self.kind == "account":
            return "this account" if self.account is None else f"account {self.account!r}"
        if self.kind == "author":
            return f"author {self.value}" if self.value else "mail without a stream of its own"
        return f"stream {self.name!r}"

    @property
    def name(self) -> str:
        """How people write it: the bare name they chose, or kind:value."""
        return self.value if self.kind == "stream" else f"{self.kind}:{self.value}"

    @property
    def key(self) -> str:
        """The key in a baseline: account/kind:value; an unknown account is "-"."""
        return _key(self)


@lru_cache(4096)
def _key(level: Level) -> str:
    account = UNKNOWN if level.account is None else level.account.translate(_ESCAPED)
    key = f"{account}/{level.kind}:{level.value}"
    return key if key.isascii() else key.encode("utf-8", "backslashreplace").decode()  # a file holds no surrogates


_ESCAPED = {ord("%"): "%25", ord("/"): "%2F", ord("-"): "%2D"}
"""So that no account can be written to look like another with a stream, or like none."""


def level_of(stream: str, account: str | None = None) -> Level:
    """The level that people mean by a name ("receipts", "template:welcome")."""
    kind, colon, value = stream.partition(":")
    return Level(kind, value, account) if colon and kind in _KINDS else Level("stream", stream, account)


def level_key(account: str | None, stream: str) -> str:
    """The baseline key of a stream as people name it."""
    return level_of(stream, account).key


NAMED = frozenset(("stream", "template", "campaign", "tag", "list"))
"""Kinds of levels that somebody gave a name, in the order in which they are finer."""
_KINDS = NAMED | {"author", "subject", "account"}


def _before_bar(value: str) -> str:
    """X-MC-Template: "name|block" (Mailchimp Transactional)."""
    return value.partition("|")[0].strip()


def _stable_parts(value: str) -> str:
    """Comma-separated tags as a sorted set, without values that look unique."""
    parts = {part.strip() for part in value.split(",")}
    return ",".join(sorted(part for part in parts if part and not _UNIQUE.search(part)))


def _ses_tags(value: str) -> str:
    """X-SES-MESSAGE-TAGS: "template=a, campaign=b"; the tags that name a routine (Amazon SES)."""
    pairs = dict(part.strip().partition("=")[::2] for part in value.split(",") if "=" in part)
    return next((pairs[name] for name in ("template", "campaign", "stream") if pairs.get(name)), "")


def _list_id(value: str) -> str:
    """The identifier inside the brackets (RFC 2919 section 3)."""
    found = re.search(r"<([^<>]+)>", value)
    return (found[1] if found else value).strip().lower()


def _contact_list(value: str) -> str:
    """X-SES-LIST-MANAGEMENT-OPTIONS: "contacts; topic=a" (Amazon SES)."""
    return ";".join(part.strip() for part in value.split(";"))


def _json_object(value: str) -> dict[str, object]:
    """JSON in a field as an object; an empty one for what is none."""
    try:
        data = json.loads(value, strict=False)
    except (ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


def _smtpapi_template(value: str) -> str:
    data: object = _json_object(value)
    for key in ("filters", "templates", "settings", "template_id"):
        data = data.get(key) if isinstance(data, dict) else None
    return data.strip() if isinstance(data, str) else ""


def _smtpapi_category(value: str) -> str:
    data = _json_object(value).get("category")
    return _stable_parts(",".join(filter(_is_text, data if isinstance(data, list) else [data])))


def _msys_campaign(value: str) -> str:
    """X-MSYS-API (SparkPost)."""
    campaign = _json_object(value).get("campaign_id")
    return campaign.strip() if isinstance(campaign, str) else ""


def _is_text(value: object) -> TypeGuard[str]:
    return isinstance(value, str)


def _postmark_tag(value: str) -> str:
    """Feedback-ID of Postmark: base64 of the tag after the first dash, "_" for none (seen in delivered mail)."""
    first, *_, last = value.strip().split(":") if ":" in value else ("", "")
    tag = first.partition("-")[2]
    try:
        return base64.b64decode(tag + "=" * (-len(tag) % 4), validate=True).decode() if last == "postmark" else ""
    except ValueError:
        return ""


def _feedback_tag(value: str) -> str:
    """Feedback-ID: what the sender put first. Postmark: its tag; Amazon SES: the tags ses:feedback-id-a and -b."""
    first, *rest = value.strip().split(":")
    if len(rest) == 3 and rest[-1] == "AmazonSES":
        return _stable_parts(f"{first},{rest[0]}")
    return _postmark_tag(value)


_UNIQUE = re.compile(r"\d{5,}|\d{4}-\d\d-\d\d|[0-9a-f]{8}-?[0-9a-f]{4}", re.IGNORECASE)
_WHOLE = 1 << 16
"""Characters of a value that are read to find a name in it."""

_KEYS: tuple[tuple[str, str, Callable[[str], str]], ...] = (
    ("x-mc-template", "template", _before_bar),
    ("x-smtpapi", "template", _smtpapi_template),
    ("x-mj-templateid", "template", str.strip),
    ("x-template-id", "template", str.strip),
    ("x-mailjet-campaign", "campaign", str.strip),
    ("x-msys-api", "campaign", _msys_campaign),
    ("x-pm-tag", "tag", str.strip),
    ("x-mc-tags", "tag", _stable_parts),
    ("x-smtpapi", "tag", _smtpapi_category),
    ("x-mailgun-tag", "tag", _stable_parts),
    ("x-mailin-tag", "tag", _stable_parts),
    ("x-postal-tag", "tag", _stable_parts),
    ("x-ses-message-tags", "tag", _ses_tags),
    ("feedback-id", "tag", _feedback_tag),
    ("x-ses-configuration-set", "campaign", str.strip),
    ("x-ses-list-management-options", "campaign", _contact_list),
    ("x-xsmailingid", "campaign", _stable_parts),
    ("x-pm-message-stream", "campaign", str.strip),
    ("list-id", "list", _list_id),
)
"""Fields that name a stream, finest first: (wire name, kind, what to take from the value). What the vendor's own
precedence puts higher but covers a whole account as a rule (configuration set, message stream) comes after the tags."""
_KEY_NAMES = frozenset(name for name, _, _ in _KEYS)


def levels(
    header: Header,
    account: str | None = None,
    stream: str | None = None,
    field: str | None = None,
    author: Callable[[], str] | None = None,
    stated: Iterable[tuple[str, str]] = (),
    subject: str = "",
) -> Iterator[Level]:
    """The levels of a message, finest first, at least one; each is worked out when it is asked for.

    Every name that a message has is a level, one a kind, so that a stream survives the loss of one of them. `stream` is
    the caller's own name for it; `field` the header field that the configuration says to take it from; `author` gives
    the address key of the author where the caller has read it already; `stated` are kinds and values that an event
    gives, and `subject` its subject.
    """
    named = set()
    for level in _named(header, account, stream, field, stated):
        if level.kind not in named:
            named.add(level.kind)
            yield level
    who = author() if author else _author(header)
    if not named:
        yield Level("subject", f"{who} {mask(next(_values(header, 'subject'), subject))}", account)
    yield Level("author", who, account)
    # What has no name is mail of people and of machines, too: bounces, replies, what is forwarded.
    yield Level("account" if named else "author", "", account)


def _named(
    header: Header, account: str | None, stream: str | None, field: str | None, stated: Iterable[tuple[str, str]]
) -> Iterator[Level]:
    """The levels that the caller, an event or a field of the message names."""
    if stream:
        yield level_of(stream, account)
    if field and (value := next(_values(header, field.lower()), "")):
        yield Level("stream", value, account)
    for kind, value in stated:
        if taken := (_stable_parts(value) if kind == "tag" else value.strip())[:200]:
            yield Level(kind, taken, account)
    for name, kind, take in _keys_in(header.names & _KEY_NAMES):
        values = _values(header, name, _WHOLE)
        if value := take(",".join(values) if take is _stable_parts else next(values))[:200]:
            yield Level(kind, value, account)


@lru_cache(256)
def _keys_in(present: frozenset[str]) -> tuple[tuple[str, str, Callable[[str], str]], ...]:
    """The fields that name a stream, of those that are there."""
    return tuple(key for key in _KEYS if key[0] in present)


def _values(header: Header, name: str, most: int = 200) -> Iterator[str]:
    for line in header.lines:
        if line[0] == name:
            value = header.text[line[2] : line[3]].strip(" \t\r\n")
            if "\n" in value:
                value = re.sub(r"\r?\n[ \t]+", " ", value)
            plain = value.isascii() and "=?" not in value
            yield (value if plain else decode_words(decode_octets(value)))[:most]


def _author(header: Header) -> str:
    """The first author, as the addresses of tenants differ only where the sender does (RFC 5322 section 3.6.2)."""
    for line in header.lines:
        if line.name == "from":
            for box in lex(header.text, line.value, line.end).mailboxes:
                if box.tier is not Tier.CANDIDATE:
                    return box.address.key[:320]
    return "-"


_VARIABLE = re.compile(r"\S*@\S+|\"[^\"]*\"|[#№]?\w*\d[\w./:-]*")


def mask(subject: str) -> str:
    """A subject with numbers, codes, addresses and quoted parts masked, so that a routine mail keeps its subject."""
    return " ".join(_VARIABLE.sub("#", subject).lower().split())[:120]
