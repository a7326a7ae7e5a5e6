"""Settling by hand: what two accounts were worth, and what their trades brought."""

import numpy as np
import pytest

from research.execution import Execution
from research.kernels import account as ac
from research.kernels.settle import N_TRIP, settle_nb


def settled(orders, close, *, split=None, dividend=None, execution=None, accounts=1):
    rows = np.full((len(orders), ac.N_ORDER), np.nan)
    rows[:, [ac.O_SYMBOL, ac.O_BAR, ac.O_SIDE, ac.O_QTY, ac.O_PRICE, ac.O_FEE]] = orders
    starts = np.searchsorted(rows[:, ac.O_SYMBOL], np.arange(accounts + 1))
    close = np.array(close, dtype=float)
    equity, exposure = np.empty((accounts, close.size)), np.empty((accounts, close.size))
    traded, trips = np.empty(accounts), np.empty((len(orders), N_TRIP))
    split = np.ones(close.size) if split is None else np.array(split, dtype=float)
    dividend = np.zeros(close.size) if dividend is None else np.array(dividend, dtype=float)
    rules = (execution or Execution(dividends=False)).as_array()
    n = settle_nb(
        rows, starts, 10_000.0, close, close, split, dividend, rules, equity, exposure, traded, trips
    )
    return equity, exposure, traded, trips[:n]


def test_a_trade_a_bar_without_one_and_an_open_position():
    equity, exposure, traded, trips = settled(
        [(0, 1, 1, 10, 100.0, 1.0), (0, 2, -1, 10, 110.0, 1.1), (1, 2, -1, 5, 110.0, 0.5)],
        [100, 104, 108, 105],
        accounts=2,
    )
    # Account 0: 10000 − 1000 − 1 = 8999 cash and 10 × 104; then 8999 + 1100 − 1.1.
    assert equity[0] == pytest.approx([10_000, 10_039, 10_097.9, 10_097.9], abs=1e-9)
    assert exposure[0] == pytest.approx([0, 1040 / 10_039, 0, 0], abs=1e-12)
    # Account 1 is short 5: 10000 + 550 − 0.5, less 5 × 108 and 5 × 105.
    assert equity[1] == pytest.approx([10_000, 10_000, 10_009.5, 10_024.5], abs=1e-9)
    assert exposure[1, 3] == pytest.approx(-525 / 10_024.5, abs=1e-12)
    assert traded.tolist() == [2100.0, 550.0]
    # account, closed, pnl, return on the entry's value, bars held
    assert trips[0] == pytest.approx([0, 1, 97.9, 0.0979, 2])
    assert trips[1] == pytest.approx([1, 0, 5 * (110 - 105) - 0.5, 24.5 / 550, 2])


def test_a_split_multiplies_shares_and_pays_the_fraction_at_the_open():
    # 3 shares at 100, a 3-for-2 split: 4 shares and half a one at 60; sold at 62.
    equity, _, _, trips = settled(
        [(0, 0, 1, 3, 100.0, 0.0), (0, 2, -1, 4, 62.0, 0.0)], [100, 60, 62], split=[1, 1.5, 1]
    )
    assert equity[0] == pytest.approx([10_000, 9700 + 30 + 240, 9700 + 30 + 248], abs=1e-9)
    assert trips[0] == pytest.approx([0, 1, 248 + 30 - 300, -22 / 300, 3])


def test_dividends_are_paid_to_longs_where_the_execution_says_so():
    orders = [(0, 0, 1, 10, 100.0, 0.0), (0, 2, -1, 10, 100.0, 0.0)]
    paid = settled(orders, [100, 100, 100], dividend=[0, 2, 0], execution=Execution(dividends=True))
    unpaid = settled(orders, [100, 100, 100], dividend=[0, 2, 0])
    assert paid[0][0].tolist() == [10_000, 10_020, 10_020]
    assert unpaid[0][0].tolist() == [10_000, 10_000, 10_000]
    assert paid[3][0, 2] == pytest.approx(20.0)
