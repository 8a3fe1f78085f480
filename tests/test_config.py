"""The configuration: what it means, and every sentence about what is wrong with it."""

from __future__ import annotations

import gc
import importlib.metadata
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from headerguard.address import to_a_label
from headerguard.address_list import parse as parse_address
from headerguard.config import Allow, Config, Dns, default, find, load, parse
from headerguard.errors import ConfigError
from headerguard.fields import Role
from headerguard.finding import Severity
from headerguard.lists import DISPOSABLE, FREEMAIL, DomainList
from headerguard.rule import Bound, Rule
from headerguard.rules import BUILTIN, RENAMED

FIRST = BUILTIN[0].id
DAY = date(2027, 1, 31)


def configured(text: str, base: Path | None = None) -> Config:
    return parse(tomllib.loads(text), "hg.toml", base)


def problems(text: str, base: Path | None = None) -> list[str]:
    """What is wrong with a configuration; the test fails where nothing is."""
    with pytest.raises(ConfigError) as caught:
        configured(text, base)
    return list(caught.value.problems)


# ---- a rule of another package -----------------------------------------------------------------------------


@dataclass(frozen=True)
class TooMany(Rule):
    """More recipients than a limit."""

    id = "acme.too-many"
    severity = Severity.LOW
    most: int = 3
    hidden_too: bool = True
    weight: float = 1.0
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.most < 0:
            raise ValueError("most is below 0")


@dataclass(frozen=True)
class Demanding(Rule):
    """An option without a default."""

    id = "acme.demanding"
    severity = Severity.LOW
    most: int


@dataclass(frozen=True)
class _Point:
    """An entry point, as far as loading looks at it."""

    loaded: type[Rule]

    @property
    def name(self) -> str:
        return self.loaded.id

    value = "acme:Rule"

    def load(self) -> type[Rule]:
        return self.loaded


@pytest.fixture
def acme(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another package is installed."""

    def entry_points(group: str) -> Iterable[_Point]:
        return [_Point(TooMany), _Point(Demanding)] if group == "headerguard.rules" else []

    monkeypatch.setattr(importlib.metadata, "entry_points", entry_points)


# ---- what it means -----------------------------------------------------------------------------------------


def test_without_a_file_the_built_in_rules_run() -> None:
    config = default()
    assert tuple(type(rule) for rule in config.rules) == BUILTIN
    assert (config.fail_on, config.false_alarm_rate) == (Severity.MEDIUM, 1e-4)
    assert config == Config(rules=config.rules)


WHOLE = """
baseline = "learned/baseline.json"
fail-on = "high"
false-alarm-rate = 1e-3
boundary = ["MX1.Shop.Example.", "192.0.2.7", "10.0.0.0/8", "2001:db8::/32", "mx.bücher.example"]
stream-field = "X-Shop-Template"
own-domains = ["Shop.Example", "bücher.example"]
disable = ["repeated-field"]
budget = { page = "1/week", digest = "5/day" }

[rules.unfamiliar-blind-recipient]
severity = "critical"

[streams.receipts.expected]
bcc = ["Audit <Audit@Shop.Example>", "partner.example"]
resent-to = []

[streams."template:welcome".expected]
reply = ["help@shop.example"]

[[allow]]
rule = "unfamiliar-blind-recipient"
subject = "partner.example"
stream = "stream:receipts"
reason = "copies for the tax adviser"
until = 2027-01-31
"""


def test_a_whole_configuration() -> None:
    config = configured(WHOLE, Path("etc"))
    assert config.baseline == str(Path("etc/learned/baseline.json"))
    assert (config.fail_on, config.false_alarm_rate, config.stream_field) == (
        Severity.HIGH,
        1e-3,
        "X-Shop-Template",
    )
    assert (config.page, config.digest) == ("1/week", "5/day")
    relays = ("mx1.shop.example", "192.0.2.7/32", "10.0.0.0/8", "2001:db8::/32", "mx.xn--bcher-kva.example")
    assert config.boundary == relays
    assert config.own_domains == {"shop.example", "xn--bcher-kva.example"}
    assert config.disable == ("repeated-field",)
    assert [rule.id for rule in config.rules] == [rule.id for rule in BUILTIN if rule.id != "repeated-field"]
    assert config.severities == {"unfamiliar-blind-recipient": Severity.CRITICAL}
    reason = "copies for the tax adviser"
    wanted = Allow("unfamiliar-blind-recipient", "partner.example", "receipts", reason, DAY, None)
    assert config.allow == (wanted,)
    assert config.warnings == ()


def test_expected_binds_roles_of_streams() -> None:
    expected = configured(WHOLE).expected
    assert {name: set(roles) for name, roles in expected.items()} == {
        "receipts": {Role.BCC, Role.RESENT_TO},
        "template:welcome": {Role.REPLY},
    }
    assert allowed(expected["receipts"][Role.BCC], "audit@shop.example", "x@mail.partner.example")
    assert not allowed(expected["receipts"][Role.BCC], "other@shop.example")
    assert not allowed(expected["receipts"][Role.RESENT_TO], "audit@shop.example")


def allowed(bound: Bound, *addresses: str) -> bool:
    read = [parse_address(text) for text in addresses]
    return all(address is not None and bound.allows(address) for address in read)


@pytest.mark.parametrize("entry", ["jane@[192.0.2.1]", "Jane <Jane@[192.0.2.1]> "])
def test_an_address_may_be_written_in_any_way(entry: str) -> None:
    bound = parse({"streams": {"s": {"expected": {"to": [entry]}}}}).expected["s"][Role.TO]
    assert allowed(bound, "jane@[192.0.2.1]")


@pytest.mark.parametrize("unit", ["hour", "day", "week", "month"])
def test_a_budget_has_one_of_four_units(unit: str) -> None:
    assert parse({"budget": {"page": f"12/{unit}"}}).page == f"12/{unit}"


def test_an_allowance_may_be_of_anything_that_a_rule_names() -> None:
    assert parse({"allow": [{"subject": "order 17", "reason": "r"}]}).allow[0].subject == "order 17"


def test_a_stream_may_be_named_with_its_kind() -> None:
    expected = parse({"streams": {"stream:receipts": {"expected": {"bcc": []}}}}).expected
    assert list(expected) == ["receipts"]


@pytest.mark.usefixtures("acme")
def test_a_rule_of_another_package_runs_when_it_is_named() -> None:
    assert "acme.too-many" not in {rule.id for rule in default().rules}
    config = parse({"enable": ["acme.too-many"]})
    assert config.rules[-1] == TooMany()
    assert len(config.rules) == len(BUILTIN) + 1
    assert config.enable == ("acme.too-many",)


@pytest.mark.usefixtures("acme")
@pytest.mark.parametrize("name", ['"acme.too-many"', "acme.too-many"])
def test_options_reach_the_rule_with_and_without_quotes(name: str) -> None:
    table = f'[rules.{name}]\nmost = 7\nhidden-too = false\nweight = 2\nnames = ["a"]\nseverity = "high"'
    config = configured(f'enable = ["acme.too-many"]\n{table}')
    assert config.rules[-1] == TooMany(7, False, 2.0, ("a",))
    assert config.severities == {"acme.too-many": Severity.HIGH}
    assert config.warnings == ()


def test_an_enabled_built_in_rule_runs_once() -> None:
    assert [rule.id for rule in parse({"enable": [FIRST]}).rules] == [rule.id for rule in BUILTIN]


def test_an_old_id_resolves_everywhere_and_leaves_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RENAMED, "old-name", "repeated-field")
    said = "hg.toml: rule 'old-name' is called 'repeated-field' now"
    config = configured('disable = ["old-name"]')
    assert (config.disable, config.warnings) == (("repeated-field",), (said,))
    config = configured('[rules.old-name]\nseverity = "low"')
    assert (config.severities, config.warnings) == ({"repeated-field": Severity.LOW}, (said,))
    config = configured('[[allow]]\nrule = "old-name"\nsubject = "bcc"\nreason = "r"')
    assert (config.allow[0].rule, config.warnings) == ("repeated-field", (said,))
    config = configured('enable = ["old-name"]')
    assert (config.enable, config.warnings) == (("repeated-field",), (said,))


def test_dns_is_off_and_has_its_settings() -> None:
    assert default().dns == Dns(False, (), 2.0, 48, 4096)
    config = configured(
        "[dns]\nenable = true\nresolvers = ['192.0.2.1', '[2001:db8::1]:5353']\ndeadline = 1\nbudget = 9\ncache = 10"
    )
    assert config.dns == Dns(True, ("192.0.2.1", "[2001:db8::1]:5353"), 1.0, 9, 10)
    resolver = config.dns.resolver()
    assert resolver.servers == (("192.0.2.1", 53), ("2001:db8::1", 5353))
    assert (resolver.deadline, resolver.budget, resolver.memory) == (1.0, 9, 10)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("enable = 1", "enable: takes true or false, not 1"),
        ("enable = 'yes'", "enable: takes true or false, not 'yes'"),
        ("resolvers = '192.0.2.1'", "resolvers: takes a list of IP addresses, not '192.0.2.1'"),
        (
            "resolvers = ['ns.example']",
            "resolvers[0]: takes an IP address such as '192.0.2.1' or '[2001:db8::1]:5353', not 'ns.example'",
        ),
        ("deadline = 0", "deadline: takes a number of seconds above 0, at most 60, not 0"),
        ("deadline = 61", "deadline: takes a number of seconds above 0, at most 60, not 61"),
        ("deadline = nan", "deadline: takes a number of seconds above 0, at most 60, not nan"),
        ("deadline = true", "deadline: takes a number of seconds above 0, at most 60, not true"),
        ("budget = 0", "budget: takes a whole number from 1 to 1000000, not 0"),
        ("budget = true", "budget: takes a whole number from 1 to 1000000, not true"),
        ("budget = 1.5", "budget: takes a whole number from 1 to 1000000, not 1.5"),
        ("cache = 1000001", "cache: takes a whole number from 1 to 1000000, not 1000001"),
        ("resolver = []", "resolver: unknown key; did you mean 'resolvers'?"),
    ],
)
def test_a_wrong_setting_of_dns(text: str, said: str) -> None:
    assert problems(f"[dns]\n{text}") == [f"hg.toml: dns.{said}"]


def test_an_own_host_stands_for_its_registrable_domain() -> None:
    config = configured('own-domains = ["mail.shop.example"]')
    assert config.own_domains == {"shop.example"}
    said = "hg.toml: own-domains: 'mail.shop.example' stands for the whole of 'shop.example'"
    assert config.warnings == (said,)


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")  # the reader of tldextract leaves it open
def test_a_newer_suffix_list_decides_what_is_registrable(tmp_path: Path) -> None:
    (tmp_path / "list.dat").write_text("// new\n\nexample\nco.example\n*.ck\n!www.ck\n公司.cn\n", encoding="utf-8")
    text = """
        suffix-list = "list.dat"
        own-domains = ["a.shop.co.example"]
        [streams.s.expected]
        bcc = ["shop.co.example"]
        [[allow]]
        subject = "shop.co.example"
        reason = "r"
        """
    config = configured(text, tmp_path)
    assert config.suffix_list == str(tmp_path / "list.dat")
    assert config.own_domains == {"shop.co.example"}
    assert allowed(config.expected["s"][Role.BCC], "x@mail.shop.co.example")
    assert config.allow[0].covers("any", "x@mail.shop.co.example", None)
    assert not config.allow[0].covers("any", "x@other.co.example", None)
    gc.collect()  # so that the warning is due here and not in another test


def test_an_absolute_path_stays(tmp_path: Path) -> None:
    path = str(tmp_path / "baseline.json")
    assert parse({"baseline": path}, base=Path("elsewhere")).baseline == path


# ---- allowances --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("subject", "finding", "covered"),
    [
        ("partner.example", "partner.example", True),
        ("Partner.Example", "partner.example", True),
        ("partner.example", "x@partner.example", True),
        ("partner.example", "x@mail.partner.example", True),
        ("partner.example", "x@evilpartner.example", False),
        ("partner.example", "x@partner.example.evil.example", False),
        ("example", "x@partner.example", False),
        ("mail.partner.example", "x@mail.partner.example", True),
        ("mail.partner.example", "x@partner.example", False),
        ("mail.partner.example", "partner.example", False),
        ("Bücher.example", "x@xn--bcher-kva.example", True),
        ("jane@client.example", "jane@client.example", True),
        ("Jane <JANE@Client.Example>", "jane@client.example", True),
        ("jane@client.example", "JANE@client.example", True),
        ("jane@client.example", "joan@client.example", False),
        ("jane@client.example", "client.example", False),
        ('"a b"@client.example', '"a b"@client.example', True),
        ("jane@client.example", '"jane@client.example,x"@evil.example', False),
        ("client.example", '"x@client.example"@evil.example', False),
        ("jane@bücher.example", "Jane@xn--bcher-kva.example", True),
        ("ü@client.example", "Ü@client.example", False),
        ("order 17", "order 17", True),
        ("X-Copy", "x-copy", True),
        ("x-copy", "x-other", False),
    ],
)
def test_what_an_allowance_covers(subject: str, finding: str, covered: bool) -> None:
    assert Allow(None, subject, None, "r", None).covers("any-rule", finding, "any") is covered


def test_an_allowance_may_be_of_one_rule_and_one_stream() -> None:
    allow = Allow("repeated-field", "bcc", "receipts", "r", None)
    assert allow.covers("repeated-field", "bcc", "receipts")
    assert not allow.covers("hidden-field", "bcc", "receipts")
    assert not allow.covers("repeated-field", "bcc", "other")
    assert not allow.covers("repeated-field", "bcc", None)


@pytest.mark.parametrize(
    ("until", "because", "today", "holds"),
    [
        (DAY, None, date(2027, 1, 30), True),
        (DAY, None, DAY, True),
        (DAY, None, date(2027, 2, 1), False),
        (DAY, None, None, True),
        (None, None, date.max, True),
        (None, "'soon' is not a date", date.min, False),
        (None, "'soon' is not a date", None, False),
    ],
)
def test_until_when_an_allowance_holds(
    until: date | None, because: str | None, today: date | None, holds: bool
) -> None:
    assert Allow(None, "bcc", None, "r", until, because).in_force(today) is holds


@pytest.mark.parametrize("written", ["2027-01-31", '"2027-01-31"', "2027-01-31T10:00:00Z", '"20270131"'])
def test_a_date_may_be_a_date_or_a_string(written: str) -> None:
    allow = configured(f'[[allow]]\nsubject = "bcc"\nreason = "r"\nuntil = {written}').allow[0]
    assert (allow.until, type(allow.until), allow.lapsed_because) == (DAY, date, None)


def test_an_unreadable_date_is_no_error_and_has_lapsed() -> None:
    config = configured('[[allow]]\nsubject = "partner.example"\nreason = "r"\nuntil = "2027-02-30"')
    allow = config.allow[0]
    assert (allow.until, allow.lapsed_because) == (None, "'2027-02-30' is not a date")
    assert not allow.in_force(None)
    said = "hg.toml: allow[0].until: '2027-02-30' is not a date"
    assert config.warnings == (f"{said}, so the allowance of 'partner.example' counts as lapsed",)


# ---- what is wrong -----------------------------------------------------------------------------------------

TEXT = "takes text, not"
WHOLE_RATE = "false-alarm-rate: takes a number above 0 and below 1, not"
BUDGET = "takes how many an hour, day, week or month, such as '5/day', not"
RELAY = "takes a host name or a network such as '192.0.2.0/24'"
PLACE = "takes an address or a domain, not"
FOREIGN = "; a rule of another package has to be named in enable"

ONE_PROBLEM = [
    # unknown keys, in every table
    ("fail_on = 'low'", "fail_on: unknown key; did you mean 'fail-on'?"),
    ("Fail-On = 'low'", "Fail-On: unknown key; did you mean 'fail-on'?"),
    ("own_domain = []", "own_domain: unknown key; did you mean 'own-domains'?"),
    ("zzz = 1", "zzz: unknown key"),
    ('"a bü" = 1', '"a bü": unknown key'),
    ("budget.pages = '1/day'", "budget.pages: unknown key; did you mean 'page'?"),
    ("streams.receipts.expect = {}", "streams.receipts.expect: unknown key; did you mean 'expected'?"),
    (
        '[streams."template:welcome".expected]\nbbc = []',
        "streams.\"template:welcome\".expected.bbc: unknown role; did you mean 'bcc'?",
    ),
    ("streams.s.expected.resent_to = []", "streams.s.expected.resent_to: unknown role; did you mean 'resent-to'?"),
    (
        "[[allow]]\nsubject = 'bcc'\nreason = 'r'\nuntill = 2027-01-31",
        "allow[0].untill: unknown key; did you mean 'until'?",
    ),
    (f"rules.{FIRST}.sevrity = 'low'", f"rules.{FIRST}.sevrity: unknown key; did you mean 'severity'?"),
    # types
    ("baseline = 3", f"baseline: {TEXT} 3"),
    ("baseline = ' '", f"baseline: {TEXT} ' '"),
    ("fail-on = true", "fail-on: takes low, medium, high or critical, not true"),
    ("false-alarm-rate = true", f"{WHOLE_RATE} true"),
    ("false-alarm-rate = '1e-4'", f"{WHOLE_RATE} '1e-4'"),
    ("boundary = 'mx.example'", "boundary: takes a list of host names and networks, not 'mx.example'"),
    ("boundary = [1]", f"boundary[0]: {TEXT} 1"),
    ("stream-field = []", "stream-field: takes the name of a header field, not a list"),
    ("own-domains = 'shop.example'", "own-domains: takes a list of domains, not 'shop.example'"),
    ("own-domains = [{}]", "own-domains[0]: takes a domain, not a table"),
    ("suffix-list = 1.5", f"suffix-list: {TEXT} 1.5"),
    ("enable = 'x'", "enable: takes a list of rule ids, not 'x'"),
    ("disable = 'x'", "disable: takes a list of rule ids, not 'x'"),
    ("disable = [2027-01-31]", f"disable[0]: {TEXT} 2027-01-31"),
    ("budget = '1/day'", "budget: takes a table, not '1/day'"),
    ("rules = []", "rules: takes a table, not a list"),
    (f"rules.{FIRST} = 'low'", f"rules.{FIRST}: takes a table, not 'low'"),
    ("streams = 1", "streams: takes a table, not 1"),
    ("streams.s = 1", "streams.s: takes a table, not 1"),
    ("streams.s.sealed = true", "streams.s.sealed: takes a list of stages, not true"),
    (
        "streams.s.sealed = ['event', 'deliverd']",
        "streams.s.sealed[1]: takes one of submitted, delivered, event, archive, unknown, not 'deliverd'"
        "; did you mean 'delivered'?",
    ),
    ("streams.s.expected = []", "streams.s.expected: takes a table, not a list"),
    (
        "streams.s.expected.bcc = 'a@x.example'",
        "streams.s.expected.bcc: takes a list of addresses and domains, or a number from 0, not 'a@x.example'",
    ),
    ("[allow]\nsubject = 'bcc'", "allow: takes tables, each under [[allow]], not a table"),
    ("allow = [1]", "allow: takes tables, each under [[allow]], not a list"),
    ("[[allow]]\nsubject = 1\nreason = 'r'", f"allow[0].subject: {TEXT} 1"),
    ("[[allow]]\nsubject = 'bcc'\nreason = ''", f"allow[0].reason: {TEXT} ''"),
    ("[[allow]]\nsubject = 'bcc'\nreason = 'r'\nstream = 1", f"allow[0].stream: {TEXT} 1"),
    ("[[allow]]\nsubject = 'bcc'\nreason = 'r'\nuntil = 2027", "allow[0].until: takes a date, not 2027"),
    ("[[allow]]\nsubject = 'bcc'\nreason = 'r'\nuntil = 10:00:00", "allow[0].until: takes a date, not 10:00:00"),
    # values
    ("fail-on = 'hihg'", "fail-on: takes low, medium, high or critical, not 'hihg'; did you mean 'high'?"),
    ("fail-on = 'High'", "fail-on: takes low, medium, high or critical, not 'High'; did you mean 'high'?"),
    (
        f"rules.{FIRST}.severity = 'urgent'",
        f"rules.{FIRST}.severity: takes low, medium, high or critical, not 'urgent'",
    ),
    ("false-alarm-rate = 0", f"{WHOLE_RATE} 0"),
    ("false-alarm-rate = 1.0", f"{WHOLE_RATE} 1.0"),
    ("false-alarm-rate = nan", f"{WHOLE_RATE} nan"),
    (f"false-alarm-rate = 0x{'f' * 5000}", f"{WHOLE_RATE} a number of more than 64 bits"),
    ("budget.page = '1/weeks'", f"budget.page: {BUDGET} '1/weeks'; did you mean 'week'?"),
    ("budget.page = '0/week'", f"budget.page: {BUDGET} '0/week'"),
    ("budget.digest = 5", f"budget.digest: {BUDGET} 5"),
    (
        "boundary = ['10.0.0.0/99']",
        f"boundary[0]: {RELAY}: '10.0.0.0/99' does not appear to be an IPv4 or IPv6 network",
    ),
    ("boundary = ['10.0.0.1/8']", f"boundary[0]: {RELAY}: 10.0.0.1/8 has host bits set"),
    ("boundary = ['mx.example', '10.0.0.999']", f"boundary[1]: {RELAY}, not '10.0.0.999'"),
    ("boundary = ['*.shop.example']", f"boundary[0]: {RELAY}, not '*.shop.example'; did you mean 'shop.example'?"),
    ("stream-field = 'X-Template:'", "stream-field: takes the name of a header field, not 'X-Template:'"),
    (
        "own-domains = ['@shop.example']",
        "own-domains[0]: takes a domain, not '@shop.example'; did you mean 'shop.example'?",
    ),
    ("own-domains = ['a..b']", "own-domains[0]: takes a domain, not 'a..b'"),
    (
        "streams.s.expected.to = ['*@shop.example']",
        f"streams.s.expected.to[0]: {PLACE} '*@shop.example'; did you mean 'shop.example'?",
    ),
    ("streams.s.expected.to = ['jane@']", f"streams.s.expected.to[0]: {PLACE} 'jane@'"),
    ("streams.s.expected.to = ['jane@client,example']", f"streams.s.expected.to[0]: {PLACE} 'jane@client,example'"),
    ("streams.s.expected.to = ['jane@a..b']", f"streams.s.expected.to[0]: {PLACE} 'jane@a..b'"),
    (
        "streams.s.expected.to = ['a@x.example, b@y.example']",
        f"streams.s.expected.to[0]: {PLACE} 'a@x.example, b@y.example'",
    ),
    ("streams.s.expected.to = ['<postmaster>']", f"streams.s.expected.to[0]: {PLACE} '<postmaster>'"),
    ("[[allow]]\nsubject = 'a@b@c'\nreason = 'r'", f"allow[0].subject: {PLACE} 'a@b@c'"),
    ("[[allow]]\nsubject = 'bcc'", "allow[0].reason: is missing"),
    ("[[allow]]\nreason = 'r'", "allow[0].subject: is missing"),
    (f"stream-field = '{'x ' * 100}'", f"stream-field: takes the name of a header field, not '{('x ' * 40)[:79]}..."),
    # rules
    ("enable = ['repeated-feild']", "enable[0]: no rule is called 'repeated-feild'; did you mean 'repeated-field'?"),
    ("disable = ['repeated-feild']", "disable[0]: no rule is called 'repeated-feild'; did you mean 'repeated-field'?"),
    ("disable = ['acme.x']", f"disable[0]: no rule is called 'acme.x'{FOREIGN}"),
    (
        "rules.repeated-feild = {}",
        "rules.repeated-feild: no rule is called 'repeated-feild'; did you mean 'repeated-field'?",
    ),
    ("rules.acme.x.most = 1", f"rules.acme: no rule is called 'acme'{FOREIGN}"),
    (
        "[[allow]]\nrule = 'repeated-feild'\nsubject = 'bcc'\nreason = 'r'",
        "allow[0].rule: no rule is called 'repeated-feild'; did you mean 'repeated-field'?",
    ),
    (f"enable = ['{FIRST}']\ndisable = ['{FIRST}']", f"disable[0]: '{FIRST}' stands in enable too"),
    (
        "streams.s.expected.to = []\nstreams.'stream:s'.expected.to = []",
        "streams.\"stream:s\": stream 's' has a table already",
    ),
    # a rule that is not installed is one problem, however often it is named
    ("enable = ['zzz.x']\nrules.zzz.x.most = 1", "enable[0]: no rule is called 'zzz.x'"),
]


@pytest.mark.parametrize(("text", "said"), ONE_PROBLEM, ids=[text.replace("\n", " | ")[:60] for text, _ in ONE_PROBLEM])
def test_one_problem_is_one_sentence(text: str, said: str) -> None:
    assert problems(text) == [f"hg.toml: {said}"]


@pytest.mark.usefixtures("acme")
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("most = true", "option 'most' of acme.too-many takes a whole number"),
        ("most = 1.5", "option 'most' of acme.too-many takes a whole number"),
        ("hidden-too = 1", "option 'hidden-too' of acme.too-many takes true or false"),
        ("names = 'a'", "option 'names' of acme.too-many takes a list of strings"),
        ("most = -1", "rule 'acme.too-many' cannot be made: ValueError: most is below 0"),
        (
            f"weight = 0x1{'0' * 300}",
            "rule 'acme.too-many' cannot be made: OverflowError: int too large to convert to float",
        ),
    ],
)
def test_a_wrong_option(text: str, said: str) -> None:
    table = f'enable = ["acme.too-many"]\n[rules."acme.too-many"]\n{text}'
    assert problems(table) == [f'hg.toml: rules."acme.too-many": {said}']


@pytest.mark.usefixtures("acme")
@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "[rules.acme.too-many]\nhidden_too = true",
            "rules.acme.too-many.hidden_too: unknown key; did you mean 'hidden-too'?",
        ),
        (
            "[rules.acme.too-mny]",
            "rules.acme.too-mny: no rule is called 'acme.too-mny'; did you mean 'acme.too-many'?",
        ),
        ("[rules]\nacme = 1", "rules.acme: takes a table, not 1"),
        (
            "[rules.acme.too-many]\n[rules.'acme.too-many']",
            "rules.\"acme.too-many\": rule 'acme.too-many' has a table already",
        ),
    ],
)
def test_a_wrong_table_of_a_rule(text: str, said: str) -> None:
    assert problems(f'enable = ["acme.too-many"]\n{text}') == [f"hg.toml: {said}"]


@pytest.mark.usefixtures("acme")
def test_a_rule_that_cannot_do_without_an_option() -> None:
    said = problems('enable = ["acme.demanding"]')
    assert len(said) == 1
    assert said[0].startswith("hg.toml: enable: rule 'acme.demanding' cannot be made: TypeError: ")
    assert parse({"enable": ["acme.demanding"], "rules": {"acme.demanding": {"most": 1}}}).rules[-1] == Demanding(1)


@pytest.mark.usefixtures("acme")
def test_an_installed_rule_is_a_near_miss_of_enable() -> None:
    said = "enable[0]: no rule is called 'acme.to-many'; did you mean 'acme.too-many'?"
    assert problems('enable = ["acme.to-many"]') == [f"hg.toml: {said}"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read: No such file or directory"),
        (b"\xff\xfe", "cannot be read: it is not text in UTF-8"),
        (b"// only a comment\n", "is not a Public Suffix List: it is empty"),
        (b"<!doctype html>\n", "is not a Public Suffix List: '<!doctype' is not a suffix"),
    ],
)
def test_an_unreadable_suffix_list(content: bytes | None, said: str, tmp_path: Path) -> None:
    file = tmp_path / "list.dat"
    if content is not None:
        file.write_bytes(content)
    text = 'suffix-list = "list.dat"\nown-domains = ["shop.example"]'
    assert problems(text, tmp_path) == [f"hg.toml: suffix-list: {file} {said}"]


def test_what_is_no_table_at_all() -> None:
    not_a_table: Any = "fail-on"
    with pytest.raises(ConfigError) as caught:
        parse(not_a_table)
    assert caught.value.problems == ("configuration: takes a table, not 'fail-on'",)


EIGHT = """
fail_on = "high"
false-alarm-rate = 2
boundary = ["10.0.0.0/99", "mx.example"]
disable = ["repeated-feild"]
budget = { page = "often" }
[streams.receipts.expected]
bbc = []
[[allow]]
subject = "bcc"
until = 3
"""


def test_everything_is_said_at_once() -> None:
    assert problems(EIGHT) == [
        "hg.toml: disable[0]: no rule is called 'repeated-feild'; did you mean 'repeated-field'?",
        "hg.toml: false-alarm-rate: takes a number above 0 and below 1, not 2",
        "hg.toml: budget.page: takes how many an hour, day, week or month, such as '5/day', not 'often'",
        f"hg.toml: boundary[0]: {RELAY}: '10.0.0.0/99' does not appear to be an IPv4 or IPv6 network",
        "hg.toml: allow[0].reason: is missing",
        "hg.toml: allow[0].until: takes a date, not 3",
        "hg.toml: fail_on: unknown key; did you mean 'fail-on'?",
        "hg.toml: streams.receipts.expected.bbc: unknown role; did you mean 'bcc'?",
    ]


# ---- files -------------------------------------------------------------------------------------------------


def test_paths_in_a_file_are_relative_to_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "headerguard.toml").write_text('baseline = "b.json"\nsuffix-list = "list.dat"\n')
    (tmp_path / "list.dat").write_text("example\n")
    config = load(str(tmp_path / "headerguard.toml"))
    assert (config.baseline, config.suffix_list) == (str(tmp_path / "b.json"), str(tmp_path / "list.dat"))
    monkeypatch.chdir(tmp_path)
    assert load("headerguard.toml").baseline == "b.json"


def test_a_byte_order_mark_is_no_problem(tmp_path: Path) -> None:
    file = tmp_path / "headerguard.toml"
    file.write_bytes(b"\xef\xbb\xbffail-on = 'low'\r\n")
    assert load(file).fail_on is Severity.LOW


def test_the_table_of_a_project_file(tmp_path: Path) -> None:
    file = tmp_path / "pyproject.toml"
    file.write_text("[project]\nname = 'x'\n[tool.headerguard]\nfail-on = 'low'\n")
    assert load(file).fail_on is Severity.LOW
    file.write_text("[tool.headerguard]\nbudget.pages = 1\n")
    with pytest.raises(ConfigError) as caught:
        load(file)
    said = "tool.headerguard.budget.pages: unknown key; did you mean 'page'?"
    assert caught.value.problems == (f"{file}: {said}",)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("headerguard.toml", None, "cannot be read: No such file or directory"),
        ("headerguard.toml", b"a = 1\nb = [\n", "is not TOML: Invalid value (at end of document)"),
        ("headerguard.toml", b"a = 1\nfail-on = high\n", "is not TOML: Invalid value (at line 2, column 11)"),
        (
            "headerguard.toml",
            b"# \xff\n",
            "is not TOML: 'utf-8' codec can't decode byte 0xff in position 2: invalid start byte",
        ),
        ("pyproject.toml", b"[project]\n", "has no table [tool.headerguard]"),
        ("pyproject.toml", b"tool = 3\n", "has no table [tool.headerguard]"),
        ("pyproject.toml", b"tool.headerguard = 3\n", "tool.headerguard: takes a table, not 3"),
        ("headerguard.toml", b"fail_on = 1\n", "fail_on: unknown key; did you mean 'fail-on'?"),
    ],
)
def test_a_file_that_cannot_be_used(name: str, content: bytes | None, said: str, tmp_path: Path) -> None:
    file = tmp_path / name
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        load(file)
    assert caught.value.problems == (f"{file}: {said}",)


@pytest.mark.parametrize("content", [b"a = " + b"[" * 5000, b"a = " + b"9" * 5000], ids=["deep", "long number"])
def test_a_file_that_is_too_much_for_the_parser(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "headerguard.toml"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match="is not TOML: "):
        load(file)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot be read: Is a directory"):
        load(tmp_path)


def test_the_nearest_file_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inner = tmp_path / "project" / "inner"
    inner.mkdir(parents=True)
    (tmp_path / "headerguard.toml").touch()
    (inner / "pyproject.toml").write_text("[project]\n")
    assert find(inner) == tmp_path / "headerguard.toml"
    project = tmp_path / "project" / "pyproject.toml"
    project.write_text("[tool.headerguard]\n")
    assert find(inner) == project
    (tmp_path / "project" / "headerguard.toml").touch()
    assert find(str(inner)) == tmp_path / "project" / "headerguard.toml"
    monkeypatch.chdir(inner)
    assert find() == tmp_path / "project" / "headerguard.toml"
    assert find(inner / "pyproject.toml") == tmp_path / "project" / "headerguard.toml"
    (inner / "headerguard.toml").touch()
    assert find() == inner / "headerguard.toml"


def test_a_broken_project_file_is_found_only_when_it_speaks_of_us(tmp_path: Path) -> None:
    (tmp_path / "headerguard.toml").touch()
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "pyproject.toml").write_text("[project\n")
    assert find(inner) == tmp_path / "headerguard.toml"
    (inner / "pyproject.toml").write_text("[project\n[tool.headerguard]\n")
    assert find(inner) == inner / "pyproject.toml"


def test_a_project_file_that_cannot_be_read_is_passed_by(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "headerguard.toml").touch()
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "pyproject.toml").write_text("[tool.headerguard]\n")

    def refuse(*args: object, **named: object) -> str:
        raise PermissionError

    monkeypatch.setattr(Path, "read_text", refuse)
    assert find(inner) == tmp_path / "headerguard.toml"


def test_nothing_is_found_where_there_is_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.path.isfile", lambda path: False)
    monkeypatch.setattr(Path, "read_text", lambda path, **named: "[project]\n")
    assert find(tmp_path) is None


# ---- lists of domains --------------------------------------------------------------------------------------


def test_lists_take_more_domains_from_a_file_and_leave_some_out(tmp_path: Path) -> None:
    (tmp_path / "more.txt").write_text("# ours\nFreemail.Example  # a provider\n\nb\u00fccher.example\n", "utf-8")
    data = {"lists": {"freemail": "more.txt", "freemail-remove": ["gmail.com"], "disposable-remove": ["0-mail.com"]}}
    config = parse(data, "t", tmp_path)
    asked = ("freemail.example", "xn--bcher-kva.example", "gmx.de", "gmail.com", "shop.example")
    assert [domain in config.freemail for domain in asked] == [True, True, True, False, False]
    assert ("mailinator.com" in config.disposable, "0-mail.com" in config.disposable) == (True, False)
    assert ("gmail.com" in default().freemail, "0-mail.com" in default().disposable) == (True, True)


@pytest.mark.parametrize(
    ("octets", "said"),
    [
        (None, "cannot be read: No such file or directory"),
        (b"gmx.example\nnot a domain\n", "line 2: 'not a domain' is no domain"),
        (b"gmx.example\n\xff.example\n", "is not UTF-8 at octet 12"),
    ],
)
def test_a_list_that_cannot_be_read_is_refused_with_its_place(octets: bytes | None, said: str, tmp_path: Path) -> None:
    file = tmp_path / "more.txt"
    if octets is not None:
        file.write_bytes(octets)
    assert problems('[lists]\nfreemail = "more.txt"', tmp_path) == [f"hg.toml: lists.freemail: {file}: {said}"]


@pytest.mark.parametrize("listed", [FREEMAIL, DISPOSABLE])
def test_a_packaged_list_says_where_it_is_from_and_holds_a_labels(listed: DomainList) -> None:
    text = listed._packaged()
    head = [line for line in text.splitlines() if line.startswith("#")]
    assert re.fullmatch(r"20\d\d-\d\d-\d\d", listed.date)
    assert any(line.startswith("# Source: ") for line in head)
    assert any(line.startswith("# Licence: ") for line in head)
    domains = [line for line in text.splitlines() if not line.startswith("#")]
    assert [domain for domain in domains if to_a_label(domain) != domain or "." not in domain] == []
    assert domains == sorted(set(domains)) or listed is FREEMAIL
    assert len(set(domains)) == len(domains) > 150


# ---- whatever it holds -------------------------------------------------------------------------------------

WORDS = (
    "baseline fail-on false-alarm-rate boundary stream-field own-domains suffix-list enable disable budget page "
    "digest rules severity streams receipts expected allow rule subject stream reason until to bcc resent-to fail_on "
    f"high low 1/week {FIRST} repeated-field old-name acme acme.too-many most names shop.example a@shop.example @ *@x "
    "10.0.0.0/8 2027-01-31 \ud800 \udcff \x00 fe80::1%x/64 xn--\xff.example ü@bücher.example"
).split(" ")
KEYS = st.sampled_from(WORDS) | st.text(max_size=8)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.just(16**300)
    | st.floats()
    | st.sampled_from(WORDS)
    | st.text(max_size=20)
    | st.sampled_from([DAY, datetime(2027, 1, 31, tzinfo=UTC)])
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=12
)
WORDY = st.lists(st.sampled_from(WORDS) | SCALARS, max_size=3)
SHAPED = st.fixed_dictionaries(
    {},
    optional={
        "baseline": VALUES,
        "fail-on": VALUES,
        "false-alarm-rate": SCALARS,
        "boundary": WORDY,
        "stream-field": VALUES,
        "own-domains": WORDY,
        "suffix-list": VALUES,
        "lists": st.dictionaries(st.sampled_from(["freemail", "freemail-remove", "x"]), VALUES) | VALUES,
        "enable": WORDY,
        "disable": WORDY,
        "budget": st.dictionaries(KEYS, SCALARS) | VALUES,
        "rules": st.dictionaries(KEYS, st.dictionaries(KEYS, VALUES, max_size=3)) | VALUES,
        "streams": st.dictionaries(
            KEYS, st.fixed_dictionaries({"expected": st.dictionaries(st.sampled_from(["to", "bcc"]), WORDY)})
        ),
        "allow": st.lists(
            st.fixed_dictionaries(
                {"subject": SCALARS, "reason": SCALARS}, optional={"until": SCALARS, "rule": SCALARS, "x": VALUES}
            )
        ),
    },
)


@pytest.mark.usefixtures("acme")
@given(data=SHAPED | st.dictionaries(KEYS, VALUES, max_size=6))
@example(data={"streams": {"s": {"expected": {"to": ["\ud800@x.example"]}}}})
@example(data={"own-domains": ["\ud800"], "suffix-list": "\x00"})
@example(data={"enable": ["acme.too-many"], "rules": {"acme.too-many": {"weight": 16**300}}})
def test_any_mapping_is_read_or_refused(data: Mapping[str, Any]) -> None:
    refused: tuple[str, ...] = ()
    config = Config()
    try:
        config = parse(data)
    except ConfigError as error:
        refused = error.problems or ("nothing was said",)
    assert all(problem.startswith("configuration: ") for problem in refused)
    assert bool(config.rules) is not bool(refused) or config.disable
    for allow in config.allow:
        assert allow.covers(allow.rule or "any", allow.subject, allow.stream)
        assert isinstance(allow.in_force(DAY), bool)
