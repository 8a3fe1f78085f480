"""Every leak that an adapter can carry is found by the one assertion of a template test; its clean twin passes."""

from __future__ import annotations

import pytest

from frameworks import ADAPTERS
from headerguard import Case, FindingsError, Rehearsal, Report
from headerguard.adapters.outbox import messages_in
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
def rehearsal(tmp_path_factory: pytest.TempPathFactory) -> Rehearsal:
    """A project that knows its own domain, without which no From is worse than another."""
    folder = tmp_path_factory.mktemp("shop")
    (folder / "headerguard.toml").write_text('own-domains = ["shop.example"]\n', encoding="utf-8")
    return Rehearsal.at(folder)


def assert_clean(rehearsal: Rehearsal, captured: object, recipients: list[str]) -> Report:
    """What the fixture `headerguard` and `assertMailClean` do with whatever they are given."""
    case = Case("test_mail.py::test_receipt")
    reports = rehearsal.judge(messages_in(captured), case, recipients=recipients)
    rehearsal.raise_for(reports, case, recipients)
    return reports[0]


@pytest.mark.parametrize(("leak", "name"), CELLS)
def test_a_planted_leak_is_found_and_its_twin_is_not(leak: str, name: str, rehearsal: Rehearsal) -> None:
    adapter, found = ADAPTERS[name], LEAKS[leak]
    need(name)
    with adapter.around(found.clean):
        clean = assert_clean(rehearsal, adapter.send(found.clean, adapter.build(found.clean)), [CUSTOMER])
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
            assert_clean(rehearsal, captured, [CUSTOMER])
    subjects = {finding.subject for finding in caught.value.report.findings}
    assert subjects & {found.subject, COPY}
