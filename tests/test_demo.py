"""The demo: what must be flagged is, every twin is silent, and nothing depends on the day, the place or the network."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import pytest

from headerguard import Report, Severity, render
from headerguard.cli import main, parser
from headerguard.demo import INCIDENTS, STRANGER, Replay, incident, replay, story
from headerguard.errors import ConfigError


@pytest.fixture(scope="module")
def replayed() -> Replay:
    return replay()


@pytest.fixture(scope="module")
def told(replayed: Replay) -> list[str]:
    return list(story(replayed, render))


# ---- what is replayed ------------------------------------------------------------------------------------------------


def test_a_week_of_three_streams_is_learned_and_nothing_in_it_is_reported(replayed: Replay) -> None:
    assert {learned.stream for learned in replayed.learned} == {"password-reset", "receipts", "weekly-usage"}
    assert all(learned.messages >= 30 for learned in replayed.learned)
    assert all(learned.customers >= 30 for learned in replayed.learned)
    assert {s.stream: s.hidden for s in replayed.learned if s.hidden} == {"receipts": ("audit@cloud.example",)}
    assert replayed.alarms == 0


def test_every_disguise_is_reported_and_every_twin_is_silent(replayed: Replay) -> None:
    assert [scene.title for scene in replayed.scenes if not scene.ok] == []
    assert all(scene.clean.ok for scene in replayed.scenes)
    assert replayed.ok


@pytest.mark.parametrize(
    ("number", "field", "span"),
    [(0, "bcc", True), (1, "rcpt to", False), (2, "x-mc-bccaddress", True), (3, "bcc", True)],
)
def test_the_evidence_stands_where_the_address_was_added(replayed: Replay, number: int, field: str, span: bool) -> None:
    report = replayed.scenes[number].flagged
    finding = next(found for found in report.findings if found.rule == "unfamiliar-blind-recipient")
    primary = finding.evidence[0]
    assert finding.severity >= Severity.HIGH
    assert (finding.subject, primary.field, primary.text) == ("arxxwalls.com", field, STRANGER)
    assert (primary.span is not None) is span


def test_the_four_disguises_are_what_their_titles_say(replayed: Replay) -> None:
    texts = [scene.flagged.message.header.text for scene in replayed.scenes]
    assert f"Bcc: audit@cloud.example, {STRANGER}\r\n" in texts[0]
    assert STRANGER not in texts[1]
    envelope = replayed.scenes[1].flagged.message.envelope
    assert envelope is not None
    assert envelope.complete is True
    assert STRANGER in envelope.rcpt_to
    assert f"X-MC-BccAddress: {STRANGER}\r\n" in texts[2]
    assert f"Bcc : {STRANGER}\r\n" in texts[3]


def test_a_twin_is_the_same_message_without_the_address(replayed: Replay) -> None:
    for scene in replayed.scenes:
        flagged, clean = scene.flagged.message, scene.clean.message
        assert STRANGER not in clean.header.text
        assert flagged.envelope is not None
        assert clean.envelope is not None
        assert tuple(r for r in flagged.envelope.rcpt_to if r != STRANGER) == clean.envelope.rcpt_to
        lines = [set(message.header.text.splitlines()) for message in (flagged, clean)]
        assert all(STRANGER in line for line in lines[0] - lines[1])
        assert len(lines[0] ^ lines[1]) <= 2
        assert clean.envelope.rcpt_to[0] in clean.header.text


def test_all_names_are_reserved_but_that_of_the_stranger(replayed: Replay) -> None:
    messages = [report.message for scene in replayed.scenes for report in (scene.flagged, scene.clean)]
    domains = {sighting.address.domain for message in messages for sighting in message.sightings}
    assert {domain for domain in domains if not domain.endswith(".example")} == {"arxxwalls.com"}


# ---- the story -------------------------------------------------------------------------------------------------------


def test_the_story_is_short_and_fits(told: list[str]) -> None:
    assert 30 <= len(told) <= 48
    assert max(map(len, told)) <= 100
    assert not any(line != line.rstrip() for line in told)


def test_the_story_shows_what_the_text_renderer_shows(replayed: Replay, told: list[str]) -> None:
    for scene in replayed.scenes:
        title = render(scene.flagged).splitlines()[0]
        assert title.startswith("headerguard: ")
        assert title in told
    assert f"   >   bcc[1]  {STRANGER}" in told
    assert told.count("   clean twin: silent") == len(replayed.scenes) == 4


def test_the_story_ends_with_three_commands_that_exist(told: list[str]) -> None:
    commands = [line.split()[1:] for line in told[-3:]]
    assert [command[0] for command in commands] == ["check", "show", "explain"]
    for command in commands:
        assert parser().parse_args(command).run == command[0]


def test_a_miss_and_a_noisy_twin_are_told_and_are_not_ok(replayed: Replay) -> None:
    first = replayed.scenes[0]
    missed = replace(replayed, scenes=(replace(first, flagged=first.clean),))
    noisy = replace(replayed, scenes=(replace(first, clean=first.flagged),))
    assert not missed.ok
    assert not noisy.ok
    assert not replace(replayed, alarms=1).ok
    assert "   MISSED: the address is not reported" in story(missed, render)
    assert "   clean twin: NOT SILENT" in story(noisy, render)
    assert "0 of 1 reported, 1 of 1 twins silent. Your turn:" in story(missed, render)


def test_a_finding_about_something_else_does_not_count(replayed: Replay) -> None:
    report = replayed.scenes[0].flagged
    other = tuple(replace(f, subject="else.example", summary="something else") for f in report.findings)
    light = tuple(replace(f, severity=Severity.LOW) for f in report.findings)
    assert not replace(replayed.scenes[0], flagged=Report(report.message, other)).ok
    assert not replace(replayed.scenes[0], flagged=Report(report.message, light)).ok


def test_the_story_is_the_same_everywhere() -> None:
    code = "import sys; from headerguard.cli import main; sys.exit(main(['demo']))"
    outputs = set()
    for seed, zone in (("1", "UTC"), ("2", "Pacific/Kiritimati")):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "TZ": zone, "PYTHONIOENCODING": "utf-8"}
        run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=False)
        assert run.returncode == 0, run.stderr
        outputs.add(run.stdout)
    assert len(outputs) == 1


# ---- the command -----------------------------------------------------------------------------------------------------


def test_the_command_prints_the_story(capsys: pytest.CaptureFixture[str], told: list[str]) -> None:
    assert main(["demo", "--incident", "digitalocean-2022"]) == 0
    captured = capsys.readouterr()
    assert captured.out.splitlines() == told
    assert captured.err == ""


def test_the_command_lists_the_incidents(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--list"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()][: len(INCIDENTS)] == list(INCIDENTS)


def test_a_failed_replay_is_exit_1(
    replayed: Replay, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("headerguard.demo.replay", lambda name: replace(replayed, alarms=2))
    assert main(["demo"]) == 1
    assert "187 messages of 31 July to 6 August 2022, 2 findings" in capsys.readouterr().out


def test_an_unknown_incident_names_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--incident", "digital-ocean"]) == 2
    said = "no packaged incident is called 'digital-ocean'; did you mean 'digitalocean-2022'?"
    assert capsys.readouterr().err == f"headerguard: {said}\n"
    with pytest.raises(ConfigError, match="there is digitalocean-2022"):
        incident("xyz")
    with pytest.raises(ConfigError, match="no packaged incident"):
        replay("xyz")
