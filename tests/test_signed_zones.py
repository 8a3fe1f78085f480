"""Zones that Knot DNS signs, asked about at Knot itself and at Unbound, which validates them."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from headerguard.dns_facts import Fact, Facts, look_up
from headerguard.name_server import Status
from headerguard.resolver import Resolver
from needs import require

pytestmark = pytest.mark.real

SBIN = "/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin"
KNOT, KEYMGR, UNBOUND = (shutil.which(name, path=SBIN) for name in ("knotd", "keymgr", "unbound"))

HEAD = "$TTL 60\n@ SOA ns.test. hostmaster.test. 2026112001 3600 600 86400 60\n@ NS ns.test.\n"
ZONES = {
    "signed.test": "@ MX 10 mx.host.test.\n",
    "unsigned.test": "@ MX 10 mx.host.test.\n",
    "bogus.test": "@ MX 10 mx.host.test.\n",
    "null.test": "@ MX 0 .\n",
}
SIGNED = ("test", "signed.test", "bogus.test", "null.test")

Look = Callable[[str], Facts]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def _running(server: str, name: str, *command: str) -> Iterator[None]:
    """A server, as soon as it knows `name`."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            for _ in range(200):
                answer = Resolver([server], deadline=2).run(lambda inquiry: inquiry.ask(name, "SOA"))
                if answer is not None and answer.status is Status.FOUND:
                    break
                if process.poll() is not None:
                    break
                time.sleep(0.1)
            else:
                process.kill()
            if process.poll() is not None:
                assert process.stdout is not None
                pytest.fail(f"{command[0]} does not serve: {process.stdout.read()}")
            yield
        finally:
            process.kill()


def _knot(folder: Path, port: int) -> Path:
    """Write configuration, keys and zones; gives the configuration."""
    conf = folder / "knot.conf"
    (folder / "db").mkdir()
    zones = "".join(
        f"  - domain: {zone}\n    file: {folder}/{zone}.zone\n"
        + ("    dnssec-signing: on\n    dnssec-policy: made\n" if zone in SIGNED else "")
        for zone in ("test", *ZONES)
    )
    conf.write_text(
        f"server:\n  rundir: {folder}\n  listen: 127.0.0.1@{port}\ndatabase:\n  storage: {folder}/db\n"
        f"policy:\n  - id: made\n    manual: on\n    algorithm: ecdsap256sha256\n"
        f"template:\n  - id: default\n    zonefile-sync: -1\n    zonefile-load: difference-no-serial\n"
        f"    journal-content: all\n    storage: {folder}\nzone:\n{zones}"
    )
    for zone, records in ZONES.items():
        (folder / f"{zone}.zone").write_text(HEAD + records)
    delegations = "".join(f"{zone}. NS ns.test.\n" for zone in ZONES)
    signers = "".join(_key(conf, zone) for zone in SIGNED[1:] if zone != "bogus.test")
    _key(conf, "bogus.test")
    signers += f"bogus.test. DS 4711 13 2 {'ab' * 32}\n"
    (folder / "test.zone").write_text(f"{HEAD}ns.test. A 127.0.0.1\nmx.host.test. A 127.0.0.1\n{delegations}{signers}")
    (folder / "anchor").write_text(_key(conf, "test"))
    return conf


def _key(conf: Path, zone: str) -> str:
    """Make a key for a zone; gives the DS records for its parent."""
    assert KEYMGR is not None
    command = [KEYMGR, "-c", str(conf), f"{zone}."]
    subprocess.run([*command, "generate", "ksk=yes", "zsk=yes", "algorithm=13"], check=True, capture_output=True)
    return subprocess.run([*command, "ds"], check=True, capture_output=True, text=True).stdout


def _unbound(folder: Path, port: int, upstream: int) -> Path:
    conf = folder / "unbound.conf"
    anchors = "".join(f'  trust-anchor: "{line}"\n' for line in (folder / "anchor").read_text().splitlines())
    stubs = "".join(
        f'stub-zone:\n  name: "{name}"\n  stub-addr: 127.0.0.1@{upstream}\n' for name in (".", "test", *ZONES)
    )
    conf.write_text(
        f'server:\n  interface: 127.0.0.1@{port}\n  outgoing-interface: 127.0.0.1\n  directory: "{folder}"\n'
        '  do-daemonize: no\n  username: ""\n  chroot: ""\n  pidfile: ""\n  use-syslog: no\n  logfile: ""\n'
        "  do-not-query-localhost: no\n  do-ip6: no\n  ede: yes\n  val-permissive-mode: no\n"
        f'  module-config: "validator iterator"\n  local-zone: "test." nodefault\n{anchors}'
        f"{stubs}remote-control:\n  control-enable: no\n"
    )
    return conf


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Look, Look]]:
    """Looks a domain up at the name server that has the zones, and at the resolver that validates."""
    require("knot", KNOT is not None and KEYMGR is not None, "knotd and keymgr are not installed (Debian: knot)")
    require("unbound", UNBOUND is not None, "unbound is not installed (Debian: unbound)")
    assert KNOT is not None
    assert UNBOUND is not None
    folder = tmp_path_factory.mktemp("dns")
    ports = _free_port(), _free_port()
    knot, unbound = (f"127.0.0.1:{port}" for port in ports)
    with ExitStack() as stack:
        stack.enter_context(_running(knot, "signed.test", KNOT, "-c", str(_knot(folder, ports[0]))))
        conf = _unbound(folder, ports[1], ports[0])
        stack.enter_context(_running(unbound, "unsigned.test", UNBOUND, "-d", "-c", str(conf)))
        yield _looking(knot), _looking(unbound)


def _looking(server: str) -> Look:
    resolver = Resolver([server], deadline=20)
    return lambda domain: look_up(resolver, [domain])[domain]


def test_a_signed_zone_is_validated_by_the_resolver(servers: tuple[Look, Look]) -> None:
    at_knot, at_unbound = (look("signed.test") for look in servers)
    assert (at_knot.mx, at_knot.signed, at_knot.validated) == (("mx.host.test",), True, False)
    assert Fact("DNSSEC: DS at the parent, not validated here") in at_knot.told()
    assert (at_unbound.mx, at_unbound.signed, at_unbound.validated) == (("mx.host.test",), True, True)
    assert Fact("DNSSEC: validated by the resolver (AD)") in at_unbound.told()


def test_an_unsigned_zone_is_not(servers: tuple[Look, Look]) -> None:
    for look in servers:
        facts = look("unsigned.test")
        assert (facts.exists, facts.signed, facts.validated) == (True, False, False)
        assert Fact("DNSSEC: not signed") in facts.told()


def test_a_zone_whose_signature_is_wrong_is_no_verdict(servers: tuple[Look, Look]) -> None:
    _, at_unbound = servers
    facts = at_unbound("bogus.test")
    assert (facts.exists, facts.receives_mail, facts.told()) == (None, None, [])
    assert facts.unanswered[0].startswith("MX: SERVFAIL (dns")


def test_what_does_not_exist_is_proven(servers: tuple[Look, Look]) -> None:
    for look in servers:
        assert look("absent.test").exists is False
        assert look("absent.signed.test").exists is False
        assert look("null.test").null_mx is True
        assert look("signed.test").wildcard is False
