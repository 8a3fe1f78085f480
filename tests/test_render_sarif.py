"""SARIF: valid by the schema of OASIS whatever the mail holds, and its regions point at the octets."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import unquote, unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sarif_kit.validate import validation_errors

import headerguard
from headerguard.finding import Evidence, Failure, Finding, Report, Severity, Skipped
from headerguard.message import Message, Origin
from headerguard.rendering import Tally, render
from headerguard.rendering.records import fingerprint
from headerguard.rules import BUILTIN
from test_render import HISTORY, RECEIPT, at, clean, copied, hostile_reports, receipt, simple

# RFC 3986, URI-reference: what may stand in one at all, and no colon in the first segment without a scheme.
_URI = re.compile(r"(?:file://)?(?:[A-Za-z0-9._~!$&'()*+,;=/-]|%[0-9A-F]{2})+")


@dataclass(frozen=True)
class Documented:
    """A stand-in for a rule.

    Flags: nothing.
    """

    id: ClassVar[str] = "unfamiliar-blind-recipient"
    severity: ClassVar[Severity] = Severity.CRITICAL


class Bare:
    id = "vendor.bare"
    severity = Severity.LOW


def log_of(reports: Any, **options: Any) -> Any:
    log = json.loads(render(reports, "sarif", **options))
    assert validation_errors(log) == []
    return log["runs"][0]


def result_of(report: Report, **options: Any) -> Any:
    (result,) = log_of(report, **options)["results"]
    return result


# ---- results


def test_a_result_says_all_there_is_to_say() -> None:
    message = Message.from_bytes(RECEIPT, origin=Origin("eml", "mail/0412.eml"))
    finding = Finding(
        "unfamiliar-blind-recipient",
        "arxxwalls.com",
        Severity.HIGH,
        "a hidden copy",
        (
            Evidence("envelope[1]", "rcpt to", 1, "copy@arxxwalls.com", None, "submitted"),
            at(message, "copy@arxxwalls.com", "bcc", "bcc[1]"),
        ),
        stream="receipts",
        layer="application",
        p_value=3.2e-5,
        prior=True,
        history=HISTORY,
    )
    assert result_of(Report(message, (finding,), blind_spots=("one",))) == {
        "ruleId": "unfamiliar-blind-recipient",
        "ruleIndex": 0,
        "level": "error",
        "message": {
            "text": "a hidden copy; 1,904 messages of this stream since 2026-03-01 (last clean one 2026-11-22);"
            " bcc so far: audit@shop.example; 1 in 31,000 messages (shipped prior)"
        },
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": "mail/0412.eml"},
                    "region": {"startLine": 4, "byteOffset": 101, "byteLength": 18},
                },
                "logicalLocations": [{"name": "bcc[1]", "fullyQualifiedName": "receipts/bcc[1]"}],
            }
        ],
        "relatedLocations": [
            {
                "physicalLocation": {"artifactLocation": {"uri": "mail/0412.eml"}},
                "logicalLocations": [{"name": "envelope[1]", "fullyQualifiedName": "receipts/envelope[1]"}],
                "message": {"text": "submitted"},
            }
        ],
        "partialFingerprints": {"headerguardKey/v1": fingerprint(finding)},
        "properties": {
            "severity": "high",
            "security-severity": "8.0",
            "subject": "arxxwalls.com",
            "layer": "application",
            "stage": "submitted",
            "stream": "receipts",
            "odds": "1 in 31,000 messages (shipped prior)",
            "blindSpots": ["one"],
        },
    }


@pytest.mark.parametrize(
    ("severity", "level", "score"),
    [
        (Severity.CRITICAL, "error", "9.5"),
        (Severity.HIGH, "error", "8.0"),
        (Severity.MEDIUM, "warning", "5.0"),
        (Severity.LOW, "note", "2.0"),
    ],
)
def test_levels(severity: Severity, level: str, score: str) -> None:
    run = log_of(Report(clean().message, (simple("to", severity=severity),)))
    (result,), (rule,) = run["results"], run["tool"]["driver"]["rules"]
    assert (result["level"], result["properties"]["security-severity"]) == (level, score)
    assert (rule["defaultConfiguration"]["level"], rule["properties"]["security-severity"]) == (level, score)


def test_an_allowed_finding_is_a_suppressed_result() -> None:
    report = Report(clean().message, (simple("to"),), allowed=(simple("cc"),))
    results = log_of(report)["results"]
    assert [(r["properties"]["subject"], "suppressions" in r) for r in results] == [("to", False), ("cc", True)]
    assert results[1]["suppressions"][0]["status"] == "accepted"


def test_a_fingerprint_is_the_same_in_every_stream_and_redaction() -> None:
    one = Finding("some-rule", "jane@evil.example", Severity.LOW, "x", (), stream="a")
    two = Finding("some-rule", "jane@evil.example", Severity.HIGH, "y", (), stream="b")
    prints = [
        result_of(Report(clean().message, (finding,)), redact=redact)["partialFingerprints"]
        for finding, redact in ((one, "none"), (two, "none"), (two, "local"))
    ]
    assert prints[0] == prints[1] == prints[2]


def test_a_log_that_is_redacted_says_so() -> None:
    assert log_of(receipt(), redact="local")["redactionTokens"] == ["***"]
    assert "redactionTokens" not in log_of(receipt())


@pytest.mark.parametrize("text", ["[pay here](http://evil.example)", "a](b", "\\[x](1)"])
def test_a_message_holds_no_link(text: str) -> None:
    said = result_of(Report(clean().message, (simple("to", text),)))["message"]["text"]
    assert not re.search(r"(?<!\\)(?:\\\\)*\]\(", said)


def test_many_places_are_named_but_not_all() -> None:
    evidence = tuple(Evidence(f"to[{n}]", "to", 0, f"a{n}@x.example", None) for n in range(100))
    result = result_of(Report(clean().message, (Finding("some-rule", "to", Severity.LOW, "many", evidence),)))
    assert [place["message"]["text"] for place in result["relatedLocations"]] == [
        f"a{n}@x.example" for n in range(1, 21)
    ]


# ---- locations


def _region(octets: bytes, needle: str, origin: Origin | None) -> Any:
    message = Message.from_bytes(octets, origin=origin)
    finding = Finding("some-rule", "x", Severity.LOW, "x", (at(message, needle, "to"),))
    return result_of(Report(message, (finding,)))["locations"][0].get("physicalLocation")


def test_a_region_cuts_the_evidence_out_of_the_file() -> None:
    octets = "Subject: gr\u00fc\u00dfe\n folded\nTo: a@x.example,\n b@x.example\n\n".encode()
    region = _region(octets, "b@x.example", Origin("eml", "a.eml"))["region"]
    start, length = region["byteOffset"], region["byteLength"]
    assert octets[start : start + length] == b"b@x.example"
    assert octets.splitlines()[region["startLine"] - 1] == b" b@x.example"


def test_a_container_has_no_regions_as_positions_are_those_of_one_message() -> None:
    place = _region(RECEIPT, "alice@customer.com", Origin("mboxrd", "archive.mbox", 0))
    assert place == {"artifactLocation": {"uri": "archive.mbox"}}


@pytest.mark.parametrize("origin", [None, Origin("eml"), Origin("eml", "-"), Origin("eml", "")])
def test_without_a_file_there_is_only_a_logical_location(origin: Origin | None) -> None:
    assert _region(RECEIPT, "alice@customer.com", origin) is None


@pytest.mark.parametrize(
    ("path", "uri"),
    [
        ("mail/0412.eml", "mail/0412.eml"),
        ("./mail/0412.eml", "mail/0412.eml"),
        ("/var/mail/a b.eml", "file:///var/mail/a%20b.eml"),
        ("a:b.eml", "a%3Ab.eml"),
        ("50%#?.eml", "50%25%23%3F.eml"),
        ("grüße\udcff.eml", "gr%C3%BC%C3%9Fe%FF.eml"),
        ("cur/1700000000.M1P2.host:2,S", "cur/1700000000.M1P2.host%3A2%2CS"),
    ],
)
def test_paths_become_uris(path: str, uri: str) -> None:
    assert _region(RECEIPT, "alice@customer.com", Origin("eml", path))["artifactLocation"]["uri"] == uri
    assert unquote_to_bytes(uri.removeprefix("file://")).decode("utf-8", "surrogateescape") == path.removeprefix("./")


# ---- rules and the run


def test_half_a_character_in_a_path_is_no_reason_to_fail() -> None:
    place = _region(RECEIPT, "alice@customer.com", Origin("eml", "a\ud800.eml"))
    assert place["artifactLocation"]["uri"] == "a%5Cud800.eml"


def test_rules_are_described_by_their_docstrings() -> None:
    run = log_of(receipt(), rules=(Bare, Documented))
    bare, documented = run["tool"]["driver"]["rules"]
    assert documented["id"] == "unfamiliar-blind-recipient"
    assert documented["shortDescription"] == {"text": "A stand-in for a rule."}
    assert documented["fullDescription"] == {"text": "A stand-in for a rule. Flags: nothing."}
    assert documented["help"]["text"] == documented["help"]["markdown"] == "A stand-in for a rule.\n\nFlags: nothing."
    assert documented["properties"]["security-severity"] == "9.5"
    assert documented["defaultConfiguration"] == {"level": "error"}
    assert bare["shortDescription"] == {"text": "vendor.bare"}
    assert run["results"][0]["ruleIndex"] == 1


def test_rules_may_be_objects_too() -> None:
    (rule,) = log_of([], rules=(Documented(),))["tool"]["driver"]["rules"]
    assert rule["shortDescription"] == {"text": "A stand-in for a rule."}


def test_every_result_points_at_its_rule() -> None:
    findings = [Finding(f"rule-{n % 3}", "to", Severity.LOW, "x", ()) for n in range(7)]
    run = log_of([Report(clean().message, tuple(findings[:4])), Report(clean().message, tuple(findings[4:]))])
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == ["rule-0", "rule-1", "rule-2"]
    assert all(rules[result["ruleIndex"]]["id"] == result["ruleId"] for result in run["results"])


def test_a_run_without_results_says_that_it_ran() -> None:
    run = log_of([clean()])
    assert run["results"] == []
    assert run["invocations"] == [{"executionSuccessful": True, "toolExecutionNotifications": []}]
    assert run["tool"]["driver"]["name"] == "headerguard"
    assert run["tool"]["driver"]["version"] == headerguard.__version__


def test_what_did_not_run_is_notified_once_for_each_rule() -> None:
    reports = [
        Report(
            clean().message, skipped=(Skipped("young", "too short"),), failures=(Failure("broken", f"KeyError: {n}"),)
        )
        for n in range(3)
    ]
    (invocation,) = log_of(reports)["invocations"]
    assert invocation["executionSuccessful"] is False
    assert invocation["toolExecutionNotifications"] == [
        {
            "level": "error",
            "associatedRule": {"id": "broken"},
            "message": {"text": "broken failed on 3 messages; the first time: KeyError: 0"},
        },
        {
            "level": "note",
            "associatedRule": {"id": "young"},
            "message": {"text": "young skipped on 3 messages; the first time: too short"},
        },
    ]


def test_records_that_could_not_be_read_are_notified() -> None:
    tally = Tally()
    tally.unreadable = 2
    (invocation,) = log_of([clean()], tally=tally)["invocations"]
    assert invocation["executionSuccessful"] is False
    assert invocation["toolExecutionNotifications"][0]["message"] == {"text": "2 records could not be read"}


def test_the_log_is_ascii_with_a_result_on_each_line() -> None:
    text = render([receipt(), receipt()], "sarif")
    assert text.isascii()
    assert len([line for line in text.splitlines() if '"ruleId"' in line]) == 2


# ---- hostile text


def _strings(value: Any) -> Any:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _strings(item)


@given(st.lists(hostile_reports(), max_size=2), st.sampled_from(("none", "local")))
def test_the_log_is_valid_whatever_the_mail_holds(reports: list[Report], redact: str) -> None:
    run = log_of(reports, redact=redact)
    assert len(run["results"]) == sum(len(r.findings) + len(r.allowed) for r in reports)
    for text in _strings(run):
        assert text.isprintable()
    for result in run["results"]:
        for place in (*result["locations"], *result["relatedLocations"]):
            if "physicalLocation" in place:
                assert _URI.fullmatch(place["physicalLocation"]["artifactLocation"]["uri"])


@given(st.text(min_size=1, max_size=20))
def test_a_relative_path_can_be_read_back_from_its_uri(name: str) -> None:
    path = "mail/" + name.replace("/", "_")
    place = _region(RECEIPT, "alice@customer.com", Origin("eml", path))
    if name not in (".", ".."):
        assert unquote(place["artifactLocation"]["uri"]) == path


def test_the_plan_example_is_a_valid_log() -> None:
    message = Message.from_bytes(RECEIPT)
    assert result_of(Report(message, (copied(message),)))["level"] == "error"


def test_the_rules_of_the_house_are_described() -> None:
    rules = log_of([], rules=BUILTIN)["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == [rule.id for rule in BUILTIN]
    for rule in rules:
        assert rule["shortDescription"]["text"] != rule["id"]
        assert "What to do:" in rule["help"]["text"]
