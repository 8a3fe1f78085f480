"""JUnit XML: what a reader of test reports gets back, and that hostile text cannot break out of it."""

from __future__ import annotations

from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st
from junitparser import Error, JUnitXml
from junitparser import Failure as Failed
from junitparser import TestCase as Case
from junitparser import TestSuite as Suite

from headerguard.finding import Failure, Finding, Report, Severity
from headerguard.message import Message, Origin
from headerguard.rendering import render
from test_render import RECEIPT, clean, copied, hostile_reports, receipt, simple


def suites_of(text: str) -> list[Suite]:
    return list(JUnitXml.fromstring(text.encode("ascii")))


def cases_of(text: str) -> list[Case]:
    return [case for suite in suites_of(text) for case in suite]


def _in_stream(stream: str, severity: Severity = Severity.LOW) -> Report:
    return Report(clean().message, (Finding("some-rule", "to", severity, "odd", (), stream=stream),))


def test_a_suite_a_stream_a_case_a_message() -> None:
    text = render([_in_stream("b"), clean(), _in_stream("a"), _in_stream("b"), receipt()], "junit")
    suites = suites_of(text)
    assert [(suite.name, suite.tests, suite.failures, suite.errors) for suite in suites] == [
        ("b", 2, 2, 0),
        ("subject:shop@shop.example ", 1, 0, 0),
        ("a", 1, 1, 0),
        ("receipts", 1, 1, 0),
    ]
    assert [case.classname for case in suites[0]] == ["b", "b"]


def test_the_totals_are_those_of_the_suites() -> None:
    broken = Report(clean().message, failures=(Failure("broken", "KeyError: 1"),))
    text = render([receipt(), clean(), broken, receipt()], "junit")
    root = ElementTree.fromstring(text)
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("4", "2", "1")
    results = [type(result) for case in cases_of(text) for result in case.result]
    assert (len(cases_of(text)), results.count(Failed), results.count(Error)) == (4, 2, 1)


def test_a_failure_holds_what_text_would_say() -> None:
    (case,) = cases_of(render(receipt(), "junit"))
    (failed,) = case.result
    assert isinstance(failed, Failed)
    assert failed.text == render(receipt())
    assert failed.type == "unfamiliar-blind-recipient"
    assert failed.message == (
        "unfamiliar-blind-recipient (high): a hidden copy to arxxwalls.com, submitted with the message"
    )


def test_a_failure_never_holds_colour() -> None:
    assert render(receipt(), "junit", colour=True) == render(receipt(), "junit")


def test_the_worst_finding_speaks_for_the_others() -> None:
    message = Message.from_bytes(RECEIPT)
    (case,) = cases_of(render(Report(message, (simple("to"), copied(message), simple("cc"))), "junit"))
    assert case.result[0].type == "unfamiliar-blind-recipient"
    assert case.result[0].message.endswith(" (and 2 more)")


def test_a_rule_that_failed_is_an_error_beside_the_failure() -> None:
    (case,) = cases_of(render(receipt(failures=(Failure("broken", "KeyError: 'x'"), Failure("c", "d"))), "junit"))
    failed, error = case.result
    assert isinstance(failed, Failed)
    assert isinstance(error, Error)
    assert (error.type, error.message, error.text) == ("broken", "broken: KeyError: 'x'", "broken: KeyError: 'x'\nc: d")


def test_clean_and_allowed_messages_pass() -> None:
    text = render([clean(), Report(clean().message, allowed=(simple("to"),))], "junit")
    assert [case.is_passed for case in cases_of(text)] == [True, True]


def test_names_tell_messages_apart() -> None:
    reports = [receipt(), receipt(origin=Origin("eml", "mail/1.eml")), receipt(origin=Origin("mboxrd", "a.mbox", 7))]
    assert [case.name for case in cases_of(render(reports, "junit"))] == [
        "message[0] 'Your receipt'",
        "mail/1.eml 'Your receipt'",
        "a.mbox#7 'Your receipt'",
    ]


def test_no_report_at_all_is_a_report_too() -> None:
    assert suites_of(render([], "junit")) == []


def test_text_beyond_ascii_survives_any_encoding() -> None:
    text = render(Report(clean().message, (simple("to", "grüße 漢字 😀"),)), "junit")
    (case,) = cases_of(text.encode("cp1252").decode("cp1252"))
    assert "grüße 漢字 😀" in case.result[0].text


@given(st.lists(hostile_reports(), max_size=2), st.sampled_from(("none", "local")))
def test_the_xml_is_well_formed_whatever_the_mail_holds(reports: list[Report], redact: str) -> None:
    text = render(reports, "junit", redact=redact)
    assert text.isascii()
    cases = cases_of(text)
    assert len(cases) == len(reports)
    for report in reports:
        expected = render(report, redact=redact)
        told = [result.text for case in cases for result in case.result if isinstance(result, Failed)]
        assert bool(report.findings) <= any(text.split("\n")[2:] == expected.split("\n")[2:] for text in told)
    for element in ElementTree.fromstring(text).iter():
        assert element.tag in ("testsuites", "testsuite", "testcase", "failure", "error")
        assert all(value.isprintable() for value in element.attrib.values())
        assert all(line.isprintable() for line in (element.text or "").split("\n"))
