"""Which account a pair of keys opens: its folder goes by the broker's account, not by the key.

In: keys, and what the broker says of their account. Out: the account's folder, the one of the keys before
these if the broker names the same account: with its limits that were hit, its kill switch, its journals and
its lock. So keys that were regenerated find all that the old ones left, and two pairs of keys to one account
are one process.

The account's id and number lie in the folder's file `account`; ``accounts/keys/`` leads from a key's hash to
the folder that it has adopted, for commands that must work without a network (`live.home`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from filelock import FileLock, Timeout

from live.home import KILL_FILE, LIMITS, home_of, only_one, pointer_of
from live.limits import Limits
from research.errors import BadValue, OutputError, Unreachable

if TYPE_CHECKING:
    from live.keys import Access

__all__ = ["Settled", "settle"]

_ACCOUNT: Final = "account"
_NAMES: Final = ("id", "account_number")
Who = dict[str, str]


class Settled(NamedTuple):
    """An account's folder, and in one line what had to be done to find it; "" if nothing had."""

    home: Path
    note: str


def settle(access: Access, told: Mapping[str, Any]) -> Settled:
    """Return the folder of the account that some keys open.

    Parameters
    ----------
    access : Access
    told : mapping
        The broker's answer about the account.

    Raises
    ------
    BadValue
        The keys' folder is another account's; or it is to be given up for an older one, and is traded in.
    Unreachable
        The broker does not say which account it is.
    OutputError
        A folder or file cannot be read or written.
    """
    who = {name: value for name in _NAMES if isinstance(value := told.get(name), str) and value}
    if not who:
        raise Unreachable("the broker does not say which account these keys open; try again later")
    home = home_of(access)
    try:
        with FileLock(home.parent / "settling", timeout=5.0):
            return _settled(access, who, home)
    except Timeout:
        raise OutputError(
            f"{home.parent / 'settling'} is held by another process; end it, or try again"
        ) from None
    except OSError as problem:
        raise OutputError(f"folder {home.parent} cannot be written ({problem.strerror})") from problem


def _settled(access: Access, who: Who, home: Path) -> Settled:
    known = _account(home)
    if known is not None:
        if not _same(known, who):
            raise BadValue(
                f"folder {home} must be of the account that the keys open, was of {_said(known)}, they open "
                f"{_said(who)}; set ONEPATH_HOME to another folder, or give that account's keys"
            )
        return Settled(home, "")
    mode = "live" if access.live else "paper"
    for there in sorted(home.parent.glob(f"{mode}-*")):
        if there != home and (other := _account(there)) is not None and _same(other, who):
            left = _carry(home, there)
            _write(pointer_of(access), there.name)
            kept = f"; {', '.join(left)} of these keys stays in {home}" if left else ""
            return Settled(there, f"other keys, same account {_said(who)}: goes on in {there}{kept}")
    _write(home / _ACCOUNT, json.dumps(who))
    return Settled(home, "")


def _carry(home: Path, there: Path) -> list[str]:
    """Let what was latched under the new keys hold in the account's own folder; return the journals left."""
    with only_one(home):
        if (home / LIMITS).exists():
            with Limits.at(home / LIMITS) as ours, Limits.at(there / LIMITS) as theirs:
                for latch in ours.latched().values():
                    theirs.latch(latch.name, latch.text, datetime.fromisoformat(latch.at))
        if (home / KILL_FILE).exists() and not (there / KILL_FILE).exists():
            (home / KILL_FILE).replace(there / KILL_FILE)
    return sorted(path.name for path in home.glob("*.sqlite") if path.name != LIMITS)


def _account(home: Path) -> Who | None:
    """Return what a folder says of its account; None if nothing was written yet."""
    file = home / _ACCOUNT
    try:
        said = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError:
        said = None
    found = {name: said[name] for name in _NAMES if name in said} if isinstance(said, dict) else {}
    if not found or not all(isinstance(value, str) for value in found.values()):
        raise OutputError(
            f"file {file} must name an account, does not; take it away if the folder is its own"
        )
    return found


def _same(known: Who, who: Who) -> bool:
    shared = known.keys() & who.keys()
    return bool(shared) and all(known[name] == who[name] for name in shared)


def _said(who: Who) -> str:
    return who.get("account_number") or who["id"]


def _write(file: Path, text: str) -> None:
    """Write a file whole or not at all."""
    file.parent.mkdir(mode=0o700, exist_ok=True)
    new = file.with_name(f".{file.name}.new")
    new.write_text(text + "\n", encoding="utf-8")
    new.replace(file)
