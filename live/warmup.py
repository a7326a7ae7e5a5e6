"""The bars that an account's journal was begun after, kept in it, so that it can be recomputed from itself.

In: the bar table that a first start had from the vendor. Out: the same from the journal, to the bit, or the
one line that says how to get those of a journal that does not hold them. The vendor may have revised or
re-based these bars since; `live.parity --bars` brings the bars of now.
"""

from __future__ import annotations

import hashlib
import io
import json
import sqlite3
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

from live.rows import instant_of
from live.schema import INSERT
from research.data.sessions import sessions
from research.errors import SnapshotMismatch

if TYPE_CHECKING:
    from live.journal import Journal, Write

__all__ = ["HISTORY_DAYS", "keep", "kept_bars", "lacking"]

# Days of bars before a run, by their length: enough for every feature's warm-up and a first model.
HISTORY_DAYS: Final = {"1Day": 3652, "1Hour": 730, "30Min": 365, "15Min": 240, "5Min": 120, "1Min": 30}


def keep(bars: pl.DataFrame) -> Write:
    """Return what writes the bars before a journal's first one into it, with the rest of its beginning.

    Parameters
    ----------
    bars : DataFrame
        A bar table.
    """
    packed = io.BytesIO()
    bars.sort("symbol", "bar_close").write_parquet(packed, compression="zstd")
    content = packed.getvalue()
    row = (hashlib.sha256(content).hexdigest(), content)

    def write(db: sqlite3.Connection) -> None:
        db.execute(INSERT["warmup"], row)

    return write


def kept_bars(journal: Journal) -> pl.DataFrame | None:
    """Return the bars before a journal's first one; None: an older onepath, or a replay, did not keep them.

    Raises
    ------
    SnapshotMismatch
        They are not those that were written.
    """
    if journal.rows("SELECT 1 FROM sqlite_master WHERE name = 'warmup'"):
        rows = journal.rows("SELECT sha256, bars FROM warmup")
        # Hashed before any parser sees a byte.
        if rows and hashlib.sha256(rows[0][1]).hexdigest() != rows[0][0]:
            raise SnapshotMismatch(
                f"journal {journal.path} is damaged (the bars it was begun after are not what was written); "
                "take a whole copy, or give the bars with --bars"
            )
        if rows:
            return pl.read_parquet(io.BytesIO(rows[0][1]))
    return None


def lacking(journal: Journal) -> str:
    """Say which bars a journal was begun after that does not hold them, and how they are had."""
    settings: dict[str, Any] = json.loads(journal.meta("settings"))
    ((first, text),) = journal.rows("SELECT min(bar), min(bar_close) FROM equity")
    held = f"journal {journal.path} was begun after {first} bars of {journal.meta('source')} that it does not"
    timeframe = settings.get("timeframe")
    if timeframe is None:
        return f"{held} hold; give them with --bars"
    close = instant_of(text)
    start = _session_before(close, first) if timeframe == "1Day" else None
    if start is None:
        day = close.astype("datetime64[D]") - np.timedelta64(HISTORY_DAYS[timeframe], "D")
        start = f"{day} (or the day that --history said)"
    return (
        f"{held} hold (an older onepath made it); fetch them with `python -m research fetch --symbols "
        f"{','.join(settings['symbols'])} --start {start} --interval {timeframe} --feed "
        f"{settings.get('feed')}` and give the folder that it names with --bars"
    )


def _session_before(close: np.datetime64, count: int) -> str | None:
    """Return the day of the session so many before the one that closed at an instant; None: no such."""
    known = sessions("XNYS")
    row = int(np.searchsorted(known.closes, close)) - count
    return str(known.dates[row]) if row >= 0 and close in known.closes else None
