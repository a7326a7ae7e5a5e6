"""Limits that were hit stay hit: latches and the equity marks, in SQLite, until somebody resets them.

In: what the door found, and the account's equity. Out: what is latched, for the
door's context, and the equity that losses are measured from. Each act is kept: who
reset what, when and why. Any number of processes may use one file: the runner, the
kill command, the status command.

Nothing is latched twice: what was said first stays. If the file cannot be written,
nothing is answered, and without an answer no order is sent.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Self

from live.risk import Blocked
from live.schema import LIMITS_DDL
from research.errors import BadValue, OutputError, UnknownName

__all__ = ["KILL", "Latch", "Limits", "Marks"]

KILL = "kill switch"
FORGIVEN = ""  # in place of the day
_FORGIVE = {
    "daily loss": f"UPDATE equity_marks SET day = '{FORGIVEN}'",
    "drawdown": "UPDATE equity_marks SET peak_equity = '0'",
}


@dataclass(frozen=True, slots=True)
class Latch:
    """A limit that was hit: its name, when (UTC, ISO text), and what was said."""

    name: str
    at: str
    text: str


@dataclass(frozen=True, slots=True)
class Marks:
    """Equity in USD that losses are measured from: at the start of the session `day`, and at its peak."""

    day: str
    day_equity: Decimal
    peak_equity: Decimal


def _text(at: datetime) -> str:
    if at.tzinfo is None:
        raise BadValue(f"an instant must have a time zone, was {at.isoformat()}; give it UTC")
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


class Limits:
    """The latches of one account; make it with `Limits.at`.

    Examples
    --------
    >>> import tempfile
    >>> noon = datetime(2026, 11, 20, 12, tzinfo=UTC)
    >>> with tempfile.TemporaryDirectory() as folder, Limits.at(Path(folder) / "limits.sqlite") as limits:
    ...     limits.latch("daily loss", "3.1 %", noon)
    ...     list(limits.latched())
    ['daily loss']
    """

    def __init__(self, path: Path, db: sqlite3.Connection) -> None:
        self.path, self._db = path, db

    @classmethod
    def at(cls, path: str | Path) -> Limits:
        """Open a file, and make its tables if they are not there.

        Raises
        ------
        OutputError
            It cannot be written, or is no database.
        """
        path = Path(path)
        try:
            db = sqlite3.connect(path, isolation_level=None, timeout=5.0)
        except sqlite3.Error as problem:
            raise _unwritten(path, problem) from problem
        limits = cls(path, db)
        try:
            db.execute("PRAGMA synchronous = FULL")  # a latch must survive the machine's fall as well
            with limits._act():
                for statement in LIMITS_DDL:
                    db.execute(statement)
        except (sqlite3.Error, OutputError) as problem:
            db.close()
            raise _unwritten(path, problem.__cause__ or problem) from problem
        return limits

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; what is latched stays so."""
        self._db.close()

    @contextmanager
    def _act(self) -> Iterator[None]:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            yield
            self._db.execute("COMMIT")
        except sqlite3.Error as problem:
            raise _unwritten(self.path, problem) from problem
        finally:
            # Of a closed database nothing can be asked, and nothing need be taken back.
            with suppress(sqlite3.ProgrammingError):
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")

    def _read(self, query: str, *values: object) -> list[tuple[str, ...]]:
        try:
            return self._db.execute(query, values).fetchall()
        except sqlite3.Error as problem:
            raise _unwritten(self.path, problem) from problem

    # --- latches ----------------------------------------------------------------------------------

    def latch(self, name: str, text: str, at: datetime) -> None:
        """Latch a limit; one that is latched already stays as it was.

        Parameters
        ----------
        name : str
            The check's; `KILL` is the kill switch.
        text : str
            What was said of it.
        at : datetime
            With a time zone.
        """
        when = _text(at)
        with self._act():
            made = self._db.execute("INSERT OR IGNORE INTO latches VALUES (?, ?, ?)", (name, when, text))
            if made.rowcount:
                self._db.execute(
                    "INSERT INTO latch_acts VALUES (NULL, ?, ?, 'latched', '', ?)", (when, name, text)
                )

    def take(self, blocked: Iterable[Blocked], at: datetime) -> None:
        """Latch what the door found that latches; the rest passes."""
        for each in blocked:
            if each.latches:
                self.latch(each.check, f"{each.rule}, was {each.value}", at)

    def latched(self) -> dict[str, Latch]:
        """Return what is latched, by name."""
        rows = self._read("SELECT name, at, text FROM latches ORDER BY at, name")
        return {name: Latch(name, at, text) for name, at, text in rows}

    @property
    def killed(self) -> bool:
        """Whether the kill switch is on."""
        return KILL in self.latched()

    def wind(self, by: str, at: datetime) -> None:
        """Note that the account is being wound down since the switch was thrown: protection goes as well."""
        when = _text(at)
        with self._act():
            self._db.execute(
                "INSERT INTO latch_acts VALUES (NULL, ?, ?, 'wound down', ?, '')", (when, KILL, by)
            )

    def is_winding(self) -> bool:
        """Whether that was noted after the kill switch was thrown last."""
        acts = self._read("SELECT act FROM latch_acts WHERE name = ? ORDER BY seq DESC", KILL)
        return acts[:1] == [("wound down",)]

    def reset(self, name: str, *, by: str, why: str, at: datetime) -> None:
        """Unlatch one limit, by name, with a reason that is kept.

        A loss that is forgiven is measured anew from the next equity noted: else it
        would latch again at once.

        Raises
        ------
        UnknownName
            It is not latched.
        BadValue
            Nobody, or no reason.
        """
        if not (by.strip() and why.strip()):
            raise BadValue(f"resetting {name!r} must name who and why, was {by!r}, {why!r}; name both")
        when = _text(at)
        if name not in (now := self.latched()):
            raise UnknownName("latched limit", name, now)
        with self._act():
            self._db.execute("DELETE FROM latches WHERE name = ?", (name,))
            if name in _FORGIVE:
                self._db.execute(_FORGIVE[name])
            self._db.execute(
                "INSERT INTO latch_acts VALUES (NULL, ?, ?, 'reset', ?, ?)", (when, name, by, why)
            )

    def acts(self) -> list[tuple[str, ...]]:
        """Return every act, oldest first: when, limit, "latched", "wound down" or "reset", by whom, text."""
        return self._read("SELECT at, name, act, by_whom, text FROM latch_acts ORDER BY seq")

    # --- what a run is held to ---------------------------------------------------------------------

    def hold_to(self, rules: Mapping[str, str]) -> None:
        """Write the limits in force, by name, in place of those before; for who watches."""
        with self._act():
            self._db.execute("DELETE FROM rules")
            self._db.executemany("INSERT INTO rules VALUES (?, ?)", rules.items())

    def seen(self, equity: Decimal) -> None:
        """Write the account's equity, USD, as of this look: what `mark` finds noted."""
        with self._act():
            self._db.execute("INSERT OR REPLACE INTO equity_last VALUES (1, ?)", (str(equity),))

    def equity(self) -> Decimal | None:
        """Return the account's equity as of the last look; None before the first."""
        rows = self._read("SELECT equity FROM equity_last")
        return Decimal(rows[0][0]) if rows else None

    def at_broker(self, now: datetime | None) -> None:
        """Write the time at a broker whose time is not ours, for who watches; None: it is ours."""
        if now is None and not self._read("SELECT at FROM clock_last"):
            return
        with self._act():
            self._db.execute("DELETE FROM clock_last")
            if now is not None:
                self._db.execute("INSERT INTO clock_last VALUES (1, ?)", (_text(now),))

    # --- marks ------------------------------------------------------------------------------------

    def mark(self, day: str, equity: Decimal, close: Decimal | None = None) -> Marks:
        """Take note of the account's equity, and return what losses are measured from.

        A day begins with the largest of its first equity, the last one noted before, and
        the last close's: what was lost while nobody looked is that day's. A loss that was
        forgiven begins with the first equity alone. A day before the last one noted is
        taken for the last one, so that a clock set back does not forgive a loss.

        Parameters
        ----------
        day : str
            The session, ISO.
        equity : Decimal
            USD, > 0.
        close : Decimal, optional
            USD, > 0, at the close before the session, as the broker tells.
        """
        if not (equity.is_finite() and equity > 0):
            raise BadValue(f"equity must be a number > 0, was {equity}; ask the broker's account again")
        with self._act():
            rows = self._db.execute("SELECT day, day_equity, peak_equity FROM equity_marks").fetchall()
            last = None if not rows else Marks(rows[0][0], Decimal(rows[0][1]), Decimal(rows[0][2]))
            noted = self._db.execute("SELECT equity FROM equity_last").fetchall()
            most = max([equity, *(Decimal(row[0]) for row in noted), *([] if close is None else [close])])
            if last is None:
                now = Marks(day, most, most)
            else:
                peak = max(last.peak_equity, equity)
                begins = equity if last.day == FORGIVEN else most
                now = Marks(day, begins, peak) if day > last.day else Marks(last.day, last.day_equity, peak)
            # Mostly nothing has changed, and what is not written need not wait for the disk.
            if now != last:
                self._db.execute(
                    "INSERT OR REPLACE INTO equity_marks VALUES (1, ?, ?, ?)",
                    (now.day, str(now.day_equity), str(now.peak_equity)),
                )
            if noted != [(str(equity),)]:
                self._db.execute("INSERT OR REPLACE INTO equity_last VALUES (1, ?)", (str(equity),))
        return now

    def moved(self, cash: Decimal, executions: int) -> Decimal:
        """Take note of the account's cash, and return what it changed by without an execution, USD.

        Only between looks of which neither found one is that known: the look that finds an execution may
        have read the cash before it. Of all others it is 0.

        Parameters
        ----------
        cash : Decimal
            USD.
        executions : int
            Number of the last execution that is known.
        """
        with self._act():
            rows = self._db.execute("SELECT cash, executions FROM cash_last").fetchall()
            same = rows[:1] == [(rows[0][0], executions)] if rows else True
            now = (str(cash) if same else "", executions)
            if rows != [now]:
                self._db.execute("INSERT OR REPLACE INTO cash_last VALUES (1, ?, ?)", now)
        known = bool(rows) and same and rows[0][0] != ""
        return cash - Decimal(rows[0][0]) if known else Decimal(0)


def _unwritten(path: Path, problem: BaseException) -> OutputError:
    return OutputError(
        f"limits {path} cannot be read or written ({problem}); no order is sent until they can be"
    )
