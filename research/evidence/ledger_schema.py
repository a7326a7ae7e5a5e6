"""The ledger's tables, as SQLite is told them, and the frames that are read from them.

A row is never changed. NULL is "none": a cell that never traded has no Sharpe ratio, and of a large batch
only some cells have a sketch (`evidence.cells.sketch_level`). What a batch's cells share is written once, as
a run.
"""

from __future__ import annotations

import polars as pl

__all__ = ["APPLICATION_ID", "COLUMNS", "DDL", "GROUPS", "GROUP_COLUMNS", "TRIALS", "VERSION"]

APPLICATION_ID = 0x6F6E656C  # "onel": tells our files from other SQLite databases
VERSION = 2

DDL = (
    """CREATE TABLE origins (
        id INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE, strategy TEXT NOT NULL, code TEXT NOT NULL,
        data TEXT NOT NULL, symbols TEXT NOT NULL, first TEXT NOT NULL, last TEXT NOT NULL,
        execution TEXT NOT NULL, periods_per_year REAL NOT NULL)""",
    """CREATE TABLE runs (
        id INTEGER PRIMARY KEY, origin INTEGER NOT NULL REFERENCES origins (id), run_at TEXT NOT NULL,
        periods INTEGER NOT NULL, level INTEGER NOT NULL, params TEXT NOT NULL)""",
    """CREATE TABLE trials (
        key BLOB PRIMARY KEY, run INTEGER NOT NULL REFERENCES runs (id), params TEXT NOT NULL,
        sharpe REAL, skewness REAL, kurtosis REAL, autocorrelation REAL, sketch BLOB) WITHOUT ROWID""",
)

_ORIGIN = ("strategy", "code", "data", "symbols", "first", "last", "execution")
COLUMNS = (
    "lower(hex(t.key))", *(f"o.{name}" for name in _ORIGIN), "o.periods_per_year",
    "json_patch(r.params, t.params)", "r.run_at", "r.periods", "t.sharpe",
    "t.skewness", "t.kurtosis", "t.autocorrelation", "t.sketch",
)  # fmt: skip
TRIALS: dict[str, type[pl.DataType]] = {
    "key": pl.String,
    **dict.fromkeys(_ORIGIN, pl.String),
    "periods_per_year": pl.Float64,
    "params": pl.String,
    "run_at": pl.String,
    "periods": pl.Int64,
    **dict.fromkeys(("sharpe", "skewness", "kurtosis", "autocorrelation"), pl.Float64),
    "sketch": pl.Binary,
}
GROUPS: dict[str, type[pl.DataType]] = {
    **dict.fromkeys(("strategy", "data", "symbols", "first", "last"), pl.String),
    "periods_per_year": pl.Float64,
    "trials": pl.Int64,
    "best": pl.Float64,
    "run_at": pl.String,
}
GROUP_COLUMNS = (
    "o.strategy",
    "o.data",
    "min(o.symbols)",
    "min(o.first)",
    "max(o.last)",
    "max(o.periods_per_year)",
    "count(*)",
    "max(t.sharpe)",
    "max(r.run_at)",
)
