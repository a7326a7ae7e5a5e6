"""The same trades through vectorbt: a second, independent opinion on every order.

In: raw bars of N symbols and signals of C columns, each a symbol and an account of
its own. Out: vectorbt's orders in our units, and a vectorbt `Portfolio`.

`vectorbt_arrays` says how the execution table is put into arrays, and what arrays
cannot say: that is refused, naming the remedy. `vectorbt_door` calls vectorbt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from research.errors import BadValue
from research.execution import Execution
from research.kernels import account as ac
from research.kernels import signals as sg
from research.simulation.vectorbt_arrays import arguments, entries, refuse, rows_per_bar, share_units
from research.simulation.vectorbt_door import FILL, engine_named, order_records, portfolio_of, simulate

__all__ = ["FILL", "VectorbtRun", "bytes_per_column", "portfolio_from_orders", "vectorbt_run"]

F64 = NDArray[np.float64]

# Peak resident memory per row and column of one call, measured (see bytes_per_column).
_BYTES_PER_ROW = 96


@dataclass(frozen=True, eq=False)
class VectorbtRun:
    """What vectorbt made of C columns.

    Attributes
    ----------
    orders : (M,) of dtype FILL
        Sorted by column and time: bar, column, side (+1 bought, −1 sold), size (raw
        shares), price (USD, slippage included), fee (USD).
    engine : str
        "rust" or "numba": the engine that ran.
    symbol_of : (C,) int64
        Row of each column in the bars.
    """

    orders: NDArray[np.void]
    engine: str
    symbol_of: NDArray[np.int64]
    _close: F64
    _units: F64
    _initial_capital: float
    _bar_close: NDArray[np.datetime64] | None

    def portfolio(self, column: int | None = None, *, freq: str | None = None) -> Any:
        """Return vectorbt's `Portfolio` of all columns, or of one, on one row per bar.

        Sizes and prices in it are in units of the last bar's shares, as a vectorbt
        portfolio knows no splits; money is money.
        """
        columns = np.arange(self.symbol_of.size) if column is None else np.array([column])
        orders = self.orders[np.isin(self.orders["column"], columns)]
        records = order_records(
            orders["bar"], orders["column"] - columns[0], orders["side"], orders["size"], orders["price"],
            orders["fee"], self._units[self.symbol_of[orders["column"]], orders["bar"]],
        )  # fmt: skip
        close = (self._close / self._units)[self.symbol_of[columns]].T
        return portfolio_of(
            records, close, self._initial_capital, self._bar_close, list(columns), freq, shared=False
        )


def bytes_per_column(n_bars: int, *, targets: bool) -> int:
    """Return the memory that one column of a `vectorbt_run` takes at its peak.

    Measured resident memory, signals not included: up to 96 bytes per row; 2 rows a bar, 4
    where the column has targets.
    """
    return _BYTES_PER_ROW * rows_per_bar(targets=targets) * n_bars


def vectorbt_run(
    open: F64,  # noqa: A002
    high: F64,
    low: F64,
    close: F64,
    signals: F64,
    execution: Execution,
    *,
    symbol_of: NDArray[np.int64] | None = None,
    split: F64 | None = None,
    dividend: F64 | None = None,
    initial_capital: float = 100_000.0,
    trade_from: int = 0,
    bar_close: NDArray[np.datetime64] | None = None,
    engine: str = "auto",
) -> VectorbtRun:
    """Run columns of signals through vectorbt, each on an account of its own.

    Parameters
    ----------
    open, high, low, close : (N, T) float64, raw USD
        NaN where a symbol has no bar.
    signals : (N_SIGNALS, C, T) float64
        At the close of each bar, rows of `research.kernels.signals`.
    execution : Execution
    symbol_of : (C,) int, optional
        Which symbol each column trades; default: column c trades symbol c.
    split, dividend : (N, T) float64, optional
        As `scan_nb` takes them.
    initial_capital : float
        USD, per column.
    trade_from : int
        First bar at whose close an entry may be decided.
    bar_close : (T,) datetime64, optional
        Index of the portfolios.
    engine : {"auto", "rust", "numba"}
        "auto" is Rust where vectorbt has it.

    Raises
    ------
    BadValue
        The case cannot be said in vectorbt's arrays.
    """
    n_symbols = close.shape[0]
    n_columns = signals.shape[1]
    symbol_of = np.arange(n_columns) if symbol_of is None else np.asarray(symbol_of, dtype=np.int64)
    if symbol_of.shape != (n_columns,) or (
        n_columns and not 0 <= symbol_of.min() <= symbol_of.max() < n_symbols
    ):
        raise BadValue(
            f"`symbol_of` must give one of {n_symbols} symbols for each of {n_columns} columns, was of shape "
            f"{symbol_of.shape}"
        )
    if execution.dividends and dividend is not None and np.any(dividend != 0.0):
        raise BadValue(
            "cash dividends cannot be said in vectorbt's arrays, and these bars pay some; "
            "set Execution(dividends=False), or backtest it with run_unified_backtest"
        )
    units = share_units(close, split)
    engine = engine_named(engine)
    entry = entries(signals, execution, trade_from)
    refuse(signals, entry, execution)

    fills = []
    has_target = np.any((entry != 0.0) & ~np.isnan(signals[sg.TARGET]), axis=1)
    short = np.any(entry < 0.0, axis=1)
    for k in np.unique(symbol_of):
        bars = tuple(a[k] / units[k] for a in (open, high, low, close))
        for targets in (False, True):
            for down in (False, True):
                columns = np.flatnonzero((symbol_of == k) & (has_target == targets) & (short == down))
                if columns.size and np.count_nonzero(~np.isnan(bars[3])) > 1:
                    own, told = arguments(
                        bars,
                        units[k],
                        signals[:, columns],
                        entry[columns],
                        execution,
                        targets=targets,
                        down=down,
                    )
                    rows = rows_per_bar(targets=targets)
                    found = simulate(own, told, units[k], rows, initial_capital, engine)
                    found["column"] = columns[found["column"]]
                    fills.append(found)
    orders = np.concatenate(fills) if fills else np.empty(0, FILL)
    orders = orders[np.argsort(orders["column"], kind="stable")]
    return VectorbtRun(orders, engine, symbol_of, close, units, initial_capital, bar_close)


def portfolio_from_orders(
    orders: F64,
    close: F64,
    *,
    initial_capital: float,
    split: F64 | None = None,
    dividends_paid: float = 0.0,
    symbols: Sequence[str] | None = None,
    bar_close: NDArray[np.datetime64] | None = None,
    freq: str | None = None,
) -> Any:
    """Return a vectorbt `Portfolio` of one account's orders, as `scan_nb` wrote them.

    For what vectorbt's arrays cannot say: several symbols on one account, time limits,
    stop and trail together.

    Parameters
    ----------
    orders : (M, N_ORDER) float64
    close : (N, T) float64, raw USD
    initial_capital : float
        USD, shared by all symbols.
    split : (N, T) float64, optional
        Needed where there are splits; sizes and prices are then in units of the last
        bar's shares.
    dividends_paid : float
        The account's A_DIVIDENDS. A vectorbt portfolio has no place for them.
    symbols : sequence of str, optional
        Column names.
    bar_close : (T,) datetime64, optional
    freq : str, optional
        Of a bar, for annualised figures, such as "1D".

    Raises
    ------
    BadValue
        Dividends were paid, or a split leaves fractions.
    """
    if dividends_paid != 0.0:
        raise BadValue(
            f"a vectorbt portfolio has no dividends, and this account was paid {dividends_paid:.2f}; "
            "run it with Execution(dividends=False)"
        )
    units = share_units(close, split)
    bar = orders[:, ac.O_BAR].astype(np.int64)
    column = orders[:, ac.O_SYMBOL].astype(np.int64)
    records = order_records(
        bar, column, orders[:, ac.O_SIDE], orders[:, ac.O_QTY], orders[:, ac.O_PRICE], orders[:, ac.O_FEE],
        units[column, bar],
    )  # fmt: skip
    names = list(symbols) if symbols is not None else list(range(close.shape[0]))
    return portfolio_of(records, (close / units).T, initial_capital, bar_close, names, freq, shared=True)
