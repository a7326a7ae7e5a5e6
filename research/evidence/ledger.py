"""The trial ledger: every cell ever run, so that a winner is judged among all that were tried for it.

In: cells of a sweep, with their returns. Out: one row per *trial*, in a local SQLite file, and what the
deflation of a winner needs of them: how many, how independent, how far apart.

1. A cell's key is a hash of its content: data, strategy, code version, parameters, span, execution. The same
   cell run again has the same key and is not a new trial. Another code version is: whoever changes a rule
   until it works has tried both.
2. A row keeps the moments of the cell's returns and a sketch of 128 half-precision numbers
   (`evidence.trials`), 256 bytes, from which correlations between any two cells can be told, even of sweeps
   made on different days over different spans. Of a batch of more than 512 cells a sample has one
   (`evidence.cells`), and every cell its Sharpe ratio: about 100 bytes a row.
3. A batch is one transaction: on disk whole or not at all. Writers wait up to 60 s for each other; the file
   has no companions between writes, so it can be copied and lies well on a network disk, where WAL does not.
4. Rows are read in the order of their keys, so ten batches give the same figures as one, to the bit.

The file is ``ledger.sqlite`` in the user's data folder, or where ``ONEPATH_LEDGER`` or `Ledger.at` says.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from research.errors import OutputError
from research.evidence.cells import Cells, sketch_level, sketched
from research.evidence.ledger_file import VARIABLE, LedgerFile, connect, default_path
from research.evidence.ledger_schema import COLUMNS, GROUP_COLUMNS, GROUPS, TRIALS
from research.evidence.trials import SKETCH, effective_trials

__all__ = ["Deflation", "Ledger", "connect", "default_path"]

_BY_KEY = "ORDER BY t.key"


class Deflation(NamedTuple):
    """What `judge` needs of earlier trials.

    Attributes
    ----------
    trials : int
        Cells ever run that traded.
    effective : float
        Independent ones among them, from 1.
    variance : float
        Of their Sharpe ratios per period of the judged series (ddof 1); 0 with fewer than two.
    """

    trials: int
    effective: float
    variance: float


class Ledger:
    """A ledger file; open it with `Ledger.at`.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     ledger = Ledger.at(Path(folder) / "ledger.sqlite")
    ...     ledger.trials().height
    0
    """

    def __init__(self, path: Path, connect: Callable[[Path], sqlite3.Connection]) -> None:
        self.path = path
        self._file = LedgerFile(path, connect)

    @classmethod
    def at(
        cls, path: str | Path | None = None, connect: Callable[[Path], sqlite3.Connection] = connect
    ) -> Ledger:
        """Open a ledger, or say where a new one shall be; nothing is written until cells are recorded.

        Parameters
        ----------
        path : str or Path, optional
            Default: `default_path()`.
        connect : callable, optional
            Opens the database.

        Raises
        ------
        SnapshotMismatch
            The file is no ledger, is damaged, or is of another version. It is left as it is.
        OutputError
            It is a folder, or another program holds it.
        """
        return cls(default_path() if path is None else Path(path), connect)

    @property
    def exists(self) -> bool:
        """Whether anything was ever written to it."""
        return self._file.exists

    # --- writing -------------------------------------------------------------------------------

    def record(self, cells: Cells) -> int:
        """Write cells, all or none; those that are known already stay as they are.

        Returns
        -------
        int
            How many of them were new.

        Raises
        ------
        OutputError
            The file cannot be made or written, such as on a full disk; none of these cells was kept.
        """
        now = datetime.now(UTC).isoformat(timespec="seconds")
        rows = list(cells.rows())
        run = (now, cells.moments.periods, cells.level, cells.shared)
        o = cells.origin
        origin = (
            o.hash(), o.strategy, o.code, o.data, ",".join(o.symbols), o.first, o.last, o.execution,
            o.periods_per_year,
        )  # fmt: skip
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self._file.open() as db:
                db.execute("BEGIN IMMEDIATE")
                try:
                    new = self._write(db, origin, run, rows)
                    db.execute("COMMIT" if new else "ROLLBACK")
                finally:
                    if db.in_transaction:
                        db.execute("ROLLBACK")
                return new
        except (OSError, sqlite3.Error) as problem:
            raise OutputError(
                f"ledger {self.path} cannot be written ({problem}); none of these {len(rows)} trials was "
                f"kept, what was there is whole; make room, or name another with {VARIABLE}"
            ) from problem

    def _write(
        self,
        db: sqlite3.Connection,
        origin: tuple[object, ...],
        run: tuple[object, ...],
        rows: Sequence[tuple[object, ...]],
    ) -> int:
        self._file.begin(db)
        db.execute(
            "INSERT OR IGNORE INTO origins (hash, strategy, code, data, symbols, first, last, execution, "
            "periods_per_year) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            origin,
        )
        (number,) = db.execute("SELECT id FROM origins WHERE hash = ?", origin[:1]).fetchone()
        batch = db.execute(
            "INSERT INTO runs (run_at, periods, level, params, origin) VALUES (?, ?, ?, ?, ?)", (*run, number)
        ).lastrowid
        before = db.total_changes
        # In the order of the keys, since the file is: else each row would fetch and dirty a page of its own.
        db.executemany(
            "INSERT OR IGNORE INTO trials (key, params, sharpe, skewness, kurtosis, autocorrelation, sketch, "
            f"run) VALUES (?, ?, ?, ?, ?, ?, ?, {batch})",
            sorted(rows, key=itemgetter(0)),
        )
        return db.total_changes - before

    # --- reading -------------------------------------------------------------------------------

    def trials(self, strategy: str | None = None, data: str | None = None) -> pl.DataFrame:
        """Return every trial, in the order of the keys.

        Parameters
        ----------
        strategy, data : str, optional
            Only those of one strategy, of one data hash.

        Returns
        -------
        DataFrame
            key (hex), strategy, code, data, symbols, first, last, execution, periods_per_year, params
            (JSON), run_at (UTC), periods, sharpe (per period), skewness, kurtosis (raw), autocorrelation,
            sketch (bytes). Null where a cell never traded, or has no sketch.
        """
        return pl.DataFrame(self._rows(COLUMNS, strategy, data), schema=TRIALS, orient="row")

    def groups(self) -> pl.DataFrame:
        """Return one row per strategy and data.

        Returns
        -------
        DataFrame
            strategy, data, symbols, first, last (of the span), periods_per_year, trials, best (annual
            Sharpe ratio; null if none traded), run_at (UTC, of the last trial).
        """
        rows = self._rows(
            GROUP_COLUMNS, None, None, "GROUP BY o.strategy, o.data ORDER BY o.strategy, o.data"
        )
        annual = pl.col("best") * pl.col("periods_per_year").sqrt()
        return pl.DataFrame(rows, schema=GROUPS, orient="row").with_columns(annual.alias("best"))

    def effective_trials(self, strategy: str | None = None, data: str | None = None) -> float:
        """Return how many independent trials they are worth; 0 for none."""
        return self.deflation(1.0, strategy, data).effective

    def deflation(
        self, periods_per_year: float, strategy: str | None = None, data: str | None = None
    ) -> Deflation:
        """Return what a winner must be deflated by.

        Parameters
        ----------
        periods_per_year : float
            Of the series that is judged: Sharpe ratios of other intervals are brought to its period.
        strategy, data : str, optional
            As of `trials`. Leave `data` out where the same idea was tried on several spans: each was a
            look at the future.
        """
        some = "t.sharpe IS NOT NULL"
        columns = ("t.sharpe", "o.periods_per_year", "r.periods")
        figures = np.array(self._rows(columns, strategy, data, f"AND {some} {_BY_KEY}"), dtype=np.float64)
        if not len(figures):
            return Deflation(0, 0.0, 0.0)
        sharpe = figures[:, 0] * np.sqrt(figures[:, 1] / periods_per_year)
        variance = float(np.var(sharpe, ddof=1)) if len(sharpe) > 1 else 0.0
        # The level of all cells together, whatever the batches: ten batches give the sample of one.
        ((count, most),) = self._rows(("count(*)", "max(r.level)"), strategy, data, "")
        rows = self._rows(
            ("t.key", "t.sketch"), strategy, data, f"AND {some} AND t.sketch IS NOT NULL {_BY_KEY}"
        )
        kept = sketched([row[0] for row in rows], max(sketch_level(count), most))
        held = b"".join(row[1] for row, keep in zip(rows, kept, strict=True) if keep)
        sample = np.frombuffer(held, dtype="<f2").reshape(-1, SKETCH)
        independent = effective_trials(sample, float(np.median(figures[:, 2])), len(sharpe))
        return Deflation(len(sharpe), max(1.0, independent), variance)

    def _rows(
        self, columns: Sequence[str], strategy: str | None, data: str | None, rest: str = _BY_KEY
    ) -> list[tuple[Any, ...]]:
        if not self.exists:
            return []
        with self._file.open() as db:
            if not self._file.begun(db):
                return []
            return db.execute(
                f"SELECT {', '.join(columns)} FROM trials t JOIN runs r ON r.id = t.run "
                "JOIN origins o ON o.id = r.origin "
                f"WHERE (? IS NULL OR o.strategy = ?) AND (? IS NULL OR o.data = ?) {rest}",
                (strategy, strategy, data, data),
            ).fetchall()
