"""What an account at an ESP is set to do, compared run by run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from headerguard import Guard, Report, Severity, read
from headerguard.cli import main

EXPORTS: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "sendgrid_settings": (
        {
            "mail_settings/bcc": {"enabled": True, "email": "audit@shop.example"},
            "verified_senders": {"results": [{"from_email": "shop@shop.example", "reply_to": "help@shop.example"}]},
            "teammates": {"result": [{"email": "ops@shop.example"}]},
            "user/webhooks/event/settings/all": {"webhooks": [{"url": "https://hooks.shop.example/sg"}]},
        },
        ("mail_settings/bcc", "email"),
    ),
    "mandrill_settings": (
        {
            "senders/list": [{"address": "shop@shop.example"}],
            "webhooks/list": [{"url": "https://hooks.shop.example/md"}],
        },
        ("webhooks/list", "0", "url"),
    ),
    "mailgun_settings": (
        {
            "routes": {"items": [{"actions": ['forward("in@shop.example")']}]},
            "domains": {"items": [{"name": "shop.example"}]},
        },
        ("routes", "items", "0", "actions", "0"),
    ),
    "postmark_settings": (
        {
            "servers": {"Servers": [{"Name": "live", "BounceHookUrl": "https://hooks.shop.example/pm"}]},
            "senders": {"SenderSignatures": [{"EmailAddress": "shop@shop.example"}]},
        },
        ("servers", "Servers", "0", "BounceHookUrl"),
    ),
    "ses_settings": (
        {
            "identities": {"EmailIdentities": [{"IdentityName": "shop.example"}]},
            "configuration-set": {
                "ConfigurationSetName": "main",
                "ArchivingOptions": {"ArchiveArn": "arn:aws:ses:a:1:x/y"},
            },
        },
        ("configuration-set", "ArchivingOptions", "ArchiveArn"),
    ),
}


def changed(export: dict[str, Any], path: tuple[str, ...], value: str) -> dict[str, Any]:
    copy = json.loads(json.dumps(export))
    place: Any = copy
    for step in path[:-1]:
        place = place[int(step)] if isinstance(place, list) else place[step]
    place[int(path[-1]) if isinstance(place, list) else path[-1]] = value
    return copy  # type: ignore[no-any-return]


def observed(guard: Guard, export: dict[str, Any], kind: str | None = None) -> Report:
    (message,) = read(json.dumps(export).encode(), kind)
    return guard.observe(message)


def found(report: Report) -> list[tuple[str, Severity]]:
    return [(f.subject, f.severity) for f in report.findings if f.rule == "changed-setting"]


@pytest.mark.parametrize("kind", EXPORTS)
def test_a_change_is_flagged_as_soon_as_one_export_is_known(kind: str) -> None:
    export, path = EXPORTS[kind]
    guard = Guard()
    report = observed(guard, export)
    assert report.message.origin is not None
    assert (report.message.origin.kind, found(report)) == (kind, [])
    assert found(observed(guard, dict(reversed(export.items())))) == []
    value = "https://arxxwalls.com/copy"
    report = observed(guard, changed(export, path, value))
    ((subject, severity),) = found(report)
    assert subject.endswith(value)
    assert severity is Severity.HIGH
    assert found(observed(guard, changed(export, path, value))) != []  # it was not learned
    assert found(observed(guard, export)) == []


def test_a_new_user_weighs_less() -> None:
    export, _ = EXPORTS["sendgrid_settings"]
    guard = Guard()
    observed(guard, export)
    more = changed(export, ("teammates",), "x") | {"teammates": {"result": [{"email": "eve@stranger.example"}]}}
    assert found(observed(guard, more)) == [("user eve@stranger.example", Severity.MEDIUM)]


def test_the_accounts_of_two_vendors_and_of_two_owners_are_apart() -> None:
    guard = Guard()
    observed(guard, EXPORTS["sendgrid_settings"][0])
    assert found(observed(guard, EXPORTS["mandrill_settings"][0])) == []
    (message,) = read(json.dumps(EXPORTS["sendgrid_settings"][0]).encode())
    assert found(guard.observe(message, account="other")) == []


def test_the_command_compares_run_by_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    export, path = EXPORTS["sendgrid_settings"]
    Path("one.json").write_text(json.dumps(export))
    Path("two.json").write_text(json.dumps(changed(export, path, "copy@arxxwalls.com")))
    assert main(["check", "one.json", "-b", "known.json", "--learn"]) == 0
    assert main(["check", "one.json", "-b", "known.json", "--learn"]) == 0
    assert main(["check", "two.json", "-b", "known.json", "--learn"]) == 1


def test_damaged_settings_are_an_error_and_no_empty_export() -> None:
    errors: list[str] = []
    assert list(read(b'{"mail_settings/bcc": {', on_error=lambda error: errors.extend(error.errors))) == []
    assert len(errors) == 1
