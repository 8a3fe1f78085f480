"""Ids of messages and lists, and those by which an ESP names the sending account."""

from __future__ import annotations

import re
from collections.abc import Iterator

from headerguard.grammar.name import Name, account_of, hosts, scan
from headerguard.role import Role

__all__ = [
    "arn",
    "feedback_id",
    "job",
    "list_id",
    "mailchimp_user",
    "mandrill_user",
    "message_id",
    "report_abuse",
]


def message_id(value: str) -> Iterator[Name]:
    """The right-hand sides of message ids (RFC 5322 section 3.6.4); the left-hand sides are never addresses."""
    for found in re.finditer(r"@([^@<>\s]{1,255})>?", value[:65_536]):
        yield from hosts(found[1])


def list_id(value: str) -> Iterator[Name]:
    """The identifier inside the brackets (RFC 2919 section 3)."""
    found = re.search(r"<([^<>]{1,255})>", value)
    return hosts(found[1] if found else value)


# ---- accounts


def feedback_id(value: str) -> Iterator[Name]:
    """Feedback-ID: the parts that stay the same for an account; the last names the ESP (seen in delivered mail)."""
    *parts, esp = (part.strip() for part in value.rsplit(":", 4))
    match [*parts, esp.lower()]:
        case [account, _, "md"]:
            yield from account_of("mandrill", account)
        case [account, _, _, "mc"]:
            yield from account_of("mailchimp", account)
        case [_, server, account, "postmark"]:
            yield from account_of("postmark-server", server.removeprefix("s"))
            yield from account_of("postmark", account.removeprefix("a"))
        case [*_, identity, "amazonses"]:  # a sender may put its own parts first
            yield from account_of("ses-feedback", identity)
        case [_, _, account, "sendinblue" | "brevo"]:
            yield from account_of("brevo", account)
        case [business, _, _, "sfmktgcld"]:
            yield from account_of("sfmc", business)


def arn(value: str) -> Iterator[Name]:
    """An Amazon resource name: the account in its fifth part, the identity at its end."""
    match value.strip().split(":", 5):
        case ["arn", _, _, _, account, resource]:
            yield from account_of("ses", account)
            identity = resource.rpartition("/")[2]
            yield from scan(identity, Role.IDENTITY) if "@" in identity else hosts(identity, Role.IDENTITY)


def mandrill_user(value: str) -> Iterator[Name]:
    """X-Mandrill-User: "md_<account>"."""
    return account_of("mandrill", value.strip().removeprefix("md_"))


def mailchimp_user(value: str) -> Iterator[Name]:
    """X-MC-User: the hash of the account."""
    return account_of("mailchimp-user", value)


_ABUSE_LINK = re.compile(r"(mandrillapp|mailchimp)\.com/contact/abuse/?\?(?:id=(\d{1,20})\.|u=([0-9a-f]{1,64})\b)")


def report_abuse(value: str) -> Iterator[Name]:
    """X-Report-Abuse: prose, whose link names the account (Mandrill and Mailchimp, seen in delivered mail)."""
    if link := _ABUSE_LINK.search(value):
        yield from account_of("mandrill", link[2]) if link[2] else account_of("mailchimp-user", link[3])
    yield from scan(value)


def job(value: str) -> Iterator[Name]:
    """X-Job: "<account>_<server>" (Postmark), "<account>_<job>" (Salesforce), where the job is of one sending only."""
    account, _, rest = value.strip().partition("_")
    if account.isdigit() and rest.isdigit():
        yield from account_of("job", account)
