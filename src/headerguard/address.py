"""What an address is: the addr-spec, its domain as A-labels, and the registrable domain.

Only this module asks tldextract, email-validator and idna, and only when somebody wants to know.
"""

from __future__ import annotations

import re
import threading
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from tldextract import TLDExtract

__all__ = ["BUNDLED", "Address", "SuffixList", "normalized", "to_a_label"]


_GMAIL = frozenset(("gmail.com", "googlemail.com"))


class Address(NamedTuple):
    """An addr-spec (RFC 5321 section 4.1.2, RFC 5322 section 3.4.1); `str()` writes it out."""

    local_part: str
    """The local part with quotes and quoted-pairs resolved, otherwise exactly as written."""
    domain: str
    """Lower-case A-label form (RFC 5890), without trailing dot; a literal has brackets; "" for a bare local part."""

    def __str__(self) -> str:
        """Write the addr-spec, quoting the local part where RFC 5322 needs it."""
        local = self.local_part
        if not local or _NEEDS_QUOTES.search(local):
            local = '"' + re.sub(r'(["\\])', r"\\\1", local) + '"'
        return f"{local}@{self.domain}" if self.domain else local

    @property
    def key(self) -> str:
        """The form that compares: local part folded in ASCII only, domain as A-label, nothing else folded."""
        local, domain = self
        return f"{local.lower() if local.isascii() else local.translate(_ASCII_LOWER)}@{domain}"

    @property
    def canonical(self) -> str:
        """The form that joins: the mailbox that several ways to write an address reach. Findings show the exact form.

        The key without a plus-tag (RFC 5233), and where Gmail receives without the dots, under one of its two names
        (support.google.com/mail/answer/7436150). Nothing else is folded: no server folds more without being told.
        """
        local, domain = self
        if "+" not in local and domain not in _GMAIL:  # as a rule
            return self.key
        local = self.key[: -len(domain) - 1]
        if "+" in local[1:] and not local.startswith('"'):
            local = local[: local.index("+", 1)]
        if domain in _GMAIL:
            local, domain = local.replace(".", ""), "gmail.com"
        return f"{local}@{domain}"

    @property
    def registrable_domain(self) -> str:
        """The registrable domain by the bundled list; see `SuffixList.registrable_domain`."""
        return BUNDLED.registrable_domain(self.domain)

    @property
    def unicode(self) -> str:
        """The addr-spec with the domain as U-labels, for people only: two different domains can look alike."""
        return f"{str(self).rpartition('@')[0]}@{_to_u_label(self.domain)}"

    @property
    def impossible(self) -> str | None:
        """Why no name in DNS is like its domain, so that nobody takes mail for it; None where one could be."""
        labels = self.domain.split(".")
        if len(self.domain) > 253 or max(map(len, labels)) > 63:  # 253 letters are 255 octets in a packet
            return "its domain is too long: 255 octets and 63 a label are allowed (RFC 1035 section 2.3.4)"
        return "its domain has an empty label" if "" in labels and self.domain else None

    @property
    def quality(self) -> tuple[str, ...]:
        """What is odd about the address, a sentence each. Facts for people: they never decide what is seen."""
        return tuple(_oddities(self))

    @property
    def refusal(self) -> str | None:
        """Why email-validator would refuse this address, or None. A fact for people: it never decides what is seen."""
        from email_validator import EmailNotValidError, validate_email

        if len(self.local_part) > _PIECE:
            return "The email address is too long before the @-sign."
        try:
            validate_email(
                str(self),
                check_deliverability=False,
                test_environment=True,
                allow_quoted_local=True,
                allow_domain_literal=True,
            )
        except EmailNotValidError as error:
            return str(error)
        except (ValueError, IndexError, UnicodeError) as error:
            return f"{type(error).__name__}: {error}"
        return None


_SPECIAL_USE = frozenset(
    ("alt", "example", "example.com", "example.net", "example.org", "home.arpa", "internal", "invalid", "local",
     "localhost", "onion", "test")
)  # fmt: skip
"""Names that no public mail goes to: IANA's registry of special-use domain names (RFC 6761), and .internal of ICANN."""


def _oddities(address: Address) -> Iterator[str]:
    if (refusal := address.refusal) is not None:
        yield f"email-validator refuses it: {refusal}"
    local, domain = address.local_part, address.domain
    labels = domain.split(".")
    if any(".".join(labels[-n:]) in _SPECIAL_USE for n in (1, 2)):
        yield "its domain is a special-use name, which receives no public mail (RFC 6761)"
    if len(octets := local.encode("utf-8", "surrogatepass")) > 64:
        yield f"its local part has {len(octets)} octets, and 64 are allowed (RFC 5321 section 4.5.3.1.1)"
    if impossible := address.impossible:
        yield impossible
    if not local.isascii():
        yield "its local part is not ASCII and needs SMTPUTF8 (RFC 6531)"
        if (folded := normalized("NFKC", local.casefold())) != local.lower():
            yield f"its local part folds to {folded!r}"
    if "xn--" in domain and (shown := _to_u_label(domain)) != domain:
        yield f"its domain is shown as {shown}"


_NEEDS_QUOTES = re.compile(r'[\x00-\x20"(),:;<>@\[\\\]\x7f]')
_ASCII_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


_PIECE = 1_024
"""Characters that are normalized at once, more than any address has."""


def normalized(form: Literal["NFC", "NFD", "NFKC", "NFKD"], text: str) -> str:
    """A text in a normal form (UAX #15), piece by piece where it is longer than any address.

    Marks are sorted there, which takes time that grows with the square of how many there are in a row.
    """
    pieces = (text[start : start + _PIECE] for start in range(0, len(text), _PIECE))
    return "".join(unicodedata.normalize(form, piece) for piece in pieces)


# ---- domains ---------------------------------------------------------------------------------------------------------


class SuffixList:
    """The Public Suffix List (publicsuffix.org), read once, without network and without a cache on disk."""

    def __init__(self, path: str | None = None) -> None:
        """Use the list file at `path`, or the one bundled with tldextract."""
        self.path = path
        self._lock = threading.Lock()
        self._extract: TLDExtract | None = None
        self._known: dict[tuple[str, bool], str] = {}

    def __reduce__(self) -> str | tuple[Any, ...]:
        """Copied and pickled as the path alone: what was read is read again, and the bundled list stays one."""
        return "BUNDLED" if self is BUNDLED else (SuffixList, (self.path,))

    def _extractor(self) -> TLDExtract:
        with self._lock:  # the lazy build of tldextract is not locked: eight threads would build it eight times
            if self._extract is None:
                from tldextract import TLDExtract

                urls = ("file:",) if self.path else ()
                extract = TLDExtract(suffix_list_urls=urls, cache_dir=None, fallback_to_snapshot=not self.path)
                extract("warm.example", session=self._session())
                self._extract = extract
        return self._extract

    def _session(self) -> Any:
        return _OneFile(self.path) if self.path else None

    def registrable_domain(self, domain: str, *, private: bool = True) -> str:
        """The public suffix and one label more, never empty.

        With `private` the private section counts too (`shop.github.io`), and what tenants.txt adds to it
        (`shop.onmicrosoft.com`); without it only the ICANN section. A top level that is not listed counts as a public
        suffix (the list's prevailing rule); a public suffix, a bare host or a literal is its own.
        """
        known = self._known.get((domain, private))
        if known is None:
            known = self._look_up(domain, private)
            if len(self._known) >= 65_536:
                self._known.clear()
            self._known[domain, private] = known
        return known

    def _look_up(self, domain: str, private: bool) -> str:
        if "." not in domain or len(domain) > 1024 or domain.startswith("[") or domain.rpartition(".")[2].isdigit():
            return domain
        found = self._extractor()(domain, include_psl_private_domains=private)
        if not found.suffix:
            return ".".join(domain.rsplit(".", 2)[-2:])
        registrable = f"{found.domain}.{found.suffix}" if found.domain else domain
        while private and registrable in _tenants() and registrable != domain:
            registrable = domain[domain.rfind(".", 0, -len(registrable) - 1) + 1 :]
        return registrable

    @property
    def date(self) -> str | None:
        """The day the list was made ("2025-04-07"), as its own VERSION line says; None where it has none."""
        import importlib.resources

        try:
            if self.path:
                with open(self.path, encoding="utf-8") as file:
                    head = file.read(2000)
            else:
                snapshot = importlib.resources.files("tldextract").joinpath(".tld_set_snapshot")
                with snapshot.open(encoding="utf-8") as file:
                    head = file.read(2000)
        except OSError:
            return None
        version = re.search(r"VERSION: (\d{4}-\d\d-\d\d)", head)
        return version[1] if version else None


@lru_cache(maxsize=1)
def _tenants() -> frozenset[str]:
    """Suffixes of tenants that the Public Suffix List does not name."""
    from importlib.resources import files

    lines = files("headerguard").joinpath("tenants.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(word for line in lines if (word := line.partition("#")[0].strip()))


class _OneFile:
    """What tldextract takes for a session, and which only ever gives the list file: no adapter, no open handle left."""

    def __init__(self, path: str) -> None:
        with open(path, encoding="utf-8") as file:
            self.text = file.read()

    def get(self, url: str, timeout: float | None = None) -> Any:
        """The one answer there is."""
        return self

    def raise_for_status(self) -> None:
        """It was read."""


BUNDLED = SuffixList()
"""The list that comes with tldextract."""


_HOST = re.compile(r"[a-z0-9._-]+")


@lru_cache(maxsize=4096)
def to_a_label(domain: str) -> str:
    """A domain as lower-case A-labels (UTS #46 non-transitional, else IDNA 2003, else UTF-8 as it stands)."""
    domain = domain.lower().rstrip(".")
    if domain.isascii():
        return domain
    if len(domain) <= 1024:  # longer than any domain (RFC 1035: 255), and both codecs are slow on long labels
        import idna

        try:
            return idna.encode(domain, uts46=True).decode("ascii").rstrip(".")
        except (idna.IDNAError, UnicodeError, IndexError, ValueError):
            pass
        try:
            mapped = domain.encode("idna").decode("ascii").lower()
        except UnicodeError:
            mapped = ""
        if _HOST.fullmatch(mapped):  # the old mapping makes blanks of some characters
            return mapped.rstrip(".")
    return domain


def _to_u_label(domain: str) -> str:
    if "xn--" not in domain:
        return domain
    import idna

    try:
        return idna.decode(domain)
    except (idna.IDNAError, UnicodeError):
        return domain
