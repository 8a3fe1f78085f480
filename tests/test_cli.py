"""The command: every one, every exit code, and one clear sentence for whatever can be wrong with the input."""

from __future__ import annotations

import argparse
import importlib.metadata
import io
import json
import os
import re
import signal
import subprocess
import sys
import tomllib
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import jsonschema
import pytest

import headerguard
from dns_server import NameServer
from headerguard import Baseline, Finding, Guard, Known, Message, Rule, Severity, read
from headerguard.cli import main, parser
from headerguard.fields import Role
from headerguard.name_server import Answer, Status, unknown
from headerguard.resolver import Resolver
from headerguard.rules import BUILTIN

ROOT = Path(__file__).resolve().parents[1]
STRANGER = "copies@collector.example"
HIGH = "unfamiliar-blind-recipient (high): a hidden copy to collector.example"


@dataclass(frozen=True)
class Ran:
    """What one call of the command came to."""

    code: int
    out: str
    err: str

    @property
    def said(self) -> list[str]:
        """The sentences on standard error, without the name of the program."""
        assert all(line.startswith("headerguard: ") for line in self.err.splitlines()), self.err
        return [line.removeprefix("headerguard: ") for line in self.err.splitlines()]

    @property
    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]


Run = Callable[..., Ran]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*argv: object) -> Ran:
        code = main([str(word) for word in argv])
        captured = capsys.readouterr()
        return Ran(code, captured.out, captured.err)

    return call


def receipt(number: int, *more: str) -> str:
    """A receipt of a shop that keeps a copy of each."""
    lines = (
        "From: Shop <no-reply@shop.example>",
        f"To: buyer{number}@client{number}.example",
        "Bcc: audit@shop.example",
        *more,
        f"Subject: Your receipt {1000 + number}",
        f"Date: {1 + number % 28:02d} Oct 2026 10:{number % 60:02d}:00 +0000",
        "X-MC-Template: receipts",
        "",
        "Thank you.",
        "",
    )
    return "\n".join(lines)


def mailbox(numbers: range, *more: str) -> str:
    return "".join(f"From no-reply@shop.example Thu Oct  1 10:00:00 2026\n{receipt(n, *more)}\n" for n in numbers)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Mail, a baseline that knows it, and the key of that."""
    (tmp_path / "clean.eml").write_text(receipt(201))
    (tmp_path / "tapped.eml").write_text(receipt(202, f"Bcc: {STRANGER}"))
    (tmp_path / "archive.mbox").write_text(mailbox(range(40)))
    key = b"the key of all baselines here"
    (tmp_path / "headerguard.key").write_bytes(key)
    Guard(baseline=Baseline(key)).learn(read(tmp_path / "archive.mbox")).save(tmp_path / "baseline.json")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    return tmp_path


CODE = "import sys; from headerguard.cli import main; sys.exit(main())"


def process(*argv: str, **options: Any) -> subprocess.CompletedProcess[bytes]:
    """The command in a process of its own."""
    return subprocess.run([sys.executable, "-c", CODE, *argv], capture_output=True, check=False, **options)


class Screen(io.StringIO):
    """A terminal."""

    def isatty(self) -> bool:
        return True


# ---- exit codes of check ---------------------------------------------------------------------------------------------


def test_clean_mail_is_exit_0(run: Run) -> None:
    ran = run("check", "clean.eml", "-b", "baseline.json")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("headerguard: 1 message, 0 with findings")


def test_a_finding_is_exit_1_and_is_shown(run: Run) -> None:
    ran = run("check", "clean.eml", "tapped.eml", "--baseline", "baseline.json")
    assert (ran.code, ran.err) == (1, "")
    assert HIGH in ran.out
    assert f"bcc[1]  {STRANGER}" in ran.out
    assert "headerguard: 2 messages, 1 with findings (1 high" in ran.out


@pytest.mark.parametrize(("fail_on", "code"), [("low", 1), ("medium", 1), ("high", 1), ("critical", 0)])
def test_fail_on_says_what_fails(run: Run, folder: Path, fail_on: str, code: int) -> None:
    assert run("check", "tapped.eml", "-b", "baseline.json", "--fail-on", fail_on).code == code
    (folder / "headerguard.toml").write_text(f'fail-on = "{fail_on}"\n')
    assert run("check", "tapped.eml", "-b", "baseline.json").code == code
    assert run("check", "tapped.eml", "-b", "baseline.json", "--fail-on", "critical").code == 0


def test_unreadable_input_is_exit_3_and_the_findings_are_shown_all_the_same(run: Run) -> None:
    ran = run("check", "missing.eml", "tapped.eml", "-b", "baseline.json")
    assert ran.code == 3
    assert ran.said == ["missing.eml: cannot be read: No such file or directory"]
    assert HIGH in ran.out
    assert "incomplete: 1 record could not be read" in ran.out


@dataclass(frozen=True)
class Crash(Rule):
    """A rule that crashes.

    Flags: nothing.
    """

    id: ClassVar[str] = "acme.crash"
    severity: ClassVar[Severity] = Severity.LOW
    roles: ClassVar[frozenset[Role]] = frozenset((Role.TO,))

    suffixes: tuple[str, ...] = (".fr", ".de")
    weight: int = 3

    def check(self, message: Message, known: Known) -> Iterator[Finding]:
        raise LookupError("no such thing")


@dataclass(frozen=True)
class Point:
    """An entry point."""

    name: str
    value: str
    loaded: object

    def load(self) -> object:
        return self.loaded


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rules of another package: one that can be loaded, one that cannot."""
    points = [Point("acme.crash", "acme:Crash", Crash), Point("acme.broken", "acme:broken", 3)]
    found = importlib.metadata.entry_points

    def entry_points(**wanted: str) -> Any:
        return points if wanted == {"group": "headerguard.rules"} else found(**wanted)

    monkeypatch.setattr(importlib.metadata, "entry_points", entry_points)


@pytest.mark.usefixtures("plugin")
def test_a_rule_that_fails_is_exit_3(run: Run, folder: Path) -> None:
    (folder / "headerguard.toml").write_text('enable = ["acme.crash"]\n')
    ran = run("check", "clean.eml", "tapped.eml", "-b", "baseline.json")
    assert ran.code == 3
    assert HIGH in ran.out
    assert "failed:   acme.crash: LookupError: no such thing" in ran.out
    assert "incomplete: acme.crash failed on 2 messages" in ran.out


def test_the_stream_may_be_named(run: Run) -> None:
    run("learn", "archive.mbox", "-b", "named.json", "--stream", "paper")
    assert "stream 'paper'" in run("check", "tapped.eml", "-b", "named.json", "--stream", "paper").out
    assert "stream 'other'" in run("check", "tapped.eml", "-b", "named.json", "--stream", "other").out
    assert "-/stream:paper" in Baseline.load("named.json").streams


def test_the_stage_may_be_said(run: Run) -> None:
    ran = run("check", "tapped.eml", "-b", "baseline.json", "--stage", "delivered", "--format", "json")
    assert ran.records[0]["stage"] == "delivered"


def test_verbose_says_what_else_there_is(run: Run) -> None:
    assert "skipped: " not in run("check", "clean.eml").out
    assert "skipped: " in run("check", "clean.eml", "--verbose").out


# ---- formats ---------------------------------------------------------------------------------------------------------


def formats(run: Run, name: str) -> Ran:
    """A run whose summary went to standard error."""
    ran = run("check", "missing.eml", "tapped.eml", "-b", "baseline.json", "--format", name)
    assert ran.code == 3
    assert ran.said[0].startswith("missing.eml: ")
    assert ran.said[1].startswith("1 message, 1 with findings")
    assert len(ran.said) == 2
    return ran


def test_json_is_one_object_a_line(run: Run) -> None:
    record = formats(run, "json").records[0]
    assert record["schema"] == "headerguard.report/1"
    assert "collector.example" in [finding["subject"] for finding in record["findings"]]


def test_sarif_is_sarif_and_says_that_the_run_was_incomplete(run: Run) -> None:
    log = json.loads(formats(run, "sarif").out)
    described = {rule["id"] for rule in log["runs"][0]["tool"]["driver"]["rules"]}
    assert described == {rule.id for rule in BUILTIN}
    assert log["runs"][0]["results"]
    assert log["runs"][0]["invocations"][0]["executionSuccessful"] is False


def test_junit_is_xml(run: Run) -> None:
    assert ET.fromstring(formats(run, "junit").out).attrib["failures"] == "1"


def test_github_is_workflow_commands(run: Run) -> None:
    lines = formats(run, "github").out.splitlines()
    assert lines
    assert all(line.startswith("::") for line in lines)


# ---- learning --------------------------------------------------------------------------------------------------------


def test_learn_makes_a_baseline_and_says_what_was_read(run: Run, folder: Path) -> None:
    ran = run("learn", "archive.mbox", "missing.eml", "--baseline", "new.json")
    assert ran.code == 3
    assert ran.out == "read 40 messages · 1 stream · 41 registrable domains · 1 unreadable\n"
    assert ran.said == ["missing.eml: cannot be read: No such file or directory"]
    assert Baseline.load(folder / "new.json") == Baseline.load(folder / "baseline.json")
    assert sorted(path.name for path in folder.iterdir() if path.name.startswith(".")) == []


def test_the_package_is_the_command() -> None:
    ran = subprocess.run([sys.executable, "-m", "headerguard", "--version"], capture_output=True, text=True, check=True)
    assert ran.stdout == f"headerguard {headerguard.__version__}\n"


def streams(baseline: Path) -> object:
    """What a baseline holds of its streams; the odds count what each message brought at the time it was learned."""
    return json.loads(baseline.read_text())["streams"]


def test_learn_adds_to_a_baseline(run: Run, folder: Path) -> None:
    (folder / "one.mbox").write_text(mailbox(range(15)))
    (folder / "two.mbox").write_text(mailbox(range(15, 40)))
    assert run("learn", "one.mbox", "-b", "new.json").code == 0
    assert run("learn", "two.mbox", "-b", "new.json").out.startswith("read 25 messages · 1 stream · 26 ")
    assert streams(folder / "new.json") == streams(folder / "baseline.json")


def test_learn_takes_the_baseline_of_the_configuration(run: Run, folder: Path) -> None:
    (folder / "headerguard.toml").write_text('baseline = "new.json"\n')
    assert run("learn", "archive.mbox").code == 0
    assert Baseline.load(folder / "new.json").streams
    assert run("check", "tapped.eml").code == 1


@pytest.mark.parametrize("command", [("learn",), ("check", "--learn")])
def test_learning_needs_to_know_where_to(run: Run, command: tuple[str, ...]) -> None:
    ran = run(*command, "archive.mbox")
    assert (ran.code, ran.out) == (2, "")
    assert ran.said == ["there is no baseline to learn into; name one with --baseline, or in headerguard.toml"]


@pytest.mark.parametrize("command", [("learn",), ("check", "--learn")])
def test_a_directory_that_is_not_there_is_said_before_anything_is_read(run: Run, command: tuple[str, ...]) -> None:
    ran = run(*command, "archive.mbox", "-b", "nowhere/new.json")
    assert (ran.code, ran.out) == (2, "")
    assert ran.said == ["nowhere/new.json: cannot be written: there is no directory nowhere"]


@pytest.mark.parametrize("command", [("learn",), ("check", "--learn")])
def test_nothing_is_saved_when_nothing_was_read(run: Run, folder: Path, command: tuple[str, ...]) -> None:
    assert run(*command, "missing.eml", "-b", "new.json").code == 3
    assert not (folder / "new.json").exists()


def test_check_learns_what_was_not_flagged_and_saves_it(run: Run, folder: Path) -> None:
    ran = run("check", "archive.mbox", "tapped.eml", "--learn", "-b", "new.json")
    assert ran.code == 1
    assert HIGH in ran.out
    learned = Baseline.load(folder / "new.json")
    profile = learned.streams["-/template:receipts"]
    assert profile.messages == 41
    assert set(profile.roles["bcc"].values or ()) == {"shop.example"}
    assert run("check", "tapped.eml", "-b", "new.json").code == 1


def test_check_learns_what_is_below_fail_on(run: Run, folder: Path) -> None:
    assert run("check", "archive.mbox", "tapped.eml", "--learn", "-b", "new.json", "--fail-on", "critical").code == 0
    values = Baseline.load(folder / "new.json").streams["-/template:receipts"].roles["bcc"].values
    assert set(values or ()) == {"shop.example", "collector.example"}


def test_check_alone_learns_nothing(run: Run, folder: Path) -> None:
    before = (folder / "baseline.json").stat().st_mtime_ns
    run("check", "clean.eml", "tapped.eml", "-b", "baseline.json")
    assert (folder / "baseline.json").stat().st_mtime_ns == before
    assert run("check", "archive.mbox", "tapped.eml").code == 0  # not even from the paths before


# ---- input that cannot be read ---------------------------------------------------------------------------------------


def bad_inputs(folder: Path) -> dict[str, str]:
    """Paths with the sentence that each gives."""
    (folder / "empty.eml").write_bytes(b"")
    (folder / "no-mail").mkdir()
    (folder / "binary").write_bytes(b"\x00\x01\x02" * 500)
    (folder / "truncated.mbox").write_text(mailbox(range(3))[:-40])
    (folder / "dangling.eml").symlink_to("nothing.eml")
    return {
        "missing.eml": "missing.eml: cannot be read: No such file or directory",
        "dangling.eml": "dangling.eml: cannot be read: it is a symbolic link to nothing",
        "empty.eml": "empty.eml: not a mail message (empty file)",
        "no-mail": "no-mail: the directory holds no mail",
        "binary": "binary: not a mail message (binary data)",
        "truncated.mbox": "truncated.mbox: record 2: it ends inside its header block; what is there was read",
    }


BAD = ("missing.eml", "dangling.eml", "empty.eml", "no-mail", "binary", "truncated.mbox")


@pytest.mark.parametrize("path", BAD)
def test_bad_input_is_one_sentence_and_nothing_readable_is_lost(run: Run, folder: Path, path: str) -> None:
    sentence = bad_inputs(folder)[path]
    kept = 3 if path == "truncated.mbox" else 0
    ran = run("check", path, "tapped.eml", "-b", "baseline.json")
    assert (ran.code, ran.said) == (3, [sentence])
    assert HIGH in ran.out
    assert f"headerguard: {kept + 1} message" in ran.out
    ran = run("learn", path, "archive.mbox", "-b", "new.json")
    assert (ran.code, ran.said) == (3, [sentence])
    assert ran.out.startswith(f"read {40 + kept} messages · ")
    ran = run("show", path, "clean.eml", "--format", "json")
    assert (ran.code, ran.said) == (3, [sentence])
    assert len(ran.records) == kept + 1


def test_a_file_without_permission_is_said(run: Run, folder: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    (folder / "locked.eml").write_text(receipt(1))
    (folder / "locked.eml").chmod(0)
    assert run("check", "locked.eml").said == ["locked.eml: cannot be read: Permission denied"]


def test_a_path_that_a_terminal_would_act_on_is_escaped(run: Run) -> None:
    ran = run("check", "\x1b[2Jx.eml")
    assert ran.code == 3
    assert "\x1b" not in ran.err
    assert len(ran.said) == 1
    ran = run("check", "clean.eml", "--config", "\x1b[2Jx.toml")
    assert (ran.code, ran.said) == (2, [r"\x1b[2Jx.toml: cannot be read: No such file or directory"])


# ---- baselines and configurations that cannot be used ----------------------------------------------------------------


@pytest.mark.parametrize("command", [("check", "clean.eml"), ("explain", "a.example")])
def test_a_missing_baseline_is_exit_2(run: Run, command: tuple[str, ...]) -> None:
    ran = run(*command, "--baseline", "none.json")
    assert (ran.code, ran.out) == (2, "")
    makes = "headerguard learn PATH --baseline none.json makes it"
    assert ran.said == [f"none.json: there is no such baseline; {makes}"]


def test_a_baseline_that_the_configuration_names_has_to_be_there(run: Run, folder: Path) -> None:
    (folder / "headerguard.toml").write_text('baseline = "none.json"\n')
    ran = run("check", "clean.eml")
    assert ran.code == 2
    assert "none.json: there is no such baseline" in ran.said[0]
    assert run("explain", "a.example").code == 0


BROKEN = ('{"schema": 1', "[]", '{"schema": 99, "streams": {}}', "\x00\xff", "")


@pytest.mark.parametrize("text", BROKEN)
@pytest.mark.parametrize("command", [("check", "clean.eml"), ("learn", "clean.eml"), ("explain", "a.example")])
def test_a_corrupt_baseline_is_exit_2_and_stays_as_it_is(
    run: Run, folder: Path, command: tuple[str, ...], text: str
) -> None:
    (folder / "corrupt.json").write_text(text, encoding="latin-1")
    ran = run(*command, "-b", "corrupt.json")
    assert (ran.code, ran.out) == (2, "")
    assert len(ran.said) == 1
    assert ran.said[0].startswith("corrupt.json: ")
    assert (folder / "corrupt.json").read_text(encoding="latin-1") == text


def test_every_problem_of_a_configuration_is_said(run: Run, folder: Path) -> None:
    (folder / "bad.toml").write_text('fail-onn = "high"\ndisable = ["hidden-feild"]\n[rules.unfamiliar-blind]\n')
    ran = run("check", "tapped.eml", "--config", "bad.toml")
    assert (ran.code, ran.out) == (2, "")
    assert ran.said == [
        "bad.toml: disable[0]: no rule is called 'hidden-feild'; did you mean 'hidden-field'?",
        "bad.toml: rules.unfamiliar-blind: no rule is called 'unfamiliar-blind'; did you mean"
        " 'unfamiliar-blind-recipient'?",
        "bad.toml: fail-onn: unknown key; did you mean 'fail-on'?",
    ]


@pytest.mark.parametrize("command", [("check", "clean.eml"), ("learn", "clean.eml", "-b", "new.json")])
def test_the_nearest_configuration_counts(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    (folder / "headerguard.toml").write_text("nonsense = 1\n")
    (folder / "below").mkdir()
    monkeypatch.chdir(folder / "below")
    assert "nonsense: unknown key" in run(*command).said[0]
    (folder / "good.toml").write_text("")
    assert "nonsense" not in run(*command, "--config", "../good.toml").err
    ran = run(*command, "--config", "none.toml")
    assert (ran.code, ran.said) == (2, ["none.toml: cannot be read: No such file or directory"])


def test_a_warning_of_the_configuration_is_said(run: Run, folder: Path) -> None:
    (folder / "headerguard.toml").write_text('own-domains = ["mail.shop.example"]\n')
    ran = run("check", "clean.eml")
    assert ran.code == 0
    assert len(ran.said) == 1
    assert "stands for the whole of 'shop.example'" in ran.said[0]


@pytest.mark.parametrize("name", ["text", "sarif"])
def test_an_unknown_kind_or_stage_is_exit_2_before_anything_is_written(run: Run, name: str) -> None:
    ran = run("check", "clean.eml", "--kind", "mbx", "--format", name)
    assert (ran.code, ran.out) == (2, "")
    assert ran.said == ["'mbx' is not a known kind; did you mean 'mbox'?"]
    ran = run("check", "clean.eml", "--stage", "deliverd", "--format", name)
    assert (ran.code, ran.out) == (2, "")
    assert ran.said == ["'deliverd' is not a known stage; did you mean 'delivered'?"]


# ---- show ------------------------------------------------------------------------------------------------------------


def test_show_lists_every_address_with_its_place(run: Run, folder: Path) -> None:
    (folder / "odd.eml").write_text(f"From: <shop@shop.example>\nTo: Zoë <a@bücher.example>\nBcc : {STRANGER}\n\n")
    ran = run("show", "odd.eml")
    assert ran.code == 0
    rows = [re.split(r"  +", line.strip()) for line in ran.out.splitlines()]
    assert rows[0][:1] == ["odd.eml"]
    assert rows[1] == ["from[0]", "shop@shop.example", "in from", "plain, octets 7-24"]
    assert rows[2][:3] == ["to[0]", "a@xn--bcher-kva.example", "in to"]
    assert rows[2][4] == "shown as a@bücher.example 'Zoë'"
    assert rows[3] == ["bcc[0]", STRANGER, "in bcc", "plain, octets 61-85", "hidden"]
    assert rows[-1][0].startswith("odd: blank-before-colon in bcc")


def test_show_tells_occurrences_apart(run: Run) -> None:
    ran = run("show", "tapped.eml")
    assert "in bcc #2" in ran.out
    assert "bcc[1]" in ran.out


def test_show_says_when_there_is_no_address(run: Run, folder: Path) -> None:
    (folder / "bare.eml").write_text("Subject: hello\n\n")
    assert "(no address)" in run("show", "bare.eml").out


def test_show_escapes_what_a_terminal_would_act_on(run: Run, folder: Path) -> None:
    (folder / "evil.eml").write_bytes(b'From: "\x1b[2J" <a@x.example>\nSubject: \x1b]0;x\x07\n\n')
    assert not set(run("show", "evil.eml").out) & {"\x1b", "\x07"}


def test_show_as_json_is_one_object_a_line(run: Run) -> None:
    schema = next((ROOT / "src" / "headerguard").glob("render*/schemas/message-1.json"))
    records = run("show", "archive.mbox", "tapped.eml", "--format", "json").records
    for record in records:
        jsonschema.validate(record, json.loads(schema.read_text()))
    assert len(records) == 41
    assert records[40]["hidden"] == ["audit@shop.example", STRANGER]
    assert records[7]["origin"] == {"kind": "mboxo", "path": "archive.mbox", "index": 7}


def test_show_takes_a_kind(run: Run, folder: Path) -> None:
    (folder / "plain").write_text(receipt(1))
    assert run("show", "plain", "--kind", "mbox").code == 3
    assert run("show", "plain", "--kind", "mbx").code == 2


# ---- explain ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", BUILTIN, ids=lambda rule: rule.id)
def test_explain_tells_all_that_a_rule_says(run: Run, rule: type[Rule]) -> None:
    ran = run("explain", rule.id)
    assert ran.code == 0
    assert ran.out.startswith(f"{rule.id} ({rule.severity})\n")
    headings = [line for line in ran.out.splitlines() if line and not line.startswith(" ")]
    sections = ["Flags", "Why", "When it is wrong", "What to do", "References", "Options"]
    assert headings[1:7] == sections
    assert all(heading.startswith("Example") for heading in headings[7:])
    assert len(headings) == 7 + len(rule.examples)
    words = " ".join(ran.out.split())
    assert " ".join((rule.__doc__ or "").split("Why:")[1].split("\n\n")[0].split()[1:]) in words
    assert rule.examples[0].cites.splitlines()[0] in ran.out


def test_explain_tells_a_rule_as_json(run: Run) -> None:
    record = run("explain", "hidden-field", "--format", "json").records[0]
    assert (record["schema"], record["kind"], record["id"]) == ("headerguard.explanation/1", "rule", "hidden-field")
    assert list(record["sections"]) == sorted(record["sections"])
    assert record["severity"] == "high"
    assert record["examples"][0]["cites"] == "Bcc : copy@arxxwalls.com"
    assert record["options"] == []


@pytest.mark.usefixtures("plugin")
def test_explain_tells_the_options_of_a_rule_of_another_package(run: Run) -> None:
    ran = run("explain", "acme.crash")
    assert ran.out.startswith("acme.crash (low)\n   A rule that crashes.\n")
    assert "   suffixes: default ('.fr', '.de'), under [rules.acme.crash]" in ran.out
    assert "   weight: default 3, under [rules.acme.crash]" in ran.out
    options = run("explain", "acme.crash", "--format", "json").records[0]["options"]
    assert options[0] == {"name": "suffixes", "required": False, "default": [".fr", ".de"]}
    ran = run("explain", "acme.broken")
    assert (ran.code, ran.out) == (2, "")
    assert "rule 'acme.broken' cannot be loaded" in ran.said[0]


def test_explain_knows_old_names(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(headerguard.rules.RENAMED, "blank-before-colon", "hidden-field")
    assert run("explain", "blank-before-colon").out.startswith("hidden-field (high)\n")


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("unfamiliar-blind-recipent", "; did you mean 'unfamiliar-blind-recipient'?"),
        ("zzz", ""),
        ("two words", ""),
        ("", ""),
    ],
)
def test_explain_names_the_nearest_rule(run: Run, name: str, near: str) -> None:
    ran = run("explain", name)
    assert (ran.code, ran.out) == (2, "")
    assert ran.said == [f"{name!r} is neither a rule, nor an address, nor a domain{near}"]


def test_explain_tells_how_an_address_is_read(run: Run) -> None:
    ran = run("explain", "Jane <jane@shop.bücher.github.io>")
    assert ran.code == 0
    facts = dict(re.split(r"  +", line.strip(), maxsplit=1) for line in ran.out.splitlines()[1:])
    assert facts == {
        "address": "jane@shop.xn--bcher-kva.github.io",
        "local part": "jane",
        "domain": "shop.xn--bcher-kva.github.io  (shown as shop.bücher.github.io)",
        "registrable domain": "xn--bcher-kva.github.io",
        "by ICANN alone": "github.io",
        "email-validator": "takes it",
    }


def test_explain_tells_every_reading_and_a_refusal(run: Run) -> None:
    out = run("explain", "a@b@c.example").out
    assert "c.example  (recovered reading)" in out
    assert "(candidate reading)" in out
    assert "email-validator      An email address cannot have a hyphen" in run("explain", "jane@-.example").out


def test_explain_tells_where_a_domain_was_seen(run: Run) -> None:
    ran = run("explain", "x@mail.client3.example", "-b", "baseline.json")
    assert "   baseline             to in stream 'template:receipts': 1 message, 2026-10-04 to 2026-10-04\n" in ran.out
    record = run("explain", "shop.example", "-b", "baseline.json", "--format", "json").records[0]
    assert {
        "account": None,
        "stream": "template:receipts",
        "role": "bcc",
        "messages": 40,
        "first_day": "2026-10-01",
        "last_day": "2026-10-28",
    } in record["seen"]
    assert "has not seen it" in run("explain", "collector.example", "-b", "baseline.json").out
    assert "baseline" not in run("explain", "collector.example").out


def test_explain_takes_the_baseline_of_the_configuration(run: Run, folder: Path) -> None:
    (folder / "headerguard.toml").write_text('baseline = "baseline.json"\n')
    assert "bcc in stream 'template:receipts'" in run("explain", "shop.example").out


def typed(monkeypatch: pytest.MonkeyPatch, octets: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(octets)))


def test_explain_reads_names(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    typed(
        monkeypatch, "Shop.Example.\n\n x@bücher.example\r\nfoo bar\nhidden-field.example\n".encode() + b"\xff.example"
    )
    (folder / "known.txt").write_text("# our own\nwww.shop.example\n")
    ran = run("explain", "-", "--known", "known.txt", "-b", "baseline.json")
    assert ran.code == 0
    records = ran.records
    assert [record["imitates"] for record in records] == [None] * 5
    assert [record["domain"] for record in records[:4]] == [
        "shop.example",
        "xn--bcher-kva.example",
        None,
        "hidden-field.example",
    ]
    assert [record["known"] for record in records[:2]] == [True, False]
    assert records[1]["registrable_domain"] == "xn--bcher-kva.example"
    assert records[1]["unicode"] == "bücher.example"
    assert records[2]["problem"] == "'foo bar' is neither an address nor a domain"
    assert records[0]["seen"]
    assert len(records) == 5
    assert len({frozenset(record) for record in records}) == 1


def test_known_names_have_to_be_there(run: Run) -> None:
    ran = run("explain", "shop.example", "--known", "none.txt")
    assert (ran.code, ran.said) == (2, ["none.txt: cannot be read: No such file or directory"])


def test_a_known_name_may_be_an_address_with_a_display_name(run: Run, folder: Path) -> None:
    (folder / "known.txt").write_text("Jane Doe <jane@client.example>\n")
    assert "among known names    yes" in run("explain", "client.example", "--known", "known.txt").out
    assert (
        "looks like           client.example (confusable)"
        in run(*("explain", "c1ient.example", "--known", "known.txt")).out
    )


def test_an_account_as_a_whole_is_told_as_all_streams(run: Run) -> None:
    out = run("explain", "shop.example", "-b", "baseline.json").out
    assert "   baseline             bcc in all streams: 40 messages" in out
    assert "account:" not in out


def test_known_names_are_told(run: Run, folder: Path) -> None:
    (folder / "known.txt").write_text("shop.example\n")
    assert "among known names    yes" in run("explain", "a.shop.example", "--known", "known.txt").out
    assert "among known names    no" in run("explain", "a.example", "--known", "known.txt").out


STRANGE = '$ORIGIN stranger.example.\n@ MX 0 .\n@ TXT "v=spf1 -all"\n'


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[NameServer]:
    """A name server that the configuration of this directory names, without enabling DNS."""
    monkeypatch.chdir(tmp_path)
    with NameServer(STRANGE) as name_server:
        Path("headerguard.toml").write_text(f"[dns]\nresolvers = ['{name_server.address}']\ndeadline = 20\n")
        yield name_server


@pytest.mark.real
def test_explain_asks_dns_only_when_told_to(run: Run, asked: NameServer) -> None:
    Path("headerguard.toml").write_text(Path("headerguard.toml").read_text() + "enable = true\n")
    assert run("explain", "copy@stranger.example", "--format", "json").records[0]["dns"] is None
    assert not asked.asked
    out = run("explain", "copy@stranger.example", "--dns").out
    assert "   DNS                  takes no mail (null MX, RFC 7505) (!)\n" in out
    assert "   DNS                  SPF ends in -all\n" in out
    assert not [name for name in asked.names if "copy" in name]
    (record,) = run("explain", "stranger.example", "--dns", "--format", "json").records
    assert (record["dns"]["null_mx"], record["dns"]["receives_mail"], record["dns"]["spf"]["all"]) == (True, False, "-")
    assert record["dns"]["told"][0] == {"text": "takes no mail (null MX, RFC 7505)", "damning": True}


@pytest.mark.real
def test_explain_tells_what_dns_did_not_say(run: Run, asked: NameServer) -> None:
    asked.faults["*"] = "servfail"
    assert "   DNS, not known       MX: SERVFAIL\n" in run("explain", "stranger.example", "--dns").out


@pytest.mark.real
def test_check_asks_dns_only_when_told_to(run: Run, asked: NameServer) -> None:
    for number in range(30):
        Path(f"{number}.eml").write_text(receipt(number))
    run("check", *(f"{number}.eml" for number in range(30)), "--learn", "-b", "b.json")
    Path("new.eml").write_text(receipt(31, "Bcc: copy@stranger.example"))
    usual = run("check", "new.eml", "-b", "b.json", "--format", "json").records[0]["findings"]
    assert usual
    assert not asked.asked
    told = run("check", "new.eml", "-b", "b.json", "--format", "json", "--dns").records[0]["findings"]
    severities = [next(f["severity"] for f in each if f["subject"] == "stranger.example") for each in (usual, told)]
    assert severities == ["high", "critical"]
    assert next(e["text"] for f in told for e in f["evidence"] if e["place"] == "DNS").startswith("takes no mail")
    assert all(name.endswith("stranger.example") for name in asked.names - {"_dmarc.example"})
    assert "DNS: takes no mail (null MX, RFC 7505)" in run("check", "new.eml", "-b", "b.json", "--dns").out


def test_explain_tells_whom_a_name_imitates(run: Run, folder: Path) -> None:
    (folder / "known.txt").write_text("digitalocean.com\n")
    record = run("explain", "digltalocean.com", "--known", "known.txt", "--format", "json").records[0]
    assert (record["imitates"], record["how"]) == ("digitalocean.com", "confusable")
    assert record["flagged_by"] == ["lookalike-domain"]
    out = run("explain", "digltalocean.com", "--known", "known.txt").out
    assert "   looks like           digitalocean.com (confusable)\n" in out
    assert "looks like" not in run("explain", "digitalocean.com", "--known", "known.txt").out


def test_explain_tells_every_known_name_that_is_near(run: Run, folder: Path) -> None:
    (folder / "known.txt").write_text("stripe.example\nstripe.test\nstripes.example\n")
    (folder / "headerguard.toml").write_text('own-domains = ["stripe.test", "stripe.invalid"]\n')
    record = run("explain", "str1pe.example", "--known", "known.txt", "--format", "json").records[0]
    assert (record["imitates"], record["how"]) == ("stripe.example", "confusable")
    assert record["nearest"] == [
        {"name": "stripe.example", "how": "confusable"},
        {"name": "stripe.test", "how": "suffix"},
        {"name": "stripe.invalid", "how": "suffix"},
    ]
    out = run("explain", "str1pe.example", "--known", "known.txt").out
    assert "   looks like           stripe.example (confusable)\n" in out
    assert "   near too             stripe.test (suffix), stripe.invalid (suffix)\n" in out
    out = run("explain", "str1pe.invalid").out
    assert "near too             stripe.test (suffix)\n" in out
    assert "near too" not in run("explain", "unrelated.example", "--known", "known.txt").out


def test_explain_tells_some_of_very_many_near_names(run: Run, folder: Path) -> None:
    (folder / "known.txt").write_text("".join(f"brightpath.{sign * 3}\n" for sign in "abcdefghijklmnopqrstuvwxyz"))
    assert (
        len(run("explain", "br1ghtpath.example", "--known", "known.txt", "--format", "json").records[0]["nearest"])
        == 20
    )
    assert "brightpath.fff (suffix) and 14 more\n" in run("explain", "br1ghtpath.example", "--known", "known.txt").out


def test_explain_compares_with_the_baseline_and_with_the_configuration(run: Run, folder: Path) -> None:
    assert "looks like           shop.example" in run("explain", "sh0p.example", "-b", "baseline.json").out
    (folder / "headerguard.toml").write_text(
        'own-domains = ["brightpath.example"]\n[streams.a.expected]\nbcc = ["x@northwind.example"]\n'
    )
    assert "looks like           brightpath.example" in run("explain", "br1ghtpath.example").out
    assert "looks like           northwind.example" in run("explain", "northvvind.example").out


def test_explain_tells_lists_and_oddities(run: Run) -> None:
    out = run("explain", "a" * 65 + "@mailinator.com").out
    assert "   on the list          disposable\n" in out
    assert "   odd                  its local part has 65 octets" in out
    assert "flagged by           freemail-blind-recipient" in out


HOSTILE = (
    "a" * 4_000, "a." * 2_000 + "com", "digitalocean.com." + "a." * 100 + "arxxwalls.com", "a..com", ".com", "123.456",
    "12345", "\u202egro.elpmaxe", "a\u200bb.example", "\U0001f600.example", "x@" + "b." * 2_000 + "example", "@", "@@@.",
    "a@" * 2_000 + "b.example", '"@' * 1_000, "xn--" + "z" * 60 + ".com", "(" * 4_000, "=?utf-8?q?a?=@b.example",
    "a" * 4_000 + ".example", "." * 4_000 + "example", "1." * 2_000 + "1", "192.0.2.1", "\u05d0" * 4_000 + ".example",
    "\u05d0\u0661a.example", "a\u200b" * 2_000 + ".example", "\U0001f468\u200d\U0001f469." * 50 + "example",
    "e" + "\u0301" * 4_000 + ".example", "\ufdfa" * 4_000 + ".example", "a\uff0eb\u3002example", "[192.0.2.1]", "[[]",
)  # fmt: skip


def test_explain_reads_whatever_is_typed(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    octets = "\n".join(HOSTILE).encode() + b"\n" + bytes(set(range(1, 256)) - {10, 13}) + b"\n\xed\xa0\x80.example\n"
    typed(monkeypatch, octets)
    (folder / "known.txt").write_text("digitalocean.com\n\n..\n@\n")
    ran = run("explain", "-", "--known", "known.txt", "--format", "json")
    assert (ran.code, len(ran.records)) == (0, len(HOSTILE) + 2)
    assert all({"domain", "registrable_domain", "imitates", "how"} <= record.keys() for record in ran.records)
    assert all((record["domain"] is None) == (record["problem"] is not None) for record in ran.records)
    assert ran.records[2]["imitates"] == "digitalocean.com"


class Unanswered:
    """What a name server is to those who only want to know which questions reach it."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    async def ask(self, where: tuple[str, int], name: str, kind: str, seconds: float) -> Answer:
        self.names.add(name)
        return Answer(Status.EMPTY, seconds=60) if kind == "MX" else unknown("SERVFAIL", 60)


@pytest.fixture
def unanswered(monkeypatch: pytest.MonkeyPatch) -> Unanswered:
    nobody = Unanswered()
    resolver = Resolver(["192.0.2.1"], ask=nobody.ask, deadline=60, budget=1_000)
    monkeypatch.setattr("headerguard.config.Dns.resolver", lambda _: resolver)
    return nobody


def test_explain_asks_dns_about_no_more_than_it_can_hold(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch, unanswered: Unanswered
) -> None:
    typed(monkeypatch, "\n".join(HOSTILE).encode())
    ran = run("explain", "-", "--dns")
    assert (ran.code, len(ran.records)) == (0, len(HOSTILE))
    assert all((record["dns"] is None) == (record["problem"] is not None) for record in ran.records)
    assert all(record["dns"]["unanswered"] for record in ran.records if record["dns"])
    assert max(map(len, unanswered.names)) <= 253
    assert all(
        max(map(len, name.split("."))) <= 63 and name.isascii() and ".." not in name for name in unanswered.names
    )
    assert {"a.b.example", "xn--e28h.example"} <= unanswered.names


@pytest.mark.parametrize("options", [(), ("--dns",)])
def test_explain_tells_whatever_is_typed_in_lines(
    run: Run, folder: Path, unanswered: Unanswered, options: tuple[str, ...]
) -> None:
    (folder / "known.txt").write_text("digitalocean.com\n")
    told = 0
    for name in (*HOSTILE, "\udcff.example"):
        ran = run("explain", "--known", "known.txt", *options, "--", name)
        if ran.code == 2:
            assert "is neither a rule, nor an address, nor a domain" in ran.err
            continue
        told += 1
        assert "   registrable domain   " in ran.out
        assert ("   DNS, not known       " in ran.out) is bool(options)
        assert all(sign.isprintable() or sign == "\n" for sign in ran.out)
    assert told > len(HOSTILE) / 2
    assert bool(unanswered.names) is bool(options)


def test_what_is_odd_about_a_domain_is_that_of_an_address_there(run: Run) -> None:
    for domain in ("a..test", "\u202egro.elpmaxe", "shop.example", f"{'a' * 64}.test", "123.456"):
        records = [run("explain", "--format", "json", "--", name).records[0] for name in (domain, f"any@{domain}")]
        assert records[0]["quality"] == records[1]["quality"]
        assert records[0]["refusal"] == records[1]["refusal"]
    assert "   email-validator      " in run("explain", "a..test").out
    assert "   email-validator      " not in run("explain", "shop.test").out
    assert run("explain", "shop.test", "--format", "json").records[0]["quality"] == [
        "its domain is a special-use name, which receives no public mail (RFC 6761)"
    ]


# ---- rules, version --------------------------------------------------------------------------------------------------


def test_rules_lists_every_rule(run: Run, folder: Path) -> None:
    (folder / "headerguard.toml").write_text('disable = ["hidden-field"]\n[rules.repeated-field]\nseverity = "high"\n')
    ran = run("rules")
    assert ran.code == 0
    assert [line.split()[0] for line in ran.out.splitlines()] == [rule.id for rule in BUILTIN]
    assert re.search(r"^hidden-field +high +An address field .*\(disabled\)$", ran.out, re.MULTILINE)
    assert re.search(r"^repeated-field +high +A destination .*more than once\.$", ran.out, re.MULTILINE)


@pytest.mark.usefixtures("plugin")
def test_rules_tells_installed_from_enabled(run: Run, folder: Path) -> None:
    records = run("rules", "--format", "json").records
    assert records[-1] == {
        "id": "acme.crash",
        "severity": "low",
        "summary": "A rule that crashes.",
        "state": "installed, not enabled",
    }
    assert (records[-2]["id"], records[-2]["state"]) == ("acme.broken", "broken")
    assert {record["state"] for record in records[:-2]} == {"enabled"}
    assert "(installed, not enabled)" in run("rules").out
    (folder / "headerguard.toml").write_text('enable = ["acme.crash"]\n')
    assert run("rules", "--format", "json").records[-1]["state"] == "enabled"


def test_rules_are_listed_though_the_configuration_is_wrong(run: Run, folder: Path) -> None:
    (folder / "headerguard.toml").write_text('disable = ["hidden-feild"]\n')
    ran = run("rules")
    assert ran.code == 2
    assert "did you mean 'hidden-field'?" in ran.said[0]
    assert len(ran.out.splitlines()) == len(BUILTIN)


def test_version(run: Run) -> None:
    assert run("--version") == Ran(0, f"headerguard {headerguard.__version__}\n", "")
    lines = run("--version", "--verbose").out.splitlines()
    names = [line.rpartition(" ")[0] for line in lines]
    assert names[:6] == ["headerguard", "Python", "dnspython", "email-validator", "mail-parser", "tldextract"]
    assert names[6:9] == ["jmespath", "rich", "Public Suffix List"]
    assert names[9:] == ["list of freemail domains", "list of disposable domains"]
    assert lines[4] == f"mail-parser {importlib.metadata.version('mail-parser')}"
    assert re.fullmatch(r"Public Suffix List \d{4}-\d\d-\d\d", lines[8])
    assert all(re.fullmatch(r"list of \w+ domains \d{4}-\d\d-\d\d", line) for line in lines[9:])


def test_the_version_is_had_without_the_library() -> None:
    code = "import sys; from headerguard.cli import main; main(['--version']); print(*sorted(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = run.stdout.splitlines()[1].split()
    assert {name for name in loaded if name.startswith("headerguard")} == {
        "headerguard",
        "headerguard.cli",
        "headerguard.version",
    }
    assert not {"tldextract", "rich", "dns", "email_validator", "mailparser"} & set(loaded)


# ---- baseline --------------------------------------------------------------------------------------------------------


def test_baseline_show(run: Run) -> None:
    ran = run("baseline", "show", "baseline.json")
    assert ran.code == 0
    assert "stream 'template:receipts'  40 messages, 2026-10-01 to 2026-10-28\n" in ran.out
    assert "   bcc            closed        40  shop.example (40)\n" in ran.out
    assert re.search(r"   to             open          40  client0\.example \(1\), .* and 35 more\n", ran.out)
    assert "author no-reply@shop.example  40 messages" in ran.out
    only = run("baseline", "show", "baseline.json", "--stream", "template:receipts").out
    assert "author no-reply" not in only
    assert only in ran.out
    ran = run("baseline", "show", "baseline.json", "--stream", "template:receipt")
    assert (ran.code, ran.said) == (2, ["no stream is called 'template:receipt'; did you mean 'template:receipts'?"])


def test_baseline_show_says_when_too_little_is_known(run: Run) -> None:
    run("learn", "clean.eml", "-b", "new.json")
    assert "   bcc            too few        1  shop.example (1)\n" in run("baseline", "show", "new.json").out


def test_baseline_diff(run: Run) -> None:
    assert run("baseline", "diff", "baseline.json", "baseline.json") == Ran(0, "", "")
    run("check", "archive.mbox", "tapped.eml", "--learn", "--fail-on", "critical", "-b", "new.json")
    ran = run("baseline", "diff", "baseline.json", "new.json")
    assert ran.code == 1
    assert "-/template:receipts: bcc has collector.example, 1 message since 2026-10-07\n" in ran.out
    run("baseline", "merge", "baseline.json", "baseline.json", "-o", "twice.json")
    ran = run("baseline", "diff", "baseline.json", "twice.json")
    assert ran.code == 1
    assert "counts or days differ" in ran.out
    assert run("baseline", "diff", "baseline.json", "none.json").code == 2


def test_baseline_merge(run: Run, folder: Path) -> None:
    (folder / "one.mbox").write_text(mailbox(range(15)))
    (folder / "two.mbox").write_text(mailbox(range(15, 40)))
    run("learn", "one.mbox", "-b", "one.json")
    run("learn", "two.mbox", "-b", "two.json")
    ran = run("baseline", "merge", "two.json", "one.json", "-o", "both.json")
    assert (ran.code, ran.out) == (0, "both.json holds 1 stream\n")
    assert streams(folder / "both.json") == streams(folder / "baseline.json")
    assert run("baseline", "merge", "one.json", "none.json", "-o", "bad.json").code == 2
    assert not (folder / "bad.json").exists()


@pytest.mark.parametrize("subject", ["audit@shop.example", "mail.shop.example", "Shop.Example."])
def test_baseline_forget(run: Run, folder: Path, subject: str) -> None:
    ran = run("baseline", "forget", subject, "-b", "baseline.json")
    assert (ran.code, ran.out) == (0, "shop.example is forgotten in 9 places of baseline.json\n")
    profile = Baseline.load(folder / "baseline.json").streams["-/template:receipts"]
    assert profile.roles["bcc"].values == {}
    assert len(profile.roles["to"].values or ()) == 40
    assert "unfamiliar-blind-recipient (medium)" in run("check", "clean.eml", "-b", "baseline.json").out


def test_baseline_forget_of_what_is_not_there(run: Run, folder: Path) -> None:
    before = (folder / "baseline.json").stat().st_mtime_ns
    ran = run("baseline", "forget", "collector.example", "-b", "baseline.json")
    assert (ran.code, ran.out) == (0, "collector.example is in no stream of baseline.json\n")
    assert (folder / "baseline.json").stat().st_mtime_ns == before
    ran = run("baseline", "forget", "two words", "-b", "baseline.json")
    assert (ran.code, ran.said) == (2, ["'two words' is neither an address nor a domain"])


def test_baseline_prune(run: Run, folder: Path) -> None:
    (folder / "old.eml").write_text(receipt(1).replace("2026", "2020").replace("receipts", "letters"))
    (folder / "undated.eml").write_text(receipt(1).replace("Date:", "X:").replace("receipts", "undated"))
    run("learn", "old.eml", "undated.eml", "-b", "baseline.json")
    ran = run("baseline", "prune", "-b", "baseline.json", "--before", "2026-10-28")
    assert (ran.code, ran.out) == (0, "dropped stream 'template:letters'\ndropped 1, kept 4\n")
    assert "-/template:letters" not in Baseline.load(folder / "baseline.json").streams
    assert run("baseline", "prune", "-b", "baseline.json", "--before", "2026-10-28").out == "dropped 0, kept 4\n"
    ran = run("baseline", "prune", "-b", "baseline.json", "--before", "yesterday")
    assert ran.code == 2
    assert "'yesterday' is not a day, such as 2027-01-31" in ran.err


@pytest.mark.parametrize(
    "command", [("show",), ("forget", "a.example", "-b"), ("prune", "--before", "2026-01-01", "-b")]
)
def test_baseline_commands_need_a_baseline(run: Run, command: tuple[str, ...]) -> None:
    ran = run("baseline", *command, "none.json")
    assert ran.code == 2
    assert "none.json: there is no such baseline" in ran.said[0]


# ---- allowances ------------------------------------------------------------------------------------------------------

ALLOW = ("baseline", "allow", "collector.example", "--reason", 'tax adviser, "4711"')


def test_an_allowance_is_added_and_holds(run: Run, folder: Path) -> None:
    before = b'own-domains = ["shop.example"]   # ours\n\n[rules.hidden-field]\nseverity = "low"'
    (folder / "headerguard.toml").write_bytes(before)
    rest = ("--stream", "template:receipts", "--rule", "unfamiliar-blind-recipient", "--until", "2027-01-31")
    ran = run(*ALLOW, *rest, "--config", "headerguard.toml")
    assert (ran.code, ran.out) == (0, "headerguard.toml: collector.example is allowed until 2027-01-31\n")
    after = (folder / "headerguard.toml").read_bytes()
    assert after.startswith(before + b"\n\n[[allow]]\n")
    assert tomllib.loads(after.decode())["allow"] == [
        {
            "subject": "collector.example",
            "reason": 'tax adviser, "4711"',
            "rule": "unfamiliar-blind-recipient",
            "stream": "template:receipts",
            "until": "2027-01-31",
        }
    ]
    ran = run("check", "tapped.eml", "-b", "baseline.json")
    assert ran.code == 0
    assert "allowed:  unfamiliar-blind-recipient (high)" in ran.out


def test_a_second_allowance_keeps_the_first(run: Run, folder: Path) -> None:
    run(*ALLOW, "--config", "headerguard.toml")
    first = (folder / "headerguard.toml").read_bytes()
    assert first.startswith(b"[[allow]]\n")
    assert run(*ALLOW, "--until", "2027-01-31").code == 0
    second = (folder / "headerguard.toml").read_bytes()
    assert second.startswith(first + b"\n[[allow]]\n")
    assert len(tomllib.loads(second.decode())["allow"]) == 2


def test_an_allowance_without_a_day_says_that_it_never_lapses(run: Run) -> None:
    assert "for good, as no --until was given" in run(*ALLOW).out


def test_line_ends_of_the_file_are_kept(run: Run, folder: Path) -> None:
    (folder / "headerguard.toml").write_bytes(b'\xef\xbb\xbffail-on = "high"\r\n')
    assert run(*ALLOW).code == 0
    after = (folder / "headerguard.toml").read_bytes()
    assert after.startswith(b'\xef\xbb\xbffail-on = "high"\r\n\r\n[[allow]]\r\n')
    assert after.count(b"\n") == after.count(b"\r\n")


def test_an_allowance_may_stand_in_pyproject(run: Run, folder: Path) -> None:
    before = '[tool.headerguard]\nfail-on = "high"\n\n[tool.other]\nx = 1\n'
    (folder / "pyproject.toml").write_text(before)
    assert run(*ALLOW).code == 0
    after = (folder / "pyproject.toml").read_text()
    assert after.startswith(before)
    assert tomllib.loads(after)["tool"]["headerguard"]["allow"][0]["subject"] == "collector.example"
    assert not (folder / "headerguard.toml").exists()


@pytest.mark.parametrize(
    ("before", "more", "said"),
    [
        ("", ("--rule", "hidden-feild"), "did you mean 'hidden-field'?"),
        ("", ("--reason", " "), "allow[0].reason: takes text"),
        ("fail-on = 3\n", (), "fail-on: takes low, medium, high or critical"),
        ("fail-on = \n", (), "the file is not TOML then"),
        ("allow = []\n", (), "the file is not TOML then"),
    ],
)
def test_a_file_that_could_not_be_used_is_not_written(
    run: Run, folder: Path, before: str, more: tuple[str, ...], said: str
) -> None:
    (folder / "headerguard.toml").write_text(before)
    ran = run(*ALLOW, *more)
    assert (ran.code, ran.out) == (2, "")
    assert said in "\n".join(ran.said)
    assert (folder / "headerguard.toml").read_text() == before
    assert sorted(path.name for path in folder.iterdir() if path.name.startswith(".")) == []


def test_an_allowance_says_when_the_file_cannot_be_written(run: Run, folder: Path) -> None:
    ran = run(*ALLOW, "--config", "nowhere/headerguard.toml")
    assert (ran.code, ran.said) == (2, ["nowhere/headerguard.toml: cannot be written: No such file or directory"])
    (folder / "directory.toml").mkdir()
    ran = run(*ALLOW, "--config", "directory.toml")
    assert (ran.code, ran.said) == (2, ["directory.toml: cannot be read: Is a directory"])


def test_the_old_file_stays_whole_until_the_new_one_is(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "headerguard.toml").write_text('fail-on = "high"\n')
    os.link(folder / "headerguard.toml", folder / "same.toml")
    assert run(*ALLOW).code == 0
    assert (folder / "same.toml").read_text() == 'fail-on = "high"\n'

    def refused(*_: object) -> None:
        raise OSError(28, "No space left on device")

    before = (folder / "headerguard.toml").read_bytes()
    monkeypatch.setattr("headerguard.file.os.replace", refused)
    assert "cannot be written: No space left on device" in run(*ALLOW).said[0]
    assert (folder / "headerguard.toml").read_bytes() == before
    assert sorted(path.name for path in folder.iterdir() if path.name.startswith(".")) == []


def test_mode_and_link_of_the_file_are_kept(run: Run, folder: Path) -> None:
    (folder / "real.toml").write_text("")
    (folder / "real.toml").chmod(0o640)
    (folder / "headerguard.toml").symlink_to("real.toml")
    assert run(*ALLOW).code == 0
    assert (folder / "headerguard.toml").is_symlink()
    assert (folder / "real.toml").stat().st_mode & 0o777 == 0o640
    assert b"collector.example" in (folder / "real.toml").read_bytes()


def test_the_command_that_a_report_shows_can_be_typed(run: Run) -> None:
    import shlex

    lines = run("check", "tapped.eml", "-b", "baseline.json").out.splitlines()
    shown = [line.partition("headerguard ")[2] for line in lines if "baseline allow" in line]
    assert shown
    assert [run(*shlex.split(command)).code for command in shown] == [0] * len(shown)
    assert "headerguard: 1 message, 0 with findings" in run("check", "tapped.eml", "-b", "baseline.json").out


def test_a_subject_may_start_with_a_dash(run: Run, folder: Path) -> None:
    assert run("baseline", "allow", "--reason", "x", "--", "-a@shop.example").code == 0
    assert tomllib.loads((folder / "headerguard.toml").read_text())["allow"][0]["subject"] == "-a@shop.example"


@pytest.mark.parametrize("reason", ["bücher \U0001f600", "a\tb\\c\x7f'\"", "two\nlines"])
def test_any_text_may_be_a_reason(run: Run, folder: Path, reason: str) -> None:
    assert run("baseline", "allow", "x.example", "--reason", reason).code == 0
    text = (folder / "headerguard.toml").read_bytes().decode()
    assert tomllib.loads(text)["allow"][0]["reason"] == reason


def test_undecodable_text_is_no_reason(run: Run, folder: Path) -> None:
    ran = run("baseline", "allow", "x.example", "--reason", "\udcff")
    assert (ran.code, ran.said) == (2, ["headerguard.toml: an allowance is text in UTF-8"])
    assert not (folder / "headerguard.toml").exists()


# ---- usage -----------------------------------------------------------------------------------------------------------


def below(command: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """A parser and all under it."""
    yield command
    for action in command._actions:
        if isinstance(action, argparse._SubParsersAction):
            for each in action.choices.values():
                yield from below(each)


@pytest.mark.parametrize("command", list(below(parser())), ids=lambda command: str(command.prog))
def test_help_tells_every_command_and_option(command: argparse.ArgumentParser, run: Run) -> None:
    ran = run(*command.prog.split()[1:], "--help")
    assert (ran.code, ran.err) == (0, "")
    for action in command._actions:
        if isinstance(action, argparse._SubParsersAction):
            assert all(choice.help for choice in action._choices_actions)
            assert all(f"    {name}" in ran.out for name in action.choices)
            continue
        assert action.help
        assert all(name in ran.out for name in action.option_strings)


def test_the_page_tells_every_command_and_option() -> None:
    page = (ROOT / "docs" / "command.md").read_text(encoding="utf-8")
    for command in below(parser()):
        assert command.prog in page
        for action in command._actions:
            assert all(f"`{name}" in page or f" {name}" in page for name in action.option_strings if name != "-h")


@pytest.mark.parametrize(
    "argv",
    [
        (),
        ("--verbose",),
        ("chekc",),
        ("check",),
        ("check", "clean.eml", "--bas", "x"),
        ("check", "clean.eml", "--format", "xml"),
        ("check", "clean.eml", "--fail-on", "severe"),
        ("baseline",),
        ("baseline", "allow"),
        ("demo", "--list", "--incident", "x"),
    ],
)
def test_wrong_usage_is_exit_2_with_the_usage(run: Run, argv: tuple[str, ...]) -> None:
    ran = run(*argv)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("usage: headerguard")
    assert re.search(r"^headerguard.*: error: ", ran.err, re.MULTILINE)


# ---- standard input and output ---------------------------------------------------------------------------------------


def test_a_dash_is_standard_input(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    typed(monkeypatch, (folder / "tapped.eml").read_bytes())
    ran = run("check", "-", "clean.eml", "-b", "baseline.json")
    assert ran.code == 1
    assert HIGH in ran.out
    assert "headerguard: 2 messages" in ran.out
    typed(monkeypatch, b"")
    ran = run("check", "-")
    assert (ran.code, ran.said) == (3, ["input: not a mail message (empty file)"])
    monkeypatch.setattr(sys, "stdin", None)
    assert run("check", "-").code == 3
    assert run("explain", "-") == Ran(0, "", "")


def test_a_pipe_is_read_and_written(folder: Path) -> None:
    ran = process("show", "-", "--format", "json", input=(folder / "archive.mbox").read_bytes())
    assert (ran.returncode, ran.stderr) == (0, b"")
    assert len(ran.stdout.splitlines()) == 40
    assert b"\x1b" not in ran.stdout


def test_a_closed_pipe_is_quiet(folder: Path) -> None:
    (folder / "long.mbox").write_text(mailbox(range(2000)))
    argv = [sys.executable, "-c", CODE, "show", "long.mbox"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        assert child.stdout.readline().startswith(b"long.mbox#0")
        child.stdout.close()
        assert child.stderr.read() == b""
        assert child.wait(timeout=60) == 141


@pytest.mark.parametrize("command", ["--help", "--version", "rules", "demo"])
def test_a_pipe_that_is_closed_at_the_start_is_quiet(command: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    argv = [sys.executable, "-c", CODE, command]
    ran = subprocess.run(argv, stdout=writer, stderr=subprocess.PIPE, check=False, env=buffered)
    os.close(writer)
    assert (ran.returncode, ran.stderr) == (141, b"")


def test_a_full_disk_is_said() -> None:
    if not os.path.exists("/dev/full"):
        pytest.skip("this system has no /dev/full")
    argv = [sys.executable, "-c", CODE, "rules"]
    with open("/dev/full", "wb") as full:
        ran = subprocess.run(argv, stdout=full, stderr=subprocess.PIPE, check=False)
    assert ran.returncode == 3
    assert ran.stderr.decode() == "headerguard: the output cannot be written: No space left on device\n"


def test_closed_streams_do_no_harm() -> None:
    def close() -> None:
        for number in range(3):
            os.close(number)

    for path, code in (("clean.eml", 0), ("-", 3)):
        argv = [sys.executable, "-c", CODE, "check", path, "-b", "baseline.json"]
        assert subprocess.run(argv, preexec_fn=close, check=False).returncode == code


def test_an_interrupt_is_exit_130_without_a_traceback(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("headerguard.command.rules", interrupted)
    assert run("rules") == Ran(130, "", "")


def test_an_interrupted_process_is_quiet() -> None:
    def heed() -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # a shell has its background jobs ignore it

    argv = [sys.executable, "-c", CODE, "show", "clean.eml", "-"]
    unbuffered = {**os.environ, "PYTHONUNBUFFERED": "1"}
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, env=unbuffered, preexec_fn=heed, stdin=pipe, stdout=pipe, stderr=pipe) as child:
        assert child.stdout is not None
        assert child.stdout.readline().startswith(b"clean.eml")
        child.send_signal(signal.SIGINT)
        assert child.wait(timeout=60) == 130
        assert child.stderr is not None
        assert child.stderr.read() == b""


def test_an_encoding_that_lacks_a_character_does_no_harm() -> None:
    ran = process("learn", "archive.mbox", "-b", "new.json", env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert ran.returncode == 0
    assert ran.stdout.startswith(b"read 40 messages \\xb7 1 stream")


# ---- colour and progress ---------------------------------------------------------------------------------------------


def screens(monkeypatch: pytest.MonkeyPatch) -> tuple[Screen, Screen]:
    """Make both standard streams terminals; inside the test, as pytest sets its own before that."""
    out, err = Screen(), Screen()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    return out, err


CHECK = ["check", "tapped.eml", "-b", "baseline.json"]


def test_a_terminal_gets_colour_and_a_pipe_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    out, _ = screens(monkeypatch)
    assert main(CHECK) == 1
    assert "\x1b[31m   >   bcc[1]" in out.getvalue()
    plain = process(*CHECK).stdout.decode()
    assert "\x1b" not in plain
    assert re.sub(r"\x1b\[[0-9;]*m", "", out.getvalue()) == plain
    out, _ = screens(monkeypatch)
    main(["explain", "hidden-field"])
    assert out.getvalue().startswith("\x1b[1mhidden-field\x1b[0m (high)\n")


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_no_colour_where_none_is_wanted(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    out, _ = screens(monkeypatch)
    assert main(CHECK) == 1
    assert "\x1b" not in out.getvalue()


@pytest.fixture
def without_rich(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name == "rich" or name.startswith("rich.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "rich", None)


@pytest.mark.usefixtures("without_rich")
def test_without_rich_all_is_the_same_and_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headerguard.terminal.LONG", 1)
    out, err = screens(monkeypatch)
    assert main(CHECK) == 1
    assert out.getvalue() == process(*CHECK).stdout.decode()
    assert err.getvalue() == ""


def test_a_long_read_shows_a_bar_on_standard_error(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    err = Screen()
    monkeypatch.setattr("headerguard.terminal.LONG", 1)
    monkeypatch.setattr(sys, "stderr", err)
    assert main(["check", "archive.mbox", "missing.eml", "tapped.eml", "-b", "baseline.json"]) == 3
    assert "reading" in err.getvalue()
    assert "headerguard: missing.eml: cannot be read: No such file or directory\n" in err.getvalue()
    out = capsys.readouterr().out
    assert HIGH in out
    assert "\x1b" not in out


def test_a_short_read_shows_no_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    _, err = screens(monkeypatch)
    assert main(CHECK) == 1
    assert err.getvalue() == ""


def test_findings_are_written_above_the_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headerguard.terminal.LONG", 1)
    out, err = screens(monkeypatch)
    assert main(CHECK) == 1
    assert out.getvalue() == ""  # both are the same terminal, and the bar has it
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", err.getvalue())
    assert HIGH in shown
    assert "headerguard: 1 message, 1 with findings" in shown
    assert "allow:    headerguard baseline allow collector.example --stream template:receipts --reason" in shown
