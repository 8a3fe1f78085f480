"""What the length of the catalogue costs a message that has no field of an ESP: all of it, to the standards alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from bench.messages import Source
from bench.rounds import Figure, cpu_seconds

from headerguard import Message, message, part
from headerguard.fields import CATALOGUE, FIELDS

__all__ = ["breadth", "standard_fields_alone", "without_vendor_fields"]

_STANDARD = {name: entry for name, entry in CATALOGUE.items() if not entry.vendor}
_OF_VENDORS = tuple(entry.name.lower().removesuffix("*") for entry in FIELDS if entry.vendor)


def breadth(source: Source, rounds: int, messages: int) -> Figure:
    """Every sighting of new messages in every round; one round before the first, to warm up."""
    ratios = []
    for number in range(rounds + 1):
        headers = [without_vendor_fields(source.clean("a").header) for _ in range(messages)]
        if number % 2:
            full, alone = cpu_seconds(_sight, headers), _alone(headers)
        else:
            alone, full = _alone(headers), cpu_seconds(_sight, headers)
        ratios.append(full / alone)
    return Figure.of(ratios[1:])


def _sight(octets: bytes) -> None:
    _ = Message.from_bytes(octets).sightings


def _alone(headers: list[bytes]) -> float:
    with standard_fields_alone():
        return cpu_seconds(_sight, headers)


def without_vendor_fields(header: bytes) -> bytes:
    """A header block without the fields that the catalogue has from anybody but a standard."""
    lines = Message.from_bytes(header).header.fields
    return b"".join(field.octets for field in lines if not field.name.lower().startswith(_OF_VENDORS)) + b"\r\n"


@contextmanager
def standard_fields_alone() -> Iterator[None]:
    """Messages know the fields of the standards, and no others."""
    with patch.object(part, "CATALOGUE", _STANDARD), patch.object(message, "_ALL", frozenset(_STANDARD)):
        yield
