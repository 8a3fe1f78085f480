"""Whether the examples of a rule hold: each is shown to a guard that has this rule alone."""

from __future__ import annotations

from headerguard.config import parse
from headerguard.expectation import Expectations
from headerguard.finding import Finding
from headerguard.guard import Guard
from headerguard.message import Message
from headerguard.rule import Compared, Example, Rule
from headerguard.sources import read

__all__ = ["check_examples"]


def check_examples(rule: type[Rule] | Rule) -> list[str]:
    """What is wrong with the examples of a rule, a sentence each; none means that all of them hold."""
    rule_type = rule if isinstance(rule, type) else type(rule)
    problems = [] if rule_type.examples else [f"{rule_type.id} has no example"]
    for number, example in enumerate(rule_type.examples):
        name = f"{rule_type.id} example {number}"
        if _lines_apart(example.flagged.splitlines(), example.clean.splitlines()) > 2:
            problems.append(f"{name}: flagged and clean differ in more than two lines")
        found = _example_findings(rule, example, example.flagged)
        if not found:
            problems.append(f"{name}: the flagged message is not flagged")
        elif found[0].evidence[0].text != example.cites:
            problems.append(f"{name}: cites {found[0].evidence[0].text!r}, not {example.cites!r}")
        if any(_example_findings(rule, example, example.clean)):
            problems.append(f"{name}: the clean message is flagged")
    return problems


def _lines_apart(one: list[str], other: list[str]) -> int:
    from difflib import SequenceMatcher

    changes = SequenceMatcher(None, one, other, autojunk=False).get_opcodes()
    return sum(max(i2 - i1, j2 - j1) for tag, i1, i2, j1, j2 in changes if tag != "equal")


def _example_findings(rule: type[Rule] | Rule, example: Example, text: str) -> list[Finding]:
    config = parse(example.config, "example") if example.config else None
    recorded = None if example.expectations is None else Expectations(example.expectations)
    guard = Guard([rule], config=config, seal_key=example.seal_key, expectations=recorded)
    for past in example.history:
        guard.learn(_copies(example, past))
    if isinstance(guard.rules[0], Compared):
        return list(guard.reconcile(_copies(example, text)).findings)
    reports = [guard.check(copy, envelope=example.envelope, **example.declared) for copy in _copies(example, text)]
    if failures := [failure for report in reports for failure in report.failures]:
        raise RuntimeError(failures[0].error)
    return [finding for report in reports for finding in report.findings]


def _copies(example: Example, text: str) -> list[Message]:
    if example.kind is not None:
        return list(read(text.encode(), example.kind))
    if "\n\n" in text:
        return [copy for block in text.strip("\n").split("\n\n") for copy in read(_wire(f"{block}\n"))]
    return [Message.from_bytes(_wire(text), account=example.account)]


def _wire(text: str) -> bytes:
    return text.replace("\n", "\r\n").encode() + b"\r\n"
