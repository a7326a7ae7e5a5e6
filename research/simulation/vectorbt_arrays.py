"""The execution table in vectorbt's words: bars as rows, quantities as percentages.

In: the bars of a symbol and signals of its columns. Out: the arguments of vectorbt's
`Portfolio.from_signals`.

How the execution table is said in arrays:

1. A bar becomes rows. *Open row*: the market orders decided at the last close, and
   stops that the open is beyond. *Day row*: stops and targets inside the bar.
2. vectorbt knows one slippage per row, but stops pay it and targets do not. A column
   with targets therefore takes four rows: market orders and stops at the open;
   targets at the open (no slippage); stops inside (the row shows only the losing side of
   the bar); targets inside (only the winning side, no slippage). Which side loses
   depends on the direction, so such a column must be long-only or short-only.
3. An open row shows a range without a price in it, so the trailing stop does not move
   at the open.
4. Quantity fixed at the close: size = weight·(open·(1±slippage)·(1+commission))/close_t of
   the cash, as percent, with the granularity of a share.
5. Splits: prices and sizes in units of which every share has a whole number, one at the
   last bar.

What arrays cannot say is refused, naming the remedy: cash dividends; several symbols on
one account (use `portfolio_from_orders`); time limits (see `vectorbt_limits`); a stop and a wider
trail on one position; targets in a column that goes both long and short; stops nearer than the
slippage beside a target; splits that leave fractions.

What differs unseen: an account that a short sale has ruined (vectorbt covers only what
cash pays for), and an entry that is both cut to cash and decided on the eve of a split
(by less than one old share).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from research.errors import BadValue
from research.execution import Execution
from research.kernels import signals as sg
from research.kernels.fills import NUDGE, SHARE_STEP

__all__ = ["arguments", "entries", "refuse", "rows_per_bar", "share_units"]

F64 = NDArray[np.float64]
_ELSE = "backtest it with run_unified_backtest"


def rows_per_bar(*, targets: bool) -> int:
    """Return how many rows say one bar."""
    return 4 if targets else 2


def share_units(close: F64, split: F64 | None) -> F64:
    """Return the units per raw share, (N, T): 1 at the last bar, more before splits."""
    if split is None:
        return np.ones_like(close)
    if np.any(split != np.rint(split)) or np.any(split < 1.0):
        k, i = np.argwhere((split != np.rint(split)) | (split < 1.0))[0]
        raise BadValue(
            f"vectorbt's arrays can say whole-numbered splits only, symbol {k} has {split[k, i]:g} at "
            f"bar {i}, whose fractions of a share are paid in cash; cut the history there or {_ELSE}"
        )
    later = np.cumprod(split[:, ::-1], axis=1)[:, ::-1]
    return np.asarray(later / split)


def entries(signals: F64, execution: Execution, trade_from: int) -> F64:
    """Return the entries that a flat account takes, (C, T): +1, −1 or 0."""
    side, closes = np.sign(signals[sg.ENTRY]), signals[sg.EXIT]
    with np.errstate(invalid="ignore"):
        taken = (signals[sg.GATE] == 0.0) & (signals[sg.WEIGHT] > 0.0) & (closes != 2.0) & (closes != side)
    taken &= (side > 0.0) | ((side < 0.0) & execution.allow_short)
    taken[:, :trade_from] = False
    return np.where(taken, side, 0.0)


def refuse(signals: F64, entry: F64, execution: Execution) -> None:
    """Refuse what arrays cannot say."""
    at = entry != 0.0
    stop, target, trail = (np.where(at, signals[row], np.nan) for row in (sg.STOP, sg.TARGET, sg.TRAIL))
    if np.any(at & ~np.isnan(signals[sg.LIMIT])):
        raise BadValue(
            f"time limits depend on when a position was opened, which vectorbt's arrays cannot say; {_ELSE}"
        )
    if np.any(trail > stop):
        c, i = np.argwhere(trail > stop)[0]
        raise BadValue(
            f"vectorbt holds one stop per position, column {c} has stop {stop[c, i]:g} and a wider trail "
            f"{trail[c, i]:g} at bar {i}; drop one or {_ELSE}"
        )
    if not np.any(~np.isnan(target)):
        return
    mixed = np.any(entry > 0.0, axis=1) & np.any(entry < 0.0, axis=1) & np.any(~np.isnan(target), axis=1)
    if mixed.any():
        raise BadValue(
            "a vectorbt column with targets is long-only or short-only, "
            f"column {np.flatnonzero(mixed)[0]} is both; split it or {_ELSE}"
        )
    nearest = np.fmin(stop, trail)
    s = execution.slippage
    inside = np.where(entry > 0.0, (1.0 + s) * (1.0 - nearest) >= 1.0, (1.0 - s) * (1.0 + nearest) <= 1.0)
    if np.any(inside & ~np.isnan(nearest)):
        c, i = np.argwhere(inside & ~np.isnan(nearest))[0]
        raise BadValue(
            f"beside a target, vectorbt needs stops wider than the slippage {s:g}, "
            f"column {c} has {nearest[c, i]:g} at bar {i}; widen it or {_ELSE}"
        )


def _rows(bars: tuple[F64, ...], targets: bool, down: bool, slippage: float) -> tuple[F64, ...]:
    """Return open, high, low, close and slippage of each row, (R, 1)."""
    o, h, lo, c = bars
    nothing, everything = np.full_like(o, -np.inf), np.full_like(o, np.inf)
    pay, free = np.full_like(o, slippage), np.zeros_like(o)
    if not targets:
        # high < low: a range that no level lies in, and that moves no trailing stop.
        rows = [(o, nothing, everything, o, pay), (o, h, lo, c, pay)]
    else:
        # An existing target is beyond the last bar's range, an existing stop is not: an open clipped to that
        # range is never beyond a target, and beyond a stop exactly when the open is.
        if down:
            clipped = np.maximum(o, np.concatenate((o[:1], lo[:-1])))
            losing, winning = (o, h, o, o, pay), (o, o, lo, c, free)
        else:
            clipped = np.minimum(o, np.concatenate((o[:1], h[:-1])))
            losing, winning = (o, o, lo, o, pay), (o, h, o, c, free)
        rows = [
            (clipped, nothing, everything, o, pay),
            (o, nothing, everything, o, free),
            losing,
            winning,
        ]
    return tuple(np.stack([row[j] for row in rows], axis=1).reshape(-1, 1) for j in range(5))


def arguments(
    bars: tuple[F64, ...],
    units: F64,
    signals: F64,
    entry: F64,
    execution: Execution,
    *,
    targets: bool,
    down: bool,
) -> tuple[NDArray[np.int64], dict[str, Any]]:
    """Return the arguments of `Portfolio.from_signals` for columns of one symbol.

    Parameters
    ----------
    bars : open, high, low, close of the symbol, each (T,) float64 in units
    units : (T,) float64, units per share
    signals : (N_SIGNALS, C, T) float64
    entry : (C, T) float64
    targets, down : bool
        Whether these columns have targets, and short entries.

    Returns
    -------
    own : (B,) int64
        The bars that the symbol has; their rows follow each other.
    arguments : dict
    """
    own = np.flatnonzero(~np.isnan(bars[3]))
    bars = tuple(a[own] for a in bars)
    n_rows, n_columns = rows_per_bar(targets=targets), entry.shape[0]
    o, h, lo, c, slippage = _rows(bars, targets, down, execution.slippage)

    def on_open(values: NDArray[Any], empty: object, dtype: type) -> NDArray[Any]:
        """Put what was known at each close, (C, own T), on the open row of the next bar, (R, C)."""
        out: NDArray[Any] = np.full((own.size * n_rows, n_columns), empty, dtype=dtype)
        out[n_rows::n_rows] = values[:, :-1].T
        return out

    # An entry waits for one bar of the calendar; an exit waits for the symbol's next bar.
    at = entry[:, own].copy()
    at[:, :-1][:, np.diff(own) != 1] = 0.0
    closes = signals[sg.EXIT][:, own]
    # The quantity fixed at the close, as a share of the cash at the open; NUDGE is the kernel's.
    share = np.full(at.shape, np.nan)
    cost = bars[0][1:] * (1.0 + np.sign(at[:, :-1]) * execution.slippage) * (1.0 + execution.commission)
    share[:, :-1] = np.minimum(signals[sg.WEIGHT][:, own][:, :-1] * cost / bars[3][:-1] * NUDGE, 1.0)
    stop, trail = signals[sg.STOP][:, own], signals[sg.TRAIL][:, own]
    trailing = ~np.isnan(trail)  # a trail beside a wider stop is always the tighter of the two
    stops = set(np.unique(trailing[trailing | ~np.isnan(stop)]).tolist())  # which kinds there are
    step = SHARE_STEP if execution.fractional else 1.0
    grain = np.full((own.size * n_rows, 1), step)
    grain[n_rows::n_rows, 0] = step * units[own][:-1]
    levels = on_open(np.where(trailing, trail, stop), np.nan, np.float64) if stops else np.nan
    return own, {
        "open": o,
        "high": h,
        "low": lo,
        "close": c,
        "price": np.inf,  # the close of the row: on the open row that is the open
        "entries": on_open(at > 0.0, False, np.bool_),
        "exits": on_open((closes == 1.0) | (closes == 2.0), False, np.bool_),
        "short_entries": on_open(at < 0.0, False, np.bool_) if down else False,
        "short_exits": on_open((closes == -1.0) | (closes == 2.0), False, np.bool_) if down else False,
        "size": on_open(np.where(at != 0.0, share, np.nan), np.nan, np.float64),
        "size_type": "percent",
        "size_granularity": grain,
        "min_size": grain / 2,
        "fees": execution.commission,
        "slippage": slippage,
        "sl_stop": levels,
        "sl_trail": on_open(trailing, False, np.bool_) if stops == {False, True} else stops == {True},
        "tp_stop": on_open(signals[sg.TARGET][:, own], np.nan, np.float64) if targets else np.nan,
        "stop_entry_price": "fillprice",
        "stop_exit_price": "stopmarket",
        "upon_opposite_entry": "ignore",
        "accumulate": False,
        "max_orders": 2 * int(np.count_nonzero(at)) + 1,
        "max_logs": 1,
    }
