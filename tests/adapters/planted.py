"""The planted leaks: what somebody may do to a mail, which adapters can carry it, and the table of both."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace

from frameworks import ADAPTERS, Mail

__all__ = ["COPY", "CUSTOMER", "LEAKS", "REFUSED", "UNSAYABLE", "Leak", "table"]

CUSTOMER = "mike@client.example"
COPY = "copy@arxxwalls.com"
_CLEAN = Mail((f"Mike <{CUSTOMER}>",))
_OTHER = "help@arxxwalls.com"
_LINE = f"\r\nBcc: {COPY}"


@dataclass(frozen=True)
class Leak:
    """One thing that somebody may do, and the twin that is in order."""

    planted: Mail
    clean: Mail
    subject: str
    """What a finding must be about: the address, or the field that carries it."""


def _headers(name: str, planted: str, clean: str) -> tuple[Mail, Mail]:
    return replace(_CLEAN, headers={name: planted}), replace(_CLEAN, headers={name: clean})


def _smtpapi(email: str) -> str:
    return json.dumps({"filters": {"bcc": {"settings": {"enable": 1, "email": email}}}})


_TWIN = "m\N{LATIN SMALL LETTER DOTLESS I}ke@client.example"
_TWIN_DOMAIN = "cl\N{LATIN SMALL LETTER DOTLESS I}ent.example"

LEAKS: dict[str, Leak] = {
    "a second address in To": Leak(replace(_CLEAN, to=(*_CLEAN.to, COPY)), _CLEAN, COPY),
    "Cc": Leak(replace(_CLEAN, cc=(COPY,)), replace(_CLEAN, cc=(CUSTOMER,)), COPY),
    "Bcc, as an attribute or in the envelope": Leak(
        replace(_CLEAN, bcc=(COPY,)), replace(_CLEAN, bcc=(CUSTOMER,)), COPY
    ),
    "Bcc, as a header": Leak(_headers("Bcc", COPY, "")[0], _CLEAN, COPY),
    '`extra_headers["To"]`': Leak(_headers("To", COPY, "")[0], _CLEAN, COPY),
    "SEND_DEFAULTS of anymail": Leak(
        replace(_CLEAN, defaults={"bcc": [COPY]}), replace(_CLEAN, defaults={"tags": ["receipt"]}), COPY
    ),
    "Reply-To swapped": Leak(
        replace(_CLEAN, reply_to=(_OTHER,)), replace(_CLEAN, reply_to=("help@shop.example",)), _OTHER
    ),
    "From swapped": Leak(
        replace(_CLEAN, sender=f"Shop <{_OTHER}>"), replace(_CLEAN, sender="Shop <help@shop.example>"), _OTHER
    ),
    "X-MC-BccAddress": Leak(*_headers("X-MC-BccAddress", COPY, CUSTOMER), COPY),
    "X-SMTPAPI with bcc": Leak(*_headers("X-SMTPAPI", _smtpapi(COPY), _smtpapi(CUSTOMER)), COPY),
    "a header in the subject": Leak(
        replace(_CLEAN, subject=f"Hello{_LINE}"), replace(_CLEAN, subject=f"Hello Bcc: {COPY}"), COPY
    ),
    "a header in the subject, encoded": Leak(
        replace(_CLEAN, subject="=?utf-8?q?Hello=0D=0ABcc=3A_copy=40arxxwalls.com?="),
        replace(_CLEAN, subject="=?utf-8?q?Hello_Bcc=3A_copy=40arxxwalls.com?="),
        "subject",
    ),
    "a header in a name": Leak(
        replace(_CLEAN, to=(f'"Mike{_LINE}" <{CUSTOMER}>',)), replace(_CLEAN, to=(f'"Mike Bcc" <{CUSTOMER}>',)), COPY
    ),
    "a lookalike of the customer": Leak(replace(_CLEAN, to=(_TWIN,)), replace(_CLEAN, to=(CUSTOMER,)), _TWIN),
    "a lookalike of his domain": Leak(
        replace(_CLEAN, to=(f"mike@{_TWIN_DOMAIN}",)),
        replace(_CLEAN, to=(CUSTOMER,)),
        f"mike@{_TWIN_DOMAIN.encode('idna').decode()}",
    ),
}
"""Every leak, under the name that the documentation gives it."""

_DEFAULTS, _SUBJECT, _ENCODED, _NAME = (
    "SEND_DEFAULTS of anymail",
    "a header in the subject",
    "a header in the subject, encoded",
    "a header in a name",
)
_LOOKALIKE, _LOOKALIKE_DOMAIN = "a lookalike of the customer", "a lookalike of his domain"

UNSAYABLE = frozenset(
    [(_DEFAULTS, name) for name in ADAPTERS if name not in ("Django", "django-anymail")]
    # The JSON of Mailpit holds no header fields; GET /api/v1/message/{id}/raw does.
    + [(leak, "Mailpit") for leak in ("Bcc, as a header", "X-MC-BccAddress", "X-SMTPAPI with bcc", _SUBJECT, _ENCODED)]
    + [(_NAME, "Mailpit")]
)
"""Leak and adapter, where the library has no way to carry it."""

REFUSED: dict[tuple[str, str], tuple[int, ...]] = {
    **{(leak, name): () for leak in (_SUBJECT, _NAME) for name in ("Django", "Flask-Mail", "Flask-Mailman")},
    **{(leak, "email.message"): () for leak in (_SUBJECT, _NAME)},
    **{(leak, "smtpdfix"): () for leak in (_LOOKALIKE, _LOOKALIKE_DOMAIN)},
    **{(leak, "FastAPI-Mail"): (1, 6) for leak in (_LOOKALIKE, _LOOKALIKE_DOMAIN)},
    (_NAME, "FastAPI-Mail"): (),
    ("Bcc, as a header", "Django"): (6, 1),
    (_NAME, "django-anymail"): (11,),
    ('`extra_headers["To"]`', "django-anymail"): (),
}
"""Leak and adapter, where the library itself refuses to build or to send it, since which release."""


def table() -> Iterator[str]:
    """The lines of the table: a row for each leak, a column for each adapter."""
    yield f"| planted | {' | '.join(ADAPTERS)} |"
    yield "|---" * (len(ADAPTERS) + 1) + "|"
    for leak in LEAKS:
        yield f"| {leak} | {' | '.join(_cell(leak, adapter) for adapter in ADAPTERS)} |"


def _cell(leak: str, adapter: str) -> str:
    if (leak, adapter) in UNSAYABLE:
        return ""
    since = REFUSED.get((leak, adapter))
    if since is None:
        return "caught"
    return f"refused since {'.'.join(map(str, since))}" if since else "refused"
