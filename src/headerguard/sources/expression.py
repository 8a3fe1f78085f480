"""Expressions of JMESPath (jmespath.org), with which the table of payloads says where in each what stands.

None raises: what an expression cannot be applied to gives nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from headerguard.errors import ConfigError
from headerguard.sources.json_values import decoded

__all__ = ["addresses", "every", "first", "texts", "top_level"]


@cache
def _compiled(expression: str) -> Any:
    """An expression, compiled once; there are as many as the table holds."""
    try:
        import jmespath
    except ImportError:
        raise ConfigError("payloads of ESPs are read with jmespath: install headerguard[events]") from None
    return jmespath.compile(expression)


@cache
def top_level(expression: str) -> frozenset[str]:
    """The members of an object one of which an expression needs, or it is not true of the object."""
    return frozenset(_leftmost(_compiled(expression).parsed))


def _leftmost(node: Any) -> Iterator[str]:
    """The names with which the branches of an expression start; what hangs from another is not one."""
    if node["type"] == "field":
        yield node["value"]
    elif node["type"] in ("or_expression", "and_expression", "comparator", "multi_select_list"):
        for child in node["children"]:
            yield from _leftmost(child)
    elif node["children"]:
        yield from _leftmost(node["children"][0])


def first(expression: str, value: Any) -> Any:
    """What an expression gives, None for nothing, or for what it cannot be applied to."""
    if not expression:
        return None
    from jmespath.exceptions import JMESPathError

    compiled = _compiled(expression)
    try:
        return compiled.search(value)
    except (JMESPathError, RecursionError):
        return None


def every(expression: str, value: Any) -> list[Any]:
    """The results of an expression as a list."""
    found = first(expression, value)
    return found if isinstance(found, list) else [] if found is None else [found]


def addresses(expression: str, value: Any) -> Iterator[str]:
    """Results that may hold addresses: strings, and pairs of a name and an address as some libraries keep them.

    Where an expression asks for what is in a list and there is none, a string in its place is taken for all of it.
    """
    found = every(expression, value)
    if not found and expression.endswith("[]"):
        found = every(expression[:-2], value)
    for item in found:
        for text in item if isinstance(item, list) else (item,):
            if isinstance(text, str) and "@" in text:
                yield text


def texts(expression: str, value: Any) -> Iterator[str]:
    """Results that are strings or numbers, without empty ones; a string may be a JSON array of them (Brevo)."""
    for item in every(expression, value):
        if isinstance(item, str) and item.startswith('["'):
            item = decoded(item)
        for text in item if isinstance(item, list) else (item,):
            if isinstance(text, str | int | float) and not isinstance(text, bool) and (shown := str(text).strip()):
                yield shown
