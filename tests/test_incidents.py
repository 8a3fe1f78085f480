"""Every incident that became known: flagged on its first abusive copy, and its clean twin is silent."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from headerguard.cli import main
from headerguard.scenario import Scenario, play, scenarios

ALL = list(scenarios().values())
WITHOUT = {"reddit-password-reset-provider-2018", "customerio-2019"}
"""No copy shows these: stored mail that was read, and a rate."""


@pytest.mark.parametrize("scenario", ALL, ids=lambda scenario: scenario.id)
def test_the_first_abusive_copy_is_flagged_and_nothing_else(scenario: Scenario) -> None:
    played = play(scenario)
    assert played.alarms == ()
    assert played.clean == ()
    assert any(scenario.names in f"{finding.subject} {finding.summary}" for finding in played.flagged)
    assert played.ok


@pytest.mark.parametrize("scenario", ALL, ids=lambda scenario: scenario.id)
def test_the_command_tells_it(scenario: Scenario, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--incident", scenario.id]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"{scenario.title} ({scenario.date})\n")
    assert play(scenario).flagged[0].rule in out


def test_all_are_listed_by_name_date_and_title(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--list"]) == 0
    out = capsys.readouterr().out
    assert len(ALL) == 15
    assert not WITHOUT & {scenario.id for scenario in ALL}
    for scenario in ALL:
        assert f"{scenario.id}  {scenario.date}: {scenario.title}" in out


def test_a_miss_and_a_noisy_twin_are_not_ok() -> None:
    scenario = ALL[0]
    assert not play(replace(scenario, abusive=scenario.clean)).ok
    assert not play(replace(scenario, clean=scenario.abusive)).ok


def test_names_are_reserved_ones_or_hosts_that_a_decoder_keys_on() -> None:
    allowed = re.compile(r"(\.example|\.test|^example\.com|arxxwalls\.com|mcsv\.net|mailjet\.com)$")
    for scenario in ALL:
        text = "\n".join((*scenario.history, *scenario.clean, *scenario.abusive, *scenario.submitted))
        for host in re.findall(r"@([\w.-]+\.\w+)", text):
            assert allowed.search(host), (scenario.id, host)
