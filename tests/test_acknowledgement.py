"""What people said about strangers: the file, what it covers, when it is read again, and what is learned for it."""

from __future__ import annotations

import json
import multiprocessing
import os
import stat
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headerguard import BaselineError, Guard, Report
from headerguard.acknowledgement import ANYBODY, Acknowledgement, Acknowledgements, Verdict, append
from headerguard.config import parse
from headerguard.riders import Riders

BENIGN = Acknowledgement("copy@arxxwalls.com", Verdict.BENIGN, "tests")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "b.json.acks.jsonl"


# ---- the file

_TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=20)


@given(
    said=st.lists(
        st.builds(
            Acknowledgement,
            subject=st.sampled_from(["a@x.example", "x.example", "b\xfccher.example", '"a b"@x.example']),
            verdict=st.sampled_from(Verdict),
            reason=_TEXT,
            role=st.none() | st.just("bcc"),
            stream=st.none() | _TEXT,
            account=st.none() | _TEXT,
            who=st.none() | _TEXT,
            until=st.none() | st.dates(),
            day=st.none() | st.dates(),
        ),
        max_size=4,
    )
)
def test_what_is_added_is_read_and_the_last_of_a_place_holds(
    said: list[Acknowledgement], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("acks") / "acks.jsonl"
    for one in said:
        append(path, [one])
    last = {one.place: one for one in said}
    assert set(Acknowledgements(path).said) == set(last.values())
    assert not said or len(path.read_bytes().splitlines()) == len(said)


def test_the_file_is_for_its_owner_alone_and_grows_only(path: Path) -> None:
    append(path, [BENIGN])
    before = path.read_bytes()
    append(path, [replace(BENIGN, verdict=Verdict.HOSTILE)])
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert path.read_bytes().startswith(before)
    assert [one.verdict for one in Acknowledgements(path).said] == [Verdict.HOSTILE]


LINE = json.dumps({"schema": 1, "subject": "x.example", "verdict": "benign", "reason": "tests"})


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (f"{LINE}\n{LINE[:30]}", "line 2 is cut off"),
        (f"{LINE}\n{LINE[:30]}\n", "line 2 is no JSON: column"),
        (f"{LINE}\n{LINE}", "line 2 is cut off"),
        (f"<<<<<<< ours\n{LINE}\n=======\n", "line 1 is a conflict that a merge left open"),
        (f"\n\n{LINE}\n>>>>>>> theirs\n", "line 4 is a conflict"),
        ("[]\n", "line 1 is not an object"),
        ("[" * 100_000 + "\n", "line 1 is no JSON"),
        (LINE.replace('"schema": 1', '"schema": 2') + "\n", "line 1 has schema 2, which is newer than"),
        (LINE.replace('"schema": 1', '"schema": true') + "\n", "line 1 has schema True, which is none"),
        (LINE.replace('"schema": 1, ', "") + "\n", "line 1 has schema None, which is none"),
        (LINE.replace('"benign"', '"fine"') + "\n", "line 1 has the verdict 'fine'"),
        (LINE.replace("}", ', "verdict": "hostile"}') + "\n", "line 1 has a key twice"),
        (LINE.replace("}", ', "until": "soon"}') + "\n", "line 1 has until 'soon', which is no day"),
        (LINE.replace("}", ', "day": 7}') + "\n", "line 1 has day 7, which is no day"),
        (LINE.replace("}", ', "role": 7}') + "\n", "line 1 has a role that is no text"),
        (LINE.replace("}", ', "who": "\\u0007"}') + "\n", "line 1 has a who that is no text"),
        (LINE.replace("}", ', "untill": "2027-01-01"}') + "\n", "line 1 has 'untill', which is no key of it"),
        (LINE.replace('"reason": "tests"', '"reason": " "') + "\n", "line 1 has a reason that is no text"),
        (LINE.replace(', "reason": "tests"', "") + "\n", "line 1 has no reason"),
        (LINE.replace("x.example", "*") + "\n", "line 1 is about everybody, and names no rule and stream"),
        ("\udcff\n", "line 1 is no JSON"),
        ("\x00\n", "line 1 is no JSON"),
    ],
)
def test_a_damaged_file_gives_one_error_that_names_file_and_line(path: Path, content: str, said: str) -> None:
    path.write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(BaselineError) as raised:
        Acknowledgements(path)
    assert f"{path}: {said}" in str(raised.value)
    with pytest.raises(BaselineError, match="line"):
        append(path, [BENIGN])  # nothing is added to what cannot be read
    assert path.read_bytes() == content.encode("utf-8", "surrogateescape")


@given(octets=st.binary(max_size=200))
def test_whatever_a_file_holds_it_is_read_or_refused(octets: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("acks") / "acks.jsonl"
    path.write_bytes(octets)
    try:
        said = Acknowledgements(path).said
    except BaselineError as error:
        assert str(path) in str(error)
    else:
        assert not said or octets.endswith(b"\n")


def test_what_could_not_be_read_again_is_not_written(path: Path) -> None:
    for wrong in (
        replace(BENIGN, reason="two\nlines"),
        replace(BENIGN, reason="x" * 20_000),
        replace(BENIGN, subject=""),
        replace(BENIGN, subject=ANYBODY),
    ):
        with pytest.raises(BaselineError):
            append(path, [wrong])
    assert not path.exists()


def test_a_folder_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(BaselineError, match="cannot be written"):
        append(tmp_path / "none" / "acks.jsonl", [BENIGN])


def _write(path: str, who: int) -> None:
    for number in range(100):
        reason = f"{number} " + "x" * (37 * who)
        append(path, [Acknowledgement(f"a{number}@p{who}.example", Verdict.BENIGN, reason)])


def test_lines_of_several_processes_do_not_tear(path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write, args=(str(path), who)) for who in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    assert len(Acknowledgements(path).said) == 300


# ---- running workers


def shop(number: int, *lines: str, day: int = 3, to: str = "", stream: str = "receipt") -> bytes:
    to = to or f"c{number}@client-{number}.example"
    head = (f"Date: {day} Mar 2026 10:00:00 +0000", "From: shop@shop.example", f"To: {to}", f"X-PM-Tag: {stream}")
    return "".join(f"{line}\r\n" for line in (*head, *lines)).encode() + b"\r\n"


def trained(path: Path | None = None, lines: tuple[str, ...] = (), **config: Any) -> Guard:
    said = Acknowledgements(path) if path else None
    guard = Guard(config=parse(config), acknowledgements=said)
    for number in range(60):
        assert not guard.observe(shop(number, *lines, day=1)).findings
    return guard


def found(report: Report, rule: str = "") -> list[str]:
    return sorted(f.subject for f in report.findings if rule in ("", f.rule))


TAPPED = "Bcc: copy@arxxwalls.com"


def test_a_running_worker_takes_what_is_said_meanwhile(path: Path) -> None:
    guard = trained(path)
    assert found(guard.observe(shop(1, TAPPED))) == ["arxxwalls.com"]
    append(path, [BENIGN])
    report = guard.observe(shop(2, TAPPED))
    assert (found(report), [f.subject for f in report.allowed]) == ([], ["arxxwalls.com"])
    append(path, [replace(BENIGN, verdict=Verdict.HOSTILE)])
    assert found(guard.observe(shop(3, TAPPED))) == ["arxxwalls.com"]
    path.unlink()
    assert "arxxwalls.com" in found(guard.observe(shop(3, TAPPED)))


@pytest.mark.parametrize("damage", [b"{", b'{"schema": 2}\n', b"<<<<<<< ours\n", b"\xff\xfe\n"])
def test_the_last_good_one_stays_in_force(path: Path, damage: bytes) -> None:
    append(path, [BENIGN])
    guard = trained(path)
    whole = path.read_bytes()
    path.write_bytes(whole + damage)
    report = guard.observe(shop(1, TAPPED))
    assert found(report) == []
    assert any(f"{path}: line 2" in note for note in report.notes)
    path.write_bytes(whole)
    report = guard.observe(shop(2, TAPPED))
    assert (found(report), [note for note in report.notes if "line 2" in note]) == ([], [])


def test_a_clean_message_does_not_look_at_the_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    guard = trained(path)
    looked = []
    monkeypatch.setattr(Acknowledgements, "refresh", lambda _: looked.append(1))
    guard.observe(shop(1))
    assert looked == []
    guard.observe(shop(2, TAPPED))
    assert looked == [1]


def test_a_guard_from_a_file_finds_what_lies_beside_its_baseline(tmp_path: Path) -> None:
    config = tmp_path / "headerguard.toml"
    config.write_text('baseline = "b.json"\n', encoding="utf-8")
    append(tmp_path / "b.json.acks.jsonl", [BENIGN])
    guard = trained()
    guard.observe(shop(1, TAPPED))
    guard.incidents.save(tmp_path / "b.json.incidents.json")
    loaded = Guard.from_config(config)
    assert loaded.acknowledgements.said == (BENIGN,)
    assert [one.subject for one in loaded.incidents] == ["arxxwalls.com"]
    (tmp_path / "b.json.acks.jsonl").write_text("{", encoding="utf-8")
    with pytest.raises(BaselineError, match="line 1"):
        Guard.from_config(config)


# ---- what it covers


@pytest.mark.parametrize(
    ("said", "address", "covered"),
    [
        ("copy@arxxwalls.com", "copy@arxxwalls.com", True),
        ("Copy <COPY@Arxxwalls.com>", "copy@arxxwalls.com", True),
        ("copy@arxxwalls.com", "copy2@arxxwalls.com", False),
        ("copy@arxxwalls.com", "copy+x@arxxwalls.com", False),
        ("copy@arxxwalls.com", "copy@mail.arxxwalls.com", False),
        ("arxxwalls.com", "copy@mail.arxxwalls.com", True),
        ("mail.arxxwalls.com", "copy@arxxwalls.com", False),
        ("copy@arxxwalls.com", '"copy@arxxwalls.com"@evil.example', False),
        ("other.example", "copy@arxxwalls.com", False),
    ],
)
@pytest.mark.parametrize("intent", [None, ["client.example"]])
def test_an_address_covers_itself_alone_and_a_domain_all_that_is_there(
    path: Path, said: str, address: str, covered: bool, intent: list[str] | None
) -> None:
    append(path, [replace(BENIGN, subject=said)])
    report = trained(path).check(shop(1, f"Bcc: {address}", to="jane@client.example"), recipients=intent)
    mentions = {"embedded-address"}  # a remark on what a local part looks like
    assert bool({f.rule for f in report.allowed} - mentions) is covered
    assert bool({f.rule for f in report.findings} - mentions) is not covered


def test_an_address_that_is_benign_never_makes_its_domain_known(path: Path) -> None:
    append(path, [BENIGN])
    guard = trained(path)
    for number in range(50):
        report = guard.observe(shop(number, TAPPED))
        assert (found(report), len(report.allowed)) == ([], 1)
    assert found(guard.observe(shop(99, "Bcc: other@arxxwalls.com"))) == ["arxxwalls.com"]
    both = guard.check(shop(99, TAPPED + ", other@arxxwalls.com"))
    assert [f.evidence[0].text for f in both.findings] == ["other@arxxwalls.com"]


def test_an_allowance_of_an_address_is_no_more_than_that_either() -> None:
    guard = trained(allow=[{"subject": "copy@arxxwalls.com", "reason": "tests"}])
    for number in range(30):
        assert found(guard.observe(shop(number, TAPPED))) == []
    assert found(guard.observe(shop(99, "Bcc: other@arxxwalls.com"))) == ["arxxwalls.com"]


def test_a_domain_that_is_benign_becomes_known(path: Path) -> None:
    append(path, [replace(BENIGN, subject="arxxwalls.com")])
    guard = trained(path)
    assert len(guard.observe(shop(1, TAPPED)).allowed) == 1
    path.unlink()
    report = guard.observe(shop(2, "Bcc: other@arxxwalls.com"))
    assert (report.allowed, found(report)) == ((), [])


def test_what_is_benign_until_a_day_is_not_known_after_it(path: Path) -> None:
    append(path, [replace(BENIGN, subject="arxxwalls.com", until=date(2026, 3, 10))])
    guard = trained(path)
    for number in range(30):
        assert found(guard.observe(shop(number, TAPPED, day=9))) == []
    assert found(guard.observe(shop(99, TAPPED, day=11)), "unfamiliar-blind-recipient") == ["arxxwalls.com"]


@pytest.mark.parametrize(
    ("scope", "covered"),
    [
        ({"role": "bcc"}, True),
        ({"role": "control"}, False),
        ({"stream": "tag:receipt"}, True),
        ({"stream": "tag:other"}, False),
        ({"account": "shop"}, True),
        ({"account": "other"}, False),
        ({"rule": "unfamiliar-blind-recipient"}, True),
        ({"rule": "unexpected-recipient"}, False),
        ({"until": date(2026, 3, 3)}, True),
        ({"until": date(2026, 3, 2)}, False),
    ],
)
def test_where_it_holds(path: Path, scope: dict[str, Any], covered: bool) -> None:
    append(path, [replace(BENIGN, **scope)])
    guard = Guard(acknowledgements=Acknowledgements(path))
    for number in range(40):
        guard.observe(shop(number, day=1), account="shop")
    report = guard.check(shop(1, TAPPED), account="shop")
    assert bool(report.allowed) is covered
    assert any("the acknowledgement of copy@arxxwalls.com has lapsed" in n for n in report.notes) is (
        "until" in scope and not covered
    )


def test_hostile_beats_every_allowance(path: Path) -> None:
    append(path, [replace(BENIGN, subject="arxxwalls.com"), replace(BENIGN, verdict=Verdict.HOSTILE)])
    guard = trained(path, allow=[{"subject": "arxxwalls.com", "reason": "tests"}])
    assert found(guard.check(shop(1, TAPPED))) == ["arxxwalls.com"]
    assert found(guard.check(shop(1, "Bcc: other@arxxwalls.com"))) == []


def test_without_a_date_nothing_lapses(path: Path) -> None:
    append(path, [replace(BENIGN, until=date(2000, 1, 1))])
    guard = trained(path)
    undated = shop(1, TAPPED).partition(b"\r\n")[2]
    report = guard.check(undated)
    assert (found(report), any("no date" in note for note in report.notes)) == ([], True)
    assert found(guard.check(undated, now=datetime(2026, 3, 3, tzinfo=UTC))) == ["arxxwalls.com"]


# ---- shape and company


def test_an_extra_recipient_stays_one_until_somebody_calls_it_benign(path: Path) -> None:
    guard = trained(path)
    rider = "copy@arxxwalls.com"
    for number in range(100, 130):
        report = guard.observe(shop(number, to=f"c{number}@client-{number}.example, {rider}"))
        assert "extra-recipient" in {f.rule for f in report.findings}
    append(path, [BENIGN])
    for number in range(200, 230):
        report = guard.observe(shop(number, to=f"c{number}@client-{number}.example, {rider}"))
        assert found(report) == []
    report = guard.observe(shop(300, to=f"c300@client-300.example, {rider}, eve@evil.example"))
    assert found(report, "extra-recipient") == ["eve@evil.example"]
    report = guard.observe(shop(301, to="c301@client-301.example, eve@evil.example"))
    assert found(report, "extra-recipient") == ["eve@evil.example"]


def test_a_shape_that_changed_is_said_once(path: Path) -> None:
    guard = trained(path)
    assert found(guard.observe(shop(1, to="a@a-1.example, b@b-1.example")), "extra-recipient")
    append(
        path,
        [Acknowledgement(ANYBODY, Verdict.BENIGN, "both parents", stream="tag:receipt", rule="extra-recipient")],
    )
    for number in range(3):
        report = guard.observe(shop(number, to=f"a@a{number}.example, b@b{number}.example"))
        assert found(report, "extra-recipient") == []
        assert {f.rule for f in report.allowed} <= {"extra-recipient"}
    path.unlink()  # learned, so that nobody has to say it again
    assert found(guard.observe(shop(9, to="a@a9.example, b@b9.example")), "extra-recipient") == []
    assert found(guard.observe(shop(9, TAPPED))) == ["arxxwalls.com"]


def test_everybody_is_allowed_in_the_configuration_for_a_rule_and_a_stream_alone() -> None:
    for more, allowed in (({}, 0), ({"rule": "unfamiliar-blind-recipient"}, 0), ({"stream": "tag:receipt"}, 0)):
        guard = trained(allow=[{"subject": ANYBODY, "reason": "tests", **more}])
        assert len(guard.check(shop(1, TAPPED)).allowed) == allowed
    both = {"rule": "unfamiliar-blind-recipient", "stream": "tag:receipt"}
    guard = trained(allow=[{"subject": ANYBODY, "reason": "tests", **both}])
    assert len(guard.check(shop(1, TAPPED)).allowed) == 1


def test_calling_somebody_benign_silences_nothing_else(path: Path) -> None:
    """A single surprise among the clean ones would be as rare as all that the odds are asked about."""
    append(path, [replace(BENIGN, subject="arxxwalls.com")])
    guard = Guard(acknowledgements=Acknowledgements(path))
    for number in range(60):
        for stream in ("receipt", "reset"):
            guard.observe(shop(number, stream=stream, day=1))
    assert len(guard.observe(shop(1, TAPPED)).allowed) == 1
    for stream, line in (("reset", "Bcc"), ("reset", "Reply-To"), ("receipt", "Reply-To")):
        assert found(guard.check(shop(2, f"{line}: eve@evil.example", stream=stream))) == ["evil.example"]


def test_the_rule_on_riders_leaves_strangers_aside(monkeypatch: pytest.MonkeyPatch) -> None:
    guard = trained()
    guard.observe(shop(1, TAPPED))
    asked: list[Any] = []

    def asks(*_: object, aside: Any) -> dict[str, Any]:
        asked.append(aside)
        return {}

    monkeypatch.setattr(Riders, "riders_in", asks)
    guard.check(shop(2, TAPPED))
    assert asked
    assert all("copy@arxxwalls.com" in aside and "joe@client.example" not in aside for aside in asked)
