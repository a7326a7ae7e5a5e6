"""What must hold of bars that are pushed into a panel: their types, their symbols, their order, their jumps.

The rules of a single bar and their words live in `bars`; the quick look here only asks for them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from research.data.bars import INSTANT, PRICES, validate_bars
from research.errors import DataError, UnknownName

__all__ = ["FIELDS", "columns_of", "require_later", "require_plausible", "sound", "typed"]

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
Instants = NDArray[np.datetime64]

FIELDS = (*PRICES, "volume")
_SCHEMA = {"symbol": pl.String(), "bar_close": INSTANT, **dict.fromkeys(FIELDS, pl.Float64())}
_LARGEST_JUMP = 10_000.0  # the largest reverse splits on record are a few thousand to one


def typed(bars: pl.DataFrame) -> pl.DataFrame:
    """Return the table with its column types; only one that lacks them is looked at row by row."""
    wanted = {**_SCHEMA, **({"available_at": INSTANT} if "available_at" in bars.columns else {})}
    return bars if all(bars.schema.get(n) == kind for n, kind in wanted.items()) else validate_bars(bars)


def columns_of(bars: pl.DataFrame, symbols: Sequence[str]) -> I64:
    """Return the column of each bar among symbols, (B,); UnknownName for a bar of another one."""
    names = bars["symbol"].cast(pl.String)
    at = names.cast(pl.Enum(symbols), strict=False).to_physical().cast(pl.Int64)
    if at.null_count():
        raise UnknownName("symbol", str(names.filter(at.is_null())[0]), symbols)
    return at.to_numpy()


def sound(values: Mapping[str, F64], adj: F64) -> bool:
    """Whether all bars keep the rules of `schema.BarRows`, without its import and words; NaN keeps none."""
    o, h, l, c, v = (values[name] for name in FIELDS)
    ok = (l > 0.0) & (l <= o) & (l <= c) & (o <= h) & (c <= h) & (h < np.inf) & (v >= 0.0) & (v < np.inf)
    return bool(np.all(ok & (adj > 0.0) & (adj < np.inf)))


def require_plausible(ratio: F64, closes: Instants, symbols: Sequence[str], at: I64) -> None:
    """Refuse a jump of `adj_factor` that no corporate action makes; its ratio would round to nothing.

    Parameters
    ----------
    ratio : (B,) float64
        `adj_factor` over that of the symbol's bar before.
    closes : (B,) datetime64
    symbols : sequence of str
    at : (B,) int64
        Column of each bar among `symbols`.
    """
    wild = np.flatnonzero((ratio > _LARGEST_JUMP) | (ratio < 1.0 / _LARGEST_JUMP))
    if wild.size:
        i = int(wild[0])
        raise DataError(
            f"{symbols[at[i]]}: adj_factor must change by less than {_LARGEST_JUMP:g} times from "
            f"bar to bar, changed {ratio[i]:.6g} times at {closes[i]} ({wild.size} such bars); mend or "
            "drop the column"
        )


def require_later(closes: Instants, last_bar: np.datetime64, symbols: Sequence[str], at: I64) -> None:
    """Refuse bars that are not later than the last one pushed; NaT: none was.

    Parameters
    ----------
    closes : (B,) datetime64
    last_bar : datetime64
    symbols, at
        As of `require_plausible`.
    """
    old = np.flatnonzero(closes <= last_bar)  # none if that is NaT
    if old.size:
        i = int(old[0])
        raise DataError(
            f"{symbols[at[i]]}: pushed bars must be later than {last_bar}, the last one seen, was "
            f"{closes[i]} ({old.size} such bars); push each instant once, all symbols together"
        )
