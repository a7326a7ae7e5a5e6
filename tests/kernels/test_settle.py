"""Settling by hand: what two accounts were worth, and what their trades brought."""

import numpy as np
import pytest

from research.execution import Execution
from research.kernels import account as ac
from research.kernels.bars import actions_nb
from research.kernels.settle import settle_all_nb, settle_nb
from research.kernels.sums import N_SUMS, SUMS


def settled(orders, close, *, split=None, dividend=None, execution=None, accounts=1):
    """Return the sums of each account, and its equity."""
    rows = np.full((len(orders), ac.N_ORDER), np.nan)
    rows[:, [ac.O_SYMBOL, ac.O_BAR, ac.O_SIDE, ac.O_QTY, ac.O_PRICE, ac.O_FEE]] = orders
    starts = np.searchsorted(rows[:, ac.O_SYMBOL], np.arange(accounts + 1))
    close = np.array(close, dtype=float)
    split = np.ones(close.size) if split is None else np.array(split, dtype=float)
    dividend = np.zeros(close.size) if dividend is None else np.array(dividend, dtype=float)
    bars = np.array([close, close, close, close, split, dividend])
    rules = (execution or Execution(dividends=False)).as_array()
    sums, alone = np.zeros((accounts, N_SUMS)), np.zeros((accounts, N_SUMS))
    equity = np.empty((accounts, close.size))
    actions = np.empty(close.size + 1, dtype=np.int32)
    actions_nb(bars, rules, actions)
    settle_all_nb(rows, starts, 10_000.0, bars, rules, sums)
    for c in range(accounts):
        row = alone.view(SUMS)[c, 0]
        settle_nb(rows, starts[c], starts[c + 1], 10_000.0, bars, actions, rules, row, equity[c])
    assert sums.tobytes() == alone.tobytes()
    return sums.view(SUMS)[:, 0], equity


def test_a_trade_a_bar_without_one_and_an_open_position():
    sums, equity = settled(
        [(0, 1, 1, 10, 100.0, 1.0), (0, 2, -1, 10, 110.0, 1.1), (1, 2, -1, 5, 110.0, 0.5)],
        [100, 104, 108, 105],
        accounts=2,
    )
    # Account 0: 10000 − 1000 − 1 = 8999 cash and 10 × 104; then 8999 + 1100 − 1.1.
    assert equity[0] == pytest.approx([10_000, 10_039, 10_097.9, 10_097.9], abs=1e-9)
    assert sums["exposed"] == pytest.approx([1040 / 10_039, -540 / 10_009.5 - 525 / 10_024.5], abs=1e-12)
    assert sums["invested"].tolist() == [1, 2]
    # Account 1 is short 5: 10000 + 550 − 0.5, less 5 × 108 and 5 × 105.
    assert equity[1] == pytest.approx([10_000, 10_000, 10_009.5, 10_024.5], abs=1e-9)
    assert sums["traded"].tolist() == [2100.0, 550.0]
    assert sums["worth"] == pytest.approx(equity.sum(axis=1))
    first = sums[0]
    assert [
        first[k] for k in ("trades", "wins", "gained", "lost", "pnl", "returned", "held")
    ] == pytest.approx([1, 1, 97.9, 0, 97.9, 0.0979, 2])
    assert sums["trades"][1] == 0  # still open


def test_falls_are_measured_from_the_peak_before():
    # 10 shares from the first bar on, without costs: equity 10000, 9500, 9800, 11000, 10780, 10890.
    sums, _ = settled([(0, 0, 1, 10, 100.0, 0.0)], [100, 50, 80, 200, 178, 189])
    assert [sums[k][0] for k in ("deepest", "longest", "least", "peak")] == pytest.approx(
        [-0.05, 2, 9500, 11_000], rel=1e-14
    )
    returns = [0, -500 / 10_000, 300 / 9500, 1200 / 9800, -220 / 11_000, 110 / 10_780]
    assert sums["rise"][0] == pytest.approx(sum(returns), rel=1e-12)
    assert sums["square"][0] == pytest.approx(sum(r * r for r in returns), rel=1e-12)
    assert sums["downside"][0] == pytest.approx(0.05**2 + 0.02**2, rel=1e-12)


def test_a_split_multiplies_shares_and_pays_the_fraction_at_the_open():
    # 3 shares at 100, a 3-for-2 split: 4 shares and half a one at 60; sold at 62.
    sums, equity = settled(
        [(0, 0, 1, 3, 100.0, 0.0), (0, 2, -1, 4, 62.0, 0.0)], [100, 60, 62], split=[1, 1.5, 1]
    )
    assert equity[0] == pytest.approx([10_000, 9700 + 30 + 240, 9700 + 30 + 248], abs=1e-9)
    assert [sums[k][0] for k in ("trades", "pnl", "returned", "held")] == pytest.approx(
        [1, -22, -22 / 300, 3]
    )


def test_dividends_are_paid_to_longs_where_the_execution_says_so():
    orders = [(0, 0, 1, 10, 100.0, 0.0), (0, 2, -1, 10, 100.0, 0.0)]
    paid = settled(orders, [100, 100, 100], dividend=[0, 2, 0], execution=Execution(dividends=True))
    unpaid = settled(orders, [100, 100, 100], dividend=[0, 2, 0])
    assert paid[1][0].tolist() == [10_000, 10_020, 10_020]
    assert unpaid[1][0].tolist() == [10_000, 10_000, 10_000]
    assert paid[0]["pnl"][0] == pytest.approx(20.0)
