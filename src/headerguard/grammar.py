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

from headerguard.address_list import Mailbox, Reading, Tier, lex
from headerguard.role import Role

__all__ = ["ENCODED", "Decoder", "Grammar", "Name", "Unpacker", "addresses_in", "grammar", "mailto_copies", "strings"]


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


ENCODED = {"%40": "%", "=?": "?"}
"""What stands where an address is spelled without "@", in a web address and in an encoded-word, each with the rarer of
its characters: one character is looked for ten times as fast as two."""


class Grammar(NamedTuple):
    """How a field is read."""

    decode: Decoder | None = None
    """Reads the addresses that stand in it as a list."""
    unpack: Unpacker | None = None
    """Reads what is packed in it."""
    also: frozenset[Role] = frozenset()
    """Roles besides that of the field that what is packed may have."""
    sign: str | None = None
    """This or one of `ENCODED` stands in every value that packs an address, so others need no unpacking; None: no value
    packs one."""


# ---- address lists ---------------------------------------------------------------------------------------------------

_NULL_PATH = re.compile(r"[ \t\r\n]*+<?[ \t\r\n]*+>?[ \t\r\n]*+")
_PATH = r"(?:<[^<>;\r\n]*>|[^\s<>();,]+)"
_RECEIVED_FOR = re.compile(r"[ \t\r\n]for[ \t\r\n]++(<[^<>;\r\n]*@[^<>;\r\n]*>)[ \t\r\n]*+(?:;|\Z)")
_RECEIVED_CLAUSE = re.compile(
    rf"[ \t\r\n](for|id)[ \t\r\n]++({_PATH}(?:[ \t\r\n]*+,[ \t\r\n]*+{_PATH})*+)", re.IGNORECASE
)


def _path(text: str, start: int, end: int) -> Reading:
    """A path (RFC 5321 section 4.1.2); the null path "<>" holds nothing and is nothing odd."""
    if _NULL_PATH.fullmatch(text, start, end):
        return Reading([], [])
    return lex(text, start, end)


def _received(text: str, start: int, end: int) -> Reading:
    """The "for" clauses of a Received field (RFC 5321 section 4.4); most servers leave it out for several recipients.

    What other clauses and comments hold (envelope-from, the user who logged in, ORCPT) is mentioned; an id is no
    address.
    """
    signs = text.count("@", start, end)
    if text.find("%40", start, end) < 0:
        if not signs:
            return Reading([], [])
        if signs == 1 and (found := _RECEIVED_FOR.search(text, start, end)):  # as nearly every server writes it
            mailboxes, _ = lex(text, found.start(1), found.end(1))
            return Reading([box for box in mailboxes if box.tier is not Tier.CANDIDATE], [])
    boxes: list[Mailbox] = []
    rest = start
    for found in _RECEIVED_CLAUSE.finditer(text, start, end):
        if "@" in found[2]:
            boxes += _mentions(text, rest, found.start())
            rest = found.end()
            if found[1].lower() == "for":
                boxes += (box for box in lex(text, *found.span(2)).mailboxes if box.tier is not Tier.CANDIDATE)
    boxes += _mentions(text, rest, end)
    return Reading(boxes, [])


def _mentions(text: str, start: int, end: int) -> Iterator[Mailbox]:
    """Every address that a piece of free text mentions, with the place of the piece."""
    if text.find("@", start, end) < 0 and text.find("%40", start, end) < 0:
        return
    for address in addresses_in(text[start:end]):
        for box in lex(address).mailboxes:
            yield box._replace(start=start, end=end, name=None, mentioned=True)


# ---- free text -------------------------------------------------------------------------------------------------------

_LOCAL_PART = re.compile(r"[\w.!#$%'*+=^`~-]++|\"[^\"]++\"")
_STRICT_LOCAL_PART = re.compile(r"[\w.+%-]++")
_DOMAIN = re.compile(r"\w[\w-]*+(?:\.\w[\w-]*+)*+|\[[\w.:]++\]")
_LONGEST = 320
"""Characters of a local part or domain that are looked at: RFC 3696 erratum 1690 allows 64 and 255."""


def addresses_in(text: str) -> Iterator[str]:
    """Every string in free text that looks like an address, in order, each once, in linear time."""
    return iter(dict.fromkeys(address for readings in _readings(text) for address in readings))


def _readings(text: str) -> Iterator[list[str]]:
    """What each "@" in free text may be part of, percent-encoded ones included.

    A local part is taken as far as it may reach, and once more to the last character that stands between words
    elsewhere ("=", "'"), so that both readings of `user=jane@client.example` count.
    """
    for shown in (text, unquote(text)) if "%40" in text else (text,):
        at = shown.find("@")
        while at >= 0:
            if found := _DOMAIN.match(shown, at + 1, at + 1 + _LONGEST):
                before = shown[max(0, at - _LONGEST) : at][::-1]
                locals_ = (pattern.match(before) for pattern in (_LOCAL_PART, _STRICT_LOCAL_PART))
                words = dict.fromkeys(local[0][::-1].lstrip(".") for local in locals_ if local)
                domains = (found[0],) if found[0].isascii() else dict.fromkeys((found[0], _in_ascii(found[0])))
                yield [f"{word}@{domain}" for word in words if word for domain in domains]
            at = shown.find("@", at + 1)


def _in_ascii(domain: str) -> str:
    """A domain as far as it is ASCII: writing without blanks between words goes on right behind it."""
    found = re.match(r"(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,63}", domain)
    return found[0] if found else domain


def _scan(value: str, role: Role | None = None) -> Iterator[Name]:
    if "@" in value or "%40" in value:
        for address in addresses_in(value):
            yield Name("address", address, role)


def _rest(value: Any, named: Iterable[Name]) -> Iterator[Name]:
    """What was found by name, then every other address in the texts of a value as mentioned."""
    found = list(named)
    yield from found
    known = {address for name in found if name.kind == "address" for address in addresses_in(name.value)}
    for text in strings(value):
        for readings in _readings(text):
            if known.isdisjoint(readings):
                known.update(readings)
                for address in readings:
                    yield Name("address", address, Role.MENTIONED)


def _besides(unpack: Unpacker) -> Grammar:
    """A grammar of text that names what its unpacker knows, and mentions every other address."""
    return Grammar(None, lambda value: _rest(value, unpack(value)), frozenset((Role.MENTIONED,)), "@")


# ---- JSON ------------------------------------------------------------------------------------------------------------


_ESCAPE = re.compile(r"\\u([0-9A-Fa-f]{4})")


def _json(value: str) -> Any:
    """A JSON value, or the text where it is none; libraries fold inside strings, so line ends may stand there."""
    try:
        return json.loads(value, strict=False, object_pairs_hook=_object)
    except (ValueError, RecursionError):
        return _ESCAPE.sub(lambda found: chr(int(found[1], 16)), value)


def _object(pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
    """An object. The last member of a name counts, as readers have it; what the others say stands under no name."""
    found = dict(pairs)
    if len(found) < len(pairs):
        found[None] = [value for key, value in pairs if value is not found[key]]
    return found


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


def _texts(value: Any, role: Role | None = None) -> Iterator[Name]:
    for item in _each(value):
        if isinstance(item, str):
            yield Name("address", item, role)


def _smtpapi(value: str) -> Iterator[Name]:
    """X-SMTPAPI (SendGrid): `to` replaces the recipients, filters.bcc copies each mail."""
    data = _json(value)
    settings = _at(data, "filters", "bcc", "settings")
    named = [*_texts(_at(data, "to")), *_texts(_at(settings, "email"))]
    named += _hosts(_at(data, "filters", "dkim", "settings", "domain"), Role.IDENTITY)
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
    return _rest(_json(value), ())


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
    stamp = _base64(value.strip().strip("|"))
    parts = stamp.split("|")
    named: list[Name] = []
    if len(parts) >= 4:
        named = [*_account("postmark", parts[1]), *_account("postmark-server", parts[2]), Name("address", parts[3])]
    return _rest([stamp, value], named)


def _mailgun_stamp(value: str) -> Iterator[Name]:
    """X-Mailgun-Sid: base64 of a JSON array [.., recipient, account] (seen in delivered mail)."""
    data = _json(_base64(value))
    named: list[Name] = []
    if isinstance(data, list) and len(data) >= 2:
        named = [*_texts(data[1]), *_account("mailgun", data[2] if len(data) > 2 else None)]
    return _rest([data, value], named)


_MOMENTUM_STAMP = re.compile(r"([^@\s]{1,255}@[^@\s]{1,255})@[^@\s]*@[^@\s]*(?:@(.*))?", re.DOTALL)


def _sparkpost_stamp(value: str) -> Iterator[Name]:
    """X-MSFBL: opaque, a bar, base64 of a JSON object with the recipient in r (seen in delivered mail).

    Before that, base64 of recipient, binding, binding group and user string with "@" between (Momentum, FBL module).
    """
    stamp = _base64(value.rpartition("|")[2])
    data = _json(stamp)
    named = [*_texts(_at(data, "r")), *_account("sparkpost", _at(data, "customer_id"))]
    named += _account("sparkpost-subaccount", _at(data, "subaccount_id") or None)
    named += _account("sparkpost-tenant", _at(data, "tenant_id"))
    others = [data, value]
    if old := _MOMENTUM_STAMP.fullmatch(stamp):
        named, others = [Name("address", old[1])], [old[2] or ""]
    return _rest(others, named)


# ---- return paths ----------------------------------------------------------------------------------------------------

_RECIPIENT = r"(?P<local>[^@]{1,255})=(?P<domain>[^=@]{1,255})"
_MANDRILL_PATH = re.compile(r"bounce-md_(?P<account>\d{1,20})\.[0-9a-f]{8}\.v1-[0-9a-f]{32}@", re.IGNORECASE)
_SENDGRID_PATH = re.compile(rf"bounces\+(?P<account>\d{{1,20}})-[0-9a-f]{{1,40}}-{_RECIPIENT}@", re.IGNORECASE)
_MAILCHIMP_PATH = re.compile(
    rf"bounce-mc\.\w{{1,10}}_(?P<account>\d{{1,20}})\.[^-@]{{1,64}}-(?:{_RECIPIENT})?@", re.IGNORECASE
)
_VERP = re.compile(r"(?P<head>[^@]{1,256})=(?P<domain>[\w.-]{1,255}\.(?=[\w-]{0,62}[^\W\d_])[\w-]{2,63})@")
_MARKER = frozenset(("b", "bnc", "bounce", "bounces", "errors", "owner", "request", "return", "returns", "verp"))
"""Words behind which a return path encodes a recipient (ezmlm, Mailman, qmail, Majordomo)."""
_STAMP = re.compile(r"(?=[^\W_]*\d)[0-9a-f.]+", re.IGNORECASE)
"""A number, or an id in hexadecimal digits, such as stands before a recipient."""
_STAMPED = r"[^=@]{1,64}=[^=@]{1,16}=(?P<domain>[^=@]{1,255})=(?P<local>[^@]{1,255})@"
_SRS = re.compile(rf"SRS(?:0[-+=]|1[-+=][^=@]{{1,64}}=[^=@]{{1,255}}=[-+=]?){_STAMPED}", re.IGNORECASE)
_BATV = re.compile(
    r"prvs=(?:[0-9a-z]{4,20}=(?P<local>[^@]{1,255})|(?P<old>[^@/]{1,255})/[0-9a-z]{4,20})@(?P<domain>[^>\s@]{1,255})",
    re.IGNORECASE,
)


def _return_path(value: str) -> Iterator[Name]:
    """What a reverse-path encodes: the recipient (VERP), the author behind a forwarder (SRS) or a tag (BATV).

    SRS: the Sender Rewriting Scheme paper (Wong, 2004). BATV: draft-levine-smtp-batv. VERP: Bernstein, 1997; the forms
    of Mandrill, Mailchimp and SendGrid as seen in delivered mail. The local part may hold "=": the last one before what
    can be a domain separates. What is behind a forwarder or a tag may encode a recipient in turn.
    """
    path = value.strip().lstrip("<")
    while found := _SRS.match(path) or _BATV.match(path):
        local = found["local"] or found["old"]
        yield Name("address", f"{local}@{found['domain']}", Role.IDENTITY)
        path = f"{local}@{found['domain']}"
    for vendor, pattern in _PATHS:
        if found := pattern.match(path):
            named = found.groupdict()
            yield from _account(vendor, named.get("account"))
            if named.get("local"):
                yield Name("address", f"{named['local']}@{named['domain']}", Role.ENVELOPE)
            return
    if found := _VERP.match(path):
        for local, role in _encoded(found["head"]):
            yield Name("address", f"{local}@{found['domain']}", role)


_PATHS = (("mandrill", _MANDRILL_PATH), ("sendgrid", _SENDGRID_PATH), ("mailchimp", _MAILCHIMP_PATH))


def _encoded(head: str) -> Iterator[tuple[str, Role]]:
    """The local part that a return path encodes before "=": all behind a plus, or behind a known word and its stamps.

    Without either it is what follows the last hyphen, or the whole; the other reading is mentioned.
    """
    before, plus, behind = head.partition("+")
    words = before.split("-")
    first = 1 if words[0].lower() == "owner" else 0  # owner-list: the name of the list follows
    marker = next((number for number, word in enumerate(words) if word.lower() in _MARKER and number >= first), None)
    start = len(words) if marker is None else marker + 1
    while start < len(words) and (_STAMP.fullmatch(words[start]) or words[start].lower() in _MARKER):
        start += 1
    stamped = marker is not None and (marker > 0 or start > 1)
    if start < len(words) and (stamped or not plus):  # list-return-17-jane+tag, but owner-list+jane
        yield "-".join(words[start:]) + plus + behind, Role.ENVELOPE
    elif plus:
        words = behind.split("-")
        start = next((number for number, word in enumerate(words[:-1]) if not _STAMP.fullmatch(word)), len(words) - 1)
        yield "-".join(words[start:]), Role.ENVELOPE
    else:
        yield words[-1], Role.ENVELOPE
        if len(words) > 1:
            yield head, Role.MENTIONED


_SENDGRID_HOP = re.compile(r"from ([A-Za-z0-9+/]{8,14}={0,2}) \(unknown\)\s+by \S{1,255} \(SG\) with HTTP")


def _received_by(value: str) -> Iterator[Name]:
    """The user id that SendGrid writes in place of a host (seen in delivered mail)."""
    if "(SG)" in value and (found := _SENDGRID_HOP.match(value)):
        user = _base64(found[1])
        if user.isdigit():
            yield from _account("sendgrid", user)


# ---- tags and parameters ---------------------------------------------------------------------------------------------

_QUOTED_OCTET = re.compile(r"=([0-9A-Fa-f]{2})")
_PARAMETER = re.compile(r"([A-Za-z][\w.-]{0,40})[ \t]*=[ \t]*(?:\"([^\"]{0,998})\"|([^\s;()\"]{1,998}))")


def _quoted(text: str) -> str:
    """DKIM-Quoted-Printable, decoded (RFC 6376 section 2.11)."""
    return _QUOTED_OCTET.sub(lambda found: chr(int(found[1], 16)), text)


def _dkim(value: str) -> Iterator[Name]:
    """d=, i= and the copied fields z= of a signature (RFC 6376 section 3.5), where blanks mean nothing."""
    named: list[Name] = []
    others: list[str] = []
    for part in value.split(";"):
        tag, _, text = part.partition("=")
        tag, text = tag.strip(), re.sub(r"\s+", "", text)
        if tag == "z":
            named += _scan(_quoted(f"{text} {part}"), Role.MENTIONED)
        else:
            named += _hosts(text) if tag == "d" else ()
            if tag == "i" and text.count("@") == 1:
                named += [Name("address", _quoted(text))] if text[0] != "@" else _hosts(text[1:])
            else:
                others.append(part)
    return _rest(others, named)


_ASSERTED = {"smtp.mailfrom", "header.i", "smtp.auth"}


def _authentication_results(value: str) -> Iterator[Name]:
    """The identities of ptypes smtp and header (RFC 8601 section 2.7); rcpttodomain is what Exchange Online adds."""
    for found in _PARAMETER.finditer(value):
        name, text = found[1].lower(), found[2] or found[3]
        if name == "smtp.rcptto":
            yield Name("address", text, Role.DELIVERED)
        elif name in _ASSERTED and "@" in text.strip("@"):
            yield Name("address", text)
        elif name == "smtp.rcpttodomain":
            yield from _hosts(text, Role.DELIVERED)
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

_AUTHORITY = re.compile(
    r"<?[A-Za-z][A-Za-z0-9+.-]{0,20}://(?:[^/?#@\s]{0,255}@)?(\[[0-9A-Fa-f:.]{2,64}\]|[^/?#:@\s]{1,255})"
)
_HOST = re.compile(r"(?:\w(?:[\w-]{0,61}\w)?\.)+\w(?:[\w-]{0,61}\w)?|\[[0-9a-f:.]{2,64}\]")


def _hosts(value: Any, role: Role | None = None) -> Iterator[Name]:
    """Host names, bare or in web addresses, separated by blanks or commas."""
    for text in re.split(r"[\s,;]+", value) if isinstance(value, str) else ():
        yield from _host(text, role)


def _host(text: str, role: Role | None = None) -> Iterator[Name]:
    """The host of a web address, or a bare one."""
    host = authority[1] if "://" in text and (authority := _AUTHORITY.match(text)) else text
    if found := _HOST.fullmatch(host[:_LONGEST].strip("<>.").lower()):
        yield Name("host", found[0], role)


_URI = re.compile(r"<\s*([A-Za-z][A-Za-z0-9+.-]{0,20}:[^<>]*)>|(?:\A|[\s,])((?:https?|mailto):[^\s<>,]+)")


def _uris(value: str) -> Iterator[Name]:
    """The URIs of a List- field (RFC 2369): hosts, mailto addresses, the recipients in their parameters (RFC 6068)."""
    between, at = [], 0
    for found in _URI.finditer(value):
        between.append(value[at : found.start()])
        at = found.end()
        uri = _unfolded(found)
        if uri[:7].lower() == "mailto:":
            yield from _mailto(uri[7:])
        else:
            yield from _host(uri)
            yield from _scan(uri, Role.MENTIONED)
    between.append(value[at:])
    yield from _scan(" ".join(between), Role.MENTIONED)


def _unfolded(found: re.Match[str]) -> str:
    uri = found[1] or found[2]
    return "".join(uri.split()) if "\n" in uri or " " in uri else uri


def _mailto(rest: str) -> Iterator[Name]:
    path, parameters = _mailto_parts(rest)
    for address in path:
        yield Name("address", address)
        yield from _hosts(address.rpartition("@")[2])
    for key, text in parameters:
        if key.lower() in _SENT_TO:
            for address in text.split(","):
                yield Name("address", address, Role.MENTIONED)
        else:
            yield from _scan(f"{key} {text}", Role.MENTIONED)


def _mailto_parts(rest: str) -> tuple[list[str], list[tuple[str, str]]]:
    """Addresses and parameters of a mailto URI; templates write the separator as HTML does."""
    path, _, query = rest.partition("?")
    named = "@" in query or "%" in query  # reading parameters costs more than all the rest
    parameters = parse_qsl(query.replace("&amp;", "&"), keep_blank_values=True) if named else []
    return [unquote(address) for address in path.split(",")], parameters


_SENT_TO = ("to", "cc", "bcc")


def mailto_copies(value: str) -> Iterator[tuple[str, str]]:
    """Who else gets what the mailto links of a List- field make: the address that a link is for, and each one more.

    Both as they are written, the second perhaps a list (RFC 6068 section 2).
    """
    for found in _URI.finditer(value):
        uri = _unfolded(found)
        if uri[:7].lower() == "mailto:":
            path, parameters = _mailto_parts(uri[7:])
            sent_to = [*path, *(text for key, text in parameters if key.lower() in _SENT_TO)]
            first, *others = [text for text in sent_to if "@" in text] or [""]
            yield from ((first, text) for text in others)


def _message_id(value: str) -> Iterator[Name]:
    """The right-hand sides of message ids (RFC 5322 section 3.6.4); the left-hand sides are never addresses."""
    for found in re.finditer(r"@([^@<>\s]{1,255})>?", value[:65_536]):
        yield from _hosts(found[1])


# ---- accounts --------------------------------------------------------------------------------------------------------


def _feedback_id(value: str) -> Iterator[Name]:
    """Feedback-ID: the parts that stay the same for an account; the last names the ESP (seen in delivered mail)."""
    *parts, esp = (part.strip() for part in value.rsplit(":", 4))
    match [*parts, esp.lower()]:
        case [account, _, "md"]:
            yield from _account("mandrill", account)
        case [account, _, _, "mc"]:
            yield from _account("mailchimp", account)
        case [_, server, account, "postmark"]:
            yield from _account("postmark-server", server.removeprefix("s"))
            yield from _account("postmark", account.removeprefix("a"))
        case [*_, identity, "amazonses"]:  # a sender may put its own parts first
            yield from _account("ses-feedback", identity)
        case [_, _, account, "sendinblue" | "brevo"]:
            yield from _account("brevo", account)
        case [business, _, _, "sfmktgcld"]:
            yield from _account("sfmc", business)


def _arn(value: str) -> Iterator[Name]:
    """An Amazon resource name: the account in its fifth part, the identity at its end."""
    match value.strip().split(":", 5):
        case ["arn", _, _, _, account, resource]:
            yield from _account("ses", account)
            identity = resource.rpartition("/")[2]
            yield from _scan(identity, Role.IDENTITY) if "@" in identity else _hosts(identity, Role.IDENTITY)


def _mandrill_user(value: str) -> Iterator[Name]:
    """X-Mandrill-User: "md_<account>"."""
    return _account("mandrill", value.strip().removeprefix("md_"))


def _mailchimp_user(value: str) -> Iterator[Name]:
    """X-MC-User: the hash of the account."""
    return _account("mailchimp-user", value)


_ABUSE_LINK = re.compile(r"(mandrillapp|mailchimp)\.com/contact/abuse/?\?(?:id=(\d{1,20})\.|u=([0-9a-f]{1,64})\b)")


def _report_abuse(value: str) -> Iterator[Name]:
    """X-Report-Abuse: prose, whose link names the account (Mandrill and Mailchimp, seen in delivered mail)."""
    if link := _ABUSE_LINK.search(value):
        yield from _account("mandrill", link[2]) if link[2] else _account("mailchimp-user", link[3])
    yield from _scan(value)


def _job(value: str) -> Iterator[Name]:
    """X-Job: "<account>_<server>" (Postmark), "<account>_<job>" (Salesforce), where the job is of one sending only."""
    account, _, rest = value.strip().partition("_")
    if account.isdigit() and rest.isdigit():
        yield from _account("job", account)


def _list_id(value: str) -> Iterator[Name]:
    """The identifier inside the brackets (RFC 2919 section 3)."""
    found = re.search(r"<([^<>]{1,255})>", value)
    return _hosts(found[1] if found else value)


# ---- the table -------------------------------------------------------------------------------------------------------

_MENTIONED = frozenset((Role.MENTIONED,))

_GRAMMARS: dict[str, Grammar] = {
    "none": Grammar(),
    "address-list": Grammar(lex),
    "path": Grammar(_path),
    "return-path": Grammar(_path, _return_path, frozenset((Role.ENVELOPE, Role.IDENTITY, Role.MENTIONED)), "="),
    "received": Grammar(_received, _received_by, _MENTIONED),
    "text": Grammar(None, _scan, sign="@"),
    "typed-address": _besides(_typed_address),
    "address-semicolon": _besides(_before_semicolon),
    "json": Grammar(None, _mentioned, _MENTIONED, ""),
    "smtpapi": Grammar(None, _smtpapi, _MENTIONED | {Role.IDENTITY, Role.TRACKING}, ""),
    "msys-api": Grammar(None, _msys_api, _MENTIONED | {Role.CC}, ""),
    "recipient-variables": Grammar(None, _recipient_variables, _MENTIONED, ""),
    "postmark-stamp": Grammar(None, _postmark_stamp, _MENTIONED, ""),
    "mailgun-stamp": Grammar(None, _mailgun_stamp, _MENTIONED, ""),
    "sparkpost-stamp": Grammar(None, _sparkpost_stamp, _MENTIONED, ""),
    "dkim": Grammar(None, _dkim, _MENTIONED, "@"),
    "authentication-results": _besides(_authentication_results)._replace(also=_MENTIONED | {Role.DELIVERED}),
    "uri-list": Grammar(None, _uris, _MENTIONED, "@"),
    "list-id": _besides(_list_id),
    "host": _besides(_hosts),
    "message-id": Grammar(None, _message_id),
    "feedback-id": _besides(_feedback_id),
    "arn": _besides(_arn)._replace(also=_MENTIONED | {Role.IDENTITY}),
    "mandrill-user": _besides(_mandrill_user),
    "mailchimp-user": _besides(_mailchimp_user),
    "report-abuse": Grammar(None, _report_abuse, sign="@"),
    "job": _besides(_job),
}


def grammar(name: str) -> Grammar:
    """A grammar by its name in the catalogue; "parameters a b" and "account vendor" take words. Raises KeyError."""
    first, *words = name.split()
    if first == "parameters":
        return _besides(partial(_parameters, frozenset(words)))
    if first == "account":
        return _besides(partial(_account, words[0]))
    return _GRAMMARS[name]
