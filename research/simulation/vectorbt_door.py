"""The door to vectorbt: the one module of this room that imports it, and pandas for it.

In: arrays as `vectorbt_arrays` lays them out, and orders. Out: vectorbt's orders in our units, and its
`Portfolio`. Its import takes seconds, so it is put off until the first call.

vectorbt is licensed under Apache 2.0 with Commons Clause.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from research.errors import BadValue

__all__ = ["FILL", "engine_named", "order_records", "portfolio_of", "simulate"]

F64 = NDArray[np.float64]

FILL = np.dtype(
    [("bar", np.int64), ("column", np.int64), ("side", np.int64)]
    + [(name, np.float64) for name in ("size", "price", "fee")]
)


@functools.cache
def _vectorbt() -> Any:
    import vectorbt

    return vectorbt


def engine_named(asked: str) -> str:
    """Return the engine that will run."""
    if asked not in ("auto", "rust", "numba"):
        raise BadValue(f'`engine` of vectorbt must be "auto", "rust" or "numba", was {asked!r}')
    if asked == "numba":
        return asked
    _vectorbt()
    from vectorbt._engine import is_rust_available

    if is_rust_available():
        return "rust"
    if asked == "rust":
        raise BadValue(
            'vectorbt\'s Rust engine is not installed; pip install "vectorbt[rust]" or ask for "numba"'
        )
    return "numba"


def simulate(
    own: NDArray[np.int64],
    told: dict[str, Any],
    units_of: F64,
    n_rows: int,
    initial_capital: float,
    engine: str,
) -> NDArray[np.void]:
    """Run columns of one symbol; returns FILL with columns counted from 0."""
    portfolio = _vectorbt().Portfolio.from_signals(**told, init_cash=initial_capital, engine=engine)
    found = portfolio.order_records
    fills = np.empty(found.size, FILL)
    fills["bar"] = own[found["idx"] // n_rows]
    fills["column"] = found["col"]
    fills["side"] = np.where(found["side"] == 0, 1, -1)
    fills["size"] = found["size"] / units_of[fills["bar"]]
    fills["price"] = found["price"] * units_of[fills["bar"]]
    fills["fee"] = found["fees"]
    return fills


def order_records(
    bar: NDArray[Any], column: NDArray[Any], side: NDArray[Any], size: F64, price: F64, fee: F64, units: F64
) -> NDArray[np.void]:
    """Return vectorbt order records in units, sorted by column and time."""
    from vectorbt.portfolio.enums import order_dt

    records = np.empty(bar.size, order_dt)
    order = np.lexsort((bar, column))
    records["id"] = np.arange(bar.size)
    records["col"], records["idx"] = column[order], bar[order]
    records["side"] = np.where(side[order] > 0, 0, 1)
    records["size"], records["price"] = (size * units)[order], (price / units)[order]
    records["fees"] = fee[order]
    return records


def portfolio_of(
    records: NDArray[np.void],
    close: F64,
    initial_capital: float,
    bar_close: NDArray[np.datetime64] | None,
    columns: list[Any],
    freq: str | None,
    *,
    shared: bool,
) -> Any:
    """Return a Portfolio on one row per bar."""
    import pandas as pd
    from vectorbt.portfolio.enums import log_dt

    vbt = _vectorbt()
    index = pd.RangeIndex(close.shape[0]) if bar_close is None else pd.DatetimeIndex(bar_close)
    frame = pd.DataFrame(close, index=index, columns=columns)
    wrapper = vbt.ArrayWrapper.from_obj(frame, freq=freq, group_by=True if shared else None)
    cash = np.full(1 if shared else close.shape[1], float(initial_capital))
    return vbt.Portfolio(wrapper, frame, records, np.empty(0, log_dt), cash, shared)
