"""Incidents: what is one, when somebody is told, what the budget holds, and how their state joins."""

from __future__ import annotations

import json
import os
import stat
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headerguard import BaselineError, Evidence, Finding, Guard, Message, Severity, incident
from headerguard.budget import Budget, Clock, Rate, Spending, Tier, hour_of
from headerguard.config import parse
from headerguard.incident import Incident, Incidents, Status
from headerguard.stranger import Strength

MESSAGE = Message.from_bytes(b"From: shop@shop.example\r\nTo: jane@client.example\r\nBcc: copy@arxxwalls.com\r\n\r\n")
OTHER = Message.from_bytes(MESSAGE.header.text.encode(), account="other")


def finding(
    subject: str,
    rule: str = "unexpected-recipient",
    stream: str = "receipts",
    severity: Severity = Severity.HIGH,
    cites: str = "",
    place: str = "bcc[0]",
    p_value: float | None = None,
) -> Finding:
    evidence = (Evidence(place, "bcc", 0, cites or subject, None),)
    return Finding(rule, subject, severity, "found", evidence, stream=stream, p_value=p_value)


def told(incidents: Incidents, *findings: Finding, message: Message = MESSAGE, hour: int = 0) -> tuple[Incident, ...]:
    return incidents.observe(message, findings, hour // 24, hour)


# ---- what is one


@pytest.mark.parametrize("domain", ["d{}.example", "same.example"])
def test_as_many_strangers_as_recipients_cost_no_square_of_them(domain: str) -> None:
    def lines(number: int) -> int:
        """Lines and calls that it takes to count so many."""
        names = [f"u{one}@{domain.format(one)}" for one in range(number)]
        message = Message.from_bytes(f"From: shop@shop.example\r\nBcc: {', '.join(names)}\r\n\r\n".encode())
        found = [*map(finding, names), finding("same.example")]
        assert len(message.recipients) == number
        ran = 0

        def note(*_: object) -> Any:
            nonlocal ran
            ran += 1
            return note

        before = sys.gettrace()
        sys.settrace(note)
        try:
            incidents = Incidents().observe(message, found)
        finally:
            sys.settrace(before)
        assert max(one.recipients for one in incidents) == (0 if domain == "same.example" else number)
        return ran

    lines(1)  # what is loaded once
    assert lines(400) < 3 * lines(200)


def test_one_address_in_sixty_streams_under_four_rules_is_one_incident() -> None:
    incidents = Incidents()
    rules = ("unexpected-recipient", "extra-recipient", "riding-recipient")
    for number in range(60):
        found = [finding("copy@arxxwalls.com", rule, f"s{number}") for rule in rules]
        found.append(finding("arxxwalls.com", "unfamiliar-blind-recipient", f"s{number}", cites="copy@arxxwalls.com"))
        told(incidents, *found)
    (one,) = incidents
    assert (one.subject, one.messages, len(one.streams), one.strength) == ("arxxwalls.com", 60, 60, Strength.INTENT)
    assert one.rules == tuple(sorted((*rules, "unfamiliar-blind-recipient")))
    assert one.addresses == ("copy@arxxwalls.com",)
    assert one.roles == ("bcc",)
    assert one.recipients == 60  # jane, in each


def test_an_address_found_before_its_domain_belongs_to_it() -> None:
    incidents = Incidents()
    told(incidents, finding("a@arxxwalls.com"))
    told(incidents, finding("b@mail.arxxwalls.com"))
    assert [one.subject for one in incidents] == ["a@arxxwalls.com", "b@mail.arxxwalls.com"]
    (now,) = told(incidents, finding("arxxwalls.com", "unfamiliar-recipient", cites="c@arxxwalls.com"))
    assert (now.messages, now.due) == (3, True)
    assert [(one.subject, one.messages) for one in incidents] == [("arxxwalls.com", 3)]
    (later,) = told(incidents, finding("a@arxxwalls.com"))
    assert (later.subject, later.messages) == ("arxxwalls.com", 4)


def test_two_addresses_at_a_domain_that_is_not_strange_itself_are_two() -> None:
    incidents = Incidents()
    told(incidents, finding("jim@client.example"), finding("copy@client.example"))
    assert [one.subject for one in incidents] == ["copy@client.example", "jim@client.example"]


def test_at_a_provider_of_free_mail_the_address_is_the_stranger() -> None:
    incidents = Incidents()
    for name in ("eve", "e.v.e+x", "mallory"):
        told(incidents, finding("gmail.com", "unfamiliar-blind-recipient", cites=f"{name}@gmail.com"))
    assert [(one.subject, one.messages) for one in incidents] == [("eve@gmail.com", 2), ("mallory@gmail.com", 1)]


def test_accounts_have_incidents_of_their_own() -> None:
    incidents = Incidents()
    told(incidents, finding("x@arxxwalls.com"))
    told(incidents, finding("x@arxxwalls.com"), message=OTHER)
    assert sorted((one.account or "", one.messages) for one in incidents) == [("", 1), ("other", 1)]
    assert "x@arxxwalls.com" in incidents.strangers("other")
    assert "x@arxxwalls.com" not in incidents.strangers("third")


@pytest.mark.parametrize(("place", "migration"), [("bounce[0]", True), ("host", True), ("bcc[0]", False)])
def test_the_same_infrastructure_in_many_streams_is_one_migration(place: str, migration: bool) -> None:
    incidents = Incidents()
    due = []
    for number in range(9):
        (one,) = told(incidents, finding("esp.example", "unfamiliar-bounce-path", f"s{number}", place=place))
        due.append(one.due)
    (one,) = incidents
    assert (one.messages, one.migration) == (9, migration)
    assert due == ([True, True, True] + [False] * 6 if migration else [True] * 9)


# ---- when somebody is told


def test_an_incident_is_told_at_steps_and_in_a_stream_more() -> None:
    incidents = Incidents()
    due = [number for number in range(1, 1_001) if told(incidents, finding("x@arxxwalls.com"))[0].due]
    assert due == [1, 3, 10, 100, 1_000]
    assert told(incidents, finding("x@arxxwalls.com", stream="invoices"))[0].due
    assert not told(incidents, finding("x@arxxwalls.com", stream="invoices"))[0].due


def test_the_strongest_evidence_comes_first_then_the_rarest() -> None:
    incidents = Incidents()
    found = [
        finding("d.example", "unfamiliar-reply-path", p_value=1e-5),
        finding("e.example", "unfamiliar-reply-path", p_value=1e-6),
        finding("c@x.example", "riding-recipient"),
        finding("b@x.example", "extra-recipient"),
        finding("a@x.example"),
        finding("v", "unfamiliar-account"),
        finding("f", "hidden-field", severity=Severity.CRITICAL),
        finding("g", "header-injection", severity=Severity.MEDIUM),
    ]
    ranked = ["f", "a@x.example", "b@x.example", "c@x.example", "v", "g", "e.example", "d.example"]
    assert [one.subject for one in told(incidents, *found)] == ranked
    assert [one.subject for one in incidents] == ranked


# ---- the budget

HOUR = hour_of(datetime(2026, 3, 2, tzinfo=UTC)) or 0


def tiers(incidents: Incidents, *names: str, hour: int = HOUR, severity: Severity = Severity.HIGH) -> list[str]:
    return [
        str(one.tier)
        for name in names
        for one in told(incidents, finding(f"x@{name}.example", severity=severity), hour=hour)
    ]


def test_what_does_not_fit_goes_to_the_digest_and_then_is_counted() -> None:
    incidents = Incidents(Budget(Rate(1, 168), Rate(2, 24)))
    assert tiers(incidents, "a", "b", "c", "d") == ["page", "digest", "digest", "counted"]
    assert incidents.spending.hours[HOUR] == {Tier.PAGE: 1, Tier.DIGEST: 2, Tier.COUNTED: 1}
    assert tiers(incidents, "e", hour=HOUR + 25) == ["digest"]
    assert tiers(incidents, "f", hour=HOUR + 167) == ["digest"]
    assert tiers(incidents, "g", hour=HOUR + 168) == ["page"]


def test_within_a_message_the_strongest_gets_the_page() -> None:
    incidents = Incidents(Budget(Rate(1, 168), Rate(2, 24)))
    weak = finding("d.example", "unfamiliar-reply-path", p_value=1e-5)
    assert [(one.subject, one.tier) for one in told(incidents, weak, finding("a@x.example"), hour=HOUR)] == [
        ("a@x.example", Tier.PAGE),
        ("d.example", Tier.DIGEST),
    ]


def test_without_any_time_nothing_is_kept_back() -> None:
    assert tiers(Incidents(Budget(Rate(1, 168), Rate(1, 24))), "a", "b", "c", hour=0) == ["page"] * 3


def test_what_weighs_medium_wakes_nobody_up() -> None:
    assert tiers(Incidents(), "a", severity=Severity.MEDIUM) == ["digest"]


def test_what_is_told_again_costs_nothing_and_moves_up_when_there_is_room() -> None:
    incidents = Incidents(Budget(Rate(1, 168), Rate(1, 24)))
    assert tiers(incidents, "a", "b", "b", "b") == ["page", "digest", "digest", "digest"]
    assert tiers(incidents, "a", "a", "c") == ["page", "page", "counted"]
    assert tiers(incidents, *["b"] * 7, hour=HOUR + 200)[-1] == "page"  # its 10th message, a week later
    assert incidents.spending.spent(Tier.PAGE, HOUR + 200, Rate(1, 168)) == 1


@given(st.lists(st.tuples(st.integers(0, 3_000), st.sampled_from((Severity.MEDIUM, Severity.HIGH))), max_size=60))
def test_no_window_holds_more_than_the_budget(openings: list[tuple[int, Severity]]) -> None:
    """Whatever order the times come in: a late message finds what was spent around its day."""
    budget = Budget(Rate(1, 168), Rate(5, 24))
    incidents = Incidents(budget)
    for number, (hour, severity) in enumerate(openings):
        tiers(incidents, str(number), hour=HOUR + hour, severity=severity)
    spent = incidents.spending.hours
    for start in range(HOUR - 168, HOUR + 3_001, 12):
        assert sum(told.get(Tier.PAGE, 0) for hour, told in spent.items() if start <= hour < start + 168) <= 1
        assert sum(told.get(Tier.DIGEST, 0) for hour, told in spent.items() if start <= hour < start + 24) <= 5
    assert sum(sum(told.values()) for told in spent.values()) == len(openings)


@pytest.mark.parametrize(
    "wrong", [None, datetime(1970, 1, 1), datetime(2099, 6, 1, tzinfo=UTC), datetime(9999, 12, 31)]
)
def test_a_time_that_is_wrong_or_missing_opens_no_fresh_window(wrong: datetime | None) -> None:
    clock = Clock()
    for number in range(40):
        clock.see(HOUR + number // 10)
    before = clock.hour
    assert before == HOUR + 3
    assert clock.see(hour_of(wrong)) == before
    assert clock.see(hour_of(wrong)) == before
    assert clock.see(HOUR + 4) in (before, HOUR + 4)


def test_a_clock_that_jumped_comes_back() -> None:
    clock = Clock()
    for hour in [HOUR] * 20 + [HOUR + 999_999] * 5:
        clock.see(hour)
    assert clock.hour == HOUR + 999_999
    for _ in range(16):
        clock.see(HOUR + 1)
    assert clock.hour == HOUR + 1


@pytest.mark.parametrize(
    ("moment", "hour"),
    [
        (datetime(2026, 3, 2, 5, tzinfo=UTC), HOUR + 5),
        (datetime(2026, 3, 2, 5), HOUR + 5),
        (datetime.fromisoformat("2026-03-02T05:00:00+02:00"), HOUR + 3),
        (datetime(1979, 12, 31), None),
        (datetime(2101, 1, 1), None),
        (None, None),
    ],
)
def test_the_hour_of_a_time(moment: datetime | None, hour: int | None) -> None:
    assert hour_of(moment) == hour


def test_budgets_are_read_as_the_configuration_has_them() -> None:
    assert Budget.of("1/week", "5/day") == Budget(Rate(1, 168), Rate(5, 24))
    assert (Rate.parse("14/week").a_day, Rate.parse("1/hour").a_day) == (2, 24)
    assert Budget.of(None, None) == Budget(None, None)


# ---- joining

_NAMES = st.sampled_from(["a@x.example", "b@x.example", "x.example", "y.example", "z@y.example", "copy@gmail.com"])
_FOUND = st.builds(
    finding,
    _NAMES,
    st.sampled_from(["unexpected-recipient", "extra-recipient"]),
    st.sampled_from(["s", "t", "u"]),
    st.sampled_from(list(Severity)),
    p_value=st.sampled_from([None, 0.5, 1e-6]),
)
_MAIL = st.lists(st.tuples(st.lists(_FOUND, min_size=1, max_size=3), st.integers(0, 400)), max_size=8)


def state(mail: list[tuple[list[Finding], int]]) -> Incidents:
    found = Incidents(Budget(Rate(1, 168), Rate(2, 24)))
    for findings, hour in mail:
        told(found, *findings, hour=hour and HOUR + hour)
    return found


def joined(*parts: Incidents) -> Incidents:
    whole = Incidents()
    whole.add(*parts)
    return whole


@pytest.mark.parametrize("cap", [2, 100])
@given(one=_MAIL, other=_MAIL, third=_MAIL)
def test_joining_is_commutative_and_associative_with_nothing_as_identity(
    cap: int, one: list[Any], other: list[Any], third: list[Any]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(incident, "CAP", cap)
        a, b, c = state(one), state(other), state(third)
        assert joined(a, b, c).as_dict() == joined(c, b, a).as_dict() == joined(joined(a, b), c).as_dict()
        assert joined(a, b, c).as_dict() == joined(a, joined(b, c)).as_dict()
        assert joined(a, Incidents()).as_dict() == a.as_dict()
        assert len(joined(a, b)) <= cap


@given(_MAIL, _MAIL)
def test_counting_in_parts_and_joining_is_counting_at_once(one: list[Any], other: list[Any]) -> None:
    """A message that names two addresses of a domain counts for each until the domain is found strange itself."""

    def counts(found: Incidents) -> list[tuple[Any, ...]]:
        return [(i.subject, i.messages, i.recipients, i.streams, i.severity, i.first, i.last) for i in found]

    one, other = ([(findings[:1], hour) for findings, hour in mail] for mail in (one, other))
    assert counts(state(one + other)) == counts(joined(state(one), state(other)))


def test_state_is_bounded_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incident, "CAP", 50)
    incidents = Incidents()
    for number in range(500):
        (one,) = told(incidents, finding(f"x@d{number}.example", stream=f"s{number}", rule=f"rule-{number}"))
        assert one.due
        assert len(incidents) <= 50
    assert incidents.uncounted == 450
    assert len(incidents.strangers(None)) <= 51
    wide = Incidents()
    for number in range(200):
        told(wide, finding("x.example", f"r-{number}", f"s{number}", cites=f"a{number}@x.example"))
    (one,) = wide
    assert (len(one.streams), len(one.rules), len(one.addresses)) == (64, 64, 8)


# ---- the file


def test_what_is_saved_loads_and_nobody_else_may_read_it(tmp_path: Path) -> None:
    incidents = state([([finding("x@arxxwalls.com"), finding("y.example", p_value=1e-6)], 3)])
    path = tmp_path / "b.json.incidents.json"
    incidents.save(path)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    loaded = Incidents.load(path)
    assert loaded.as_dict() == incidents.as_dict()
    assert list(loaded) == list(incidents)
    assert list(Incidents.load(tmp_path / "none")) == []


def test_whoever_saves_last_loses_nothing_that_others_counted(tmp_path: Path) -> None:
    path, monday = tmp_path / "b.json.incidents.json", Budget.of("9/week", "9/day")
    Incidents().save(path)
    first, second = Incidents.load(path, monday), Incidents.load(path, monday)
    whole = Incidents(monday)
    for number, mine in enumerate((first, second, first, second, second)):
        for one in (mine, whole):
            told(
                one, finding("x@arxxwalls.com"), finding(f"y{id(mine) == id(first)}.example"), hour=17_000_000 + number
            )
        if number in (1, 2):
            mine.save(path)
            mine.save(path)
    first.save(path)
    second.save(path)
    assert [(one.subject, one.messages, one.recipients) for one in Incidents.load(path)] == [
        (one.subject, one.messages, one.recipients) for one in whole
    ]
    assert list(second) == list(Incidents.load(path))
    assert second.strangers(None) == whole.strangers(None)
    spent = Incidents.load(path).spending.hours
    assert {hour: sum(tiers.values()) for hour, tiers in spent.items()} == {17_000_000: 2, 17_000_001: 2}
    path.write_text("{", encoding="utf-8")
    told(second, finding("z@arxxwalls.com"))
    with pytest.raises(BaselineError, match="line 1"):
        second.save(path)
    assert path.read_text(encoding="utf-8") == "{"
    assert len(second) == 4


WHOLE = json.loads(json.dumps(state([([finding("x@arxxwalls.com")], 3)]).as_dict()))


@pytest.mark.parametrize(
    ("content", "place"),
    [
        ("", "line 1 column 1"),
        ('{"schema": 1, "inc', "line 1 column"),
        ('{"schema": 1, "incidents": [{"account": null, "account": "a"}]}', "incidents[0] holds 'account' twice"),
        ('{"schema": 1,\n>>>>>>> theirs\n"incidents": []}', "line 2: is a conflict"),
        ("[]", "the file is not an object"),
        ('{"schema": 2}', "schema 2 is newer than this program reads"),
        ('{"schema": "x"}', "schema 'x' is unknown"),
        ('{"schema": 1}', "KeyError"),
        (json.dumps({**WHOLE, "uncounted": -1}), "the file is not what it should be"),
        (json.dumps({**WHOLE, "spent": {"x": {}}}), "spent is not"),
        (json.dumps({**WHOLE, "incidents": [{}]}), "incidents[0] is not"),
        (json.dumps({**WHOLE, "incidents": [{**WHOLE["incidents"][0], "seen": [1]}]}), "incidents[0] is not"),
        (json.dumps({**WHOLE, "incidents": [{**WHOLE["incidents"][0], "tier": "x"}]}), "incidents[0] is not"),
        (json.dumps({**WHOLE, "incidents": [{**WHOLE["incidents"][0], "account": 1}]}), "incidents[0] is not"),
        (json.dumps({**WHOLE, "incidents": [{**WHOLE["incidents"][0], "roles": [1]}]}), "incidents[0] is not"),
        (json.dumps({**WHOLE, "incidents": [{**WHOLE["incidents"][0], "p_value": 7}]}), "incidents[0] is not"),
    ],
)
def test_a_file_that_cannot_be_read_says_where(tmp_path: Path, content: str, place: str) -> None:
    path = tmp_path / "incidents.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(BaselineError) as raised:
        Incidents.load(path)
    assert str(path) in str(raised.value)
    assert place in str(raised.value)


# ---- the guard


def shop(lines: str = "", day: int = 2) -> bytes:
    head = f"From: shop@shop.example\r\nTo: jane@client.example\r\nDate: {day} Mar 2026 10:00:00 +0000\r\n"
    return f"{head}{lines}\r\n".encode()


def test_observing_counts_incidents_and_checking_does_not() -> None:
    guard = Guard(config=parse({"budget": {"page": "1/week", "digest": "5/day"}}))
    report = guard.check(shop("Bcc: copy@arxxwalls.com\r\n"), recipients=["client.example"])
    assert (report.incidents, len(guard.incidents)) == ((), 0)
    reports = [
        guard.observe(shop(f"Bcc: copy@{name}.example\r\n"), recipients=["client.example"]) for name in ("a", "a", "b")
    ]
    assert [[(one.subject, one.tier) for one in report.due] for report in reports] == [
        [("copy@a.example", Tier.PAGE)],
        [],
        [("copy@b.example", Tier.DIGEST)],
    ]
    assert reports[1].incidents[0].messages == 2
    assert all(report.findings for report in reports)
    assert any("the budget for pages is used up" in note for note in reports[2].notes)
    assert not any("budget" in note for report in reports[:2] for note in report.notes)
    assert (reports[0].incidents[0].status, reports[0].incidents[0].first) == (Status.OPEN, datetime(2026, 3, 2).date())
    assert guard.observe(shop()).incidents == ()


def test_what_is_below_the_level_that_fails_opens_nothing() -> None:
    guard = Guard(config=parse({"fail-on": "critical"}))
    assert guard.observe(shop("Bcc: copy@arxxwalls.com\r\n"), recipients=["client.example"]).findings
    assert len(guard.incidents) == 0


def test_spending_of_old_is_let_go() -> None:
    spending = Spending()
    for hour in range(3_000):
        spending.place(True, hour, Budget())
    assert len(spending.hours) == 1_024
    assert max(spending.hours) == 2_999
