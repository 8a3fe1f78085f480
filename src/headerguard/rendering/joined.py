"""A reconciliation for people and as a record."""

from __future__ import annotations

from collections.abc import Iterator

from headerguard.reconcile import Reconciliation
from headerguard.rendering.disclosure import Disclosure, visible
from headerguard.rendering.records import Record, finding_record

__all__ = ["joined_record", "joined_text"]


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
    share = f", {joined.joined / joined.copies:.0%} of the copies joined" if joined.copies else ""
    yield (
        f"{joined.copies:,} copies of {joined.messages:,} messages{share}: "
        f"{joined.unjoined:,} unjoined, {joined.ambiguous:,} ambiguous, {len(joined.findings):,} findings"
    )
