"""The pytest plugin and the unittest mixin, run on projects of their own."""

from __future__ import annotations

import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from headerguard import Case, Envelope, Expectations, FindingsError, Message, Rehearsal
from headerguard.cli import main
from headerguard.role import Role
from test_documents import ROOT, blocks

pytest_plugins = ["pytester"]

STRANGER = "copy@arxxwalls.com"
SHOP = """
from email.message import EmailMessage

def receipt(customer="jane@client.example", **more):
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "no-reply@shop.example", customer, "Your receipt"
    for name, value in more.items():
        message[name.replace("_", "-")] = value
    return message
"""
CLEAN = """
from shop import receipt

def test_receipt(headerguard):
    headerguard.assert_clean(receipt(), recipients=["jane@client.example"])
"""
LEAK = CLEAN.replace("receipt()", f"receipt(Bcc={STRANGER!r})")
WITHOUT = CLEAN.replace(', recipients=["jane@client.example"]', "")
DJANGO = """
import sys, types
for name in ("django", "django.core", "django.core.mail"):
    sys.modules.setdefault(name, types.ModuleType(name))
mail = sys.modules["django.core.mail"]
mail.outbox = []
"""


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs of other plugins in between would be their tests, not ours."""
    monkeypatch.setenv("CI", "true")  # a summary is not cut to the width of a terminal


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makepyfile(shop=SHOP)
    pytester.syspathinsert()
    return pytester


def run(project: pytest.Pytester, *args: str) -> pytest.RunResult:
    """Run the tests of a project: in this process, which is quick, unless workers are asked for."""
    runner = project.runpytest_subprocess if "-n" in args else project.runpytest_inprocess
    return runner("-p", "no:cacheprovider", *args)


def write(project: pytest.Pytester, **tests: str) -> None:
    project.makepyfile(**{f"test_{name}": text for name, text in tests.items()})


def streams(project: pytest.Pytester, file: str = "mail-expectations.json") -> dict[str, Any]:
    read: dict[str, Any] = json.loads((project.path / file).read_text(encoding="utf-8"))["streams"]
    return read


# ---- one test


def test_a_clean_message_passes_and_a_leak_fails_with_what_to_do_next(project: pytest.Pytester) -> None:
    write(project, clean=CLEAN, leak=LEAK)
    result = run(project)
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        [
            "E * headerguard.FindingsError: 1 unexpected recipient in 1 message",
            "E * message?0?  'Your receipt'  from no-reply@shop.example",
            "E *     to?0?   jane@client.example",
            f"E * >   bcc?0?  {STRANGER}",
            f"E *     unexpected-recipient (high): a hidden copy to {STRANGER}, whom nobody declared",
            "E *           expected: bcc jane@client.example",
            "E * explain:  headerguard explain unexpected-recipient",
            f"E * allow:    @pytest.mark.headerguard(allow=?'{STRANGER}'?)",
            "E * record:   pytest --headerguard-update test_leak.py::test_receipt",
        ]
    )
    assert "headerguard/rehearsal.py" not in result.stdout.str()  # frames of the library are no business of the reader


def test_the_first_line_stands_alone_in_sixty_characters(project: pytest.Pytester) -> None:
    write(project, leak=LEAK)
    summary = next(line for line in run(project).outlines if line.startswith("FAILED"))
    first = summary.partition("headerguard.FindingsError: ")[2]
    assert first.startswith("1 unexpected recipient in 1 message")
    assert len(first) <= 60


def test_an_outbox_is_checked_message_by_message(project: pytest.Pytester) -> None:
    outbox = f"[receipt(), receipt(Bcc={STRANGER!r}), receipt(Cc='x@other.example')]"
    write(project, outbox=CLEAN.replace("receipt()", outbox))
    result = run(project)
    result.stdout.fnmatch_lines(
        ["E * 2 unexpected recipients in 2 of 3 messages", "E * message?1? *", "E * message?2? *", "E * declare: *"]
    )
    assert "message[0]" not in result.stdout.str()


def test_whom_only_the_test_can_name_is_to_be_declared_there(project: pytest.Pytester) -> None:
    write(
        project,
        to=CLEAN.replace("receipt()", "receipt('jane@client.example, joe@other.example')"),
        blind=LEAK.replace('"])', '"], blind=[])'),
    )
    result = run(project, "-p", "no:randomly", "--headerguard-update")
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(
        [
            f"E * declare:  blind=?..., '{STRANGER}'?",
            "E * again:    pytest test_blind.py::test_receipt",
            "E * declare:  recipients=?..., 'joe@other.example'?",
            "E * again:    pytest test_to.py::test_receipt",
        ]
    )
    assert not (project.path / "mail-expectations.json").exists()


def test_a_report_says_in_an_assertion_what_the_command_says(project: pytest.Pytester) -> None:
    write(
        project,
        report=f"""
from shop import receipt

def test_receipt(headerguard):
    report = headerguard.check(receipt(Bcc={STRANGER!r}), recipients=["jane@client.example"])
    assert repr(report).startswith("headerguard: 1 unexpected recipient in 1 message of stream 'test_report.py::test_r")
    assert "   >   bcc[0]  {STRANGER}" in repr(report)
    assert repr(headerguard.check(receipt(), recipients=["client.example"])) == "<Report: no finding in 1 message>"
    assert report.ok
""",
    )
    result = run(project)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E * where False = headerguard: 1 unexpected recipient in 1 message of stream*"])


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ("42", "TypeError: int is no message: pass a message of Django*"),
        ("None", "TypeError: None is no message: nothing was sent, or the mock was not called*"),
        ("(m for m in [receipt()])", "TypeError: generator is no outbox: it can be read only once; pass list(outbox)*"),
        (
            "receipt('')",
            "TypeError: * is no message that anybody receives: it names no recipient; pass it as it is se*",
        ),
        ("[receipt(), 'text']", "TypeError: outbox?1?: str is no message: pass the message object itself*"),
        ("[]", "AssertionError: the outbox is empty: nothing was sent, so there is nothing to check"),
    ],
)
def test_what_is_no_message_is_a_sentence_that_says_what_to_pass(
    project: pytest.Pytester, sent: str, said: str
) -> None:
    write(project, bad=CLEAN.replace("receipt()", sent))
    result = run(project)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"E * {said}"])


@pytest.mark.parametrize("domain", ["client.example", "client.test", "example.com", "localhost", "shop.invalid"])
def test_special_names_are_judged_like_any_other(project: pytest.Pytester, domain: str) -> None:
    named = CLEAN.replace("receipt()", f"receipt('jane@{domain}')")
    write(
        project,
        named=named.replace("jane@client.example", f"jane@{domain}"),
        other=named.replace("client.example", "else.example"),
    )
    if domain == "client.example":
        write(project, other=CLEAN.replace("receipt()", "receipt('joe@client.example')"))
    run(project).assert_outcomes(passed=1, failed=1)


def test_no_configuration_opens_a_socket(project: pytest.Pytester) -> None:
    project.path.joinpath("headerguard.toml").write_text(
        'own-domains = ["shop.example"]\nboundary = ["mx.shop.example"]\n'
    )
    write(
        project,
        offline="""
import sys
from shop import receipt

opened = []
sys.addaudithook(lambda event, args: opened.append(event) if event in ("socket.connect", "socket.getaddrinfo") else None)

def test_receipt(headerguard):
    headerguard.assert_clean(receipt(Reply_To="help@shop.example"), recipients=["jane@client.example"])
    assert opened == []
""",
    )
    project.runpytest_subprocess().assert_outcomes(passed=1)


# ---- the marker and the options


def marked(arguments: str, test: str = LEAK) -> str:
    return test.replace("def test_", f"import pytest\n\n@pytest.mark.headerguard({arguments})\ndef test_")


def test_the_marker_accepts_and_names_the_stream(project: pytest.Pytester) -> None:
    write(
        project,
        allow=marked(f"allow=['{STRANGER}']"),
        domain=marked("allow='arxxwalls.com'"),
        ignore=marked("ignore=['unexpected-recipient']"),
        named=marked("stream='receipts'", WITHOUT),
    )
    result = run(project, "--strict-markers", "--headerguard-update")
    result.assert_outcomes(passed=4)
    assert "receipts" in streams(project)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("alow=['x']", "@pytest.mark.headerguard does not take 'alow'; did you mean 'allow'?"),
        ("subject='x'", "@pytest.mark.headerguard does not take 'subject'; it takes allow, ignore, stream"),
        ("'receipts'", "@pytest.mark.headerguard takes allow=, ignore= and stream=, not 'receipts' without a name"),
        ("stream=['x']", "@pytest.mark.headerguard takes a name as stream=, not ?'x'?"),
        ("allow=1", "@pytest.mark.headerguard takes a list of strings as allow=, not 1"),
        (
            "ignore=['unexpected-recipent']",
            "*no rule is called 'unexpected-recipent'; did you mean 'unexpected-recipient'?",
        ),
    ],
)
def test_a_marker_that_says_nothing_known_is_an_error(project: pytest.Pytester, arguments: str, said: str) -> None:
    write(project, marker=marked(arguments))
    result = run(project)
    outcomes = result.parseoutcomes()
    assert outcomes.get("errors", 0) + outcomes.get("failed", 0) == 1
    assert "passed" not in outcomes
    result.stdout.fnmatch_lines([said])


@pytest.mark.parametrize(
    ("args", "ini", "said"),
    [
        (["--headerguard-report", "junit:x.xml"], "", "--headerguard-report takes sarif:FILE, not 'junit:x.xml'"),
        (["--headerguard-report", "sarif:"], "", "--headerguard-report takes sarif:FILE"),
        ([], "headerguard_audit = eror", "headerguard_audit takes off, warn or error, not 'eror'"),
    ],
)
def test_an_option_that_means_nothing_is_refused(
    project: pytest.Pytester, args: list[str], ini: str, said: str
) -> None:
    project.makeini(f"[pytest]\n{ini}\n")
    write(project, clean=CLEAN)
    result = run(project, *args)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert said in result.stderr.str()


@pytest.mark.parametrize("args", [["-p", "no:randomly"], ["-W", "error"], ["--strict-markers"], ["-n", "2"]])
def test_it_gets_on_with_other_options(project: pytest.Pytester, args: list[str]) -> None:
    write(project, clean=marked("stream='receipts'", CLEAN), leak=LEAK)
    run(project, *args).assert_outcomes(passed=1, failed=1)


def test_it_can_be_left_out(project: pytest.Pytester) -> None:
    write(project, other="def test_other():\n    pass\n", clean=CLEAN)
    result = run(project, "-p", "no:headerguard")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*fixture 'headerguard' not found*"])


@pytest.mark.parametrize(
    ("option", "text", "said"),
    [
        ("--headerguard-expected", '{"schema": 2, "streams": {}}', "schema: 2 is newer than this program reads (1)"),
        (
            "--headerguard-baseline",
            '{"schema": 99, "streams": {}}',
            "schema 99 is newer than this program reads (1 to 2)",
        ),
        ("--headerguard-config", "own-domain = []", "own-domain: unknown key; did you mean 'own-domains'?"),
    ],
)
def test_a_file_of_another_schema_is_a_sentence(project: pytest.Pytester, option: str, text: str, said: str) -> None:
    project.path.joinpath("given").write_text(text)
    write(project, clean=CLEAN)
    result = run(project, option, "given")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"headerguard: *{said}*"])


# ---- recording


def test_record_then_pass_then_fail_on_anything_more(project: pytest.Pytester) -> None:
    write(project, receipt=WITHOUT)
    first = run(project)
    first.assert_outcomes(failed=1)
    first.stdout.fnmatch_lines(
        ["E * unrecorded-stream (medium)*", "E * record:   pytest --headerguard-update test_receipt.py::test_receipt"]
    )
    assert not (project.path / "mail-expectations.json").exists()

    recording = run(project, "--headerguard-update")
    recording.assert_outcomes(passed=1)
    recording.stdout.fnmatch_lines(["headerguard: expectations mail-expectations.json (not there yet)*recording"])
    recording.stdout.fnmatch_lines(["1 message checked, 0 with findings", "*1 stream changed", "test_receipt.py::*"])
    assert streams(project)["test_receipt.py::test_receipt"] == {
        **{role: [] for role in ("bcc", "cc", "control", "envelope", "receipt", "reply")},
        "from": ["no-reply@shop.example"],
        "to": 1,
    }
    assert "jane" not in (project.path / "mail-expectations.json").read_text()

    run(project).assert_outcomes(passed=1)
    for more in (f"Bcc={STRANGER!r}", f"Cc={STRANGER!r}", f"Reply_To={STRANGER!r}", f"Resent_Bcc={STRANGER!r}"):
        write(project, receipt=WITHOUT.replace("receipt()", f"receipt({more})"))
        failing = run(project)
        failing.assert_outcomes(failed=1)
        failing.stdout.fnmatch_lines([f"*{STRANGER}*", "E * record:   pytest --headerguard-update test_receipt.py::*"])
    write(project, receipt=WITHOUT.replace("receipt()", f"receipt('jane@client.example, {STRANGER}')"))
    result = run(project)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E * surplus-recipient (high)*"])


def test_what_production_would_say_fails_the_test_that_declares_more(project: pytest.Pytester) -> None:
    write(project, receipt=CLEAN)
    run(project, "--headerguard-update").assert_outcomes(passed=1)
    declared = CLEAN.replace("receipt()", "receipt(Cc='joe@client.example')").replace("]", ', "joe@client.example"]')
    write(project, receipt=declared)
    result = run(project)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E * unexpected-recipient (high): cc names joe@client.example*"])
    run(project, "--headerguard-update").assert_outcomes(passed=1)
    assert streams(project)["test_receipt.py::test_receipt"]["cc"] == 1
    run(project).assert_outcomes(passed=1)


def test_a_template_that_names_itself_is_recorded_under_its_name(project: pytest.Pytester) -> None:
    write(
        project,
        template=WITHOUT.replace("receipt()", "receipt(X_MC_Template='receipt', Bcc='audit@shop.example')"),
        many="""
import pytest
from shop import receipt

@pytest.mark.parametrize("customer", ["a@x.example", "b@y.example, c@z.example"])
def test_receipts(headerguard, customer):
    headerguard.assert_clean(receipt(customer))
""",
    )
    run(project, "--headerguard-update").assert_outcomes(passed=3)
    recorded = streams(project)
    assert list(recorded) == ["template:receipt", "test_many.py::test_receipts"]
    assert recorded["template:receipt"]["bcc"] == ["audit@shop.example"]
    assert recorded["test_many.py::test_receipts"]["to"] == 2


def test_only_new_streams_are_recorded_where_that_is_asked_for(project: pytest.Pytester) -> None:
    write(project, old=WITHOUT)
    run(project, "--headerguard-update").assert_outcomes(passed=1)
    write(project, old=WITHOUT.replace("receipt()", f"receipt(Bcc={STRANGER!r})"), new=WITHOUT)
    before = streams(project)
    run(project, "--headerguard-update-new-only").assert_outcomes(passed=1, failed=1)
    assert streams(project) == {**before, "test_new.py::test_receipt": before["test_old.py::test_receipt"]}


def test_what_is_flagged_by_other_rules_is_not_recorded(project: pytest.Pytester) -> None:
    lookalike = "receipt('jane@client.example', Bcc='jane@cl\\u0131ent.example')"
    write(project, folded=CLEAN.replace("receipt()", lookalike))
    result = run(project, "--headerguard-update")
    assert (result.parseoutcomes().get("failed"), "folded-recipient" in result.stdout.str()) == (1, True)
    assert not (project.path / "mail-expectations.json").exists()


def test_nothing_is_written_unless_it_is_asked_for(project: pytest.Pytester) -> None:
    write(project, clean=CLEAN)
    run(project).assert_outcomes(passed=1)
    assert sorted(path.name for path in project.path.glob("*.*")) == ["shop.py", "test_clean.py"]


@pytest.mark.parametrize("workers", [[], ["-n", "2"]])
def test_a_whole_run_prunes_what_it_has_not_seen(project: pytest.Pytester, workers: list[str]) -> None:
    write(project, gone=WITHOUT, less=WITHOUT.replace("receipt()", f"receipt(Bcc={STRANGER!r})"), same=WITHOUT)
    run(project, "--headerguard-update").assert_outcomes(passed=3)
    (project.path / "test_gone.py").unlink()
    write(project, less=WITHOUT)
    result = run(project, "--headerguard-prune", *workers)
    result.assert_outcomes(passed=2)
    recorded = streams(project)
    assert list(recorded) == ["test_less.py::test_receipt", "test_same.py::test_receipt"]
    assert recorded["test_less.py::test_receipt"]["bcc"] == []


@pytest.mark.parametrize(
    ("args", "more", "why"),
    [
        (["-k", "same"], "", "--keyword, tests were deselected"),
        (["test_same.py"], "", "only some tests were named"),
        (["--deselect", "test_less.py"], "", "--deselect, tests were deselected"),
        (["-n", "2", "-k", "same"], "", "--keyword, tests were deselected"),
        ([], "import pytest\n\n@pytest.mark.skip\ndef test_skipped():\n    pass\n", "tests were skipped"),
        (["-n", "2"], "import pytest\n\n@pytest.mark.skip\ndef test_skipped():\n    pass\n", "tests were skipped"),
        ([], "def test_failing():\n    assert False\n", "not all tests passed"),
        ([], "", "tests were deselected"),
    ],
    ids=["-k", "args", "--deselect", "xdist -k", "skip", "xdist skip", "failure", "silent"],
)
def test_a_partial_run_prunes_nothing(
    project: pytest.Pytester, args: list[str], more: str, why: str, request: pytest.FixtureRequest
) -> None:
    write(project, less=WITHOUT, same=WITHOUT)
    run(project, "--headerguard-update").assert_outcomes(passed=2)
    before = streams(project)
    write(project, more=more or "\n")
    if "silent" in request.node.name:
        project.makeconftest("def pytest_collection_modifyitems(items):\n    del items[0]\n")
    result = run(project, "--headerguard-prune", *args)
    result.stdout.fnmatch_lines([f"nothing was pruned, as the run has not seen all mail: {why}"])
    assert streams(project) == before


def test_a_run_below_the_root_is_a_partial_one(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    project.makeini("[pytest]")
    project.mkdir("below").joinpath("test_below.py").write_text(WITHOUT)
    run(project, "--headerguard-update").assert_outcomes(passed=1)
    monkeypatch.chdir(project.path / "below")
    result = run(project, "--headerguard-prune")
    result.stdout.fnmatch_lines(["nothing was pruned*: it began below the root directory"])


def test_what_one_test_accepts_is_not_recorded_for_production(project: pytest.Pytester) -> None:
    write(project, allow=marked(f"allow=['{STRANGER}']"))
    run(project, "--headerguard-update").assert_outcomes(passed=1)
    assert streams(project)["test_allow.py::test_receipt"]["bcc"] == []
    run(project).assert_outcomes(passed=1)


def test_a_broken_file_is_said_where_nothing_else_is_done(project: pytest.Pytester) -> None:
    project.path.joinpath("mail-expectations.json").write_text("[]")
    write(project, other="def test_other():\n    pass\n")
    result = run(project, "--headerguard-prune")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stdout.fnmatch_lines(["*mail-expectations.json: takes a table, not a list"])
    assert project.path.joinpath("mail-expectations.json").read_text() == "[]"


def test_the_failed_ones_alone_are_a_partial_run(project: pytest.Pytester) -> None:
    write(project, good=WITHOUT, bad=LEAK.replace('"])', '"], blind=[])'))
    project.runpytest_subprocess("--headerguard-update").assert_outcomes(passed=1, failed=1)
    write(project, bad=CLEAN)
    result = project.runpytest_subprocess("--lf", "--headerguard-update", "--headerguard-prune")
    result.stdout.fnmatch_lines(["nothing was pruned, as the run has not seen all mail: --lf*"])
    assert list(streams(project)) == ["test_bad.py::test_receipt", "test_good.py::test_receipt"]


def test_workers_record_what_one_process_records(project: pytest.Pytester) -> None:
    template = "receipt(X_MC_Template='t', Bcc='{}@shop.example')"
    write(
        project,
        a=WITHOUT.replace("receipt()", template.format("one")),
        b=WITHOUT.replace("receipt()", template.format("two")),
        c=WITHOUT,
        d=LEAK.replace('"])', '"], blind=[])'),
    )
    run(project, "--headerguard-update", "--headerguard-expected", "one.json").assert_outcomes(passed=3, failed=1)
    result = run(project, "-n", "2", "--headerguard-update", "--headerguard-expected", "two.json")
    result.assert_outcomes(passed=3, failed=1)
    result.stdout.fnmatch_lines(["4 messages checked, 1 with findings"])
    assert streams(project, "two.json") == streams(project, "one.json")
    assert streams(project, "one.json")["template:t"]["bcc"] == ["one@shop.example", "two@shop.example"]


def test_shards_are_merged(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    template = "receipt(X_MC_Template='t', Bcc='{}@shop.example')"
    write(
        project,
        a=WITHOUT.replace("receipt()", template.format("one")),
        b=WITHOUT.replace("receipt()", template.format("two")),
        c=WITHOUT,
    )
    run(project, "--headerguard-update", "--headerguard-expected", "whole.json").assert_outcomes(passed=3)
    run(project, "--headerguard-update", "--headerguard-expected", "1.json", "test_a.py").assert_outcomes(passed=1)
    run(project, "--headerguard-update", "--headerguard-expected", "2.json", "test_b.py", "test_c.py")
    monkeypatch.chdir(project.path)
    assert main(["expect", "merge", "2.json", "1.json", "-o", "merged.json"]) == 0
    assert (project.path / "merged.json").read_text() == (project.path / "whole.json").read_text()


def test_the_file_that_tests_record_is_the_one_that_production_loads(project: pytest.Pytester) -> None:
    from headerguard import Guard

    project.path.joinpath("headerguard.toml").write_text('expected = "who.json"\n')
    write(project, receipt=WITHOUT.replace("receipt()", "receipt(X_MC_Template='receipt')"))
    run(project, "--headerguard-update").assert_outcomes(passed=1)
    guard = Guard.from_config(project.path / "headerguard.toml")
    first = b"From: no-reply@shop.example\r\nTo: buyer@other.example\r\nX-MC-Template: receipt\r\n"
    assert guard.check(first + b"\r\n").ok
    (finding,) = guard.check(first + b"Bcc: copy@arxxwalls.com\r\n\r\n").findings
    assert (finding.rule, finding.subject) == ("unexpected-recipient", STRANGER)


# ---- the audit

SENDS = """
from shop import receipt
from django.core import mail

def test_receipt():
    mail.outbox.append(receipt(Bcc="copy@arxxwalls.com"))
"""


@pytest.mark.parametrize(
    ("audit", "outcome"), [("off", {"passed": 1}), ("warn", {"passed": 1, "warnings": 1}), ("error", {"failed": 1})]
)
def test_every_outbox_is_checked_where_that_is_asked_for(
    project: pytest.Pytester, audit: str, outcome: dict[str, int]
) -> None:
    project.makeini(f"[pytest]\nheaderguard_audit = {audit}\n")
    project.makeconftest(DJANGO)
    write(project, sends=SENDS)
    # in a process of its own, as warnings are errors in this one
    project.runpytest_subprocess().assert_outcomes(**outcome)
    run(project, "--headerguard-update").assert_outcomes(passed=1)
    if audit != "off":
        run(project).assert_outcomes(passed=1)
        write(project, sends=SENDS.replace("receipt(B", "receipt(Cc='x@other.example', B"))
        result = project.runpytest_subprocess()
        result.assert_outcomes(**outcome)
        result.stdout.fnmatch_lines(
            ["*headerguard: 1 unexpected recipient in 1 message", "* >   cc?0? *x@other.example"]
        )


def test_the_audit_leaves_alone_what_the_test_checked_and_what_others_sent(project: pytest.Pytester) -> None:
    project.makeini("[pytest]\nheaderguard_audit = error\n")
    project.makeconftest(DJANGO + "\nfrom shop import receipt\nmail.outbox.append(receipt(Bcc='x@other.example'))\n")
    checked = SENDS.replace("test_receipt()", "test_receipt(headerguard)") + (
        "    headerguard.assert_clean(headerguard.outbox[1:], ['jane@client.example'], ['copy@arxxwalls.com'])\n"
    )
    write(
        project, checked=checked, quiet="def test_quiet():\n    pass\n", broken="def test_b():\n    assert 0, 'mine'\n"
    )
    result = run(project)
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["E * AssertionError: mine"])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("mailoutbox", "[message]"),
        ("smtpd", "SimpleNamespace(messages=[message])"),
        ("smtpserver", "SimpleNamespace(outbox=[message])"),
    ],
)
def test_the_outboxes_of_well_known_fixtures_are_seen(project: pytest.Pytester, name: str, value: str) -> None:
    project.makeini("[pytest]\nheaderguard_audit = error\n")
    held = {"mailoutbox": name, "smtpd": f"{name}.messages", "smtpserver": f"{name}.outbox"}[name]
    project.makeconftest(
        "import pytest\nfrom types import SimpleNamespace\n\n"
        f"@pytest.fixture\ndef {name}():\n    message = []\n    return {value.replace('[message]', 'message')}\n"
    )
    write(
        project,
        fixture=f"from shop import receipt\n\ndef test_receipt({name}):\n    {held}.append(receipt())\n",
    )
    result = run(project)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["headerguard: 1 finding in 1 message", "* unrecorded-stream (medium)*"])


# ---- what comes of a run


def test_junit_counts_messages_and_findings(project: pytest.Pytester) -> None:
    write(project, leak=LEAK, clean=CLEAN + "    headerguard.assert_clean(receipt(), ['client.example'])\n")
    run(project, "--junitxml", "out.xml")
    cases = {case.get("classname"): case for case in ET.parse(project.path / "out.xml").iter("testcase")}
    told = {name: {p.get("name"): p.get("value") for p in case.iter("property")} for name, case in cases.items()}
    assert told == {
        "test_leak": {"headerguard_messages": "1", "headerguard_findings": "1"},
        "test_clean": {"headerguard_messages": "2", "headerguard_findings": "0"},
    }
    failure = cases["test_leak"].find("failure")
    assert failure is not None
    assert f"   >   bcc[0]  {STRANGER}" in (failure.text or "")
    assert (failure.get("message") or "").startswith("headerguard.FindingsError: 1 unexpected recipient in 1 message")


@pytest.mark.parametrize("workers", [[], ["-n", "2"]])
def test_sarif_points_at_the_line_of_the_test(project: pytest.Pytester, workers: list[str]) -> None:
    write(project, leak=LEAK, from_=CLEAN.replace("receipt()", "receipt(Reply_To='x@other.example')"), clean=CLEAN)
    run(project, "--headerguard-report", "sarif:out.sarif", *workers)
    log = json.loads((project.path / "out.sarif").read_text(encoding="utf-8"))
    assert len(log["runs"]) == 1
    (found,) = log["runs"]
    rules = [rule["id"] for rule in found["tool"]["driver"]["rules"]]
    places = set()
    for result in found["results"]:
        location = result["locations"][0]["physicalLocation"]
        assert rules[result["ruleIndex"]] == result["ruleId"]
        places.add((result["ruleId"], location["artifactLocation"]["uri"], location["region"]["startLine"]))
    assert places == {
        ("unexpected-recipient", "test_leak.py", 4),
        ("unexpected-reply-path", "test_from_.py", 4),
    }


def test_a_report_without_findings_is_written_too(project: pytest.Pytester) -> None:
    write(project, clean=CLEAN)
    run(project, "--headerguard-report", "sarif:out.sarif").assert_outcomes(passed=1)
    assert json.loads((project.path / "out.sarif").read_text())["runs"][0]["results"] == []
    result = run(project, "--headerguard-report", "sarif:no/out.sarif")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stdout.fnmatch_lines(["*No such file or directory*no/out.sarif*"])


LOADED = """
import json, sys
before = set(sys.modules)
import pytest
code = pytest.main(["-q", "-p", "no:cacheprovider", "--rootdir", ".", "."])
print(json.dumps(sorted(name for name in sys.modules if name.partition(".")[0] in sys.argv[1:])))
"""
DEPENDENCIES = ("headerguard", "dns", "email_validator", "idna", "mailparser", "tldextract", "jmespath", "rich")


def test_an_unused_plugin_loads_nothing(project: pytest.Pytester) -> None:
    project.makepyfile(test_other="def test_other():\n    pass\n")
    command = [sys.executable, "-c", LOADED, *DEPENDENCIES]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=project.path)
    assert json.loads(done.stdout.splitlines()[-1]) == [
        "headerguard",
        "headerguard.adapters",
        "headerguard.adapters.pytest_plugin",
        "headerguard.version",
    ]


# ---- unittest

CASE = f"""
import unittest
from headerguard.adapters.unittest import HeaderguardMixin
from shop import receipt

class ReceiptTest(HeaderguardMixin, unittest.TestCase):
    def test_leak(self):
        self.assertMailClean(receipt(Bcc={STRANGER!r}), recipients=["jane@client.example"])

    def test_clean(self):
        self.assertMailClean([receipt()], recipients=["jane@client.example"], blind=[])

    def test_allowed(self):
        self.assertMailClean(receipt(Bcc={STRANGER!r}), recipients=["jane@client.example"], allow=["arxxwalls.com"])

    def test_empty(self):
        with self.assertRaisesRegex(AssertionError, "the outbox is empty"):
            self.assertMailClean([])
"""


def test_the_mixin_fails_a_test_case(project: pytest.Pytester) -> None:
    write(project, case=CASE)
    done = subprocess.run(
        [sys.executable, "-m", "unittest", "test_case"], capture_output=True, text=True, check=False, cwd=project.path
    )
    assert "Ran 4 tests" in done.stderr
    assert "FAILED (failures=1)" in done.stderr
    assert "FindingsError: 1 unexpected recipient in 1 message\n" in done.stderr
    assert f"   allow:    self.assertMailClean(..., allow=['{STRANGER}'])\n" in done.stderr
    assert "   again:    python -m unittest test_case.ReceiptTest.test_leak\n" in done.stderr


def test_the_mixin_takes_part_in_a_run_of_pytest(project: pytest.Pytester) -> None:
    write(project, case=CASE)
    run(project).assert_outcomes(passed=3, failed=1)
    run(project, "--headerguard-update").assert_outcomes(passed=4)
    assert streams(project)["test_case.py::ReceiptTest::test_leak"]["bcc"] == [STRANGER]
    done = subprocess.run(
        [sys.executable, "-m", "unittest", "test_case"], capture_output=True, text=True, check=False, cwd=project.path
    )
    assert "FAILED (failures=1)" in done.stderr  # its ids are others


# ---- the rehearsal alone


def test_a_rehearsal_serves_any_framework() -> None:
    rehearsal, case = Rehearsal(record="all"), Case("suite.receipt", run="again {}", record=None, allow="allow {}")
    message = Message.from_bytes(b"From: a@shop.example\r\nTo: jane@client.example\r\nBcc: b@shop.example\r\n\r\n")
    rehearsal.raise_for(rehearsal.judge([message], case), case)
    assert rehearsal.recorded == Expectations(
        {
            "suite.receipt": {
                **dict.fromkeys((Role.CC, Role.CONTROL, Role.ENVELOPE, Role.RECEIPT, Role.REPLY), frozenset()),
                Role.BCC: frozenset({"b@shop.example"}),
                Role.FROM: frozenset({"a@shop.example"}),
                Role.TO: 1,
            }
        }
    )
    strict = Rehearsal(expectations=Expectations({"suite.receipt": {Role.BCC: frozenset()}}))
    with pytest.raises(FindingsError, match=r"^1 unexpected recipient in 1 message\n[\s\S]*\n   again:    again suite"):
        strict.raise_for(strict.judge([message], case), case)


def test_what_to_type_next_is_about_what_fails_the_test() -> None:
    rehearsal, case = Rehearsal(), Case("t.py::test_receipt")
    octets = b"From: a@shop.example\r\nTo: shown@other.example\r\n\r\n"
    message = Message.from_bytes(octets, Envelope("a@shop.example", ("jane@client.example",), complete=True))
    (report,) = reports = rehearsal.judge([message], case)
    assert {finding.rule for finding in report.findings} > {"missing-envelope-recipient", "unrecorded-stream"}
    with pytest.raises(
        FindingsError, match=r"\n   record:   pytest --headerguard-update t\.py::test_receipt$"
    ) as caught:
        rehearsal.raise_for(reports, case)
    assert "allow:" not in str(caught.value)


def test_a_rehearsal_knows_three_ways_to_record() -> None:
    with pytest.raises(ValueError, match="'some' is no way to record: all, new, or nothing"):
        Rehearsal(record="some")


def test_what_workers_hand_over_is_plain_data() -> None:
    message = Message.from_bytes(b"From: a@shop.example\r\nTo: jane@client.example\r\nBcc: b@shop.example\r\n\r\n")
    workers = [Rehearsal(record="all") for _ in range(2)]
    for number, worker in enumerate(workers):
        worker.judge([message], Case(f"t.py::test_{number}", "t.py", 3))
        worker.judge([message], Case(f"t.py::test_x{number}", "t.py", 3), recipients=["jane@client.example"], blind=[])
    whole = Rehearsal()
    for worker in workers:
        whole.take(json.loads(json.dumps(worker.handed_over())))
    assert (whole.messages, whole.found) == (4, 2)
    assert list(whole.recorded.as_dict()["streams"]) == ["t.py::test_0", "t.py::test_1"]
    assert len(json.loads(whole.sarif())["runs"][0]["results"]) == 2


def test_the_project_is_found_from_its_folder(tmp_path: Path) -> None:
    (tmp_path / "headerguard.toml").write_text('own-domains = ["shop.example"]\nexpected = "who.json"\n')
    inside = tmp_path / "inside"
    inside.mkdir()
    assert Rehearsal.at(inside).file == tmp_path / "who.json"
    assert Rehearsal.at(inside, expected="own.json").file == inside / "own.json"
    assert Rehearsal.at(inside).config.own_domains == {"shop.example"}


# ---- the page


def test_the_path_of_a_new_user_is_what_happens(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every file of the page is written, every pytest of it run, and every line of output found, in this order."""
    monkeypatch.chdir(project.path)
    (project.path / "shop.py").unlink()
    ran, told = [], ""
    for block in blocks("testing.md", (ROOT / "docs" / "testing.md").read_text(encoding="utf-8")):
        if block.file:
            (project.path / block.file).write_text(block.text, encoding="utf-8")
        elif block.language == "console" and block.text.startswith("$ pytest "):
            ran.append(run(project, *block.text.split()[2:]))
            told = ran[-1].stdout.str()
        elif block.language == "output":
            for line in block.text.splitlines():
                _, found, told = told.partition(line)
                assert found, f"{block.place}: {line}"
        elif block.language == "json":
            assert (project.path / "mail-expectations.json").read_text(encoding="utf-8") == block.text
    assert [result.ret for result in ran] == [1, 0, 0, 1]
