"""Reports and messages as JSON Lines: one object a line, its keys in order, the same octets every time.

The schemas stand beside this file, `schemas/report-1.json` and `schemas/message-1.json`. A field that is
removed or means something else raises the number; a field that is added does not.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from typing import Any

from headerguard.fields import RECIPIENT
from headerguard.finding import Evidence, Finding, History, Report
from headerguard.header import Defect
from headerguard.incident import Incident
from headerguard.message import Message, Origin, Recipient, Sighting
from headerguard.rendering.disclosure import Disclosure, cut, encodable
from headerguard.rendering.options import Options
from headerguard.rendering.words import stream_of

__all__ = ["chunks", "dumps", "finding_record", "fingerprint", "incident_record", "report_record", "show_record"]

Record = dict[str, Any]

SOURCE_LIMIT = 4_096
"""Characters of evidence and of a Subject that a record holds: a rule may cite a field of a megabyte."""


def chunks(reports: Iterable[Report], options: Options) -> Iterator[str]:
    """One line a report."""
    for report in reports:
        yield dumps(report_record(report, options.show)) + "\n"


def dumps(record: Record) -> str:
    """A record on one line, in ASCII, without any control character."""
    return json.dumps(record, sort_keys=True, separators=(",", ":"), allow_nan=False)


def fingerprint(finding: Finding) -> str:
    """SHA-256 of the identity of a finding. It ignores redaction, so it can confirm a guessed address."""
    return hashlib.sha256(json.dumps(finding.key, separators=(",", ":")).encode("ascii")).hexdigest()


def report_record(report: Report, show: Disclosure) -> Record:
    """A report as "headerguard.report/1"."""
    return {
        "schema": "headerguard.report/1",
        **_about(report.message, show),
        "stream": _text(stream_of(report), show),
        "findings": [finding_record(finding, show) for finding in report.findings],
        "allowed": [finding_record(finding, show) for finding in report.allowed],
        "skipped": [{"rule": encodable(s.rule), "reason": _said(s.reason, show)} for s in report.skipped],
        "failures": [{"rule": encodable(f.rule), "error": _said(f.error, show)} for f in report.failures],
        "blind_spots": [_said(text, show) for text in report.blind_spots],
        "notes": [_said(text, show) for text in report.notes],
        "incidents": [incident_record(one, show) for one in report.incidents],
        "complete": report.complete,
    }


def incident_record(incident: Incident, show: Disclosure | None = None) -> Record:
    """An incident within a record, and alone as "headerguard.incident/1"."""
    show = show or Disclosure("none")
    return {
        "schema": "headerguard.incident/1",
        "account": _text(incident.account, show),
        "subject": _said(incident.subject, show),
        "status": str(incident.status),
        "severity": str(incident.severity),
        "strength": str(incident.strength),
        "p_value": incident.p_value,
        "messages": incident.messages,
        "recipients": incident.recipients,
        "first_day": _day(incident.first),
        "last_day": _day(incident.last),
        **{name: [_said(value, show) for value in getattr(incident, name)] for name in _INCIDENT_LISTS},
        "migration": incident.migration,
        "tier": str(incident.tier),
        "due": incident.due,
    }


_INCIDENT_LISTS = ("streams", "roles", "stages", "rules", "addresses")


def show_record(message: Message, *, redact: str = "none", blind_spots: Iterable[str] = ()) -> Record:
    """A message as "headerguard.message/1": every address, where it stands and what it is there for."""
    show = Disclosure(redact)
    concealed = {recipient.address.key for recipient in message.recipients if recipient.hidden}
    return {
        "schema": "headerguard.message/1",
        **_about(message, show),
        "stream": _text(message.stream, show),
        "subject": cut(_said(message.subject, show), SOURCE_LIMIT),
        "envelope": _envelope(message, show),
        "sightings": [_sighting(sighting, concealed, show) for sighting in message.sightings],
        "recipients": [_recipient(recipient, show) for recipient in message.recipients],
        "hidden": [encodable(show.address(r.address)) for r in message.recipients if r.hidden],
        "defects": [_defect(defect, show) for defect in message.defects],
        "blind_spots": [_said(text, show) for text in blind_spots],
    }


# ---- what both share


def _about(message: Message, show: Disclosure) -> Record:
    """Which copy it is."""
    return {
        "origin": _origin(message.origin),
        "account": _text(message.account, show),
        "stage": str(message.stage),
        "date": _time(message.date),
        "correlation": [_said(value, show) for value in message.correlation],
    }


def _origin(origin: Origin | None) -> Record | None:
    if origin is None:
        return None
    path = None if origin.path is None else encodable(origin.path)
    return {"kind": encodable(origin.kind), "path": path, "index": origin.index}


def _said(text: str, show: Disclosure) -> str:
    return encodable(show.text(text))


def _text(text: str | None, show: Disclosure) -> str | None:
    return None if text is None else _said(text, show)


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def _span(span: tuple[int, int] | None) -> list[int] | None:
    return None if span is None else [span[0], span[1]]


# ---- a finding


def finding_record(finding: Finding, show: Disclosure) -> Record:
    """A finding within a record."""
    p_value = finding.p_value
    return {
        "rule": encodable(finding.rule),
        "subject": _said(finding.subject, show),
        "severity": str(finding.severity),
        "summary": _said(finding.summary, show),
        "p_value": p_value if p_value is not None and 0 <= p_value <= 1 else None,
        "prior": finding.prior,
        "layer": encodable(finding.layer),
        "account": _text(finding.account, show),
        "stream": _text(finding.stream, show),
        "fingerprint": fingerprint(finding),
        "evidence": [_evidence(piece, show) for piece in finding.evidence],
        "history": _history(finding.history, show),
    }


def _evidence(piece: Evidence, show: Disclosure) -> Record:
    return {
        "place": encodable(piece.place),
        "field": encodable(piece.field),
        "occurrence": piece.occurrence,
        "text": cut(encodable(show.source(piece.text)), SOURCE_LIMIT),
        "span": _span(piece.span),
        "note": _said(piece.note, show),
    }


def _history(known: History | None, show: Disclosure) -> Record | None:
    if known is None:
        return None
    return {
        "messages": known.messages,
        "first_day": _day(known.first_day),
        "last_day": _day(known.last_day),
        "known": [_said(value, show) for value in known.known],
        "nearest": _text(known.nearest, show),
    }


# ---- a message


def _envelope(message: Message, show: Disclosure) -> Record | None:
    envelope = message.envelope
    if envelope is None:
        return None
    return {
        "mail_from": _path(envelope.mail_from, show),
        "rcpt_to": [_path(path, show) for path in envelope.rcpt_to],
        "complete": envelope.complete,
        "queue_id": _text(envelope.queue_id, show),
        "observed": _time(envelope.observed),
    }


def _path(path: str | None, show: Disclosure) -> str | None:
    return None if path is None else cut(encodable(show.source(path)), SOURCE_LIMIT)


def _sighting(sighting: Sighting, concealed: set[str], show: Disclosure) -> Record:
    address = sighting.address
    return {
        "address": encodable(show.address(address)),
        "unicode": encodable(address.unicode if show.full else show.text(address.unicode)),
        "registrable_domain": encodable(address.registrable_domain),
        "role": str(sighting.role),
        "field": encodable(sighting.field),
        "occurrence": sighting.occurrence,
        "tier": str(sighting.tier),
        "span": _span(sighting.span),
        "display_name": _text(sighting.display_name, show),
        "hidden": sighting.role in RECIPIENT and address.key in concealed,
    }


def _recipient(recipient: Recipient, show: Disclosure) -> Record:
    return {
        "address": encodable(show.address(recipient.address)),
        "original": None if recipient.original is None else encodable(show.address(recipient.original)),
        "roles": sorted(map(str, recipient.roles)),
        "tier": str(recipient.tier),
        "hidden": recipient.hidden,
    }


def _defect(defect: Defect, show: Disclosure) -> Record:
    return {
        "name": str(defect.name),
        "span": _span(defect.span),
        "field": encodable(defect.field),
        "note": _said(defect.note, show),
    }
