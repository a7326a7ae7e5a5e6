"""The trial ledger's file: where it is, how it is opened, and whether it is one.

A file that is no ledger, or one of another version, is refused and left as it is.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import platformdirs

from research.errors import OutputError, SnapshotMismatch
from research.evidence.ledger_schema import APPLICATION_ID, DDL, VERSION

__all__ = ["VARIABLE", "LedgerFile", "connect", "default_path"]

VARIABLE = "ONEPATH_LEDGER"
_PATIENCE = 60.0  # seconds that a writer waits for another
_LEAST_DATABASE = 512  # bytes of SQLite's smallest page
_ELSE = f"it was left as it is, name another with {VARIABLE}, or with --path to read one"


def default_path() -> Path:
    """Return where the ledger is if nobody says otherwise: ``ONEPATH_LEDGER``, or the user's data folder."""
    told = os.environ.get(VARIABLE)
    return Path(told) if told else platformdirs.user_data_path("onepath") / "ledger.sqlite"


def connect(path: Path) -> sqlite3.Connection:
    """Open a SQLite file; writers wait for each other."""
    return sqlite3.connect(path, isolation_level=None, timeout=_PATIENCE)


class LedgerFile:
    """A file that is a ledger, or is to be one.

    Parameters
    ----------
    path : Path
    connect : callable
        Opens the database.

    Raises
    ------
    SnapshotMismatch
        The file is no ledger, is damaged, or is of another version.
    OutputError
        It is a folder, or another program holds it.
    """

    def __init__(self, path: Path, connect: Callable[[Path], sqlite3.Connection]) -> None:
        self.path = path
        self._connect = connect
        if path.is_dir():
            raise OutputError(f"ledger {path}: must be a file, was a folder; name a file in it")
        if self.exists:
            with self.open() as db:
                self.begun(db)

    @property
    def exists(self) -> bool:
        """Whether anything was ever written to it."""
        return self.path.exists() and self.path.stat().st_size > 0

    @contextmanager
    def open(self) -> Iterator[sqlite3.Connection]:
        """Open the database, and close it at the end."""
        with closing(self._connect(self.path)) as db:
            yield db

    def begin(self, db: sqlite3.Connection) -> None:
        """Make the tables, where there are none yet; within the caller's transaction."""
        if not self.begun(db):
            for statement in DDL:
                db.execute(statement)
            db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            db.execute(f"PRAGMA user_version = {VERSION}")

    def begun(self, db: sqlite3.Connection) -> bool:
        """Refuse what is no ledger of this version; say whether it has been begun."""
        try:
            ours, version = (
                db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")
            )
            tables = db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        except sqlite3.OperationalError as problem:
            # Locked, or no permission: says nothing about its content.
            raise OutputError(f"ledger {self.path} cannot be read ({problem}); {_ELSE}") from problem
        except sqlite3.DatabaseError as problem:
            raise SnapshotMismatch(f"ledger {self.path} is no ledger ({problem}); {_ELSE}") from problem
        if (ours, version, tables) == (0, 0, 0):
            size = self.path.stat().st_size
            # SQLite takes a file too short for its header for an empty database, and would write over it.
            if 0 < size < _LEAST_DATABASE:
                raise SnapshotMismatch(f"ledger {self.path} is no ledger ({size} bytes); {_ELSE}")
            return False
        if ours != APPLICATION_ID:
            raise SnapshotMismatch(f"ledger {self.path} is a database of another program; {_ELSE}")
        if version != VERSION:
            raise SnapshotMismatch(
                f"ledger {self.path} must have version {VERSION} for this onepath, was {version}; "
                f"use the onepath that made it; {_ELSE}"
            )
        return True
