"""Fills that were told are booked as the backtest books its own, and what nobody waited for is taken over."""

import numpy as np
import pytest

from live import booking as bk
from live.broker import NOT_FILLED
from research.execution import Execution
from research.kernels import account as ac
from research.kernels.account import copy_account, empty_orders, new_account
from research.kernels.broker import decide_nb
from research.kernels.scan import scan_nb
from research.kernels.signals import N_SIGNALS
from tests.live.booked import bars_of, signals_of

FREE = Execution(slippage=0.002, commission=0.0)
N, T = 3, 160


def one(values, i):
    return np.ascontiguousarray(values[:, i])


def scanned(account, bars, i, execution):
    """Carry an account through bar i by the backtest's own rules; return its fills."""
    orders, unread = empty_orders(1, N), np.empty(0)
    o, h, lo, c, split, dividend = (np.ascontiguousarray(values[:, i : i + 1]) for values in bars)
    wishes = np.zeros((N_SIGNALS, N, 1))
    count = scan_nb(
        account, o, h, lo, c, split, dividend, wishes, execution.as_array(), 0,
        orders, unread, unread, unread, np.empty((N, 0, ac.N_INTENT)), np.empty((N, 0)),
    )  # fmt: skip
    return orders[:count].copy()


def as_told(orders):
    """Return fills as a broker would tell of them."""
    told = np.zeros((N, bk.N_TOLD))
    for row in orders:
        k, reason = int(row[ac.O_SYMBOL]), int(row[ac.O_REASON])
        if reason == ac.ENTERED:
            told[k, bk.T_ENTERED], told[k, bk.T_ENTERED_PRICE] = (
                row[ac.O_SIDE] * row[ac.O_QTY],
                row[ac.O_PRICE],
            )
        else:
            why = {ac.TIME: ac.SIGNAL, ac.TRAIL: ac.STOP}.get(reason, reason)
            told[k, bk.T_CLOSED : bk.T_CLOSED_REASON + 1] = row[ac.O_QTY], row[ac.O_PRICE], why
    return told


@pytest.mark.parametrize("seed", range(6))
def test_told_what_the_backtest_fills_the_account_is_the_backtests_to_the_bit(seed):
    rng = np.random.default_rng(seed)
    bars, signals = bars_of(rng, N, T), signals_of(rng, N, T)
    ours = new_account(N, 100_000.0)
    theirs = copy_account(ours)
    reasons = set()
    for i in range(T):
        orders = scanned(theirs, bars, i, FREE)
        rows = np.zeros((2 * N + 1, ac.N_ORDER))
        told = as_told(orders)
        o, h, lo, c, split, dividend = (one(values, i) for values in bars)
        count = bk.book_nb(ours, o, h, lo, c, split, dividend, told, FREE.as_array(), rows)
        # What slippage cost is for the shortfall report to say: the account sees the price alone.
        theirs.totals[ac.A_SLIPPAGE] = ours.totals[ac.A_SLIPPAGE]
        lapsed = theirs.positions[:, ac.P_LAPSED] != 0.0
        assert np.array_equal(ours.positions[:, ac.P_LAPSED] == NOT_FILLED, lapsed)
        ours.positions[:, ac.P_LAPSED] = theirs.positions[:, ac.P_LAPSED]
        theirs.totals[ac.A_LAPSED_NO_BAR : ac.A_LAPSED_SIZE + 1] = 0.0
        for mine, wanted in zip(ours, theirs, strict=True):
            assert mine.tobytes() == wanted.tobytes() or np.array_equal(mine, wanted, equal_nan=True), i
        assert np.array_equal(rows[:count], orders, equal_nan=True), i
        reasons |= set(orders[:, ac.O_REASON].astype(int))
        for account in (ours, theirs):
            intents, gates = np.empty((N, T, ac.N_INTENT)), np.empty((N, T))
            decide_nb(account, bars[3], signals, i, FREE.as_array(), True, intents, gates)
    assert {ac.ENTERED, ac.SIGNAL, ac.STOP, ac.TARGET, ac.TRAIL} <= reasons


def held(quantity=100.0, price=50.0):
    """Return an account of one symbol that holds shares, with a stop and a target, and one bar."""
    account = new_account(1, 10_000.0)
    p = account.positions[0]
    p[ac.P_QTY], p[ac.P_FILL], p[ac.P_MARK], p[ac.P_PEAK] = quantity, price, price, price
    p[ac.P_STOP] = p[ac.P_PROTECT] = price - np.copysign(5.0, quantity)
    p[ac.P_TARGET], p[ac.P_HELD], p[ac.P_DECIDED] = price + np.copysign(9.0, quantity), 1.0, 0.0
    return account, [np.array([v]) for v in (50.0, 52.0, 48.0, 51.0, 1.0, 0.0)]


def booked(account, bar, **told):
    rows, said = np.zeros((3, ac.N_ORDER)), np.zeros((1, bk.N_TOLD))
    for name, value in told.items():
        said[0, getattr(bk, f"T_{name}")] = value
    o, h, lo, c, split, dividend = bar
    count = bk.book_nb(account, o, h, lo, c, split, dividend, said, FREE.as_array(), rows)
    return rows[:count]


def test_a_part_that_was_closed_leaves_the_rest_with_its_levels():
    account, bar = held()
    (row,) = booked(account, bar, CLOSED=40.0, CLOSED_PRICE=45.0, CLOSED_REASON=ac.STOP)
    assert (row[ac.O_QTY], row[ac.O_PRICE], row[ac.O_REASON], row[ac.O_SIDE]) == (40.0, 45.0, ac.STOP, -1.0)
    assert account.positions[0, ac.P_QTY] == 60.0
    assert account.positions[0, ac.P_PROTECT] == 45.0
    assert account.totals[ac.A_CASH] == 10_000.0 + 40.0 * 45.0


def test_a_part_of_a_short_that_was_closed_costs_cash():
    account, bar = held(-100.0)
    (row,) = booked(account, bar, CLOSED=40.0, CLOSED_PRICE=55.0, CLOSED_REASON=ac.STOP)
    assert (row[ac.O_SIDE], account.positions[0, ac.P_QTY]) == (1.0, -60.0)
    assert account.totals[ac.A_CASH] == 10_000.0 - 40.0 * 55.0


def test_an_entry_that_filled_in_part_says_what_was_asked():
    account, bar = held()
    account.positions[0] = new_account(1, 1.0).positions[0]
    account.pending[0, [ac.Q_QTY, ac.Q_STOP, ac.Q_TARGET, ac.Q_DECIDED]] = 100.0, 0.1, np.nan, 3.0
    (row,) = booked(account, bar, ENTERED=30.0, ENTERED_PRICE=50.0)
    assert (row[ac.O_QTY], row[ac.O_ASKED], row[ac.O_REASON]) == (30.0, 100.0, ac.ENTERED)
    assert account.positions[0, ac.P_QTY] == 30.0
    assert account.positions[0, ac.P_STOP] == 45.0
    assert account.totals[ac.A_CUT] == 1.0


def test_an_entry_that_did_not_fill_lapses():
    account, bar = held()
    account.positions[0] = new_account(1, 1.0).positions[0]
    account.pending[0, ac.Q_QTY] = 100.0
    assert len(booked(account, bar)) == 0
    assert account.positions[0, ac.P_LAPSED] == NOT_FILLED
    assert account.pending[0, ac.Q_QTY] == 0.0


@pytest.mark.parametrize(
    ("shares", "left", "stop"),
    [(20.0, 120.0, 45.0), (-20.0, 80.0, 45.0), (-100.0, 0.0, np.nan), (-130.0, -30.0, np.nan)],
)
def test_shares_that_came_or_went_by_nobodys_order_are_taken_over(shares, left, stop):
    account, bar = held()
    assert len(booked(account, bar, ADOPTED=shares, ADOPTED_PRICE=50.0)) == 0
    assert account.positions[0, ac.P_QTY] == left
    assert np.array_equal(account.positions[0, ac.P_PROTECT], stop, equal_nan=True)
    assert account.totals[ac.A_CASH] == 10_000.0 - shares * 50.0
    assert account.totals[ac.A_EQUITY] == account.totals[ac.A_CASH] + left * 51.0


def test_an_entry_of_which_nobody_waits_any_more_is_taken_over():
    account, bar = held()
    assert len(booked(account, bar, ENTERED=10.0, ENTERED_PRICE=50.0)) == 0
    assert account.positions[0, ac.P_QTY] == 110.0


def test_a_bar_in_which_stop_and_target_lay_is_counted():
    account, bar = held()
    bar[1][0] = 60.0
    (row,) = booked(account, bar, CLOSED=100.0, CLOSED_PRICE=45.0, CLOSED_REASON=ac.STOP)
    assert (row[ac.O_AMBIGUOUS], account.totals[ac.A_AMBIGUOUS]) == (1.0, 1.0)
