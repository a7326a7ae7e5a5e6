"""Orders of many accounts, settled: what each account was worth, and what each round trip brought.

In: the fills of accounts that trade one symbol, whoever made them, and the symbol's
bars. Out: the sums that their figures are made of. Cash, splits and their leftovers are
booked by the functions of `fills`, which the broker kernel also uses, so settled orders
of an account give the equity that the account had.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from research.kernels import account as ac
from research.kernels.account_rows import PENDING, POSITION, TOTALS
from research.kernels.bars import B_CLOSE, B_DIVIDEND, B_OPEN, B_SPLIT, actions_nb
from research.kernels.fills import corporate_nb, pay_nb
from research.kernels.jit import njit
from research.kernels.sums import (
    SUMS,
    Sums,
    begin_nb,
    exposure_nb,
    finish_nb,
    mark_nb,
    marks_nb,
    rest_nb,
    trip_nb,
)

__all__ = ["hold_nb", "settle_all_nb", "settle_nb"]


@njit
def settle_nb(
    orders: NDArray[np.float64],
    begin: int,
    end: int,
    capital: float,
    bars: NDArray[np.float64],
    actions: NDArray[np.int32],
    execution: NDArray[np.float64],
    sums: Sums,
    equity: NDArray[np.float64],
) -> None:
    """Book the orders of one account.

    Parameters
    ----------
    orders : (M, N_ORDER) float64
        The account's are begin … end − 1, in the order of its fills; entries and exits alternate.
    capital : float
        USD at its first bar.
    bars : (N_BARS, T) float64
        The symbol's own bars, without a gap, in the rows of `bars.BARS`: raw USD, ratios, USD a share.
    actions : (T + 1,) int32
        From `bars.actions_nb`.
    execution : (N_EXECUTION,) float64
    sums : row of SUMS
        Zeros; written.
    equity : (T,) float64
        Written: USD at each close. Of length 0 where nobody reads it.
    """
    fractional = execution[ac.X_FRACTIONAL] != 0.0
    dividends = execution[ac.X_DIVIDENDS] != 0.0
    total = np.zeros((1, ac.N_TOTALS)).view(TOTALS)[0, 0]
    p = np.zeros((1, ac.N_POSITION)).view(POSITION)[0, 0]
    q = np.zeros((1, ac.N_PENDING)).view(PENDING)[0, 0]
    n_bars, k, i = bars.shape[1], begin, 0
    close = bars[B_CLOSE]
    total.cash = capital
    cost = fee = income = side = 0.0
    since = 0
    begin_nb(sums, capital)
    while i < n_bars:
        if p.qty == 0.0:
            filled = int(orders[k, ac.O_BAR]) if k < end else n_bars
            rest_nb(sums, filled - i)
            if equity.size > 0:
                equity[i:filled] = sums.last
            i = filled
            if i == n_bars:
                break
        elif bars[B_SPLIT, i] != 1.0 or bars[B_DIVIDEND, i] != 0.0:
            paid = total.dividends + total.lieu
            corporate_nb(
                total, p, q, bars[B_OPEN, i], bars[B_SPLIT, i], bars[B_DIVIDEND, i], fractional, dividends
            )
            income += total.dividends + total.lieu - paid
            if p.qty == 0.0:  # a reverse split paid the whole position out
                pnl = income - side * cost - fee
                trip_nb(sums, pnl, pnl / cost, float(i - since + 1))
        while k < end and orders[k, ac.O_BAR] == i:
            size, price = orders[k, ac.O_QTY], orders[k, ac.O_PRICE]
            if orders[k, ac.O_SIDE] > 0.0:
                pay_nb(total, size * price + orders[k, ac.O_FEE])
            else:
                total.cash += size * price - orders[k, ac.O_FEE]
            sums.traded += size * price
            if p.qty == 0.0:
                side, since = orders[k, ac.O_SIDE], i
                p.qty = side * size
                cost, fee, income = size * price, orders[k, ac.O_FEE], 0.0
            else:
                pnl = side * (size * price - cost) + income - (fee + orders[k, ac.O_FEE])
                trip_nb(sums, pnl, pnl / cost, float(i - since + 1))
                p.qty = 0.0
            k += 1
        held = p.qty * bars[B_CLOSE, i]
        worth = total.cash + held
        mark_nb(sums, worth, exposure_nb(held, worth))
        if equity.size > 0:
            equity[i] = worth
        i += 1
        if p.qty != 0.0:
            # Until the next order, split or paid dividend the account only holds.
            until = min(actions[i], int(orders[k, ac.O_BAR]) if k < end else n_bars)
            marks_nb(sums, total.cash, p.qty, close, i, until)
            if equity.size > 0:
                for j in range(i, until):
                    equity[j] = total.cash + p.qty * close[j]
            i = until
    finish_nb(sums)


@njit
def settle_all_nb(
    orders: NDArray[np.float64],
    starts: NDArray[np.int64],
    capital: float,
    bars: NDArray[np.float64],
    execution: NDArray[np.float64],
    sums: NDArray[np.float64],
) -> None:
    """Book the orders of C accounts: account c has those from starts[c] to starts[c + 1].

    Parameters
    ----------
    sums : (C, N_SUMS) float64
        Zeros; written.
    """
    rows, none, actions = sums.view(SUMS), np.empty(0), np.empty(bars.shape[1] + 1, dtype=np.int32)
    actions_nb(bars, execution, actions)
    for c in range(rows.shape[0]):
        settle_nb(orders, starts[c], starts[c + 1], capital, bars, actions, execution, rows[c, 0], none)


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
