"""The grammars of fields: how the addresses, host names and account ids in a value are found.

An address list is read by the lexer, octet by octet. Everything else (JSON in a field, base64 stamps, return paths that
encode the recipient, tag lists, web addresses) is unpacked from the decoded value into names. What an unpacker does not
know it leaves out, and it never raises: vendors change these forms without notice.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote

from headerguard.address_list import Reading, Tier, lex
from headerguard.role import Role

__all__ = ["Decoder", "Grammar", "Name", "Unpacker", "addresses_in", "grammar", "strings"]


class Name(NamedTuple):
    """Something that a value names."""

    kind: str
    """address, host, account (an id of the sending account, "vendor:id") or id (of this very message)."""
    value: str
    """As it stands after decoding."""
    role: Role | None = None
    """What it is there for; None: what the field is there for."""


Decoder = Callable[[str, int, int], Reading]
"""Reads a field value as an address list: text (one character per octet), start, end. Never raises."""

Unpacker = Callable[[str], Iterator[Name]]
"""Reads a decoded, unfolded field value. Never raises."""


class Grammar(NamedTuple):
    """How a field is read."""

    decode: Decoder | None = None
    """Reads the addresses that stand in it as a list."""
    unpack: Unpacker | None = None
    """Reads what is packed in it."""
    also: frozenset[Role] = frozenset()
    """Roles besides that of the field that what is packed may have."""
    sign: str | None = None
    """What stands in every value that packs an address, so that others need no unpacking; None: nothing packs one."""


# ---- address lists ---------------------------------------------------------------------------------------------------

_NULL_PATH = re.compile(r"[ \t\r\n]*+<?[ \t\r\n]*+>?[ \t\r\n]*+")
_RECEIVED_FOR = re.compile(r"(?<=[ \t\r\n])[fF][oO][rR][ \t\r\n]++(<[^<>;\r\n]*>|[^\s<>();]+)")
_NOTHING = Reading([], [])


def _path(text: str, start: int, end: int) -> Reading:
    """A path (RFC 5321 section 4.1.2); the null path "<>" holds nothing and is nothing odd."""
    if _NULL_PATH.fullmatch(text, start, end):
        return Reading([], [])
    return lex(text, start, end)


def _received(text: str, start: int, end: int) -> Reading:
    """The "for" clause of a Received field (RFC 5321 section 4.4); most servers leave it out for several recipients."""
    found = _RECEIVED_FOR.search(text, start, end)
    if found is None or "@" not in found[1]:
        return Reading([], [])
    mailboxes = lex(text, *found.span(1)).mailboxes
    return Reading([box for box in mailboxes if box.tier is not Tier.CANDIDATE], [])


# ---- free text -------------------------------------------------------------------------------------------------------

_LOCAL_PART = re.compile(r"[\w.!#$%'*+=^`~-]++")
_STRICT_LOCAL_PART = re.compile(r"[\w.+%-]++")
_DOMAIN = re.compile(r"\w[\w-]*+(?:\.\w[\w-]*+)*+")
_LONGEST = 320
"""Characters of a local part or domain that are looked at: RFC 3696 erratum 1690 allows 64 and 255."""


def addresses_in(text: str) -> Iterator[str]:
    """Every string in free text that looks like an address, in order, each once, in linear time.

    A local part is taken as far as it may reach, and once more to the last character that stands between words
    elsewhere ("=", "'"), so that both readings of `user=jane@client.example` count.
    """
    seen: set[str] = set()
    at = text.find("@")
    while at >= 0:
        if found := _DOMAIN.match(text, at + 1, at + 1 + _LONGEST):
            before = text[max(0, at - _LONGEST) : at][::-1]
            for pattern in (_LOCAL_PART, _STRICT_LOCAL_PART):
                if local := pattern.match(before):
                    address = f"{local[0][::-1].lstrip('.')}@{found[0]}"
                    if address not in seen and not address.startswith("@"):
                        seen.add(address)
                        yield address
        at = text.find("@", at + 1)


def _scan(value: str, role: Role | None = None) -> Iterator[Name]:
    for text in (value, unquote(value)) if "%40" in value else (value,):
        for address in addresses_in(text):
            yield Name("address", address, role)


# ---- JSON ------------------------------------------------------------------------------------------------------------


def _json(value: str) -> Any:
    """A JSON value, or None for what is none; libraries fold inside strings, so line ends may stand there."""
    try:
        return json.loads(value, strict=False)
    except (ValueError, RecursionError):
        return None


def strings(value: Any) -> Iterator[str]:
    """Every string in a JSON value, keys included, in order, however deep."""
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict):
            stack += [part for pair in reversed(item.items()) for part in reversed(pair)]
        elif isinstance(item, list):
            stack += reversed(item)


def _at(value: Any, *path: str) -> Any:
    """A member of nested objects, or None."""
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _each(value: Any) -> Iterable[Any]:
    """The elements of a list; a single value is a list of one, null of none."""
    return value if isinstance(value, list) else () if value is None else (value,)


def _texts(value: Any, role: Role | None = None, kind: str = "address") -> Iterator[Name]:
    for item in _each(value):
        if isinstance(item, str):
            yield Name(kind, item, role)


def _rest(value: Any, named: Iterable[Name]) -> Iterator[Name]:
    """What was found by name, then every other address in the value as mentioned."""
    found = list(named)
    yield from found
    known = {address for name in found for address in addresses_in(name.value)}
    for text in strings(value):
        for address in addresses_in(text):
            if address not in known:
                yield Name("address", address, Role.MENTIONED)


def _smtpapi(value: str) -> Iterator[Name]:
    """X-SMTPAPI (SendGrid): `to` replaces the recipients, filters.bcc copies each mail."""
    data = _json(value)
    settings = _at(data, "filters", "bcc", "settings")
    named = [*_texts(_at(data, "to")), *_texts(_at(settings, "email"))]
    named += _texts(_at(data, "filters", "dkim", "settings", "domain"), Role.IDENTITY, "host")
    named += _hosts(_at(data, "filters", "spamcheck", "settings", "url"), Role.TRACKING)
    return _rest(data, named)


def _msys_api(value: str) -> Iterator[Name]:
    """X-MSYS-API (SparkPost): cc shows in the message, bcc and archive get copies that nobody sees."""
    data = _json(value)
    named: list[Name] = []
    for key, role in (("cc", Role.CC), ("bcc", None), ("archive", None)):
        for item in _each(_at(data, key)):
            named += _texts(_at(item, "email") if isinstance(item, dict) else item, role)
    return _rest(data, named)


def _recipient_variables(value: str) -> Iterator[Name]:
    """X-Mailgun-Recipient-Variables: an object whose keys are the recipients of the batch."""
    data = _json(value)
    return _rest(data, _texts(list(data)) if isinstance(data, dict) else ())


def _mentioned(value: str) -> Iterator[Name]:
    """Any JSON, or text that was to be JSON."""
    data = _json(value)
    return _scan(value, Role.MENTIONED) if data is None else _rest(data, ())


# ---- stamps ----------------------------------------------------------------------------------------------------------


def _base64(value: str) -> str:
    """Base64 with or without padding and blanks, decoded as UTF-8; "" for anything else."""
    packed = re.sub(r"\s+", "", value).rstrip("=")
    try:
        return base64.b64decode(packed + "=" * (-len(packed) % 4), validate=True).decode()
    except (ValueError, binascii.Error):
        return ""


def _account(vendor: str, value: object) -> Iterator[Name]:
    if isinstance(value, str | int) and not isinstance(value, bool) and str(value).strip():
        yield Name("account", f"{vendor}:{str(value).strip()[:200]}")


def _postmark_stamp(value: str) -> Iterator[Name]:
    """X-PM-RCPT: base64 of "m<k>|<account>|<server>|<recipient>" between bars (seen in delivered mail)."""
    parts = _base64(value.strip().strip("|")).split("|")
    if len(parts) >= 4:
        yield from _account("postmark", parts[1])
        yield from _account("postmark-server", parts[2])
        yield Name("address", parts[3])


def _mailgun_stamp(value: str) -> Iterator[Name]:
    """X-Mailgun-Sid: base64 of a JSON array [.., recipient, account] (seen in delivered mail)."""
    data = _json(_base64(value))
    if isinstance(data, list) and len(data) >= 2:
        yield from _texts(data[1])
        yield from _account("mailgun", data[2] if len(data) > 2 else None)


def _sparkpost_stamp(value: str) -> Iterator[Name]:
    """X-MSFBL: opaque, a bar, base64 of a JSON object with the recipient in r (seen in delivered mail)."""
    data = _json(_base64(value.rpartition("|")[2]))
    yield from _texts(_at(data, "r"))
    yield from _account("sparkpost", _at(data, "customer_id"))
    yield from _account("sparkpost-subaccount", _at(data, "subaccount_id") or None)


# ---- return paths ----------------------------------------------------------------------------------------------------

_MANDRILL_PATH = re.compile(r"bounce-md_(?P<account>\d{1,20})\.[0-9a-f]{8}\.v1-[0-9a-f]{32}@", re.IGNORECASE)
_SENDGRID_PATH = re.compile(
    r"bounces\+(?P<account>\d{1,20})-[0-9a-f]{1,40}-(?P<local>[^@]{1,255})=(?P<domain>[^=@]{1,255})@"
)
_MAILCHIMP_PATH = re.compile(
    r"bounce-mc\.(?P<centre>\w{1,10})_(?P<account>\d{1,20})\.[^-@]{1,64}-(?:(?P<local>[^@]{1,255})=(?P<domain>[^=@]{1,255}))?"
)
_MAILGUN_PATH = re.compile(
    r"bounce\+[0-9a-f]{1,20}\.(?P<account>[0-9a-f]{1,20})-(?P<local>[^@]{1,255})=(?P<domain>[^=@]{1,255})@"
)
_VERP = re.compile(r"[^@+=]{0,128}[-+](?P<local>[^@=+]{1,128})=(?P<domain>[A-Za-z0-9.-]{1,255}\.[A-Za-z0-9-]{2,63})@")
_SRS0 = re.compile(r"SRS0[-+=][^=@]{1,64}=[^=@]{1,16}=(?P<domain>[^=@]{1,255})=(?P<local>[^@]{1,255})@", re.IGNORECASE)
_SRS1 = re.compile(
    r"SRS1[-+=][^=@]{1,64}=[^=@]{1,255}=[-+=]?=?[^=@]{1,64}=[^=@]{1,16}=(?P<domain>[^=@]{1,255})=(?P<local>[^@]{1,255})@",
    re.IGNORECASE,
)
_BATV = re.compile(
    r"prvs=(?:[0-9a-z]{4,20}=(?P<local>[^=@]{1,255})|(?P<old>[^=@]{1,255})/[0-9a-z]{4,20})@(?P<domain>[^>\s@]{1,255})"
)


def _return_path(value: str) -> Iterator[Name]:
    """What a reverse-path encodes: the recipient (VERP), the author behind a forwarder (SRS) or a tag (BATV).

    SRS: the Sender Rewriting Scheme paper (Wong, 2004). BATV: draft-levine-smtp-batv. VERP: Bernstein, 1997; the forms
    of Mandrill, Mailchimp, Mailgun and SendGrid as seen in delivered mail. The local part may hold "=": the last one separates.
    """
    path = value.strip().lstrip("<")
    if found := _MANDRILL_PATH.match(path):
        yield from _account("mandrill", found["account"])
    elif found := _SENDGRID_PATH.match(path):
        yield from _account("sendgrid", found["account"])
        yield Name("address", f"{found['local']}@{found['domain']}", Role.ENVELOPE)
    elif found := _MAILCHIMP_PATH.match(path):
        yield from _account("mailchimp", found["account"])
        if found["local"]:
            yield Name("address", f"{found['local']}@{found['domain']}", Role.ENVELOPE)
    elif found := _MAILGUN_PATH.match(path):
        yield from _account("mailgun", found["account"])
        yield Name("address", f"{found['local']}@{found['domain']}", Role.ENVELOPE)
    elif found := _SRS0.match(path) or _SRS1.match(path):
        yield Name("address", f"{found['local']}@{found['domain']}", Role.IDENTITY)
    elif found := _BATV.match(path):
        yield Name("address", f"{found['local'] or found['old']}@{found['domain']}", Role.IDENTITY)
    elif found := _VERP.match(path):
        yield Name("address", f"{found['local']}@{found['domain']}", Role.ENVELOPE)


_SENDGRID_HOP = re.compile(r"from ([A-Za-z0-9+/]{8,14}={0,2}) \(unknown\)\s+by \S{1,255} \(SG\) with HTTP")


def _received_by(value: str) -> Iterator[Name]:
    """The user id that SendGrid writes in place of a host (seen in delivered mail)."""
    if "(SG)" in value and (found := _SENDGRID_HOP.match(value)):
        user = _base64(found[1])
        if user.isdigit():
            yield from _account("sendgrid", user)


# ---- tags and parameters ---------------------------------------------------------------------------------------------

_PARAMETER = re.compile(r"([A-Za-z][\w.-]{0,40})[ \t]*=[ \t]*(?:\"([^\"]{0,998})\"|([^\s;()\"]{1,998}))")


def _dkim(value: str) -> Iterator[Name]:
    """d=, i= and the copied fields z= of a signature (RFC 6376 section 3.5)."""
    for part in value.split(";"):
        tag, _, text = part.partition("=")
        tag, text = tag.strip(), re.sub(r"\s+", "", text)
        if tag == "d":
            yield from _hosts(text)
        elif tag == "i" and not text.startswith("@"):
            yield Name("address", text)
        elif tag == "z":
            yield from _scan(re.sub(r"=([0-9A-F]{2})", lambda m: chr(int(m[1], 16)), text), Role.MENTIONED)


_ASSERTED = {"smtp.mailfrom", "header.i", "smtp.auth"}


def _authentication_results(value: str) -> Iterator[Name]:
    """The identities of ptypes smtp and header (RFC 8601 section 2.7)."""
    for found in _PARAMETER.finditer(value):
        name, text = found[1].lower(), found[2] or found[3]
        if name == "smtp.rcptto":
            yield Name("address", text, Role.DELIVERED)
        elif name in _ASSERTED and "@" in text.strip("@"):
            yield Name("address", text)
        elif name in ("header.d", "header.from", *_ASSERTED):
            yield from _hosts(text.lstrip("@"))


def _parameters(wanted: frozenset[str], value: str) -> Iterator[Name]:
    """Values of named parameters: addresses where there is an "@", else hosts."""
    for found in _PARAMETER.finditer(value):
        if found[1].lower() in wanted:
            text = found[2] or found[3]
            yield from _scan(text) if "@" in text else _hosts(text)


def _typed_address(value: str) -> Iterator[Name]:
    """An address after its type (RFC 3461 section 4.2): "rfc822;jane@client.example"."""
    return _scan(value.partition(";")[2] or value)


def _before_semicolon(value: str) -> Iterator[Name]:
    return _scan(value.partition(";")[0])


# ---- hosts -----------------------------------------------------------------------------------------------------------

_AUTHORITY = re.compile(r"<?[A-Za-z][A-Za-z0-9+.-]{0,20}://(?:[^/?#@\s]{0,255}@)?([^/?#:@\s]{1,255})")
_HOST = re.compile(r"(?:\w(?:[\w-]{0,61}\w)?\.)+\w(?:[\w-]{0,61}\w)?")


def _hosts(value: Any, role: Role | None = None) -> Iterator[Name]:
    """Host names, bare or in web addresses, separated by blanks or commas."""
    for text in re.split(r"[\s,;]+", value) if isinstance(value, str) else ():
        host = authority[1] if "://" in text and (authority := _AUTHORITY.match(text)) else text
        if found := _HOST.fullmatch(host[:_LONGEST].strip("<>.").lower()):
            yield Name("host", found[0], role)


_URI = re.compile(r"<\s*([A-Za-z][A-Za-z0-9+.-]{0,20}:[^<>]*)>|(?:\A|[\s,])((?:https?|mailto):[^\s<>,]+)")


def _uris(value: str) -> Iterator[Name]:
    """The URIs of a List- field (RFC 2369): hosts, mailto addresses, the recipients in their parameters (RFC 6068)."""
    for found in _URI.finditer(value):
        uri = found[1] or found[2]
        if "\n" in uri or " " in uri:
            uri = "".join(uri.split())
        if uri[:7].lower() == "mailto:":
            yield from _mailto(uri[7:])
        else:
            yield from _hosts(uri)
            yield from _scan(uri, Role.MENTIONED)


def _mailto(rest: str) -> Iterator[Name]:
    path, _, query = rest.partition("?")
    for address in path.split(","):
        yield Name("address", unquote(address))
    for key, text in parse_qsl(query.replace("&amp;", "&")) if query else ():
        if key.lower() in ("to", "cc", "bcc"):
            for address in text.split(","):
                yield Name("address", address, Role.MENTIONED)
        else:
            yield from _scan(text, Role.MENTIONED)


def _message_id(value: str) -> Iterator[Name]:
    """The right-hand sides of message ids (RFC 5322 section 3.6.4); the left-hand sides are never addresses."""
    for found in re.finditer(r"@([^@<>\s]{1,255})>?", value[:65_536]):
        yield from _hosts(found[1])


# ---- accounts --------------------------------------------------------------------------------------------------------


def _account_id(vendor: str, value: str) -> Iterator[Name]:
    return _account(vendor, value)


def _feedback_id(value: str) -> Iterator[Name]:
    """Feedback-ID: the parts that stay the same for an account; the last names the ESP (seen in delivered mail)."""
    parts = value.strip().split(":")
    esp = parts[-1].strip().lower()
    if esp == "md":
        yield from _account("mandrill", parts[0])
    elif esp == "mc":
        yield from _account("mailchimp", parts[0])
    elif esp == "postmark" and len(parts) >= 4:
        yield from _account("postmark-server", parts[1].removeprefix("s"))
        yield from _account("postmark", parts[2].removeprefix("a"))
    elif esp == "amazonses":
        yield from _account("ses-feedback", parts[0])
    elif esp == "sfmktgcld":
        yield from _account("sfmc", parts[0])


def _arn(value: str) -> Iterator[Name]:
    """An Amazon resource name: the account in its fifth part, the identity at its end."""
    parts = value.strip().split(":")
    if len(parts) >= 6:
        yield from _account("ses", parts[4])
        identity = parts[5].rpartition("/")[2]
        yield from _scan(identity, Role.IDENTITY) if "@" in identity else _hosts(identity, Role.IDENTITY)


def _mandrill_user(value: str) -> Iterator[Name]:
    """X-Mandrill-User: "md_<account>"."""
    return _account("mandrill", value.strip().removeprefix("md_"))


def _mailchimp_user(value: str) -> Iterator[Name]:
    """X-MC-User: the hash of the account."""
    return _account("mailchimp-user", value)


def _job(value: str) -> Iterator[Name]:
    """X-Job: "<account>_<server>" (Postmark), "<account>_<job>" elsewhere, where the job is of one sending only."""
    account, _, server = value.strip().partition("_")
    if account.isdigit() and server.isdigit():
        yield from _account("postmark", account)
        yield from _account("postmark-server", server)


def _list_id(value: str) -> Iterator[Name]:
    """The identifier inside the brackets (RFC 2919 section 3)."""
    found = re.search(r"<([^<>]{1,255})>", value)
    return _hosts(found[1] if found else value)


# ---- the table -------------------------------------------------------------------------------------------------------

_GRAMMARS: dict[str, Grammar] = {
    "none": Grammar(),
    "address-list": Grammar(lex),
    "path": Grammar(_path),
    "return-path": Grammar(_path, _return_path, frozenset((Role.ENVELOPE, Role.IDENTITY)), "="),
    "received": Grammar(_received, _received_by),
    "text": Grammar(None, _scan, sign="@"),
    "typed-address": Grammar(None, _typed_address, sign="@"),
    "address-semicolon": Grammar(None, _before_semicolon, sign="@"),
    "json": Grammar(None, _mentioned, frozenset((Role.MENTIONED,)), sign=""),
    "smtpapi": Grammar(None, _smtpapi, frozenset((Role.MENTIONED, Role.IDENTITY, Role.TRACKING)), sign=""),
    "msys-api": Grammar(None, _msys_api, frozenset((Role.CC, Role.MENTIONED)), sign=""),
    "recipient-variables": Grammar(None, _recipient_variables, frozenset((Role.MENTIONED,)), sign=""),
    "postmark-stamp": Grammar(None, _postmark_stamp, sign=""),
    "mailgun-stamp": Grammar(None, _mailgun_stamp, sign=""),
    "sparkpost-stamp": Grammar(None, _sparkpost_stamp, sign=""),
    "dkim": Grammar(None, _dkim, frozenset((Role.MENTIONED,)), sign="@"),
    "authentication-results": Grammar(None, _authentication_results, frozenset((Role.DELIVERED,)), sign="@"),
    "uri-list": Grammar(None, _uris, frozenset((Role.MENTIONED,)), ":"),
    "list-id": Grammar(None, _list_id),
    "host": Grammar(None, _hosts),
    "message-id": Grammar(None, _message_id),
    "feedback-id": Grammar(None, _feedback_id),
    "arn": Grammar(None, _arn, frozenset((Role.IDENTITY,)), sign="@"),
    "mandrill-user": Grammar(None, _mandrill_user),
    "mailchimp-user": Grammar(None, _mailchimp_user),
    "job": Grammar(None, _job),
}


def grammar(name: str) -> Grammar:
    """A grammar by its name in the catalogue; "parameters a b" and "account vendor" take words. Raises KeyError."""
    first, *words = name.split()
    if first == "parameters":
        return Grammar(None, partial(_parameters, frozenset(words)), sign="@")
    if first == "account":
        return Grammar(None, partial(_account_id, words[0]))
    return _GRAMMARS[name]
