"""Where a journal lies: whether it may be written there, is one of ours, and is made whole or not at all.

In: a path. Out: an open SQLite database, or the one line that says why not. What lies there and is none
of ours is left as it is.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from live.schema import APPLICATION_ID, UPGRADES, VERSION
from research.errors import OutputError, SnapshotMismatch

__all__ = ["ELSE", "Connect", "connect", "is_begun", "made", "require_place"]

Connect = Callable[[Path], sqlite3.Connection]
ELSE = "it was left as it is, name another with --journal"


def connect(path: Path) -> sqlite3.Connection:
    """Open a SQLite file that says yes to nothing until it is on the disk."""
    db = sqlite3.connect(path, isolation_level=None, timeout=5.0)
    db.execute("PRAGMA synchronous = FULL")
    return db


def require_place(path: Path) -> None:
    """Refuse, with `OutputError`, a path where no journal can be written."""
    if not path.parent.is_dir():
        raise OutputError(f"journal {path}: there is no folder {path.parent}; make it or name another")
    if path.is_dir():
        raise OutputError(f"journal {path}: must be a file, was a folder; name a file in it")
    place = path if path.exists() else path.parent
    if not os.access(place, os.W_OK):
        raise OutputError(f"journal {path}: {place} cannot be written; name another with --journal")


def is_begun(path: Path, rows: Callable[[str], list[tuple[Any, ...]]]) -> bool:
    """Say whether a database holds a journal, or nothing yet.

    Parameters
    ----------
    path : Path
    rows : callable
        Query to rows.

    Raises
    ------
    SnapshotMismatch
        It is another program's, another version's, or damaged.
    """
    ours, version, tables = (
        rows(query)[0][0]
        for query in ("PRAGMA application_id", "PRAGMA user_version", "SELECT count(*) FROM sqlite_master")
    )
    if tables == 0 and ours == 0 and version == 0:
        return False
    if ours != APPLICATION_ID:
        raise SnapshotMismatch(f"journal {path} is a database of another program; {ELSE}")
    if version != VERSION and version not in UPGRADES:
        raise SnapshotMismatch(
            f"journal {path} must have schema version {VERSION} for this onepath, was {version}; "
            "use the onepath that made it, or name another with --journal"
        )
    fault = rows("PRAGMA quick_check(1)")[0][0]
    if fault != "ok":
        raise SnapshotMismatch(f"journal {path} is damaged ({' '.join(fault.split())}); {ELSE}")
    return True


@contextmanager
def made(path: Path, connect: Connect) -> Iterator[sqlite3.Connection]:
    """Make the file; take it away again, with `OutputError`, if it cannot be filled."""
    try:
        path.touch(exist_ok=False)  # fails if another runner makes it at this very moment
    except FileExistsError:
        ours = False
    except OSError as problem:
        raise OutputError(
            f"journal {path} cannot be made ({problem.strerror}); name another with --journal"
        ) from problem
    else:
        ours = True
    db = None
    try:
        db = connect(path)
        db.execute("PRAGMA journal_mode = WAL")
        yield db
    except (OutputError, sqlite3.Error) as problem:
        if db is not None:
            db.close()
        if ours:
            for end in ("", "-wal", "-shm"):
                Path(f"{path}{end}").unlink(missing_ok=True)
        cause = problem.__cause__ or problem
        raise OutputError(
            f"journal {path} cannot be made ({cause}); name another with --journal"
        ) from problem
