"""Who we are at the broker, and whether the money is real: credentials, host, mode. Decided once.

In: the command's wish, the environment, a settings file. Out: an `Access`, or one line that says what is
missing. Nothing here is ever written to a log: keys show as stars wherever an `Access` is printed.

Live trading needs three things that agree, each said in another place, so that no single slip spends money:

=======================  ========================================
`--live`                 on the command line
`ONEPATH_LIVE=yes`       in the environment
`live = true`            in the settings file
=======================  ========================================

None of them is paper trading. Some of them is a contradiction and is refused, never guessed.
"""

from __future__ import annotations

import os
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import platformdirs
from pydantic import SecretStr

from research.errors import BadValue, KeysRefused

__all__ = ["Access", "access", "access_to_kill", "data_access", "limits_told", "settings_file"]

_TRADING: Final = {False: "https://paper-api.alpaca.markets", True: "https://api.alpaca.markets"}
_DATA: Final = "https://data.alpaca.markets"
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_NAMES: Final = {"key": "APCA_API_KEY_ID", "secret": "APCA_API_SECRET_KEY"}
_OPEN: Final = frozenset({"live", "limits"})  # no secret
_KNOWN: Final = frozenset({*_NAMES, *_OPEN})


@dataclass(frozen=True)
class Access:
    """How to reach an account.

    Attributes
    ----------
    key, secret : SecretStr
        Print as stars.
    live : bool
        Whether the money is real.
    trading, data : str
        Hosts, without the API's version.
    """

    key: SecretStr
    secret: SecretStr
    live: bool
    trading: str
    data: str

    @property
    def prefix(self) -> str:
        """How the ids of its orders begin."""
        return "LV-" if self.live else "PP-"


def settings_file() -> Path:
    """Return where the settings file is, by the system's convention."""
    return platformdirs.user_config_path("onepath", appauthor=False) / "alpaca.toml"


def access(
    *,
    live: bool = False,
    host: str | None = None,
    environment: Mapping[str, str] | None = None,
    file: Path | None = None,
) -> Access:
    """Return the access that command, environment and settings file agree on.

    Parameters
    ----------
    live : bool
        Whether the command says `--live`.
    host : str, optional
        A broker on this machine to trade with on paper, such as ``http://127.0.0.1:8765``.
    environment : mapping, optional
        Default: the process's. Reads ``APCA_API_KEY_ID``, ``APCA_API_SECRET_KEY`` and ``ONEPATH_LIVE``.
    file : Path, optional
        Default: `settings_file`. TOML: `key`, `secret`, `live`, and a table `limits`, which is not read here:
        what is wrong in it must not keep anybody from the kill switch. The environment's keys come first.

    Raises
    ------
    KeysRefused
        A key is missing, or the file can be read by others.
    BadValue
        Opt-ins that disagree, or a host that is not allowed.
    """
    return _agreed(_written(settings_file() if file is None else file), live, host, environment, file)


def access_to_kill(
    *,
    live: bool = False,
    host: str | None = None,
    environment: Mapping[str, str] | None = None,
    file: Path | None = None,
) -> tuple[Access | None, str]:
    """Return the access of the kill switch, which no slip in the settings file may keep from an account.

    Where the file's opt-in cannot be read, the command's word stands for it; the environment's counts.

    Parameters
    ----------
    live, host, environment, file
        As for `access`. Of a file with a fault, what can still be read counts, unless others may write it.

    Returns
    -------
    Access or None
        None if the keys are not known.
    str
        What is wrong with the file, or which key is not known; "" if nothing is.

    Raises
    ------
    BadValue
        As `access`.
    """
    written, fault = _seen(settings_file() if file is None else file)
    if fault:
        written = {"live": live, **written}
    try:
        return _agreed(written, live, host, environment, file), fault
    except KeysRefused as problem:
        return None, f"{problem}; {fault}" if fault else str(problem)


def _agreed(
    written: Mapping[str, Any],
    live: bool,
    host: str | None,
    environment: Mapping[str, str] | None,
    file: Path | None,
) -> Access:
    """Return what the three opt-ins agree on, with its hosts and keys."""
    said = {
        "--live": live,
        "ONEPATH_LIVE=yes": _switch(_told(environment, "ONEPATH_LIVE")),
        "live = true in the settings file": bool(written.get("live", False)),
    }
    if any(said.values()) and not all(said.values()):
        missing = ", ".join(name for name, given in said.items() if not given)
        raise BadValue(
            f"live trading needs three agreeing opt-ins, missing: {missing}; give all, or none for paper"
        )
    trading, data = _hosts(live, host)
    key, secret = _keys(written, environment, file)
    return Access(key, secret, live, trading, data)


def data_access(
    *, host: str | None = None, environment: Mapping[str, str] | None = None, file: Path | None = None
) -> Access:
    """Return the access to market data, which takes keys and no opt-in: nothing is traded with it.

    Parameters
    ----------
    host, environment, file
        As for `access`. Where environment or file speak of live trading the keys are a live account's, which
        the paper host does not take: a calendar is then asked for at the live one.

    Raises
    ------
    KeysRefused
        As `access`.
    BadValue
        A host that is not allowed.
    """
    written = _written(settings_file() if file is None else file)
    key, secret = _keys(written, environment, file)
    theirs = bool(written.get("live", False)) or _switch(_told(environment, "ONEPATH_LIVE"))
    trading, data = _hosts(theirs and host is None, host)
    return Access(key, secret, False, trading, data)


def _keys(
    written: Mapping[str, Any], environment: Mapping[str, str] | None, file: Path | None
) -> tuple[SecretStr, SecretStr]:
    """Return key and secret, the environment's before the file's."""
    keys = []
    for name, variable in _NAMES.items():
        found = _secret(_told(environment, variable)) or written.get(name)
        if not isinstance(found, SecretStr):
            raise KeysRefused(
                f"no API {name}: set {variable}, or `{name}` in {settings_file() if file is None else file}"
            )
        keys.append(found)
    return keys[0], keys[1]


def limits_told(file: Path | None = None) -> Mapping[str, object]:
    """Return the table `[limits]` of the settings file as it stands there; empty if there is none.

    Raises
    ------
    KeysRefused
        As `access` says of the file.
    BadValue
        It is no table.
    """
    file = settings_file() if file is None else file
    told = _written(file).get("limits", {})
    if not isinstance(told, dict):
        raise BadValue(f"`limits` in {file} must be a table, was none; write [limits] and a line for each")
    return told


def _told(environment: Mapping[str, str] | None, name: str) -> str:
    """Return a variable of the environment, "" if it is not set; nobody above holds all of them at once."""
    return (os.environ if environment is None else environment).get(name, "")


def _secret(text: object) -> SecretStr | None:
    """Wrap a key as soon as it is read, so that no variable shows it; None if there is none."""
    return SecretStr(text) if isinstance(text, str) and text.strip() else None


def _switch(text: str) -> bool:
    """Return whether the environment's opt-in is given; anything but yes, no and nothing is refused."""
    word = text.strip().casefold()
    if word not in {"", "no", "yes"}:
        raise BadValue(f"ONEPATH_LIVE must be yes or no, was {text!r}; unset it for paper trading")
    return word == "yes"


def _hosts(live: bool, host: str | None) -> tuple[str, str]:
    """Return the hosts of trading and data: the broker's own, or a broker on this very machine."""
    if host is None:
        return _TRADING[live], _DATA
    parts = urlsplit(host)
    if parts.scheme not in {"http", "https"} or parts.hostname not in _LOOPBACK or parts.username:
        raise BadValue(
            f"a host must be on this machine, such as http://127.0.0.1:8765, was {host!r}; "
            "leave it out for Alpaca's own"
        )
    if live:
        raise BadValue(f"live trading has one host, {_TRADING[True]}, was {host!r}; leave --host out")
    return host.rstrip("/"), host.rstrip("/")


def _written(file: Path) -> Mapping[str, Any]:
    """Return what the settings file says; nothing if there is none."""
    told, fault = _seen(file)
    if fault:
        raise KeysRefused(fault)
    return told


def _seen(file: Path) -> tuple[Mapping[str, Any], str]:
    """Return what can be read of the settings file, and its fault; "" if it has none."""
    try:
        found = file.stat()
    except FileNotFoundError:
        return {}, ""
    except OSError as problem:
        return {}, f"{file} cannot be read ({problem.strerror}); make it readable to you alone"
    fault = ""
    # Keys in it are money: only its owner may read it, and its owner is us.
    if hasattr(os, "getuid") and (
        found.st_mode & (stat.S_IRWXG | stat.S_IRWXO) or found.st_uid != os.getuid()
    ):
        fault = (
            f"{file} must be readable to you alone, has mode {stat.S_IMODE(found.st_mode):o}; chmod 600 it"
        )
        if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH) or found.st_uid != os.getuid():
            return {}, fault  # it may be somebody else's word
    told, unparsed = _parsed(file)
    if strange := sorted(set(told) - _KNOWN):
        unparsed = (
            f"{file} must hold key, secret, live and [limits] alone, has {', '.join(strange)}; drop them"
        )
    elif not isinstance(told.get("live", False), bool):
        unparsed = f"`live` in {file} must be true or false; write it without quotes"
    known = {name: told[name] for name in told if name != "live" or isinstance(told[name], bool)}
    return known, fault or unparsed


def _parsed(file: Path) -> tuple[Mapping[str, Any], str]:
    """Return what a settings file says, its keys wrapped and values of other names left out; or its fault."""
    try:
        told = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as problem:
        # Neither the text nor what failed on it, which holds the text: the wrong line may be the secret.
        return {}, f"{file} is no TOML ({type(problem).__name__}); write key, secret, live and [limits]"
    return {name: told[name] if name in _OPEN else _secret(told[name]) for name in told}, ""
