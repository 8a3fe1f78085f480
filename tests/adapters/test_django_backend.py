"""The backend of Django that judges before it sends."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from frameworks import django_settings
from headerguard import ConfigError, FindingsError
from installed import need

pytestmark = pytest.mark.usefixtures("named_host")

CUSTOMER = "mike@client.example"
LOCMEM = "django.core.mail.backends.locmem.EmailBackend"
BACKEND = "headerguard.adapters.django.EmailBackend"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "headerguard.toml"
    path.write_text('[streams."tag:receipts".expected]\nbcc = ["audit@shop.example"]\n', encoding="utf-8")
    return path


@pytest.fixture
def mail() -> Iterator[Any]:
    need("Django")
    with django_settings():
        from django.core import mail

        yield mail


def message(mail: Any, bcc: str = "audit@shop.example") -> Any:
    made = mail.EmailMessage("s", "b", "shop@shop.example", [CUSTOMER], bcc=[bcc])
    made.tags = ["receipts"]
    return made


def backend(**options: Any) -> Any:
    from headerguard.adapters.django import EmailBackend

    return EmailBackend(**options)


def test_what_is_in_order_is_sent(mail: Any, config: Path) -> None:
    sender = backend(backend=LOCMEM, fail="closed", config=config)
    assert sender.send_messages([message(mail), message(mail)]) == 2
    assert len(mail.outbox) == 2
    assert sender.send_messages([]) == sender.send_messages(None) == 0


def test_closed_sends_nothing_where_one_message_is_not_in_order(
    mail: Any, config: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sender = backend(backend=LOCMEM, fail="closed", config=config)
    with pytest.raises(FindingsError, match=r"copy@arxxwalls\.com"):
        sender.send_messages([message(mail), message(mail, "copy@arxxwalls.com")])
    assert mail.outbox == []
    assert "a message is held back: unexpected-recipient" in caplog.text
    assert "@" not in caplog.text


def test_closed_and_silent_sends_the_others(mail: Any, config: Path) -> None:
    sender = backend(backend=LOCMEM, fail="closed", config=config, **silently())
    sender.fail_silently = True
    assert sender.send_messages([message(mail, "copy@arxxwalls.com"), message(mail)]) == 1
    assert [sent.bcc for sent in mail.outbox] == [["audit@shop.example"]]


def silently() -> dict[str, bool]:
    """The argument, where this version of Django still has it."""
    import django

    return {"fail_silently": True} if django.VERSION < (6, 1) else {}


def test_open_sends_what_is_flagged_and_says_so(mail: Any, config: Path, caplog: pytest.LogCaptureFixture) -> None:
    sender = backend(backend=LOCMEM, fail="open", config=config)
    assert sender.send_messages([message(mail, "copy@arxxwalls.com")]) == 1
    assert len(mail.outbox) == 1
    assert [(record.levelno, record.getMessage()) for record in caplog.records] == [
        (logging.ERROR, "a message is sent all the same: unexpected-recipient")
    ]


@pytest.mark.parametrize(("fail", "sent"), [("open", 1), ("closed", 0)])
def test_what_cannot_be_checked_is_held_or_sent_as_was_chosen(
    mail: Any, fail: str, sent: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*args: object) -> None:
        raise RuntimeError("no disk for jane@client.example")

    monkeypatch.setattr("headerguard.Guard.check", broken)
    sender = backend(backend=LOCMEM, fail=fail)
    if sent:
        assert sender.send_messages([message(mail)]) == 1
    else:
        with pytest.raises(RuntimeError):
            sender.send_messages([message(mail)])
    assert len(mail.outbox) == sent
    assert caplog.text.strip().endswith("RuntimeError")


def test_a_message_to_nobody_is_for_the_other_backend_to_drop(mail: Any) -> None:
    empty = mail.EmailMessage("s", "b", "shop@shop.example")
    assert backend(backend=LOCMEM, fail="closed").send_messages([empty]) == 1


def test_the_settings_say_how(mail: Any, config: Path) -> None:
    said = {"BACKEND": LOCMEM, "FAIL": "closed", "CONFIG": str(config)}
    with django_settings(BACKEND, HEADERGUARD=said):
        assert message(mail).send() == 1
        with pytest.raises(FindingsError):
            message(mail, "copy@arxxwalls.com").send()


def test_the_options_of_a_mailer_say_how(mail: Any, config: Path) -> None:
    import django

    if django.VERSION < (6, 1):
        pytest.skip("this version of Django has no MAILERS")
    options = {"backend": LOCMEM, "fail": "closed", "config": str(config)}
    with django_settings(MAILERS={"default": {"BACKEND": BACKEND, "OPTIONS": options}}):
        assert message(mail).send() == 1
        assert mail.outbox[0].sent_using == "default"


@pytest.mark.parametrize(
    "said",
    [{}, {"BACKEND": LOCMEM}, {"FAIL": "open"}, {"BACKEND": LOCMEM, "FAIL": "ajar"}, {"BACKEND": LOCMEM, "FAIL": True}],
)
def test_the_choice_has_to_be_made(mail: Any, said: dict[str, Any]) -> None:
    from django.core.exceptions import ImproperlyConfigured

    with django_settings(HEADERGUARD=said), pytest.raises(ImproperlyConfigured, match='"open" or "closed"'):
        backend()


def test_a_configuration_that_is_not_in_order_is_an_error_at_once(mail: Any, config: Path) -> None:
    config.write_text("own-domain = []\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="own-domain"):
        backend(backend=LOCMEM, fail="open", config=config)


def test_a_changed_configuration_is_read_again(mail: Any, config: Path) -> None:
    import os

    backend(backend=LOCMEM, fail="closed", config=config).send_messages([message(mail)])
    config.write_text('[streams."tag:receipts".expected]\nbcc = ["other@shop.example"]\n', encoding="utf-8")
    os.utime(config, ns=(1, 1))
    with pytest.raises(FindingsError):
        backend(backend=LOCMEM, fail="closed", config=config).send_messages([message(mail)])


def test_the_connection_is_that_of_the_other_backend(mail: Any) -> None:
    from unittest import mock

    sender = backend(backend=LOCMEM, fail="open")
    with mock.patch.object(sender, "_sender") as real:
        with sender:
            real.open.assert_called_once_with()
        real.close.assert_called_once_with()


def test_the_name_of_the_mailer_is_that_of_the_entry(mail: Any) -> None:
    assert backend(backend=LOCMEM, fail="open", alias="receipts").alias == "receipts"
