"""Every leak that an adapter can carry is found by the one assertion of a template test; its clean twin passes."""

from __future__ import annotations

import pytest

from frameworks import ADAPTERS
from headerguard import FindingsError, Guard, Report, Severity
from headerguard.adapters.capture import as_message, messages_of
from installed import need, release
from planted import COPY, CUSTOMER, LEAKS, REFUSED, UNSAYABLE

pytestmark = pytest.mark.usefixtures("named_host")

CELLS = [
    pytest.param(leak, name, marks=[pytest.mark.real] if adapter.real else [], id=f"{leak}-{name}")
    for leak in LEAKS
    for name, adapter in ADAPTERS.items()
    if (leak, name) not in UNSAYABLE
]


def refuses(leak: str, name: str) -> bool:
    since = REFUSED.get((leak, name))
    return since is not None and (release(name) or ()) >= since


@pytest.fixture(scope="module")
def guard(tmp_path_factory: pytest.TempPathFactory) -> Guard:
    """A guard that knows the own domain, without which no From is worse than another."""
    path = tmp_path_factory.mktemp("shop") / "headerguard.toml"
    path.write_text('own-domains = ["shop.example"]\n', encoding="utf-8")
    return Guard.from_config(path)


def assert_clean(guard: Guard, captured: object, recipients: list[str]) -> Report:
    """The assertion under test."""
    message = messages_of(captured)[0] if isinstance(captured, dict) else as_message(captured)
    report = guard.check(message, recipients=recipients)
    report.raise_for_findings(Severity.LOW)
    return report


@pytest.mark.parametrize(("leak", "name"), CELLS)
def test_a_planted_leak_is_found_and_its_twin_is_not(leak: str, name: str, guard: Guard) -> None:
    adapter, found = ADAPTERS[name], LEAKS[leak]
    need(name)
    with adapter.around(found.clean):
        clean = assert_clean(guard, adapter.send(found.clean, adapter.build(found.clean)), [CUSTOMER])
        assert {str(recipient.address) for recipient in clean.message.recipients} == {CUSTOMER}
    with adapter.around(found.planted):
        try:
            built = None
            built = adapter.build(found.planted)
            captured = adapter.send(found.planted, built)
        except Exception as error:
            assert refuses(leak, name), error
            captured = built  # what a test of the code that builds the message has in hand
        else:
            assert not refuses(leak, name)
        if captured is None:
            return  # there is not even a message
        with pytest.raises(FindingsError) as caught:
            assert_clean(guard, captured, [CUSTOMER])
    subjects = {finding.subject for finding in caught.value.report.findings}
    assert subjects & {found.subject, COPY}
