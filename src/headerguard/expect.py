"""The commands on files of expectations: join them, write them as configuration, hold an archive against one."""

from __future__ import annotations

import json
import re
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import replace

from headerguard.arguments import configuration
from headerguard.command import CLEAN, FINDINGS, INCOMPLETE, reading
from headerguard.errors import ConfigError
from headerguard.expectation import Expectations
from headerguard.guard import Guard
from headerguard.rehearsal import FILE, JUDGING
from headerguard.terminal import Tally, Terminal, stream, visible

__all__ = ["expect_check", "expect_export", "expect_merge"]


def expect_merge(arguments: Namespace, terminal: Terminal) -> int:
    """Join files: the result allows whatever one of them allows."""
    merged = Expectations().merge(*map(Expectations.load, arguments.files))
    merged.save(arguments.output)
    terminal.lines([f"{visible(arguments.output)} holds {_streams(merged)}"])
    return CLEAN


def expect_export(arguments: Namespace, terminal: Terminal) -> int:
    """Write a file as tables of the configuration."""
    expectations = Expectations.load(arguments.file)
    terminal.lines(_toml(expectations))
    for name in expectations.streams:
        if "::" in name:
            terminal.say(f"stream {name!r} is named after its test, which production never says; name it with stream=")
    return CLEAN


def expect_check(arguments: Namespace, terminal: Terminal) -> int:
    """Judge copies by the expectations alone; of a stream that nobody recorded one message a day is told."""
    config = configuration(arguments, terminal)
    file = arguments.expected or config.expectations
    if file is None:
        raise ConfigError(f"there are no expectations; name them with --expected {FILE}, or as expected in the file")
    rules = [rule for rule in config.rules if rule.id in JUDGING]
    guard = Guard(rules, config=replace(config, expectations=None), expectations=Expectations.load(file))
    tally = Tally()
    with reading(arguments, terminal, tally) as messages:
        reports = (guard.observe(message, stream=arguments.stream) for message in messages)
        kinds = [type(rule) for rule in rules]
        for piece in stream(reports, arguments.format, colour=terminal.coloured, rules=kinds, tally=tally):
            terminal.write(piece)
    if arguments.format != "text":
        terminal.say(tally.line())
    if not tally.complete:
        return INCOMPLETE
    return FINDINGS if tally.worst is not None and tally.worst >= config.fail_on else CLEAN


def _streams(expectations: Expectations) -> str:
    count = len(expectations.streams)
    return f"{count:,} stream{'' if count == 1 else 's'}"


def _toml(expectations: Expectations) -> Iterator[str]:
    """The tables, as headerguard.toml takes them."""
    before = ""
    for name, places in expectations.as_dict()["streams"].items():
        yield f"{before}[streams.{_key(name)}.expected]"
        for role, place in places.items():
            yield f"{role} = {_value(place)}"
        before = "\n"


def _key(name: str) -> str:
    return name if re.fullmatch("[A-Za-z0-9_-]+", name) else _value(name)


def _value(value: object) -> str:
    """A value of TOML: that of JSON, with one character more escaped."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
