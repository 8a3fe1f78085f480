"""The page of the fields: a table for every vendor, from the catalogue itself.

The page is kept under version control, as people read it where nothing is built; a test compares it with what is
written here, and building the documentation brings it up to date.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from headerguard.fields import FIELDS, Entry

__all__ = ["READ", "page"]

_HEAD = """\
# Fields

Where an address, a host name or an id of the sending account may stand in a header, and what it is there for. The
table is data (`fields.json` in the package): a field more is a line more, with the document that defines it and a
sample that the tests read. A name that ends in a star is that of a family.

A field that is not in the table, or is read in no way, is not there to hold an address. One that stands in it all the
same has the role `mentioned`, and so has one in a place of a known field where none is expected; only ids of messages
are left out.

The stage is where a copy has the field: on its way to the provider (`submitted`), in the mailbox (`delivered`), in a
journal (`archive`), in the transaction (`envelope`), or `any`. See {doc}`architecture` for what each can prove.
"""

READ = {
    "account": "the whole value is an id of the sending account",
    "address-list": "an address list (RFC 5322 section 3.4), octet by octet",
    "address-semicolon": "the addresses before the first semicolon",
    "arn": "an Amazon resource name: account and identity",
    "authentication-results": "the identities of ptypes smtp and header (RFC 8601 section 2.7)",
    "dkim": "the tags d=, i= and z= of a signature (RFC 6376 section 3.5)",
    "feedback-id": "the parts that stay the same for an account",
    "host": "host names, bare or in web addresses",
    "job": "account and server of Postmark",
    "json": "every address in a JSON value",
    "list-id": "the identifier in brackets (RFC 2919 section 3)",
    "mailchimp-user": "the hash of the account",
    "mailgun-stamp": "base64 of a JSON list: recipient, account",
    "mandrill-user": "the number of the account behind `md_`",
    "message-id": "the hosts in ids of messages; what is before the `@` is never an address",
    "msys-api": "JSON: cc, bcc and archive",
    "none": "not looked into",
    "parameters": "the values of the named parameters",
    "path": "a path of the envelope (RFC 5321 section 4.1.2)",
    "postmark-stamp": "base64 of account, server and recipient between bars",
    "received": "the `for` clauses (RFC 5321 section 4.4), the user id of SendGrid; all but ids is mentioned",
    "recipient-variables": "JSON: the names of the members are the recipients",
    "report-abuse": "the addresses in prose, and the account in the link of Mandrill or Mailchimp",
    "return-path": "a path, and whom it encodes: VERP, SRS, BATV and the forms of providers",
    "smtpapi": "JSON: to, and the filters bcc, dkim and spamcheck",
    "sparkpost-stamp": "base64 of a JSON object: recipient, account; of older servers, parts with `@` between them",
    "text": "every address in free text, percent-encoded ones included",
    "typed-address": "an address behind its type (RFC 3461 section 4.2)",
    "uri-list": "web addresses, `mailto:` addresses, hosts of both, recipients in parameters (RFC 2369, RFC 6068)",
}
"""What the name of a grammar means."""

_TITLES = {
    "": "Standards",
    "practice": "Common practice",
    "smtp-envelope": "The envelope",
    "MIME": "Parts of a body",
}
_FIRST = ("", "practice", "smtp-envelope", "MIME")


def page() -> str:
    """The whole page."""
    vendors = {entry.vendor for entry in FIELDS}
    order = [*_FIRST, *sorted(vendors - set(_FIRST), key=str.lower)]
    return "\n".join([_HEAD, *_ways(), *(line for vendor in order for line in _table(vendor))])


def _ways() -> Iterator[str]:
    yield from ("## How a field is read", "", "| read as | what is found |", "|---|---|")
    used = {entry.grammar.partition(" ")[0] for entry in FIELDS}
    yield from (f"| {name} | {READ[name]} |" for name in sorted(used))
    yield ""


def _table(vendor: str) -> Iterator[str]:
    yield from (f"## {_TITLES.get(vendor, vendor)}", "", "| field | role | stage | read as | defined in | sample |")
    yield "|---|---|---|---|---|---|"
    yield from (_row(entry) for entry in FIELDS if entry.vendor == vendor)
    yield ""


def _row(entry: Entry) -> str:
    role = "" if entry.grammar == "none" else f"`{entry.role}`"
    cells = (_code(entry.name), role, entry.stage, entry.grammar, _linked(entry.reference), _code(entry.sample))
    return f"| {' | '.join(cells)} |"


def _code(text: str) -> str:
    """Text as code in a table, where a bar would end the cell."""
    return f"`{text}`".replace("|", "\\|") if text else ""


def _linked(text: str) -> str:
    return re.sub(r"https?://\S*[^\s.,;]", r"<\g<0>>", text.replace("_", "\\_").replace("*", "\\*"))
