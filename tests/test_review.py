"""What people are asked: open incidents one by one, residents that nobody judged, how many openings to expect."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from headerguard import Baseline, Guard, Severity
from headerguard.acknowledgement import Acknowledgement, Acknowledgements, Verdict, append
from headerguard.budget import Tier
from headerguard.cli import main
from headerguard.incident import Incident, Incidents, Status, judged
from headerguard.stranger import Strength

STRANGER = "copies@collector.example"


def mail(number: int, stream: str = "receipts", *more: str) -> bytes:
    lines = (
        f"Date: {1 + number % 28} Oct 2026 10:00:00 +0000",
        "From: shop@shop.example",
        f"To: c{number}@client-{number}.example",
        f"X-PM-Tag: {stream}",
        *more,
    )
    return "".join(f"{line}\r\n" for line in lines).encode() + b"\r\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A baseline of three streams, one of which was tapped before anybody looked, and an open incident beside it."""
    guard = Guard()
    for number in range(40):
        for stream in ("receipts", "resets"):
            guard.observe(mail(number, stream))
        guard.observe(mail(number, "invoices", "Bcc: keep@vault.example"))
    for number in range(3):
        guard.observe(mail(number, "receipts", f"Bcc: {STRANGER}"))
    guard.baseline.save(tmp_path / "b.json")
    guard.incidents.save(tmp_path / "b.json.incidents.json")
    monkeypatch.chdir(tmp_path)
    return tmp_path


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*words: str) -> tuple[int, str, str]:
        code = main(words)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


class Person(io.StringIO):
    """Somebody who answers at a terminal."""

    def isatty(self) -> bool:
        return True


def said() -> list[Acknowledgement]:
    return list(Acknowledgements("b.json.acks.jsonl").said)


# ---- review


def test_open_incidents_are_listed_where_nobody_can_be_asked(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("b\n"))
    code, out, err = run("baseline", "review", "-b", "b.json")
    assert code == 1
    assert out.startswith("collector.example  high, by company\n   3 messages, 2026-10-01 to 2026-10-03, with 3 rec")
    assert f"   addresses  {STRANGER}\n" in out
    assert "1 incident open" in err
    assert said() == []


def test_open_incidents_are_printed_for_machines(run: Run) -> None:
    code, out, _ = run("baseline", "review", "-b", "b.json", "--format", "json")
    (record,) = map(json.loads, out.splitlines())
    assert code == 1
    assert (record["schema"], record["subject"], record["messages"]) == (
        "headerguard.incident/1",
        "collector.example",
        3,
    )
    assert (record["status"], record["roles"], record["streams"]) == ("open", ["bcc"], ["tag:receipts"])


def test_somebody_is_asked_and_answers(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", Person("benign\n\nnew archive\nsoon\n2027-01-31\n"))
    code, out, _ = run("baseline", "review", "-b", "b.json", "--who", "jane")
    assert code == 0
    assert "[1/1]\ncollector.example  high" in out
    assert "soon is not a day" in out
    (one,) = said()
    assert one == Acknowledgement(
        STRANGER, Verdict.BENIGN, "new archive", who="jane", until=date(2027, 1, 31), day=date(2026, 10, 3)
    )
    assert run("baseline", "review", "-b", "b.json", "--format", "json")[:2] == (0, "")


@pytest.mark.parametrize("answers", ["", "q\n", "s\n", "x\n", "b\n", "b\n\n\n", "h\n\n \n"])
def test_nothing_is_said_without_a_verdict_and_a_reason(
    run: Run, monkeypatch: pytest.MonkeyPatch, answers: str
) -> None:
    monkeypatch.setattr("sys.stdin", Person(answers))
    assert run("baseline", "review", "-b", "b.json")[0] == 1
    assert said() == []


def test_what_is_hostile_is_not_asked_again_and_stays_a_finding(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", Person("h\ncollector.example\nnobody knows it\n"))
    assert run("baseline", "review", "-b", "b.json")[0] == 0
    assert [(one.subject, one.verdict) for one in said()] == [("collector.example", Verdict.HOSTILE)]
    Path("new.eml").write_bytes(mail(7, "receipts", f"Bcc: {STRANGER}"))
    code, out, _ = run("check", "new.eml", "-b", "b.json", "--learn", "--format", "json")
    record = json.loads(out)
    assert (code, [f["rule"] for f in record["findings"]]) == (1, ["unfamiliar-blind-recipient"])
    assert [(one["status"], one["messages"]) for one in record["incidents"]] == [("hostile", 4)]


def test_an_explanation_tells_why_somebody_was_flagged_and_what_was_said(run: Run) -> None:
    append("b.json.acks.jsonl", [Acknowledgement("collector.example", Verdict.HOSTILE, "nobody knows it")])
    for name in (STRANGER, "other@collector.example", "collector.example", "mail.collector.example"):
        code, out, _ = run("explain", name, "-b", "b.json")
        assert code == 0
        assert (
            "   incident             collector.example: hostile, high, 3 messages, 2026-10-01 to 2026-10-03\n"
            "     rules              riding-recipient, unfamiliar-blind-recipient\n"
            "     roles              bcc\n"
            "     streams            tag:receipts\n"
        ) in out
    record = json.loads(run("explain", STRANGER, "-b", "b.json", "--format", "json")[1])
    assert [one["schema"] for one in record["incidents"]] == ["headerguard.incident/1"]
    assert json.loads(run("explain", "client-1.example", "-b", "b.json", "--format", "json")[1])["incidents"] == []
    assert json.loads(run("explain", STRANGER, "--format", "json")[1])["incidents"] is None


def test_an_explanation_of_one_mailbox_leaves_those_of_others_at_the_provider_out(run: Run) -> None:
    guard = Guard()
    for name in ("Jane.Doe", "john"):
        guard.observe(mail(1, "receipts", f"Bcc: {name}@gmail.com"))
    guard.incidents.save("b.json.incidents.json")
    for asked, told in (
        ("janedoe+x@gmail.com", ["janedoe@gmail.com"]),
        ("x@gmail.com", []),
        ("gmail.com", ["janedoe@gmail.com", "john@gmail.com"]),
    ):
        record = json.loads(run("explain", asked, "-b", "b.json", "--format", "json")[1])
        assert sorted(one["subject"] for one in record["incidents"]) == told


def test_a_script_says_it(run: Run) -> None:
    command = ("baseline", "review", "-b", "b.json", "--verdict", "benign", "--reason", "archive")
    code, _, err = run(*command, "--subject", "copies@colector.example")
    assert (code, "did you mean 'copies@collector.example'" in err) == (2, True)
    code, _, err = run(*command)
    assert (code, "--verdict needs --subject and --reason" in err) == (2, True)
    assert said() == []
    assert run(*command, "--subject", STRANGER, "--stream", "tag:receipts", "--role", "bcc")[0] == 0
    assert [(one.subject, one.stream, one.role) for one in said()] == [(STRANGER, "tag:receipts", "bcc")]


def test_without_a_baseline_there_is_nothing_to_review(run: Run) -> None:
    for command in ("show", "review", "audit"):
        code, _, err = run("baseline", command)
        assert (code, f"there is no baseline to {command}" in err) == (2, True)


@pytest.mark.parametrize(
    "words", [("show",), ("show", "--stream", "tag:receipts"), ("review", "--format", "json"), ("audit",)]
)
def test_a_baseline_is_named_alone_or_by_an_option_or_by_the_configuration(
    run: Run, folder: Path, words: tuple[str, ...]
) -> None:
    by_option = run("baseline", *words, "-b", "b.json")
    assert by_option[0] in (0, 1)
    assert by_option[1]
    name, *more = words
    assert run("baseline", name, "b.json", *more) == by_option
    assert run("baseline", *words, "b.json") == by_option
    (folder / "headerguard.toml").write_text('baseline = "b.json"\n', encoding="utf-8")
    assert run("baseline", *words) == by_option
    code, out, err = run("baseline", *words, "none.json", "-b", "b.json")
    assert (code, out, "not allowed with argument" in err) == (2, "", True)


@pytest.mark.parametrize("named", [("b.json",), ("-b", "b.json")])
def test_what_changes_a_baseline_takes_it_either_way(run: Run, folder: Path, named: tuple[str, ...]) -> None:
    (folder / "headerguard.toml").write_text('baseline = "b.json"\n', encoding="utf-8")
    code, out, _ = run("baseline", "allow", STRANGER, *named, "--reason", "archive")
    assert (code, out.partition(":")[0]) == (0, "b.json.acks.jsonl")
    assert run("baseline", "forget", "vault.example", *named)[:2] == (
        0,
        "vault.example is forgotten in 3 places of b.json\n",
    )
    assert run("baseline", "prune", *named, "--before", "1990-01-01")[0] == 0
    for words in (("forget", "vault.example"), ("prune", "--before", "1990-01-01")):
        code, _, err = run("baseline", *words)  # what is taken away is taken from a file that was named
        assert (code, "one of the arguments FILE --baseline/-b is required" in err) == (2, True)


def test_a_damaged_file_is_one_error(run: Run) -> None:
    Path("b.json.acks.jsonl").write_text("{\n", encoding="utf-8")
    for command in (
        ("baseline", "review", "-b", "b.json"),
        ("baseline", "audit", "-b", "b.json"),
        ("baseline", "allow", "x.example", "--reason", "x", "-b", "b.json"),
        ("check", "b.json", "-b", "b.json"),
    ):
        code, out, err = run(*command)
        assert (code, out) == (2, "")
        assert err.startswith("headerguard: b.json.acks.jsonl: line 1 is no JSON")
    Path("b.json.acks.jsonl").unlink()
    Path("b.json.incidents.json").write_text("{", encoding="utf-8")
    code, _, err = run("baseline", "review", "-b", "b.json")
    assert (code, "b.json.incidents.json: holds no incidents: line 1" in err) == (2, True)


# ---- allow


def test_allowing_beside_a_baseline_is_in_force_at_once(run: Run, folder: Path) -> None:
    Path("new.eml").write_bytes(mail(7, "receipts", f"Bcc: {STRANGER}"))
    assert run("check", "new.eml", "-b", "b.json")[0] == 1
    code, out, _ = run(
        *("baseline", "allow", STRANGER, "--reason", "archive", "-b", "b.json"),
        *("--who", "jane", "--role", "bcc", "--until", "2027-01-31"),
    )
    assert (code, out) == (0, f"b.json.acks.jsonl: {STRANGER} is benign until 2027-01-31\n")
    assert not (folder / "headerguard.toml").exists()
    code, out, _ = run("check", "new.eml", "-b", "b.json", "--verbose")
    assert (code, "allowed:  unfamiliar-blind-recipient" in out) == (0, True)


def test_what_the_configuration_has_no_place_for_needs_a_baseline(run: Run, folder: Path) -> None:
    code, _, err = run("baseline", "allow", "x.example", "--reason", "x", "--role", "bcc")
    assert (code, "--role is for a baseline that is named with --baseline" in err) == (2, True)
    assert not (folder / "headerguard.toml").exists()


# ---- standing

INCIDENT = Incident(
    None,
    "collector.example",
    Severity.HIGH,
    Strength.NOVELTY,
    None,
    3,
    3,
    None,
    None,
    ("tag:a", "tag:b"),
    ("bcc",),
    (),
    ("unfamiliar-blind-recipient",),
    (STRANGER,),
    tier=Tier.PAGE,
)


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        ([], Status.OPEN),
        ([{"subject": "collector.example"}], Status.BENIGN),
        ([{"subject": STRANGER}], Status.BENIGN),
        ([{"subject": "other@collector.example"}], Status.OPEN),
        ([{"subject": STRANGER, "stream": "tag:a"}], Status.OPEN),
        ([{"subject": STRANGER, "stream": "tag:a"}, {"subject": STRANGER, "stream": "tag:b"}], Status.BENIGN),
        ([{"subject": STRANGER, "role": "cc"}], Status.OPEN),
        ([{"subject": STRANGER, "account": "other"}], Status.OPEN),
        ([{"subject": STRANGER, "rule": "unfamiliar-blind-recipient"}], Status.BENIGN),
        ([{"subject": STRANGER, "until": "2026-01-01"}], Status.LAPSED),
        ([{"subject": "collector.example"}, {"subject": STRANGER, "verdict": "hostile"}], Status.HOSTILE),
    ],
)
def test_where_an_incident_stands(lines: list[dict[str, str]], status: Status) -> None:
    whole = [{"schema": 1, "verdict": "benign", "reason": "tests", **line} for line in lines]
    Path("acks.jsonl").write_text("".join(json.dumps(line) + "\n" for line in whole), encoding="utf-8")
    assert judged(INCIDENT, Acknowledgements("acks.jsonl"), date(2026, 10, 3)).status is status


# ---- audit


def test_residents_that_nobody_judged_are_listed_the_suspicious_first(run: Run) -> None:
    code, out, _ = run("baseline", "audit", "-b", "b.json")
    lines = out.splitlines()
    assert code == 1
    assert lines[0] == (
        "vault.example is bcc of stream 'tag:invoices' in 100% of its messages, and its siblings have nobody there:"
        " never judged"
    )
    assert lines[-1] == "1 incident is open: headerguard baseline review"
    assert "collector.example" not in out


@pytest.mark.parametrize(
    ("words", "standing"),
    [
        (("--role", "bcc", "--stream", "tag:invoices"), None),
        ((), None),
        (("--role", "cc"), "never judged"),
        (("--stream", "tag:receipts"), "never judged"),
        (("--until", "2026-01-01"), "what was said has lapsed"),
    ],
)
def test_a_resident_that_was_judged_is_not_listed_until_that_lapses(
    run: Run, words: tuple[str, ...], standing: str | None
) -> None:
    run("baseline", "allow", "vault.example", "--reason", "our archive", "-b", "b.json", *words)
    _, out, _ = run("baseline", "audit", "-b", "b.json")
    listed = [line for line in out.splitlines() if line.startswith("vault.example is")]
    assert [line.rpartition(": ")[2] for line in listed] == ([standing] if standing else [])
    assert ("vault.example: what was said has lapsed on 2026-01-01: our archive" in out) is ("--until" in words)


def test_a_message_from_the_future_makes_nothing_lapse(run: Run, folder: Path) -> None:
    run("baseline", "allow", STRANGER, "--reason", "an archive", "--until", "2090-01-01", "-b", "b.json")
    path = folder / "b.json.incidents.json"
    guard = Guard(baseline=Baseline.load("b.json"), incidents=Incidents.load(str(path)))
    late = mail(1, "resets", "Bcc: x@other.example").replace(b" 2026 ", b" 2099 ")
    assert guard.observe(late).incidents
    guard.incidents.save(path)
    assert f"{STRANGER}: what was said has lapsed" not in run("baseline", "audit", "-b", "b.json")[1]
    assert "collector.example" not in run("baseline", "review", "-b", "b.json")[1]


def test_an_own_domain_is_no_resident_to_judge(run: Run) -> None:
    Path("headerguard.toml").write_text('own-domains = ["vault.example"]\n', encoding="utf-8")
    assert "vault.example" not in run("baseline", "audit", "-b", "b.json")[1]


def test_whoever_was_there_from_the_beginning_is_listed() -> None:
    from headerguard.config import default
    from headerguard.review import Case, audited

    guard = Guard()
    for number in range(40):
        guard.observe(mail(number, "receipts", "Cc: copy@arxxwalls.com"))
    told = list(audited(guard.baseline, Case("none.json", default())))
    assert any("in the baseline) has been beside unrelated recipients" in line for line in told)


# ---- how many to expect


def test_the_budget_is_held_against_what_the_mail_comes_to(run: Run) -> None:
    Path("headerguard.toml").write_text('[budget]\npage = "1/week"\ndigest = "5/day"\n', encoding="utf-8")
    lines = run("baseline", "show", "b.json")[1].splitlines()[-3:]
    # 40 numbers over 28 days, of three streams: six messages on the first twelve days, and three on the others
    assert lines == [
        "3 messages a day: 0.0003 false openings a day at most, at the promised rate of 1 in 10,000",
        "   page 1/week is 0.14 a day: room enough",
        "   digest 5/day is 5 a day: room enough",
    ]
    Path("headerguard.toml").write_text('false-alarm-rate = 0.1\n[budget]\npage = "1/week"\n', encoding="utf-8")
    assert "   page 1/week is 0.14 a day: too little" in run("baseline", "show", "b.json")[1]


def test_without_dates_nobody_can_say(run: Run) -> None:
    Baseline().save("empty.json")
    assert "no message has a date" in run("baseline", "show", "empty.json")[1]


def test_a_stream_without_siblings_is_not_told_from_them(run: Run) -> None:
    guard = Guard()
    guard.learn(mail(number, "invoices", "Bcc: keep@vault.example") for number in range(40))
    guard.baseline.save("alone.json")
    out = run("baseline", "audit", "-b", "alone.json")[1]
    assert "vault.example is bcc of stream 'tag:invoices' in 100% of its messages: never judged\n" in out
