"""What a failed test says: the count, every message with all of its recipients, then what to type next."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from headerguard.finding import Report
from headerguard.rendering.disclosure import argument
from headerguard.rendering.options import Options
from headerguard.rendering.text import Block, counted
from headerguard.rendering.words import count

__all__ = ["failed_test"]

_EXPLAINED = 3


def failed_test(
    reports: Iterable[tuple[int, Report]], messages: int, test: str, steps: Iterable[tuple[str, str]]
) -> str:
    """Reports with the numbers of their messages, of so many `messages` of a test; `steps` are what may be typed.

    The first line begins with the count. The stream is left out of it where it is named after the test.
    """
    options = Options()
    blocks = [(number, Block(replace(report, blind_spots=()), options)) for number, report in reports]
    found = [block for _, block in blocks]
    of = f"{len(found)} of {count(messages, 'message')}" if messages > len(found) else count(messages, "message")
    streams = {block.of_stream() for block in found}
    stream = streams.pop() if len(streams) == 1 else ""
    lines = [f"{_what(found)} in {of}{'' if test.startswith(_bare(stream)) and stream else stream}"]
    for number, block in blocks:
        lines += [*block.body(number), *block.notes()]
    rules = dict.fromkeys(finding.rule for block in found for finding in block.report.findings)
    explained = [("explain", f"headerguard explain {argument(rule)}") for rule in list(rules)[:_EXPLAINED]]
    lines += [f"   {name + ':':<9} {command}" for name, command in (*explained, *steps)]
    return "\n".join(lines)


def _what(blocks: list[Block]) -> str:
    return counted(blocks) if any(block.report.findings for block in blocks) else "check incomplete"


def _bare(of_stream: str) -> str:
    return of_stream.removeprefix(" of stream '").removesuffix("'")
