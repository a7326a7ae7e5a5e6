"""Orders of many accounts, settled: what each account was worth, and what each round trip brought.

In: the fills of C accounts that trade one symbol, whoever made them, and the symbol's
bars. Out: equity and exposure at each close, and one row per round trip. Cash, splits
and their leftovers are booked by the functions of `fills`, which the broker kernel
also uses, so settled orders of an account give the equity that the account had.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from research.kernels import account as ac
from research.kernels.account_rows import PENDING, POSITION, TOTALS
from research.kernels.fills import corporate_nb, pay_nb
from research.kernels.jit import njit

__all__ = ["hold_nb", "settle_nb"]

# --- trips (M, N_TRIP): one row per entry -------------------------------------------------------------------
R_ACCOUNT = 0
R_CLOSED = 1  # 1: the exit is among the orders, 0: marked at the last close
R_PNL = 2  # USD, net of all costs
R_RETURN = 3  # of the value at entry
R_HELD = 4  # bars, the entry bar included
N_TRIP = 5


@njit
def settle_nb(
    orders: NDArray[np.float64],
    starts: NDArray[np.int64],
    capital: float,
    open: NDArray[np.float64],  # noqa: A002
    close: NDArray[np.float64],
    split: NDArray[np.float64],
    dividend: NDArray[np.float64],
    execution: NDArray[np.float64],
    equity: NDArray[np.float64],
    exposure: NDArray[np.float64],
    traded: NDArray[np.float64],
    trips: NDArray[np.float64],
) -> int:
    """Book the orders of each account in turn.

    Parameters
    ----------
    orders : (M, N_ORDER) float64
        Account by account, each in the order of its fills; entries and exits alternate.
    starts : (C + 1,) int64
        Account c has the orders from starts[c] to starts[c + 1].
    capital : float
        USD of every account at its first bar.
    open, close, split, dividend : (T,) float64
        The symbol's own bars, without a gap: raw USD, ratios, USD a share.
    execution : (N_EXECUTION,) float64
    equity, exposure : (C, T) float64
        Written: USD, and signed fraction of equity, at each close.
    traded : (C,) float64
        Written: USD bought and sold.
    trips : (M, N_TRIP) float64
        Written from the front.

    Returns
    -------
    int
        Rows of `trips`.
    """
    fractional = execution[ac.X_FRACTIONAL] != 0.0
    dividends = execution[ac.X_DIVIDENDS] != 0.0
    books = np.zeros((1, ac.N_TOTALS))
    held = np.zeros((1, ac.N_POSITION))
    wait = np.zeros((1, ac.N_PENDING))
    total, p, q = books.view(TOTALS)[0, 0], held.view(POSITION)[0, 0], wait.view(PENDING)[0, 0]
    n_bars, n = close.shape[0], 0
    for c in range(starts.shape[0] - 1):
        total.cash = capital
        p.qty = 0.0
        k, last = starts[c], starts[c + 1]
        cost = fee = income = value = side = 0.0
        since = 0
        for i in range(n_bars):
            if p.qty != 0.0 and (split[i] != 1.0 or dividend[i] != 0.0):
                paid = total.dividends + total.lieu
                corporate_nb(total, p, q, open[i], split[i], dividend[i], fractional, dividends)
                income += total.dividends + total.lieu - paid
                if p.qty == 0.0:  # a reverse split paid the whole position out
                    trip_nb(trips, n, c, 1.0, income - side * cost - fee, cost, i - since)
                    n += 1
            while k < last and orders[k, ac.O_BAR] == i:
                size, price = orders[k, ac.O_QTY], orders[k, ac.O_PRICE]
                if orders[k, ac.O_SIDE] > 0.0:
                    pay_nb(total, size * price + orders[k, ac.O_FEE])
                else:
                    total.cash += size * price - orders[k, ac.O_FEE]
                value += size * price
                if p.qty == 0.0:
                    side, since = orders[k, ac.O_SIDE], i
                    p.qty = side * size
                    cost, fee, income = size * price, orders[k, ac.O_FEE], 0.0
                else:
                    pnl = side * (size * price - cost) + income - (fee + orders[k, ac.O_FEE])
                    trip_nb(trips, n, c, 1.0, pnl, cost, i - since)
                    n += 1
                    p.qty = 0.0
                k += 1
            worth = total.cash + p.qty * close[i]
            equity[c, i] = worth
            exposure[c, i] = p.qty * close[i] / worth if worth > 0.0 else 0.0
        if p.qty != 0.0:
            pnl = p.qty * close[n_bars - 1] - side * cost + income - fee
            trip_nb(trips, n, c, 0.0, pnl, cost, n_bars - 1 - since)
            n += 1
        traded[c] = value
    return n


@njit
def hold_nb(
    qty: float,
    open: NDArray[np.float64],  # noqa: A002
    split: NDArray[np.float64],
    dividend: NDArray[np.float64],
    begin: int,
    end: int,
    execution: NDArray[np.float64],
) -> tuple[float, float, int]:
    """Carry a position through the dividends and splits of bars begin … end − 1.

    Parameters
    ----------
    qty : float
        Raw shares, signed, held at the close before `begin`.
    open, split, dividend : (T,) float64
        Of one symbol; NaN, 1 and 0 where it has no bar.
    execution : (N_EXECUTION,) float64

    Returns
    -------
    float
        Raw shares at the end, signed.
    float
        USD received on the way: dividends (shorts pay them) and cash for fractions of a share.
    int
        The bar whose split left no share, or −1.
    """
    fractional = execution[ac.X_FRACTIONAL] != 0.0
    dividends = execution[ac.X_DIVIDENDS] != 0.0
    books = np.zeros((1, ac.N_TOTALS))
    held = np.zeros((1, ac.N_POSITION))
    wait = np.zeros((1, ac.N_PENDING))
    total, p, q = books.view(TOTALS)[0, 0], held.view(POSITION)[0, 0], wait.view(PENDING)[0, 0]
    p.qty = qty
    for i in range(begin, end):
        if split[i] != 1.0 or dividend[i] != 0.0:
            corporate_nb(total, p, q, open[i], split[i], dividend[i], fractional, dividends)
            if p.qty == 0.0:
                return 0.0, total.cash, i
    return p.qty, total.cash, -1


@njit
def trip_nb(
    trips: NDArray[np.float64], n: int, account: int, closed: float, pnl: float, cost: float, bars: int
) -> None:
    """Write one round trip."""
    trips[n, R_ACCOUNT] = account
    trips[n, R_CLOSED] = closed
    trips[n, R_PNL] = pnl
    trips[n, R_RETURN] = pnl / cost
    trips[n, R_HELD] = bars + 1
