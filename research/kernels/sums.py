"""The sums that an account's figures are made of, gathered close by close and trip by trip.

In: equity and exposure at each close, and what each round trip brought. Out: one row of
`N_SUMS` numbers per account, whatever its length. `research.evidence.metrics` turns rows
into figures, for a backtest and for a sweep alike.

Bars in which nothing is held leave equity where it was: `rest_nb` takes any number of them at once.

Returns are summed less the first of them, so that the variance of equal returns is
nothing but rounding (Chan, Golub & LeVeque, "Algorithms for computing the sample
variance", The American Statistician 37(3), 1983: shifted data).
"""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from research.kernels.jit import njit

__all__ = [
    "N_SUMS",
    "SUMS",
    "Sums",
    "begin_nb",
    "curves_nb",
    "exposure_nb",
    "finish_nb",
    "mark_nb",
    "marks_nb",
    "rest_nb",
    "trip_nb",
    "trips_nb",
]


class Sums(Protocol):
    """One account; USD, counts, and sums over its bars."""

    first: float  # USD before the first bar
    last: float  # USD at the last close
    least: float  # lowest equity, `first` included
    bars: float
    shift: float  # return of the first bar
    rise: float  # Σ (return − shift)
    square: float  # Σ (return − shift)²
    downside: float  # Σ min(return, 0)²
    peak: float  # highest equity so far
    trough: float  # lowest equity since the peak
    deepest: float  # lowest equity ÷ peak − 1, ≤ 0
    below: float  # bars since the peak
    longest: float  # most bars below a peak
    worth: float  # Σ equity
    exposed: float  # Σ exposure
    invested: float  # bars with exposure
    traded: float  # USD bought and sold
    trades: float  # round trips closed
    wins: float
    gained: float  # USD of those that gained
    lost: float  # USD of those that lost, ≥ 0
    pnl: float  # USD of all
    returned: float  # Σ pnl ÷ value at entry
    held: float  # Σ bars held


SUMS = np.dtype([(name, np.float64) for name in Sums.__annotations__])
N_SUMS = len(Sums.__annotations__)


@njit
def begin_nb(s: Sums, capital: float) -> None:
    """Begin with `capital` USD; the row holds zeros."""
    s.first = s.last = s.least = s.peak = s.trough = capital


@njit
def mark_nb(s: Sums, equity: float, exposure: float) -> None:
    """Count one close."""
    gain = (equity - s.last) / s.last
    if s.bars == 0.0:
        s.shift = gain
    beyond = gain - s.shift
    s.rise += beyond
    s.square += beyond * beyond
    if gain < 0.0:
        s.downside += gain * gain
    if equity >= s.peak:
        if s.below > 0.0:
            fall_nb(s)
        s.peak = s.trough = equity
        s.below = 0.0
    else:
        s.below += 1.0
        s.trough = min(s.trough, equity)
    s.worth += equity
    s.exposed += exposure
    if exposure != 0.0:
        s.invested += 1.0
    s.last = equity
    s.bars += 1.0


@njit
def marks_nb(s: Sums, cash: float, qty: float, close: NDArray[np.float64], begin: int, end: int) -> None:
    """Count the closes begin … end − 1 of an account that only holds: `mark_nb` of each, in registers.

    Parameters
    ----------
    cash : float
        USD beside the position.
    qty : float
        Raw shares, signed, not 0.
    close : (T,) float64
    """
    last, shift, rise, square, downside = s.last, s.shift, s.rise, s.square, s.downside
    peak, trough, below = s.peak, s.trough, s.below
    worth, exposed, invested = s.worth, s.exposed, s.invested
    if s.bars == 0.0 and begin < end:
        shift = (cash + qty * close[begin] - last) / last
    for i in range(begin, end):
        held = qty * close[i]
        equity = cash + held
        gain = (equity - last) / last
        beyond = gain - shift
        rise += beyond
        square += beyond * beyond
        # Without a branch: the sign of a day's return is a coin that no processor guesses.
        fall = gain if gain < 0.0 else 0.0
        downside += fall * fall
        if equity >= peak:
            if below > 0.0:
                s.peak, s.trough, s.below = peak, trough, below
                fall_nb(s)
            peak = trough = equity
            below = 0.0
        else:
            below += 1.0
            trough = min(trough, equity)
        worth += equity
        exposure = exposure_nb(held, equity)
        exposed += exposure
        invested += 1.0 if exposure != 0.0 else 0.0
        last = equity
    s.bars += float(end - begin)
    s.last, s.shift, s.rise, s.square, s.downside = last, shift, rise, square, downside
    s.peak, s.trough, s.below = peak, trough, below
    s.worth, s.exposed, s.invested = worth, exposed, invested


@njit
def exposure_nb(held: float, equity: float) -> float:
    """Return the signed fraction of equity that is held; 0 where there is no equity."""
    return held / equity if held != 0.0 and equity > 0.0 else 0.0


@njit
def rest_nb(s: Sums, n: int) -> None:
    """Count `n` closes without a position."""
    if n <= 0:
        return
    # From 0 USD or less there is no return, and `least` says so.
    beyond = -s.shift
    s.rise += n * beyond
    s.square += n * (beyond * beyond)
    if s.last < s.peak:
        s.below += n
    s.worth += n * s.last
    s.bars += n


@njit
def fall_nb(s: Sums) -> None:
    """Book the stretch below the peak that ends here."""
    s.deepest = min(s.deepest, s.trough / s.peak - 1.0)
    s.longest = max(s.longest, s.below)
    s.least = min(s.least, s.trough)


@njit
def finish_nb(s: Sums) -> None:
    """Book what the last bar left open."""
    if s.below > 0.0:
        fall_nb(s)


@njit
def trip_nb(s: Sums, pnl: float, returned: float, bars: float) -> None:
    """Count one closed round trip: USD net of all costs, that over its value at entry, bars held."""
    s.trades += 1.0
    if pnl > 0.0:
        s.wins += 1.0
        s.gained += pnl
    else:
        s.lost -= pnl
    s.pnl += pnl
    s.returned += returned
    s.held += bars


@njit
def curves_nb(
    equity: NDArray[np.float64],
    exposure: NDArray[np.float64],
    capital: float,
    sums: NDArray[np.float64],
) -> None:
    """Gather the sums of whole curves.

    Parameters
    ----------
    equity : (C, T) float64
        USD at each close.
    exposure : (C, T) float64
        Signed fraction of equity; (C, 0) where nobody asks for it.
    capital : float
        USD before the first close.
    sums : (C, N_SUMS) float64
        Zeros; written.
    """
    rows = sums.view(SUMS)
    known = exposure.shape[1] > 0
    for c in range(equity.shape[0]):
        s = rows[c, 0]
        begin_nb(s, capital)
        for i in range(equity.shape[1]):
            mark_nb(s, equity[c, i], exposure[c, i] if known else math.nan)
        finish_nb(s)


@njit
def trips_nb(
    pnl: NDArray[np.float64],
    returned: NDArray[np.float64],
    held: NDArray[np.float64],
    sums: NDArray[np.float64],
) -> None:
    """Gather the sums of the closed round trips of one account, each (M,), into row 0 of (1, N_SUMS)."""
    s = sums.view(SUMS)[0, 0]
    for k in range(pnl.size):
        trip_nb(s, pnl[k], returned[k], held[k])
