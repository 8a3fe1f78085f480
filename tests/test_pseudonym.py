"""Exact addresses of closed roles: learned under a key, joined, written without any address, read back."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterable
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headerguard import role_history as history_module
from headerguard.address import Address
from headerguard.baseline import Baseline
from headerguard.cli import main
from headerguard.config import parse
from headerguard.errors import BaselineError
from headerguard.fields import Role
from headerguard.grammar.return_path import lasting_path
from headerguard.guard import Guard
from headerguard.message import Envelope, Message
from headerguard.profile import Profile
from headerguard.pseudonym import LENGTH, NULL_PATH, Pseudonyms, key_beside
from headerguard.role_history import ADDRESSES_CAP, ENOUGH, Seen

KEY, OTHER_KEY = b"k" * 32, b"o" * 32
DAY = 739_676


def mail(*lines: str, envelope: Envelope | None = None) -> Message:
    return Message.from_bytes("".join(f"{line}\r\n" for line in lines).encode(), envelope)


def receipt(*more: str, to: str = "jane@client.example", envelope: Envelope | None = None) -> Message:
    return mail("From: shop@shop.example", f"To: {to}", "X-PM-Tag: receipt", *more, envelope=envelope)


def learned(messages: Iterable[Message], key: bytes | None = KEY, day: int = 0) -> Baseline:
    baseline = Baseline(key)
    for message in messages:
        baseline.learn(message, day=day)
    return baseline


def profile_of(baseline: Baseline) -> Profile:
    return baseline.streams["-/tag:receipt"]


def shown(baseline: Baseline, role: Role) -> dict[str, Seen] | None:
    return profile_of(baseline).roles[role].addresses


def knows(baseline: Baseline, role: Role, address: str) -> bool:
    local, _, domain = address.rpartition("@")
    return profile_of(baseline).knows_address((role,), baseline.pseudonym(role, Address(local, domain)))


# ---- the pseudonym -------------------------------------------------------------------------------------------


def test_a_pseudonym_depends_on_the_key_and_the_address_alone() -> None:
    jane, joe = Address("jane", "client.example"), Address("joe", "client.example")
    one = Pseudonyms(KEY).of(jane)
    assert one == Pseudonyms(KEY).of(jane) == Pseudonyms(KEY).of(Address("Jane+7", "client.example"))
    other = Pseudonyms(OTHER_KEY).of(jane)
    assert len({one, Pseudonyms(KEY).of(joe), other}) == 3
    assert one[len(Pseudonyms(KEY).name) :] != other[len(Pseudonyms(OTHER_KEY).name) :]  # not the name of the key alone
    assert len(one) == LENGTH
    assert one.startswith(Pseudonyms(KEY).name)
    assert not one.startswith(Pseudonyms(OTHER_KEY).name)


def test_what_was_asked_for_long_ago_still_has_the_same_one() -> None:
    pseudonyms = Pseudonyms(KEY)
    first = pseudonyms.of(Address("a0", "client.example"))
    for number in range(10_000):
        pseudonyms.of(Address(f"a{number}", "client.example"))
    assert pseudonyms.of(Address("a0", "client.example")) == first
    assert pseudonyms.of(Address("a0", "client.example"), lasting=True) == pseudonyms.of(Address("#", "client.example"))


def test_a_key_is_long_enough_and_never_shown() -> None:
    with pytest.raises(ValueError, match="at least 16 octets"):
        Baseline(b"short")
    assert "kkkk" not in repr(Pseudonyms(KEY))


def test_baselines_in_one_directory_share_a_key() -> None:
    assert key_beside("a/one.json") == key_beside("a/two.json") == "a/headerguard.key"
    assert key_beside("one.json") == "headerguard.key"


# ---- what of a path lasts ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "lasting"),
    [
        ("support@help.example", "support@help.example"),
        ("ticket.4711@help.example", "ticket.#@help.example"),
        ("reply-3f2a9c11-abcd-abcd-abcd-0123456789ab@help.example", "reply-#@help.example"),
        ("reply-abcdefghijklmnopqrstuvwxyz@help.example", "reply-#@help.example"),
        ("jane=client.example@list.example", "#@list.example"),
        ("list-return-17-jane=client.example@list.example", "list-return-#@list.example"),
        ("list-bounces-jane-doe=client.example@list.example", "list-bounces-#@list.example"),
        ("bounces+123-ab12-jane=client.example@em.shop.example", "bounces+#@em.shop.example"),
        ("bounce-mc.us1_12.456-jane=client.example@mc.example", "bounce-mc.#@mc.example"),
        ("SRS0=HHH=TT=client.example=jane@forwarder.example", "srs#@forwarder.example"),
        ("prvs=1234abcd=shop@shop.example", "shop@shop.example"),
        ("prvs=1234abcd=bounces-jane=client.example@shop.example", "bounces-#@shop.example"),
        ("@x", "@x"),
        ("", ""),
    ],
)
def test_what_of_a_path_is_the_same_in_every_message(path: str, lasting: str) -> None:
    assert lasting_path(path) == lasting


@given(st.text(max_size=400))
def test_any_text_has_something_that_lasts(path: str) -> None:
    lasting = lasting_path(path)
    assert len(lasting) <= max(len(path), 4 + len(path.rpartition("@")[2]) + 1)


# ---- learning ------------------------------------------------------------------------------------------------


def test_the_addresses_of_every_closed_role_are_known() -> None:
    envelope = Envelope("bounce@esp.example", ("jane@client.example", "tap@vault.example"))
    baseline = learned(
        [receipt("Bcc: Archive <a+7@vault.example>", "Reply-To: help@shop.example", envelope=envelope)] * 3
    )
    for role, address in (
        (Role.FROM, "shop@shop.example"),
        (Role.TO, "jane@client.example"),
        (Role.BCC, "A@vault.example"),
        (Role.REPLY, "help@shop.example"),
        (Role.ENVELOPE, "tap@vault.example"),
        (Role.BOUNCE, "bounce@esp.example"),
    ):
        assert knows(baseline, role, address), role
        assert list((shown(baseline, role) or {}).values()) == [Seen(3, 0, 0)]
    assert not knows(baseline, Role.BCC, "b@vault.example")
    assert not knows(baseline, Role.REPLY, "shop@shop.example")
    assert not knows(baseline, Role.CC, "shop@shop.example")


def test_a_number_in_a_reply_path_is_no_other_address_and_in_an_author_it_is() -> None:
    baseline = learned(receipt(f"Reply-To: t-{n}@help.example", f"Sender: t-{n}@help.example") for n in range(9))
    assert len(shown(baseline, Role.REPLY) or ()) == 1
    assert len(shown(baseline, Role.SENDER) or ()) == 9


@pytest.mark.parametrize("lines", [(), ("Return-Path: <>",)])
def test_the_null_path_is_a_value_of_its_own(lines: tuple[str, ...]) -> None:
    envelope = None if lines else Envelope("", ("jane@client.example",))
    baseline = learned([receipt(*lines, envelope=envelope), receipt("Return-Path: <b@esp.example>")])
    assert len(shown(baseline, Role.BOUNCE) or ()) == 2
    assert profile_of(baseline).roles["bounce"].values == {"esp.example": Seen(1, 0, 0)}


def test_a_role_with_too_many_addresses_is_open_to_any_for_good() -> None:
    most = learned(receipt(f"Bcc: a{n}@vault.example") for n in range(ADDRESSES_CAP))
    assert len(shown(most, Role.BCC) or ()) == ADDRESSES_CAP
    more = learned(receipt(f"Bcc: a{n}@vault.example") for n in range(ADDRESSES_CAP + 1))
    assert shown(more, Role.BCC) is None
    more.learn(receipt("Bcc: a1@vault.example"))
    assert shown(Baseline._from_dict(more.as_dict(), KEY), Role.BCC) is None
    assert profile_of(more).address_trend(Role.BCC, more.pseudonyms.name) is None


def test_a_role_that_shows_many_domains_keeps_no_address() -> None:
    baseline = learned(receipt(to=f"jane@client-{n}.example") for n in range(3))
    assert shown(baseline, Role.TO) is None
    assert "addresses" not in baseline.as_dict()["streams"]["-/tag:receipt"]["roles"]["to"]


def test_what_was_flagged_does_not_become_known() -> None:
    baseline = Baseline(KEY)
    message = receipt("Bcc: a@vault.example, b@x.example", "Cc: b@x.example")
    baseline.learn(message, without=frozenset({("bcc", "x.example")}))
    assert knows(baseline, Role.BCC, "a@vault.example")
    assert knows(baseline, Role.CC, "b@x.example")
    assert not knows(baseline, Role.BCC, "b@x.example")


def test_how_the_addresses_of_a_role_came() -> None:
    baseline = Baseline(KEY)
    name = baseline.pseudonyms.name
    for number in range(30):
        baseline.learn(receipt(f"Bcc: {'b' if number in (10, 20) else 'a'}@vault.example"), day=DAY + number)
    trend = profile_of(baseline).address_trend(Role.BCC, name)
    assert trend is not None
    assert (trend.messages, trend.values, trend.singles, trend.since) == (28, 2, 0, 19)
    assert profile_of(baseline).address_trend(Role.BCC, Pseudonyms(OTHER_KEY).name) is None
    assert profile_of(baseline).address_trend(Role.CC, name) is None


# ---- what all streams together have shown --------------------------------------------------------------------


def test_only_closed_roles_vouch_for_a_domain() -> None:
    """A form puts whoever fills it in into Reply-To."""
    form = [receipt(f"Reply-To: jane@client-{n}.example", "Bcc: a@vault.example") for n in range(ENOUGH)]
    baseline = learned(form[: ENOUGH - 1])
    assert not baseline.has_seen("vault.example")
    baseline.learn(form[-1])
    assert baseline.has_seen("vault.example")
    assert not baseline.has_seen("client-3.example")


def test_what_a_role_showed_before_it_opened_vouches_no_more() -> None:
    baseline = learned(receipt(f"Reply-To: jane@client-{n % 2}.example") for n in range(ENOUGH))
    assert baseline.has_seen("client-1.example")
    baseline.learn(receipt("Reply-To: joe@client-2.example"))
    assert not baseline.has_seen("client-1.example")
    baseline.learn(receipt("Reply-To: joe@client-2.example"))
    assert baseline.has_seen("shop.example")


def test_a_provider_of_free_mail_vouches_for_nobody() -> None:
    provider = "gmail.com"
    baseline = learned(receipt(f"Bcc: a@{provider}, a@vault.example") for _ in range(ENOUGH))
    assert baseline.has_seen("vault.example")
    assert not baseline.has_seen(provider)


@pytest.mark.parametrize(
    ("lines", "sender", "vouches"),
    [
        ((), "b@shop.example", True),
        ((), "", False),
        (("Auto-Submitted: auto-replied (vacation)",), "b@shop.example", False),
        (("Auto-Submitted: auto-generated",), "b@shop.example", True),
        (("Content-Type: multipart/report; report-type=delivery-status",), "b@shop.example", False),
        (("Content-Type: multipart/mixed",), "b@shop.example", True),
    ],
)
def test_whoever_gets_an_answer_is_not_known_for_it(lines: tuple[str, ...], sender: str, vouches: bool) -> None:
    envelope = Envelope(sender, ("stranger@x.example",))
    baseline = learned(receipt(*lines, envelope=envelope) for _ in range(ENOUGH))
    assert baseline.has_seen("x.example") is vouches
    assert baseline.has_seen("shop.example")


# ---- joining -------------------------------------------------------------------------------------------------

_FIELDS = ("From", "To", "Cc", "Bcc", "Reply-To", "Return-Path", "X-MC-BccAddress")


@st.composite
def mails(draw: st.DrawFn) -> tuple[Message, int]:
    """A message of one of few streams, and its day."""
    address = st.builds("{}@{}.example".format, st.sampled_from("abcde"), st.sampled_from(("d", "d", "e", "f")))
    lines = [f"{name}: <{draw(address)}>" for name in draw(st.lists(st.sampled_from(_FIELDS), max_size=4))]
    lines.append(f"X-PM-Tag: {draw(st.sampled_from('tu'))}")
    sender = draw(st.sampled_from((None, "", "b@esp.example")))
    envelope = Envelope(sender, (draw(address),)) if sender is not None else None
    return mail(*lines, envelope=envelope), draw(st.sampled_from((0, DAY, DAY + 1, DAY - 3)))


Dated = tuple[Message, int]


def state(dated: Iterable[Dated], key: bytes | None = KEY) -> Baseline:
    baseline = Baseline(key)
    for message, day in dated:
        baseline.learn(message, day=day)
    return baseline


def streams(baseline: Baseline) -> str:
    """What is written of streams alone; to the odds order matters."""
    return json.dumps(baseline.as_dict() | {"novelty": None, "riders": None}, sort_keys=True)


_SOME = settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
_CAPS = st.sampled_from((16, 1, 2, 3))


@_SOME
@given(st.lists(st.tuples(mails(), st.booleans()), max_size=16), st.randoms(use_true_random=False), _CAPS)
def test_learning_in_parts_and_joining_is_learning_at_once(
    dated: list[tuple[Dated, bool]], order: random.Random, cap: int
) -> None:
    with mock.patch.object(history_module, "ADDRESSES_CAP", cap):
        whole = state(one for one, _ in dated)
        parts = [state(one for one, here in dated if here is side) for side in (True, False)]
        assert streams(parts[0].merge(parts[1])) == streams(whole)
        order.shuffle(dated)
        assert streams(state(one for one, _ in dated)) == streams(whole)
        assert streams(Baseline._from_dict(json.loads(json.dumps(whole.as_dict())), KEY)) == streams(whole)


_KEYS = st.sampled_from((KEY, OTHER_KEY, None))


@_SOME
@given(st.lists(st.tuples(st.lists(mails(), max_size=6), _KEYS), min_size=3, max_size=3), _CAPS)
def test_joining_is_commutative_and_associative_whatever_the_keys(
    parts: list[tuple[list[Dated], bytes | None]], cap: int
) -> None:
    with mock.patch.object(history_module, "ADDRESSES_CAP", cap):
        a, b, c = (state(*part) for part in parts)
        expected = streams(a.merge(b, c))
        assert streams(c.merge(a, b)) == expected
        assert streams(a.merge(b).merge(c)) == expected
        assert streams(a.merge(b.merge(c))) == expected
        assert streams(Baseline().merge(c, b, a)) == expected


def test_of_two_keys_each_knows_its_own_addresses() -> None:
    mine, theirs = learned([receipt("Bcc: a@vault.example")]), learned([receipt("Bcc: b@vault.example")], OTHER_KEY)
    joined = Baseline().merge(mine, theirs)
    assert knows(joined, Role.BCC, "a@vault.example")
    assert not knows(joined, Role.BCC, "b@vault.example")
    assert knows(Baseline._from_dict(joined.as_dict(), OTHER_KEY), Role.BCC, "b@vault.example")
    assert profile_of(joined).has_strange_addresses(joined.pseudonyms.name)
    assert not profile_of(mine).has_strange_addresses(mine.pseudonyms.name)
    profile_of(mine).add(profile_of(theirs))
    assert profile_of(mine).has_strange_addresses(mine.pseudonyms.name)


# ---- the file ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", [KEY, None])
def test_no_address_gets_into_the_file(tmp_path: Path, key: bytes | None) -> None:
    lines = ("Bcc: archivist@vault.example", "Reply-To: helper@shop.example", "Cc: bystander@client.example")
    envelope = Envelope("bouncer@esp.example", ("recipient@client.example", "tapper@vault.example"))
    tagged = (receipt(*lines, to="recipient@client.example", envelope=envelope) for _ in range(30))
    learned(tagged, key).save(tmp_path / "baseline.json")
    text = (tmp_path / "baseline.json").read_text()
    assert "vault.example" in text
    for local in ("archivist", "helper", "bystander", "bouncer", "recipient@", "tapper"):
        assert local not in text
    assert ('"addresses"' in text) is (key is not None)


def test_the_same_mail_and_key_give_the_same_octets(tmp_path: Path) -> None:
    for name in "ab":
        learned((receipt("Bcc: a@vault.example") for _ in range(3)), day=DAY).save(tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_stream_of_a_month_takes_less_than_four_kibibytes() -> None:
    baseline = Baseline(KEY)
    envelope = Envelope("bounce@esp.example", ("jane@client.example", "a@vault.example"))
    for day in range(30):
        more = ("Reply-To: help@shop.example", "Bcc: a@vault.example", "Sender: shop@shop.example")
        baseline.learn(receipt(*more, to=f"jane@client-{day}.example", envelope=envelope), day=DAY + day)
    assert len(json.dumps(baseline.as_dict()["streams"]["-/tag:receipt"]).encode()) < 4096


@pytest.mark.parametrize(
    ("addresses", "said"),
    [
        ([], r"roles\['bcc'\].addresses is not an object"),
        ({"short": [1, None, None]}, r"roles\['bcc'\].addresses holds what is no pseudonym"),
        ({"~" + "a" * (LENGTH - 1): [1, None, None]}, "holds what is no pseudonym"),
        ({"a" * LENGTH: [1]}, r"addresses\['a{15}'\] is not \[count"),
        ({"a" * LENGTH: [True, None, None]}, r"addresses\['a{15}'\] has no whole number"),
    ],
)
def test_damaged_addresses_are_an_error_that_names_the_place(tmp_path: Path, addresses: object, said: str) -> None:
    data = learned([receipt("Bcc: a@vault.example")]).as_dict()
    data["streams"]["-/tag:receipt"]["roles"]["bcc"]["addresses"] = addresses
    (tmp_path / "baseline.json").write_text(json.dumps(data))
    with pytest.raises(BaselineError, match=said):
        Baseline.load(tmp_path / "baseline.json", KEY)


# ---- the key file --------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    text = "From: shop@shop.example\nTo: jane@client.example\nBcc: a@vault.example\nX-PM-Tag: receipt\n\n"
    for number in range(ENOUGH):
        (tmp_path / f"{number}.eml").write_text(text)
    return tmp_path


@pytest.mark.parametrize("command", [("learn", "0.eml"), ("check", "0.eml", "--learn")])
def test_the_first_learning_makes_a_key_for_its_owner_alone(folder: Path, command: tuple[str, ...]) -> None:
    assert main([*command, "-b", "baseline.json"]) == 0
    made = folder / "headerguard.key"
    assert os.stat(made).st_mode & 0o777 == 0o600
    key = made.read_bytes()
    assert main([*command, "-b", "baseline.json"]) == 0
    assert made.read_bytes() == key
    baseline = Baseline.load("baseline.json", key)
    assert shown(baseline, Role.BCC) == {baseline.pseudonym(Role.BCC, Address("a", "vault.example")): Seen(2, 0, 0)}
    assert key.decode() not in (folder / "baseline.json").read_text()


def test_judging_makes_no_key(folder: Path) -> None:
    learned([receipt()]).save("baseline.json")
    assert main(["check", "0.eml", "-b", "baseline.json"]) == 0
    assert not (folder / "headerguard.key").exists()


def test_the_configuration_names_the_key(folder: Path) -> None:
    (folder / "headerguard.toml").write_text('baseline = "baseline.json"\naddress-key = "elsewhere.key"\n')
    assert main(["learn", "0.eml"]) == 0
    key = (folder / "elsewhere.key").read_bytes()
    assert not (folder / "headerguard.key").exists()
    guard = Guard.from_config("headerguard.toml")
    assert guard.baseline.pseudonyms.name == Pseudonyms(key).name
    assert parse({}).key_of("b.json") == "headerguard.key"


def test_under_another_key_domains_are_judged_and_addresses_are_said_not_to_be(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    learned([receipt("Bcc: a@vault.example")] * ENOUGH).save("baseline.json")
    stranger = receipt("Bcc: b@x.example")
    rightful = Guard(baseline=Baseline.load("baseline.json", KEY)).check(stranger)
    assert not [spot for spot in rightful.blind_spots if "exact addresses" in spot]
    for key in (None, OTHER_KEY):
        report = Guard(baseline=Baseline.load("baseline.json", key)).check(stranger)
        assert [f.subject for f in report.findings if f.rule == "unfamiliar-blind-recipient"] == ["x.example"]
        assert [spot for spot in report.blind_spots if "exact addresses" in spot]
    assert main(["learn", "0.eml", "-b", "baseline.json"]) == 0
    assert "holds exact addresses under another key than that in headerguard.key" in capsys.readouterr().err


def test_a_key_that_is_none_is_one_clear_error(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "headerguard.key").write_bytes(b"x")
    assert main(["learn", "0.eml", "-b", "baseline.json"]) == 2
    assert "headerguard.key: is no key" in capsys.readouterr().err
    assert not (folder / "baseline.json").exists()


def test_forgetting_a_domain_forgets_the_addresses_beside_it(folder: Path) -> None:
    assert main(["learn", "0.eml", "-b", "baseline.json"]) == 0
    assert main(["baseline", "forget", "vault.example", "-b", "baseline.json"]) == 0
    baseline = Baseline.load("baseline.json", (folder / "headerguard.key").read_bytes())
    assert shown(baseline, Role.BCC) == {}
    assert knows(baseline, Role.FROM, "shop@shop.example")


RIDER = "copy+of-it@gmail.com"


def test_forgetting_an_address_of_free_mail_forgets_it_alone_and_whom_it_was_beside(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(1, 30):
        lines = f"From: shop@shop.example\nTo: c{number}@client-{number}.example, {RIDER}\nReply-To: us@gmail.com\n"
        (folder / f"{number}.eml").write_text(f"{lines}Bcc: {RIDER}\nX-PM-Tag: receipt\n\n")
    assert main(["learn", *(f"{number}.eml" for number in range(1, 30)), "-b", "baseline.json"]) == 0
    key = (folder / "headerguard.key").read_bytes()
    before = Baseline.load("baseline.json", key)
    assert knows(before, Role.BCC, RIDER)
    assert before.riders["-/account:"].companions.keys() >= {before.pseudonyms.of_text("copy@gmail.com")}
    capsys.readouterr()
    assert main(["baseline", "forget", RIDER, "-b", "baseline.json"]) == 0
    assert capsys.readouterr().out.startswith(f"{RIDER} is forgotten in ")
    after = Baseline.load("baseline.json", key)
    assert not knows(after, Role.BCC, RIDER)
    assert before.pseudonyms.of_text("copy@gmail.com") not in after.riders["-/account:"].companions
    assert after.riders["-/account:"].companions.keys() < before.riders["-/account:"].companions.keys()
    assert knows(after, Role.REPLY, "us@gmail.com")
    assert profile_of(after).knows(Role.BCC, "gmail.com")


def test_forgetting_an_address_forgets_its_domain_and_it_beside_others(folder: Path) -> None:
    for number in range(1, 5):
        (folder / f"{number}.eml").write_text(
            f"To: c{number}@client-{number}.example, a@vault.example\nX-PM-Tag: receipt\n\n"
        )
    assert main(["learn", *(f"{number}.eml" for number in range(1, 5)), "-b", "baseline.json"]) == 0
    assert main(["baseline", "forget", "A@vault.example", "-b", "baseline.json"]) == 0
    baseline = Baseline.load("baseline.json", (folder / "headerguard.key").read_bytes())
    assert not profile_of(baseline).knows(Role.TO, "vault.example")
    companions = baseline.riders["-/account:"].companions
    assert companions.keys() == {baseline.pseudonyms.of_text(f"c{n}@client-{n}.example") for n in range(1, 5)}


def test_a_mailbox_is_not_said_to_be_nowhere_where_the_key_to_find_it_is_not_here(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "1.eml").write_text(f"To: c@client.example, {RIDER}, a@vault.example\nX-PM-Tag: receipt\n\n")
    assert main(["learn", "1.eml", "-b", "baseline.json"]) == 0
    (folder / "headerguard.key").unlink()
    before = (folder / "baseline.json").read_text()
    capsys.readouterr()
    assert main(["baseline", "forget", RIDER, "-b", "baseline.json"]) == 2
    assert "the key under which it learned exact addresses is not here" in capsys.readouterr().err
    assert (folder / "baseline.json").read_text() == before
    assert main(["baseline", "forget", "a@vault.example", "-b", "baseline.json"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("vault.example is forgotten in ")
    assert "is not here" in second


def test_pruning_a_stream_drops_its_company(folder: Path) -> None:
    text = "From: a@x.example\nTo: c@client.example, d@other.example\nX-PM-Tag: t\nDate: {} Jan 2020 10:00:00 +0000\n\n"
    (folder / "old.eml").write_text(text.format(1))
    assert main(["learn", "old.eml", "-b", "baseline.json"]) == 0
    assert "-/tag:t" in Baseline.load("baseline.json").riders
    assert main(["baseline", "prune", "-b", "baseline.json", "--before", "2021-01-01"]) == 0
    assert "-/tag:t" not in Baseline.load("baseline.json").riders


def test_a_null_path_is_learned_beside_whoever_else_is_told_of_failures() -> None:
    copy = Message.from_bytes(b"Return-Path: <>\r\nErrors-To: desk@vault.example\r\nX-PM-Tag: receipt\r\n\r\n")
    baseline = learned([copy])
    assert profile_of(baseline).knows(Role.BOUNCE, "vault.example")
    assert knows(baseline, Role.BOUNCE, "desk@vault.example")
    assert baseline.pseudonym(Role.BOUNCE, NULL_PATH) in (shown(baseline, Role.BOUNCE) or {})
