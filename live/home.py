"""Where the files of an account at the broker lie, and that one process at a time trades it.

In: who we are at the broker. Out: the account's folder: journals, limits, the lock, and the file whose
presence is the kill switch. The folder's name comes from the key id alone, so that it is found with no
network at all, and by every command alike.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import platformdirs
from filelock import FileLock, Timeout

from research.errors import BadValue, OutputError

if TYPE_CHECKING:
    from live.keys import Access

__all__ = ["KILL_FILE", "LIMITS", "home_of", "only_one"]

LIMITS: Final = "limits.sqlite"
KILL_FILE: Final = "KILL"
_LOCK: Final = "lock"


def home_of(access: Access) -> Path:
    """Return the folder of an account's files; it is made if it is not there.

    Parameters
    ----------
    access : Access
        Its key id, hashed, and its mode are the folder's name. ``ONEPATH_HOME`` in the environment moves
        the folder above it.

    Raises
    ------
    OutputError
        It cannot be made.
    """
    chosen = os.environ.get("ONEPATH_HOME")
    base = Path(chosen) if chosen else platformdirs.user_state_path("onepath", appauthor=False)
    digest = hashlib.sha256(access.key.get_secret_value().encode()).hexdigest()[:12]
    home = base / "accounts" / f"{'live' if access.live else 'paper'}-{digest}"
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as problem:
        raise OutputError(
            f"folder {home} cannot be made ({problem.strerror}); set ONEPATH_HOME to a place that can be "
            "written"
        ) from problem
    return home


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
