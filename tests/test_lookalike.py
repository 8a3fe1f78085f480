"""Whom a stranger imitates, and whom not."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headerguard import Guard
from headerguard.config import parse as config
from headerguard.confusable import skeleton
from headerguard.explain import Names
from headerguard.lookalike import How, Imitation, Lookalikes

PAGE = Path(__file__).parents[1] / "docs" / "lookalikes.md"

KNOWN = (
    "digitalocean.com", "apple.com", "paypal.com", "modern-house.example", "wells.example", "deutsche-bank.de",
    "shop.co.uk", "adyen.com", "dhl.com", "mail.example", "clandestine.example", "b\u00fccher.example",
    "kpn.example", "hp.example", "icx.example", "500px.example", "duke-energy.example", "tesla.example", "linux.example", "pnnl.example",
    "kone.com", "citi.example", "x263.example", "python.example",
)  # fmt: skip


@pytest.fixture(scope="module")
def names() -> Lookalikes:
    return Lookalikes(KNOWN)


IMITATIONS = {
    "\u0430\u0440\u0440\u04cf\u0435.com": ("apple.com", How.CONFUSABLE),
    "xn--80ak6aa92e.com": ("apple.com", How.CONFUSABLE),
    "paypa1.com": ("paypal.com", How.CONFUSABLE),
    "p\u0430ypal.com": ("paypal.com", How.CONFUSABLE),
    "rnodern-house.example": ("modern-house.example", How.CONFUSABLE),
    "dandestine.example": ("clandestine.example", How.CONFUSABLE),
    "vvells.example": ("wells.example", How.CONFUSABLE),
    "bucher.example": ("xn--bcher-kva.example", How.CONFUSABLE),
    "digital-ocean.com": ("digitalocean.com", How.HYPHEN),
    "deutschebank.de": ("deutsche-bank.de", How.HYPHEN),
    "digitalocean.net": ("digitalocean.com", How.SUFFIX),
    "digital.ocean.com": ("digitalocean.com", How.DOT),
    "digitaloceancom.example": ("digitalocean.com", How.DOT),
    "digitalocean.com.arxxwalls.com": ("digitalocean.com", How.SUBDOMAIN),
    "login.digita1ocean.com.arxxwalls.com": ("digitalocean.com", How.SUBDOMAIN),
    "digitalocaen.com": ("digitalocean.com", How.TRANSPOSITION),
    "digitallocean.com": ("digitalocean.com", How.REPETITION),
    "bigitalocean.com": ("digitalocean.com", How.SUBSTITUTION),
    "bigitaloccan.com": ("digitalocean.com", How.VISUAL),
    "digitalovean.com": ("digitalocean.com", How.SUBSTITUTION),
    "digitalocan.com": ("digitalocean.com", How.OMISSION),
    "digitaloceann.com": ("digitalocean.com", How.REPETITION),
    "digitalocezan.com": ("digitalocean.com", How.INSERTION),
    "digitalocean-billing.com": ("digitalocean.com", How.WORD),
    "secure-digitalocean.com": ("digitalocean.com", How.WORD),
    "supportdigitalocean.com": ("digitalocean.com", How.WORD),
    "my-digitalocaen-account.com": ("digitalocean.com", How.WORD),
    "deutsche-online.de": ("deutsche-bank.de", How.WORD),
    "digitalocean-com.arxxwalls.com": ("digitalocean.com", How.SUBDOMAIN),
    "tesesla.example": ("tesla.example", How.INSERTION),  # a plural, in the middle
    "kon.example": ("kpn.example", How.SUBSTITUTION),
    "k\u043exe.com": ("kone.com", How.SUBSTITUTION),  # no name has a letter of another script by chance
    "kine.com": ("kone.com", How.SUBSTITUTION),
    "koe.com": ("kone.com", How.OMISSION),
    "rnail.example": ("mail.example", How.CONFUSABLE),
    "m-ail.example": ("mail.example", How.HYPHEN),  # chance hardly makes these, be the name a common word
    "mial.example": ("mail.example", How.TRANSPOSITION),
    "maiil.example": ("mail.example", How.REPETITION),
    "mail-billing.example": ("mail.example", How.WORD),
    "hdl.com": ("dhl.com", How.TRANSPOSITION),
    "dhlz.com": ("dhl.com", How.INSERTION),
    "dhl-billing.com": ("dhl.com", How.WORD),
    "dhl-login1.com": ("dhl.com", How.WORD),
    "auth2adyen.com": ("adyen.com", How.WORD),
    "paypalinvoice2026.test": ("paypal.com", How.WORD),
    "my-digitalocaen-portal10.com": ("digitalocean.com", How.WORD),
    "deutsche-login2.de": ("deutsche-bank.de", How.WORD),
    "secure2-digitalocean.com.arxxwalls.com": ("digitalocean.com", How.SUBDOMAIN),
    "adyen-billing.test": ("adyen.com", How.WORD),
    "paypal-zebra.com": ("paypal.com", How.WORD),
    "kpn-billing.test": ("kpn.example", How.WORD),
    "login-digitalocean.com.arxxwalls.com": ("digitalocean.com", How.SUBDOMAIN),
    "login-duke-energy.example.arxxwalls.com": ("duke-energy.example", How.SUBDOMAIN),
    "digitalocean.com-login.arxxwalls.com": ("digitalocean.com", How.SUBDOMAIN),
    "digitalocean.com-billing.com": ("digitalocean.com", How.SUBDOMAIN),
    "\u0138pn.example": ("kpn.example", How.CONFUSABLE),
    "\u0268\u0188x.example": ("icx.example", How.CONFUSABLE),
    "uuells.example": ("wells.example", How.VISUAL),
    "i8cx.example": ("icx.example", How.INSERTION),
    "510px.example": ("500px.example", How.SUBSTITUTION),
    "5000px.example": ("500px.example", How.REPETITION),
    "hp.test": ("hp.example", How.SUFFIX),
    "h-p.example": ("hp.example", How.HYPHEN),
    "hpexample.com": ("hp.example", How.DOT),
    "xn--lx-wfc.example": ("icx.example", How.CONFUSABLE),  # a lunate sigma, which folds to what looks like o
}


@pytest.mark.parametrize("stranger", IMITATIONS)
def test_an_imitation_is_told_with_its_original(names: Lookalikes, stranger: str) -> None:
    assert names.imitated(stranger) == IMITATIONS[stranger]


@pytest.mark.parametrize(
    "stranger",
    [
        "digitalocean.com",
        "DigitalOcean.COM.",
        "news.digitalocean.com",
        "xn--bcher-kva.example",
        "arxxwalls.com",
        "dhk.com",  # three letters under .com are somebody's, whichever they are
        "hl.com",
        "koxe.com",
        "kpx.example",  # three letters are alike by chance: x is far from n on every keyboard
        "mailo.example",
        "python.test",
        "ti.example",  # two letters left out, though they look like one
        "263.example",
        "tesla.edu",  # who has a name there was asked who he is
        "one.com",  # a word by itself, if one letter from a name
        "adyenbilling.test",  # two words, and another suffix
        "offerpaypal.test",
        "billing-kpn.test",
        "healthlicx.example",  # l is no number behind a word, though it looks like 1
        "dphl.com",
        "dh1s.com",  # a letter that looks alike and one more
        "dhk.test",  # a slip and another suffix
        "net2adyen.com",  # a short word with a digit is nothing that many names have
        "signin-bank.de",  # what is left of it tells nobody
        "mail.test",  # a word that stands in many names
        "linux.test",
        "pml.test",  # letters that look alike, and another suffix
        "client-1.example",
        "ocean.com",
        "adyen-zebra.example",
        "telia.example",  # two letters of five, though i looks like l
        "hq.example",  # two letters are alike by chance
        "digitalocean.community.arxxwalls.com",
        "",
        ".",
        "com",
        "[192.0.2.1]",
    ],
)
def test_what_imitates_nobody(names: Lookalikes, stranger: str) -> None:
    assert names.imitated(stranger) is None


def test_one_more_of_a_numbered_row_is_no_imitation() -> None:
    names = Lookalikes(["relay104.example"])
    assert names.imitated("relay107.example") is None
    assert names.imitated("relay1104.example") is None
    assert Lookalikes(["mailbox-b.example"]).imitated("mailbox-g.example") is None
    assert names.imitated("relayl04.example") == Imitation("relay104.example", How.CONFUSABLE)


def test_the_more_names_are_known_the_more_likeness_it_takes() -> None:
    few, many = Lookalikes(["quartz.example"]), Lookalikes(["quartz.example"])
    for number in range(5_000):
        many.add(f"n{number:04}xyzzy.example")
    assert few.imitated("quarts.example") == Imitation("quartz.example", How.SUBSTITUTION)
    assert many.imitated("quarts.example") is None
    assert many.imitated("qu\u0430rtz.example") == Imitation("quartz.example", How.CONFUSABLE)


def test_a_name_that_is_learned_later_counts_from_then_on() -> None:
    names = Lookalikes()
    assert names.imitated("digitalocaen.com") is None
    names.add("droplets.digitalocean.com")
    names.add("digitalocean.com")
    assert (len(names), "digitalocean.com" in names) == (1, True)
    assert names.imitated("digitalocaen.com") == Imitation("digitalocean.com", How.TRANSPOSITION)


def test_of_several_originals_the_nearest_is_told() -> None:
    names = Lookalikes(["stripes.example", "stripe.example"])
    assert names.imitated("str1pe.example") == Imitation("stripe.example", How.CONFUSABLE)
    assert names.imitated("str1pes.example") == Imitation("stripes.example", How.CONFUSABLE)


def test_all_that_a_name_looks_like_is_told_the_nearest_first_and_each_once() -> None:
    names = Lookalikes(["stripes.example", "stripe.test", "stripe.example", "unrelated.example"])
    near = names.nearest("str1pe.example")
    assert near == [
        Imitation("stripe.example", How.CONFUSABLE),
        Imitation("stripe.test", How.SUFFIX),
    ]
    assert near[0] == names.imitated("str1pe.example")
    assert names.nearest("stripse.example") == [
        Imitation("stripes.example", How.TRANSPOSITION),
        Imitation("stripe.example", How.INSERTION),
    ]
    assert names.nearest("stripe.example") == names.nearest("elsewhere.example") == []


def test_of_two_known_names_under_other_suffixes_the_one_under_the_suffix_of_the_stranger_is_told() -> None:
    names = Lookalikes(["santander.com", "santander.co.uk", "ing.nl", "rippling.com"])
    for stranger in ("santand\u0435r.com", "santand-er.com", "santnader.com", "santander-billing.com"):
        found = names.imitated(stranger)
        assert found, stranger
        assert found.original == "santander.com"
    assert names.imitated("santand-er.co.uk") == Imitation("santander.co.uk", How.HYPHEN)
    assert names.imitated("rippl.ing.com") == Imitation("rippling.com", How.DOT)


@pytest.mark.parametrize(
    "text",
    [
        "\u0430\u0440\u0440\u04cf\u0435",
        "\U0001d41a\uff50p\u013a\u00e9",
        "a\u200bpple",
        "\u1fb3pple",  # a letter with an iota beneath, which folds to two letters
        "app\uffe8e",
    ],
)
def test_a_skeleton_is_what_a_reader_takes_a_text_for(text: str) -> None:
    assert skeleton(text).replace("i", "l") == "apple"


@pytest.mark.parametrize(
    "hostile",
    [
        "a" * 4_000,
        "a" * 4_000 + ".com",
        ".".join(["digitalocean"] * 330),
        "." * 4_000,
        "rn" * 31 + ".example",
        "xn--" + "9" * 59 + ".com",
        "xn--" + "a" * 3_000,
        "0123456789",
        "\u202egro.elpmaxe",
        "\U0001f600" * 60 + ".example",
        "\ud800.example",
        "-" * 63 + ".example",
    ],
)
def test_nothing_is_too_odd_to_be_looked_at(names: Lookalikes, hostile: str) -> None:
    found = names.imitated(hostile)
    assert found is None or "digitalocean" in hostile


def test_a_known_name_is_found_under_a_hundred_levels(names: Lookalikes) -> None:
    deep = "www.digitalocean.com." + "a." * 100 + "arxxwalls.com"
    assert names.imitated(deep) == Imitation("digitalocean.com", How.SUBDOMAIN)


@given(st.text(max_size=80))
def test_no_text_raises(text: str) -> None:
    names = Lookalikes(["digitalocean.com", text])
    found = names.imitated(text)
    assert found is None or found.original == "digitalocean.com"


@pytest.mark.parametrize("hostile", ["copy@a{}.com", "a{}@brlghtpath.example"])
def test_many_marks_in_a_row_are_never_sorted_at_once(monkeypatch: pytest.MonkeyPatch, hostile: str) -> None:
    """Sorting them takes time that grows with the square of how many they are."""
    lengths: list[int] = []
    normalize = unicodedata.normalize

    def counted(form: Any, text: str) -> str:
        lengths.append(len(text))
        return normalize(form, text)

    monkeypatch.setattr(unicodedata, "normalize", counted)
    name = hostile.format("\u0301\u0323" * 2_000)
    guard = Guard(config=config({"own-domains": ["brightpath.example"]}))
    report = guard.check(f"From: shop@brightpath.example\nTo: {name}\n\n".encode())
    assert report.message.recipients[0].address.quality
    assert Names(known=["brightpath.example"]).record(name)["quality"]
    assert 1_000 < max(lengths) <= 1_024


def table() -> list[tuple[str, str]]:
    """The examples in the table of the page on lookalikes, each with its way."""
    rows = re.findall(r"^\| `(\w+)` \|.*\|(.*)\|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    return [(how, name) for how, names in rows[1:] for name in re.findall("`(.+?)`", names)]


def test_the_page_has_an_example_of_every_way() -> None:
    assert {how for how, _ in table()} == set(How)


@pytest.mark.parametrize(("how", "name"), table())
def test_examples_of_the_page_are_told(how: str, name: str) -> None:
    assert Lookalikes(["brightpath.example"]).imitated(name) == ("brightpath.example", how)


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("ab.net", "suffix"), ("a-b.com", "hyphen"), ("a.b.com", "dot"), ("ab.com.stranger.test", "subdomain"),
        ("ab-billing.com", "word"), ("billing-ab.com", "word"),
        ("abbilling.com", None), ("ba.com", None), ("aab.com", None), ("xab.com", None), ("ab-billing.net", None),
    ],
)  # fmt: skip
def test_of_two_letters_is_told_what_the_page_says(name: str, how: str | None) -> None:
    assert Lookalikes(["ab.com"]).imitated(name) == (how and ("ab.com", how))
