"""Tables to files: CSV or Parquet by the ending, whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from research.engine import UnifiedTradingEngine
from research.errors import BadValue
from research.files import replacing
from research.request import Instant, Request
from research.simulation.decisions import signals_frame

__all__ = ["check_table_path", "export_signals", "signals_table", "write_table"]


def check_table_path(path: str | Path) -> Path:
    """Return `path`, or refuse it before any work is done for it."""
    path = Path(path)
    if path.suffix.lower() not in {".csv", ".parquet"}:
        raise BadValue(f"a table's name must end in .csv or .parquet, was {path.name!r}; rename it")
    return path


def write_table(table: pl.DataFrame, path: str | Path) -> Path:
    """Write a table as CSV or Parquet, by the ending of `path`; return the path.

    CSV: ISO instants in UTC, NaN as an empty field, floats as short as they read back equal.

    Raises
    ------
    BadValue
        Another ending.
    OutputError
        The file cannot be written; nothing is left of it.
    """
    path = check_table_path(path)
    with replacing(path) as temporary:
        if path.suffix.lower() == ".csv":
            table.with_columns(pl.selectors.float().fill_nan(None)).write_csv(
                temporary, datetime_format="%Y-%m-%dT%H:%M:%SZ"
            )
        else:
            table.write_parquet(temporary)
    return path


def signals_table(request: Request, bars: pl.DataFrame) -> pl.DataFrame:
    """Return what the strategy wants at each close of the span: scores, entry, exit, weight, protection.

    The bars are advanced through the engine, so a row is what the live runner
    would have acted on at that close.
    """
    prepared = request.prepare(bars)
    engine = UnifiedTradingEngine.of(request, prepared)
    return signals_frame(engine.advance(prepared.panel), engine.strategy, prepared.first)


def export_signals(
    bars: pl.DataFrame,
    path: str | Path,
    strategy: str = "adaptive_momentum",
    *,
    symbols: Sequence[str] | None = None,
    start_date: Instant = None,
    end_date: Instant = None,
    params: Mapping[str, object] | None = None,
) -> pl.DataFrame:
    """Write `signals_table` to a CSV or Parquet file, by the ending of `path`, and return it.

    Parameters
    ----------
    bars : DataFrame
        A bar table.
    path : str or Path
        Replaced only when the new file is complete.
    strategy, symbols, start_date, end_date, params
        As in `run_unified_backtest`.

    Returns
    -------
    DataFrame
        bar_close, symbol, each feature read, entry, exit, weight, stop, target, trail, limit, gate.

    Examples
    --------
    >>> import tempfile
    >>> from research.data import load_sample
    >>> folder = tempfile.TemporaryDirectory()
    >>> table = export_signals(load_sample(), f"{folder.name}/signals.csv", symbols=["IBM"])
    >>> table.columns[:2]
    ['bar_close', 'symbol']
    >>> folder.cleanup()
    """
    check_table_path(path)
    request = Request(strategy, symbols, start_date, end_date, params or {})
    table = signals_table(request, bars)
    write_table(table, path)
    return table
