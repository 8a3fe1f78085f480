"""The grammars of fields: how the addresses, host names and account ids in a value are found.

An address list is read by the lexer, octet by octet. Everything else (JSON in a field, base64 stamps, return paths that
encode the recipient, tag lists, web addresses) is unpacked from the decoded value into names. What an unpacker does not
know it leaves out, and it never raises: vendors change these forms without notice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

from headerguard.address_list import Reading, lex
from headerguard.grammar.free_text import addresses_in, strings
from headerguard.grammar.ids import (
    arn,
    feedback_id,
    job,
    list_id,
    mailchimp_user,
    mandrill_user,
    message_id,
    report_abuse,
)
from headerguard.grammar.name import Name, account_of, hosts, rest, scan
from headerguard.grammar.packed import (
    any_json,
    mailgun_stamp,
    msys_api,
    postmark_stamp,
    recipient_variables,
    smtpapi,
    sparkpost_stamp,
)
from headerguard.grammar.received import received, received_by
from headerguard.grammar.return_path import read_path, return_path
from headerguard.grammar.tags import authentication_results, before_semicolon, dkim, parameters, typed_address
from headerguard.grammar.uri import mailto_copies, uris
from headerguard.role import Role

__all__ = ["ENCODED", "Decoder", "Grammar", "Name", "Unpacker", "addresses_in", "grammar", "mailto_copies", "strings"]


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
    mark: str = ""
    """This or an encoded-word stands in every value that packs a host or an account."""


def _besides(unpack: Unpacker) -> Grammar:
    """A grammar of text that names what its unpacker knows, and mentions every other address."""
    return Grammar(None, lambda value: rest(value, unpack(value)), frozenset((Role.MENTIONED,)), "@")


_MENTIONED = frozenset((Role.MENTIONED,))

_GRAMMARS: dict[str, Grammar] = {
    "none": Grammar(),
    "address-list": Grammar(lex),
    "path": Grammar(read_path),
    "return-path": Grammar(read_path, return_path, frozenset((Role.ENVELOPE, Role.IDENTITY, Role.MENTIONED)), "="),
    "received": Grammar(received, received_by, _MENTIONED, mark="(SG)"),
    "text": Grammar(None, scan, sign="@"),
    "typed-address": _besides(typed_address),
    "address-semicolon": _besides(before_semicolon),
    "json": Grammar(None, any_json, _MENTIONED, ""),
    "smtpapi": Grammar(None, smtpapi, _MENTIONED | {Role.IDENTITY, Role.TRACKING}, ""),
    "msys-api": Grammar(None, msys_api, _MENTIONED | {Role.CC}, ""),
    "recipient-variables": Grammar(None, recipient_variables, _MENTIONED, ""),
    "postmark-stamp": Grammar(None, postmark_stamp, _MENTIONED, ""),
    "mailgun-stamp": Grammar(None, mailgun_stamp, _MENTIONED, ""),
    "sparkpost-stamp": Grammar(None, sparkpost_stamp, _MENTIONED, ""),
    "dkim": Grammar(None, dkim, _MENTIONED, "@"),
    "authentication-results": _besides(authentication_results)._replace(also=_MENTIONED | {Role.DELIVERED}),
    "uri-list": Grammar(None, uris, _MENTIONED, "@"),
    "list-id": _besides(list_id),
    "host": _besides(hosts),
    "message-id": Grammar(None, message_id),
    "feedback-id": _besides(feedback_id),
    "arn": _besides(arn)._replace(also=_MENTIONED | {Role.IDENTITY}),
    "mandrill-user": _besides(mandrill_user),
    "mailchimp-user": _besides(mailchimp_user),
    "report-abuse": Grammar(None, report_abuse, sign="@"),
    "job": _besides(job),
}


def grammar(name: str) -> Grammar:
    """A grammar by its name in the catalogue; "parameters a b" and "account vendor" take words. Raises KeyError."""
    first, *words = name.split()
    if first == "parameters":
        return _besides(partial(parameters, frozenset(words)))
    if first == "account":
        return _besides(partial(account_of, words[0]))
    return _GRAMMARS[name]
