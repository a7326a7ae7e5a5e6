"""Where the files of an account at the broker lie, and that one process at a time trades it.

In: who we are at the broker. Out: the account's folder: journals, limits, the lock, and the file whose
presence is the kill switch. The folder is found by the key id alone, with no network at all, and by every
command alike: its name is a hash of the first key that opened the account, and a later key of the same
account leads to it (`live.identity`).
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import platformdirs
from filelock import FileLock, Timeout

from research.errors import BadValue, OutputError

if TYPE_CHECKING:
    from live.keys import Access

__all__ = ["KILL_FILE", "LIMITS", "home_of", "homes_there", "only_one", "pointer_of"]

LIMITS: Final = "limits.sqlite"
KILL_FILE: Final = "KILL"
_LOCK: Final = "lock"
_NAME: Final = re.compile(r"(paper|live)-[0-9a-f]{12}")


def home_of(access: Access) -> Path:
    """Return the folder of an account's files; it is made if it is not there.

    Parameters
    ----------
    access : Access
        Its key id, hashed, and its mode are the folder's name, or lead to it. ``ONEPATH_HOME`` in the
        environment moves the folder above it.

    Raises
    ------
    OutputError
        It cannot be made, or where the key leads cannot be read.
    """
    pointer = pointer_of(access)
    name = pointer.name
    try:
        if pointer.exists():
            name = pointer.read_text(encoding="utf-8", errors="replace").strip()
            if not _NAME.fullmatch(name) or name.partition("-")[0] != pointer.name.partition("-")[0]:
                raise OutputError(
                    f"file {pointer} must name a folder of {pointer.parent.parent}, was {name[:40]!r}; "
                    "write its name into it"
                )
    except OSError as problem:
        raise OutputError(f"file {pointer} cannot be read ({problem.strerror})") from problem
    home = pointer.parent.parent / name
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as problem:
        raise OutputError(
            f"folder {home} cannot be made ({problem.strerror}); set ONEPATH_HOME to a place that can be "
            "written"
        ) from problem
    return home


def pointer_of(access: Access) -> Path:
    """Return the file that leads from a key to a folder with another key's name; mostly there is none."""
    digest = hashlib.sha256(access.key.get_secret_value().encode()).hexdigest()[:12]
    return _accounts() / "keys" / f"{_mode(live=access.live)}-{digest}"


def homes_there(*, live: bool) -> list[Path]:
    """Return the folders of all accounts of a mode, for who has no keys to tell which is meant.

    Raises
    ------
    OutputError
        The folder above them cannot be read.
    """
    accounts = _accounts()
    try:
        found = sorted(accounts.iterdir())
    except FileNotFoundError:
        return []
    except OSError as problem:
        raise OutputError(f"folder {accounts} cannot be read ({problem.strerror})") from problem
    named = [path for path in found if _NAME.fullmatch(path.name) and path.is_dir()]
    return [path for path in named if path.name.partition("-")[0] == _mode(live=live)]


def _accounts() -> Path:
    chosen = os.environ.get("ONEPATH_HOME")
    base = Path(chosen) if chosen else platformdirs.user_state_path("onepath", appauthor=False)
    return base / "accounts"


def _mode(*, live: bool) -> str:
    return "live" if live else "paper"


@contextmanager
def only_one(home: Path) -> Iterator[None]:
    """Hold the account's lock: two processes that trade one account would each undo the other.

    Raises
    ------
    BadValue
        Another process holds it.
    """
    lock = FileLock(home / _LOCK, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise BadValue(
            f"one process may trade an account, another one does (lock {home / _LOCK}); stop it, or see "
            "python -m live.status"
        ) from None
    except OSError as problem:
        raise OutputError(f"lock {home / _LOCK} cannot be held ({problem.strerror})") from problem
    try:
        yield
    finally:
        lock.release()
