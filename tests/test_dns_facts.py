"""What DNS says of a stranger: each fact from a server that says so, and what a word of it is worth."""

from __future__ import annotations

import asyncio
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dns_server import NameServer
from headerguard.dns_facts import Fact, Facts, look_up
from headerguard.name_server import Answer, Status, unknown
from headerguard.resolver import Resolver

ZONE = """
$ORIGIN example.
parent NS ns.parent
signed NS ns.signed
signed DS 12345 13 2 0000000000000000000000000000000000000000000000000000000000000000
$ORIGIN full.example.
@ SOA ns hostmaster 2026112001 3600 600 86400 300
@ NS ns1
@ NS NS2.host.example.
@ MX 20 backup
@ MX 10 MX.host.example.
@ MX 30 backup
@ TXT "unrelated"
@ TXT "v=spf1 include:host.ex" "ample -all"
_dmarc TXT "v=DMARC1; p=reject; sp=none"
shop MX 10 mx.host.example.
alias CNAME nowhere
away CNAME full.example.
@ A 192.0.2.1
$ORIGIN nomail.example.
@ MX 0 .
$ORIGIN silent.example.
@ TXT "v=spf1 -all"
$ORIGIN bare.example.
@ A 192.0.2.1
$ORIGIN six.example.
@ AAAA 2001:db8::1
$ORIGIN wild.example.
@ MX 5 mx
* A 192.0.2.1
$ORIGIN parked.example.
@ NS ns1.sedoparking.com.
@ MX 1 mx
$ORIGIN signed.example.
@ MX 1 mx
$ORIGIN twice.example.
@ MX 1 mx
@ TXT "v=spf1 -all"
@ TXT "v=spf1 +all"
_dmarc TXT "v=DMARC1; p=none"
_dmarc TXT "v=DMARC1; p=reject"
$ORIGIN odd.example.
@ MX 0 .
@ MX 10 mx
"""


def facts_of(domain: str, zone: str = ZONE) -> Facts:
    with NameServer(zone) as name_server:
        return look_up(Resolver([name_server.address], deadline=20), [domain])[domain]


@pytest.mark.real
def test_all_that_is_said() -> None:
    facts = facts_of("full.example")
    assert (facts.exists, facts.receives_mail, facts.null_mx, facts.unanswered) == (True, True, False, ())
    assert facts.mx == ("mx.host.example", "backup.full.example")
    assert facts.ns == ("ns1.full.example", "ns2.host.example")
    assert (facts.serial, facts.changed) == (2026112001, date(2026, 11, 20))
    assert facts.spf is not None
    assert facts.dmarc is not None
    assert (facts.spf.all, facts.spf.lookups) == ("-", 1)
    assert (facts.dmarc.policy, facts.dmarc.subdomains) == ("reject", "none")
    assert (facts.wildcard, facts.signed, facts.validated, facts.parked, facts.address) == (
        False,
        False,
        False,
        False,
        None,
    )
    assert [fact.text for fact in facts.told()] == [
        "mail goes to mx.host.example, backup.full.example",
        "zone last changed on 2026-11-20 by its SOA serial",
        "name servers ns1.full.example, ns2.host.example",
        "DNSSEC: not signed",
        "SPF ends in -all",
        "DMARC p=reject",
    ]


@pytest.mark.real
@pytest.mark.parametrize(
    ("domain", "receives", "said"),
    [
        ("absent.example", False, "does not exist (NXDOMAIN)"),
        ("absent.full.example", False, "does not exist (NXDOMAIN)"),
        ("nomail.example", False, "takes no mail (null MX, RFC 7505)"),
        ("silent.example", False, "cannot receive mail: neither MX nor address"),
        ("alias.full.example", False, "cannot receive mail: neither MX nor address"),
        ("bare.example", True, None),
        ("six.example", True, None),
        ("odd.example", True, None),
        ("away.full.example", True, None),
        ("parked.example", True, "parked: a service for unused domains holds it"),
    ],
)
def test_what_is_damning(domain: str, receives: bool, said: str | None) -> None:
    facts = facts_of(domain)
    assert facts.receives_mail is receives
    assert [fact.text for fact in facts.told() if fact.damning] == ([said] if said else [])


@pytest.mark.real
def test_a_domain_that_does_not_exist_costs_one_question() -> None:
    with NameServer(ZONE) as name_server:
        look_up(Resolver([name_server.address], deadline=20), ["absent.example"])
    assert dict(name_server.asked) == {("absent.example", "MX"): 1}


@pytest.mark.real
def test_a_host_takes_zone_and_policy_from_its_registrable_domain() -> None:
    facts = facts_of("shop.full.example")
    assert (facts.mx, facts.ns, facts.serial) == (
        ("mx.host.example",),
        ("ns1.full.example", "ns2.host.example"),
        2026112001,
    )
    assert facts.dmarc is not None
    assert facts.dmarc.found_at == "full.example"
    assert "DMARC p=none by full.example" in [fact.text for fact in facts.told()]


@pytest.mark.real
@pytest.mark.parametrize(
    ("domain", "said"),
    [
        ("wild.example", "every name below it has an address (wildcard)"),
        ("signed.example", "DNSSEC: DS at the parent, not validated here"),
        ("twice.example", "SPF is broken: 2 records"),
        ("twice.example", "DMARC is broken: 2 records"),
        ("wild.example", "no SPF"),
        ("wild.example", "no DMARC"),
        ("bare.example", "no MX, mail goes to its address (RFC 5321 section 5.1)"),
    ],
)
def test_what_explains(domain: str, said: str) -> None:
    assert Fact(said) in facts_of(domain).told()


TREE = """
$ORIGIN test.
_dmarc TXT "v=DMARC1; p=reject; sp=quarantine; psd=y"
x MX 1 mx
a.x MX 1 mx
_dmarc.team.y TXT "v=DMARC1; p=none; t=y; psd=n"
_dmarc.y TXT "v=DMARC1; p=reject"
a.team.y MX 1 mx
"""


@pytest.mark.real
@pytest.mark.parametrize(
    ("domain", "said", "organization"),
    [
        ("x.test", ["DMARC p=quarantine by test"], "x.test"),
        ("a.x.test", ["DMARC p=quarantine by test"], "x.test"),
        (
            "a.team.y.test",
            [
                "DMARC p=none by team.y.test, only tried",
                "its organisational domain by DMARC is team.y.test (RFC 9989)",
            ],
            "team.y.test",
        ),
    ],
)
def test_the_policy_is_found_by_a_tree_walk(domain: str, said: list[str], organization: str) -> None:
    facts = facts_of(domain, TREE)
    assert [fact.text for fact in facts.told() if "DMARC" in fact.text] == said
    assert facts.record()["dmarc"]["organizational_domain"] == organization


@pytest.mark.real
def test_a_hundred_labels_cost_eight_questions_about_policy_and_the_budget_holds() -> None:
    domain = f"{'a.' * 100}x.test"
    for budget in (48, 5):
        with NameServer(f"{TREE}*.a.x MX 1 mx\n{domain}. MX 1 mx\n") as name_server:
            facts = look_up(Resolver([name_server.address], deadline=20, budget=budget), [domain])[domain]
        assert facts.exists
        assert len([name for name in name_server.names if name.startswith("_dmarc.")]) <= 8
        assert name_server.asked.total() == min(budget, 14)
        assert (facts.dmarc is None) is (budget == 5)


@pytest.mark.parametrize(
    ("serial", "day"),
    [
        (2026112001, date(2026, 11, 20)),
        (2026133101, None),
        (1795167000, date(2026, 11, 20)),
        (1, None),
        (2**32 - 1, None),
        (0, None),
    ],
)
def test_a_serial_may_hold_a_day(serial: int, day: date | None) -> None:
    assert Facts("a.example", "a.example", serial=serial).changed == day


@pytest.mark.parametrize(
    ("today", "damning"),
    [
        (date(2026, 11, 20), True),
        (date(2026, 11, 27), True),
        (date(2026, 11, 28), False),
        (date(2026, 11, 19), False),
        (None, False),
    ],
)
def test_a_young_zone_is_damning_for_a_week(today: date | None, damning: bool) -> None:
    (fact,) = Facts("a.example", "a.example", exists=True, serial=2026112001).told(today)
    assert fact.damning is damning


# ---- without a socket


def answered(domain: str, **answers: Answer) -> Facts:
    """Facts by kind of record; everything else is unknown."""

    async def ask(where: tuple[str, int], name: str, kind: str, seconds: float) -> Answer:
        return answers.get(kind, unknown("SERVFAIL"))

    return look_up(Resolver(["192.0.2.1"], ask=ask), [domain])[domain]


EMPTY = Answer(Status.EMPTY)


def test_what_is_not_answered_is_no_verdict() -> None:
    facts = answered("a.example", MX=EMPTY, A=EMPTY)
    assert (facts.exists, facts.address, facts.receives_mail) == (True, None, None)
    assert facts.told() == []
    assert "AAAA: SERVFAIL" in facts.unanswered
    assert answered("a.example", MX=EMPTY, A=EMPTY, AAAA=EMPTY).receives_mail is False
    assert answered("a.example", MX=EMPTY, AAAA=Answer(Status.FOUND, ("2001:db8::1",))).receives_mail is True


def test_facts_are_the_same_whatever_answer_comes_first() -> None:
    def facts(late: str) -> Facts:
        async def ask(where: tuple[str, int], name: str, kind: str, seconds: float) -> Answer:
            await asyncio.sleep(0.05 if kind == late else 0)
            return Answer(Status.FOUND, ((1, "mx.example"),)) if kind == "MX" else unknown("SERVFAIL")

        return look_up(Resolver(["192.0.2.1"], ask=ask), ["a.example"])["a.example"]

    assert facts("DS") == facts("SOA") == facts("TXT")


def test_both_answers_have_to_be_validated() -> None:
    soa = Answer(Status.FOUND, (5,), validated=True)
    assert answered("a.example", MX=Answer(Status.EMPTY, validated=True), SOA=soa).validated
    assert not answered("a.example", MX=EMPTY, SOA=soa).validated


@pytest.mark.parametrize(
    "domain",
    [
        "printer.local",
        "a.onion",
        "localhost",
        "a.internal",
        "",
        "a..example",
        "a b.example",
        "x" * 64 + ".example",
        "a." * 2000 + "example",
        "bücher.example",
        "\u202ea.example",
        "[192.0.2.1]",
        "-a.example\n",
    ],
)
def test_what_is_no_name_in_dns_is_not_asked_about(domain: str) -> None:
    facts = answered(domain, MX=Answer(Status.ABSENT))
    assert facts.exists is None
    assert facts.unanswered[0].startswith("everything: ")


@given(st.text(max_size=300))
def test_any_name_has_facts(domain: str) -> None:
    facts = answered(domain, MX=EMPTY)
    assert facts.domain == domain
    assert facts.told() == []


LABELS = st.lists(st.from_regex(r"[a-z0-9]{1,20}", fullmatch=True), min_size=1, max_size=4).map(".".join)


@given(
    st.lists(st.tuples(st.integers(0, 65535), LABELS), max_size=50),
    st.lists(st.binary(max_size=300), max_size=5),
    st.integers(0, 2**32 - 1),
)
def test_any_answers_have_facts(mx: list[tuple[int, str]], texts: list[bytes], serial: int) -> None:
    facts = answered(
        "a.example",
        MX=Answer(Status.FOUND if mx else Status.EMPTY, tuple(sorted(mx))),
        TXT=Answer(Status.FOUND, tuple(texts)),
        SOA=Answer(Status.FOUND, (serial,)),
    )
    assert facts.mx == tuple(dict.fromkeys(host for _, host in sorted(mx)))
    assert facts.spf is not None
    assert facts.serial == serial
    assert all(len(fact.text) < 500 for fact in facts.told(date(2026, 11, 20)))
