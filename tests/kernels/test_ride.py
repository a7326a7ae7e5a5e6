"""An account that is held on in registers is the one that is walked bar by bar."""

import numpy as np
import pytest

from research.execution import Execution
from research.kernels import account as ac
from research.kernels import signals as sg
from research.kernels.account import empty_orders, new_account
from research.kernels.bars import actions_nb
from research.kernels.events import N_LISTS, end_events_nb, events_nb
from research.kernels.ride import ride_nb, ride_signals_nb
from research.kernels.scan import scan_nb
from research.kernels.sums import N_SUMS, SUMS, curves_nb, marks_nb

BARS = 1500


def market(rng):
    close = 100.0 * np.exp(np.cumsum(rng.normal(0, 0.015, BARS)))
    open_ = close * np.exp(rng.normal(0, 0.008, BARS))
    high = np.maximum(open_, close) * np.exp(np.abs(rng.normal(0, 0.006, BARS)))
    low = np.minimum(open_, close) * np.exp(-np.abs(rng.normal(0, 0.006, BARS)))
    split, dividend = np.ones(BARS), np.zeros(BARS)
    split[rng.choice(BARS, 4, replace=False)] = [2.0, 0.5, 3.0, 1.0 / 3.0]
    dividend[rng.choice(BARS, 12, replace=False)] = 0.4
    return np.array([open_, high, low, close, split, dividend])


def wishes(rng):
    """Return signals of every kind: both sides, stops that are off, limits, gates, entries that close."""
    signals = np.full((sg.N_SIGNALS, BARS), np.nan)
    signals[sg.ENTRY] = rng.choice([-1.0, 0.0, 0.0, 0.0, 1.0], BARS)
    signals[sg.EXIT] = rng.choice([-1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 2.0], BARS)
    signals[sg.GATE] = rng.choice([0.0, 0.0, 2.0], BARS)
    signals[sg.WEIGHT] = rng.uniform(0, 1, BARS)
    for row, most in ((sg.STOP, 0.08), (sg.TARGET, 0.12), (sg.TRAIL, 0.1)):
        signals[row] = np.where(rng.random(BARS) < 0.6, rng.uniform(0.01, most, BARS), np.nan)
    signals[sg.LIMIT] = np.where(rng.random(BARS) < 0.4, rng.integers(1, 30, BARS), np.nan)
    # A gate blocks an entry in the broker's kernel by there being none.
    signals[sg.ENTRY, signals[sg.GATE] != 0.0] = 0.0
    return signals


def listed(signals, sizes):
    """Return the events of all bars, in pieces of some sizes."""
    lists, counts = np.zeros((N_LISTS, BARS + 1), dtype=np.int32), np.zeros(N_LISTS, dtype=np.int64)
    begin = 0
    for size in sizes:
        at = np.arange(begin, begin + size, dtype=np.int32)
        events_nb(np.ascontiguousarray(signals[:, begin : begin + size]), at, lists, counts)
        begin += size
    assert begin == BARS
    end_events_nb(lists, counts, BARS)
    return lists


def test_events_are_what_the_closes_want_however_they_are_cut():
    signals = wishes(np.random.default_rng(4))
    signals[sg.ENTRY, [3, 40, 41]] = np.nan
    signals[sg.EXIT, [3, 50]] = np.nan
    signals[sg.ENTRY, 200:300] = signals[sg.EXIT, 200:300] = 0.0
    whole = listed(signals, (BARS,))
    side, closes, gate = signals[sg.ENTRY], signals[sg.EXIT], signals[sg.GATE]
    long, short = (closes == 1) | (closes == 2), (closes == -1) | (closes == 2)
    wants = (gate == 0) & (((side > 0) & ~long) | ((side < 0) & ~short))
    for row, bars in enumerate((np.flatnonzero(wants), np.flatnonzero(long), np.flatnonzero(short))):
        told = 2 * bars + (side[bars] < 0) if row == 0 else bars
        assert whole[row, : bars.size].tolist() == told.tolist()
        assert whole[row, bars.size] == (2 * BARS if row == 0 else BARS)
    for sizes in ((7, 512, 981), (1,) * 20 + (1480,), (8, 16, 1476)):
        assert np.array_equal(listed(signals, sizes), whole)


@pytest.mark.parametrize("seed", range(6))
def test_orders_are_the_brokers(seed):
    rng = np.random.default_rng(seed)
    bars, signals = market(rng), wishes(rng)
    rules = Execution(allow_short=True, fractional=seed % 2 == 0, dividends=seed % 3 == 0).as_array()
    walked, found = empty_orders(BARS, 1), empty_orders(BARS, 1)
    unread = np.empty(0)
    o, h, lo, c, split, dividend = bars[:, None]
    count = scan_nb(
        new_account(1, 1e5), o, h, lo, c, split, dividend, signals[:, None], rules, 0, walked,
        unread, unread, unread, np.empty((1, 0, ac.N_INTENT)), np.empty((1, 0)),
    )  # fmt: skip
    assert ride_signals_nb(new_account(1, 1e5), bars, signals, rules, found) == count > 200
    assert found[:count].tobytes() == walked[:count].tobytes()


def test_sizing_as_entries_are_taken_changes_no_order():
    rng = np.random.default_rng(9)
    bars, signals = market(rng), wishes(rng)
    shared = np.array([rng.uniform(0.1, 0.5, BARS), rng.uniform(0, 100, BARS), rng.uniform(0.01, 0.04, BARS)])
    params = np.zeros(sg.N_SHARED)
    params[sg.P_BARS_PER_YEAR], params[sg.P_VOL_TARGET], params[sg.P_MAX_WEIGHT] = 252, 0.2, 0.9
    params[sg.P_STOP_ATR], params[sg.P_TRAIL], params[sg.P_LIMIT] = 2, 0.05, 20
    sized = np.empty((sg.N_SIGNALS, BARS))
    sg.size_nb(shared, params, sized)
    for row in (sg.ENTRY, sg.EXIT, sg.GATE):
        sized[row] = signals[row]
    rules, actions = Execution(allow_short=True).as_array(), np.empty(BARS + 1, dtype=np.int32)
    actions_nb(bars, rules, actions)
    one, other = empty_orders(BARS, 1), empty_orders(BARS, 1)
    count = ride_signals_nb(new_account(1, 1e5), bars, sized, rules, one)
    scratch = np.empty((sg.N_SIGNALS, 1))
    events = listed(signals, (BARS,))
    same = ride_nb(new_account(1, 1e5), bars, actions, events, shared, params, scratch, rules, other)
    assert same == count > 200
    assert one[:count].tobytes() == other[:count].tobytes()


def test_closes_in_registers_are_closes_one_by_one():
    rng = np.random.default_rng(3)
    close = 50.0 * np.exp(np.cumsum(rng.normal(0, 0.02, 900)))
    cash, qty = -2_000.0, 240.0
    equity = cash + qty * close
    one, other = np.zeros((1, N_SUMS)), np.zeros((1, N_SUMS))
    curves_nb(equity[None], (qty * close / equity)[None], 10_000.0, one)
    row = other.view(SUMS)[0, 0]
    row["first"] = row["last"] = row["least"] = row["peak"] = row["trough"] = 10_000.0
    for begin, end in ((0, 1), (1, 1), (1, 400), (400, 900)):
        marks_nb(row, cash, qty, close, begin, end)
    # The last stretch below the peak is booked at the end.
    names = [name for name in SUMS.names or () if name not in ("deepest", "longest", "least")]
    assert [row[name] for name in names] == [one.view(SUMS)[0, 0][name] for name in names]
