"""Look into a journal or an account's limits without touching them: for who watches a running process.

In: a file. Out: rows. The connection is read-only and asks for no lock that a writer would wait for; all rows
of one `Reading` are of one instant. What cannot be read is refused in one line, never taken for empty.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any, Self

from live.place import is_begun
from research.errors import BadValue, SnapshotMismatch

__all__ = ["Reading"]


class Reading:
    """Rows of one SQLite file, as they are at this instant; make it with `journal` or `limits`.

    Attributes
    ----------
    path : Path
    begun : bool
        Whether anything has been written yet.
    """

    def __init__(self, path: Path, what: str) -> None:
        self.path, self._what, self.begun = path, what, True
        if not path.is_file():
            told = "is a folder" if path.is_dir() else "is not there"
            raise BadValue(f"{what} {path} {told}; name the SQLite file of a run")
        try:
            self._db = sqlite3.connect(
                f"{path.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None, timeout=2.0
            )
        except sqlite3.Error as problem:
            raise self._unread(problem) from problem

    @classmethod
    def journal(cls, path: str | Path) -> Reading:
        """Open a journal.

        Raises
        ------
        BadValue
            It is not there.
        SnapshotMismatch
            It is no journal, is damaged, or is of another version.
        """
        reading = cls(Path(path), "journal")
        try:
            # One transaction: what is read later fits what was read before, whatever is written meanwhile.
            reading.rows("BEGIN")
            reading.begun = is_begun(reading.path, reading.rows)
        except BaseException:
            reading.close()
            raise
        return reading

    @classmethod
    def limits(cls, path: str | Path) -> Reading:
        """Open an account's limits."""
        reading = cls(Path(path), "limits")
        try:
            tables = {name for (name,) in reading.rows("SELECT name FROM sqlite_master WHERE type = 'table'")}
        except BaseException:
            reading.close()
            raise
        reading.begun = {"latches", "equity_marks"} <= tables
        return reading

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        self.close()

    def close(self) -> None:
        """Let the file go."""
        self._db.close()

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Return the rows of a query.

        Raises
        ------
        SnapshotMismatch
            They cannot be read.
        """
        try:
            return self._db.execute(query, values).fetchall()
        except sqlite3.Error as problem:
            raise self._unread(problem) from problem

    def meta(self, key: str) -> str | None:
        """Return a fact that was written when a journal was begun; None if it was not."""
        rows = self.rows("SELECT value FROM meta WHERE key = ?", key)
        return str(rows[0][0]) if rows else None

    def _unread(self, problem: sqlite3.Error) -> SnapshotMismatch:
        return SnapshotMismatch(
            f"{self._what} {self.path} cannot be read ({problem}); it was left as it is, look at the file"
        )
