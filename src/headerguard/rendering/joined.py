"""A reconciliation for people, as a record, and as a report for the formats that know nothing else."""

from __future__ import annotations

from collections.abc import Iterator

from headerguard.finding import Report
from headerguard.message import Message, Origin
from headerguard.reconcile import Reconciliation
from headerguard.rendering.disclosure import Disclosure, visible
from headerguard.rendering.records import Record, finding_record
from headerguard.rendering.words import count

__all__ = ["joined_line", "joined_record", "joined_report", "joined_text"]


def joined_report(joined: Reconciliation) -> Report:
    """The findings as the report of one message without a file: code scanning and test reports know nothing else."""
    whole = Message.from_items((), stage="unknown", origin=Origin("reconciliation"))
    return Report(whole, joined.findings)


def joined_record(joined: Reconciliation, *, redact: str = "none") -> Record:
    """What joining the copies showed, as "headerguard.reconciliation/1"."""
    show = Disclosure(redact)
    return {
        "schema": "headerguard.reconciliation/1",
        "copies": joined.copies,
        "messages": joined.messages,
        "joined": joined.joined,
        "unjoined": joined.unjoined,
        "ambiguous": joined.ambiguous,
        "omitted": joined.omitted,
        "findings": [finding_record(finding, show) for finding in joined.findings],
    }


def joined_text(joined: Reconciliation) -> Iterator[str]:
    """The findings, strongest first, then a line on how well the copies joined."""
    for finding in joined.findings:
        yield f"{visible(finding.rule)} ({finding.severity}): {visible(finding.summary)}"
        if finding.layer != "unknown":
            yield f"   got in at: {visible(finding.layer)}, as far as the stages show"
        for piece in finding.evidence:
            yield f"   seen at: {visible(piece.field)} ({visible(piece.note)})"
    yield joined_line(joined)


def joined_line(joined: Reconciliation) -> str:
    """How many copies there were, how many of them joined, and what they showed."""
    parts = [f"{count(joined.copies, 'copy').replace('copys', 'copies')} of {count(joined.messages, 'message')}"]
    for number, what in ((joined.joined, "joined"), (joined.unjoined, "unjoined"), (joined.ambiguous, "ambiguous")):
        parts.append(f"{number:,} {what} ({number / joined.copies:.0%})" if joined.copies else f"{number:,} {what}")
    parts.append(count(len(joined.findings), "finding"))
    if joined.omitted:
        parts.append(f"{joined.omitted:,} more not shown")
    return ", ".join(parts)
