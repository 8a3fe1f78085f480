"""The arguments: the configuration and the baseline that those of a command name."""

from __future__ import annotations

import os
from argparse import Namespace
from dataclasses import replace

from headerguard.baseline import Baseline
from headerguard.config import Config, default, find, load
from headerguard.errors import BaselineError, ConfigError
from headerguard.finding import Severity
from headerguard.live import opened
from headerguard.pseudonym import Pseudonyms
from headerguard.seal import make_key, read_key
from headerguard.stores import is_database
from headerguard.terminal import Terminal

__all__ = ["baseline_at", "baseline_to_add_to", "configuration", "key_of", "path_of_baseline", "plural"]


def configuration(arguments: Namespace, terminal: Terminal) -> Config:
    """The configuration that was named, or the nearest one, or the defaults."""
    path = getattr(arguments, "config", None) or find()
    config = load(path) if path else default()
    for warning in config.warnings:
        terminal.say(warning)
    if fail_on := getattr(arguments, "fail_on", None):
        config = replace(config, fail_on=Severity.parse(fail_on))
    if getattr(arguments, "dns", False):
        config = replace(config, dns=replace(config.dns, enable=True))
    return config


def baseline_at(path: str | None, *, new: bool = False, key: bytes | None = None) -> Baseline:
    """The baseline of a file. One that does not exist is empty if it may be `new`, else a BaselineError."""
    if path is None or (new and not os.path.exists(path)):
        folder = os.path.dirname(path or "")
        if folder and not os.path.isdir(folder):
            raise BaselineError(f"{path}: cannot be written: there is no directory {folder}")
        return opened(path, key) if path and is_database(path) else Baseline(key)
    if not os.path.exists(path):
        raise BaselineError(f"{path}: there is no such baseline; headerguard learn PATH --baseline {path} makes it")
    return opened(path, key)


def key_of(path: str | None, config: Config) -> bytes | None:
    """The key of a baseline that is to be judged by, if it is there. Raises ConfigError for one that cannot be read."""
    return read_key(config.key_of(path)) if path else None


def baseline_to_add_to(path: str, config: Config, terminal: Terminal) -> Baseline:
    """The baseline to learn into, new or not, under its key, which is made where there is none."""
    baseline, key_path = baseline_at(path, new=True), config.key_of(path)
    baseline.pseudonyms = Pseudonyms(key_of(path, config) or make_key(key_path))
    if any(profile.has_strange_addresses(baseline.pseudonyms.name) for profile in baseline.streams.values()):
        terminal.say(f"{path}: holds exact addresses under another key than that in {key_path}; they cannot be judged")
    return baseline


def path_of_baseline(arguments: Namespace, config: Config, use: str = "learn into") -> str:
    """The path of the baseline that the arguments name, or else the configuration. Raises ConfigError for none."""
    path: str | None = arguments.baseline or config.baseline
    if path is None:
        raise ConfigError(f"there is no baseline to {use}; name one with --baseline, or in headerguard.toml")
    return path


def plural(number: int, noun: str) -> str:
    """A number and its noun."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
