"""The runner's memory: one SQLite file, in which nothing is written twice or by halves.

In: what each bar brought. Out: the same, for people, for the next start, and for
whoever checks. A bar is one transaction (a replay's bars share one): its rows, the
orders it asks for and the engine's state after it are on disk together or not at
all, so a run that is killed at any instant continues from a state that exists.

No order is sent that is not in here first.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from live.orders import Order
from live.place import ELSE, Connect, connect, is_begun, made, require_place
from live.rows import BarRecord, Event, order_of, order_row, text_of
from live.schema import APPLICATION_ID, DDL, INSERT, ORDERS, UPGRADES, VERSION
from research.errors import OnepathError, OutputError, SnapshotMismatch

__all__ = ["Journal", "Write"]

Write = Callable[[sqlite3.Connection], object]  # further rows that belong to the same transaction


class Journal:
    """One run's journal file; make it with `Journal.at`.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Journal.at(Path(folder) / "run.sqlite").is_new
    True
    """

    def __init__(self, path: Path, connect: Connect) -> None:
        self.path = path
        self._connect = connect
        self._db: sqlite3.Connection | None = None

    # --- opening -------------------------------------------------------------------------------

    @classmethod
    def at(cls, path: str | Path, connect: Connect = connect) -> Journal:
        """Open a journal, or say where a new one shall be; nothing is written yet.

        Parameters
        ----------
        path : str or Path
        connect : callable, optional
            Opens the database.

        Raises
        ------
        OutputError
            The place cannot be written, or the tables that a journal of an older version lacks.
        SnapshotMismatch
            The file is no journal, is damaged, or is of another version. It is left as it is.
        """
        path = Path(path)
        require_place(path)
        journal = cls(path, connect)
        if not path.exists() or path.stat().st_size == 0:
            return journal
        try:
            journal._db = connect(path)
            begun = is_begun(path, journal.rows)
            if begun:
                journal._upgrade()
        except sqlite3.Error as problem:
            raise SnapshotMismatch(f"journal {path} cannot be read ({problem}); {ELSE}") from problem
        except OnepathError:
            journal.close()
            raise
        if not begun:  # a run that was killed while making its journal leaves a database without a table
            journal.close()
        return journal

    def _upgrade(self) -> None:
        """Give a journal of an older version the tables that it lacks; what is in it stays."""
        ((version,),) = self.rows("PRAGMA user_version")
        if version == VERSION:
            return
        with self._transaction() as db:
            for step in range(version, VERSION):
                for statement in UPGRADES[step]:
                    db.execute(statement)
            db.execute(f"PRAGMA user_version = {VERSION}")

    @property
    def is_new(self) -> bool:
        """Whether nothing has been written yet."""
        return self._db is None

    @property
    def _open(self) -> sqlite3.Connection:
        if self._db is None:
            raise OutputError(f"journal {self.path} is not open; begin it, or open it again")
        return self._db

    def close(self) -> None:
        """Close the file; what is in it stays."""
        if self._db is not None:
            self._db.close()
            self._db = None

    # --- writing -------------------------------------------------------------------------------

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        db = self._open
        try:
            db.execute("BEGIN IMMEDIATE")
            yield db
            db.execute("COMMIT")
        except sqlite3.Error as problem:
            raise OutputError(
                f"journal {self.path} cannot be written ({problem}); nothing since the last commit was "
                "kept or sent, run the same command again to continue"
            ) from problem
        finally:
            if db.in_transaction:
                db.execute("ROLLBACK")

    def begin(
        self,
        settings: Mapping[str, object],
        bar: int,
        kernels: str,
        state: bytes,
        events: Iterable[Event],
        *writes: Write,
        **more: str,
    ) -> None:
        """Make the file: tables, settings and first state, all at once.

        Parameters
        ----------
        settings : mapping
            What must be the same when the run is continued.
        bar : int
            The last bar that `state` has seen; -1 if none.
        kernels : str
            Hash of the kernels that made it.
        state : bytes
            The engine's snapshot.
        events : iterable of Event
        *writes : callable
            Further rows.
        **more : str
            Further facts for the table `meta`.
        """
        try:
            with made(self.path, self._connect) as self._db, self._transaction() as db:
                for statement in DDL:
                    db.execute(statement)
                db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                db.execute(f"PRAGMA user_version = {VERSION}")
                meta = {"settings": json.dumps(settings), "kernels": kernels, **more}
                db.executemany(INSERT["meta"], meta.items())
                _write_events(db, events, None, None)
                db.execute(INSERT["snapshot"], (bar, kernels, hashlib.sha256(state).hexdigest(), state))
                for write in writes:
                    write(db)
        except OutputError:
            self._db = None
            raise

    def record(self, bars: Sequence[BarRecord], state: bytes, *writes: Write) -> None:
        """Write bars, their orders and the engine's state after the last of them, in one transaction."""
        with self._transaction() as db:
            # The state before these bars must still be there: else another runner has written them.
            moved = db.execute(
                "UPDATE snapshot SET bar = ?, sha256 = ?, state = ? WHERE bar = ?",
                (bars[-1].bar, hashlib.sha256(state).hexdigest(), state, bars[0].bar - 1),
            )
            if moved.rowcount != 1:
                raise OutputError(
                    f"journal {self.path} has gone on without this run: another runner writes it; stop one"
                )
            for bar in bars:
                db.executemany(INSERT["bars"], bar.bars)
                db.executemany(INSERT["decisions"], bar.decisions)
                db.executemany(INSERT["orders"], map(order_row, bar.orders))
                db.executemany(INSERT["fills"], bar.fills)
                db.execute(INSERT["equity"], bar.equity)
                _write_events(db, bar.events, bar.bar, text_of(bar.bar_close))
            for write in writes:
                write(db)

    def put(self, *writes: Write, events: Iterable[Event] = (), bar: int | None = None) -> None:
        """Write rows and events that belong together, in one transaction."""
        with self._transaction() as db:
            for write in writes:
                write(db)
            _write_events(db, events, bar, None)

    def update(self, orders: Iterable[Order]) -> None:
        """Write what a broker said to orders."""
        with self._transaction() as db:
            db.executemany(INSERT["orders"], map(order_row, orders))

    def tell(self, *events: Event, bar: int | None = None) -> None:
        """Write events that belong to no bar's own transaction."""
        with self._transaction() as db:
            _write_events(db, events, bar, None)

    # --- reading -------------------------------------------------------------------------------

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Return the rows of a query.

        Raises
        ------
        OutputError
            Another program keeps the file.
        SnapshotMismatch
            The file is damaged.
        """
        try:
            return self._open.execute(query, values).fetchall()
        except sqlite3.OperationalError as problem:
            # Errors of Python's own making (text that is no UTF-8) carry no code.
            if getattr(problem, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise OutputError(
                    f"journal {self.path} is kept by another program ({problem}); try again when it has ended"
                ) from problem
            raise SnapshotMismatch(f"journal {self.path} cannot be read ({problem}); {ELSE}") from problem
        except sqlite3.DatabaseError as problem:
            raise SnapshotMismatch(f"journal {self.path} cannot be read ({problem}); {ELSE}") from problem

    def meta(self, key: str) -> str:
        """Return a fact that was written when the journal was begun."""
        ((value,),) = self._there("meta", self.rows("SELECT value FROM meta WHERE key = ?", key))
        return str(value)

    def state(self, kernels: str) -> bytes:
        """Return the engine's snapshot after the last bar.

        Raises
        ------
        SnapshotMismatch
            Other kernels made it, or its bytes are not those that were written.
        """
        written = self._there("snapshot", self.rows("SELECT kernels, sha256, state FROM snapshot"))
        ((made, digest, state),) = written
        if made != kernels:
            raise SnapshotMismatch(
                f"journal {self.path} was made by kernels {made}, these are {kernels}; begin a new one with "
                "--journal"
            )
        if hashlib.sha256(state).hexdigest() != digest:
            raise SnapshotMismatch(f"journal {self.path} is damaged (its snapshot's hash differs); {ELSE}")
        return bytes(state)

    def _there(self, table: str, rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        """Return the one row that `begin` wrote."""
        if len(rows) != 1:
            raise SnapshotMismatch(
                f"journal {self.path} is damaged (its table {table} has {len(rows)} rows, "
                f"1 was written); {ELSE}"
            )
        return rows

    def orders(self, which: str = "all") -> list[Order]:
        """Return orders, oldest first: "all", "open" (may still fill) or "unsent" (broker not told)."""
        return [order_of(row) for row in self.rows(ORDERS[which])]

    def absent(self) -> set[str]:
        """Return the symbols whose bars were missing when the journal was last written."""
        told = self.rows(
            "SELECT symbol, kind FROM events WHERE kind IN ('missing bar', 'bars again') ORDER BY seq"
        )
        return {symbol for symbol, kind in dict(told).items() if kind == "missing bar"}


def _write_events(db: sqlite3.Connection, events: Iterable[Event], bar: int | None, when: str | None) -> None:
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    db.executemany(INSERT["events"], [(now, bar, when, e.kind, e.symbol, e.text) for e in events])
