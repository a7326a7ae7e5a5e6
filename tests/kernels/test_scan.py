"""Laws of the scan: chunks, no future, bookkeeping, splits; none knows what the kernel does inside."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from research.execution import Execution
from research.kernels import account as ac
from research.kernels import signals as sg
from research.kernels.account import copy_account, empty_orders, new_account
from research.kernels.fills import SHARE_STEP
from research.kernels.scan import scan_nb
from tests.kernels.broker_cases import Bars, everything, market, run, same_bits, wants

BOTH = Execution(allow_short=True)


def assert_same_run(a, b):
    assert same_bits(a.orders, b.orders)
    for one, other in zip((*a.per_bar(), *a.account), (*b.per_bar(), *b.account), strict=True):
        assert same_bits(one, other)


@pytest.mark.parametrize("n", [1, 4])
@pytest.mark.parametrize("execution", [BOTH, Execution(fractional=True, allow_short=True)])
def test_chunk_law(n, execution):
    """Any split of the bars into chunks gives the orders, intents and account of one scan, to the bit."""
    bars, signals = everything(n, 600, 11 * n)
    whole = run(bars, signals, execution, trade_from=150)
    assert len(whole.orders) > 50
    rng = np.random.default_rng(n)
    for _ in range(100):
        cuts = [0, *np.sort(rng.choice(np.arange(1, 600), rng.integers(1, 8), replace=False)), 600]
        account, parts = new_account(n, 10_000.0), []
        for a, b in itertools.pairwise(cuts):
            part = run(bars[a:b], signals[:, :, a:b], execution, account=account, trade_from=150)
            account = part.account
            parts.append(part)
        assert same_bits(np.concatenate([p.orders for p in parts]), whole.orders)
        for j, output in enumerate(whole.per_bar()):
            assert same_bits(np.concatenate([p.per_bar()[j] for p in parts]), output)
        for one, other in zip(account, whole.account, strict=True):
            assert same_bits(one, other)


def test_live_is_a_scan_of_one_bar():
    bars, signals = everything(3, 300, 3)
    whole = run(bars, signals, BOTH)
    account, orders = new_account(3, 10_000.0), []
    for t in range(300):
        bar = run(bars[t : t + 1], signals[:, :, t : t + 1], BOTH, account=account)
        account = bar.account
        orders.append(bar.orders)
        assert same_bits(bar.intents[:, 0], whole.intents[:, t])
    assert same_bits(np.concatenate(orders), whole.orders)


@pytest.mark.parametrize("future", ["noise", "nan", "tenfold", "gone"])
def test_no_future(future):
    """Whatever comes after bar t, what was ordered, decided and booked up to t keeps its bits."""
    bars, signals = everything(3, 400, 21)
    whole = run(bars, signals, BOTH)
    rng = np.random.default_rng(7)
    for t in rng.choice(np.arange(10, 390), 40, replace=False):
        late = slice(t + 1, None)
        other, wanted = Bars(*(a.copy() for a in bars.arrays)), signals.copy()
        if future == "gone":
            other, wanted = bars[: t + 1], signals[:, :, : t + 1]
        for a in (*other.arrays, wanted):
            if future == "noise":
                a[..., late] = rng.uniform(1.0, 2.0, a[..., late].shape)
            elif future == "nan":
                a[..., late] = np.nan
            elif future == "tenfold":
                a[..., late] *= 10.0
        got = run(other, wanted, BOTH)
        assert same_bits(
            got.orders[got.orders[:, ac.O_BAR] <= t], whole.orders[whole.orders[:, ac.O_BAR] <= t]
        )
        for one, expected in zip(got.per_bar(), whole.per_bar(), strict=True):
            assert same_bits(one[: t + 1], expected[: t + 1])


def replay(bars, orders, t):
    """Book orders by the textbook: positions (N, T) after each bar, cash flow (T,) of its orders."""
    n = bars.close.shape[0]
    held, flow = np.zeros((n, t)), np.zeros(t)
    now, at = np.zeros(n), 0
    for i in range(t):
        before = now.copy()
        opened = np.nan_to_num(bars.split[:, i], nan=1.0)
        now = np.where(opened == 1.0, now, np.trunc(now * opened * (1 + 1e-9)))
        while at < len(orders) and orders[at, ac.O_BAR] == i:
            k, side, qty = int(orders[at, ac.O_SYMBOL]), orders[at, ac.O_SIDE], orders[at, ac.O_QTY]
            flow[i] -= side * qty * orders[at, ac.O_PRICE] + orders[at, ac.O_FEE]
            after = now[k] + side * qty
            assert after == 0.0 or now[k] == 0.0, (
                "an order opens or closes a position, it never flips or resizes one"
            )
            now[k] = after
            at += 1
        held[:, i] = now
        flow[i] += float(np.sum(before * np.nan_to_num(bars.dividend[:, i])))
    return held, flow


@given(seed=st.integers(0, 10_000), n=st.integers(1, 4), side=st.sampled_from(["long", "both"]))
def test_books_balance(seed, n, side):
    t = 120
    bars = market(n, t, seed, missing=0.03, splits=0.01, dividends=0.03)
    signals = wants(
        n, t, seed + 1, side=side,
        stop=(0.0002, 0.08, 0.9), target=(0.001, 0.1, 0.6), trail=(0.002, 0.1, 0.5),
        weight=(0.0, 0.9), limit=0.3,
    )  # fmt: skip
    got = run(bars, signals, BOTH, cash=25_000.0)
    orders = got.orders
    assert np.all(orders[:, [ac.O_QTY, ac.O_PRICE]] > 0.0)
    assert np.all(orders[:, ac.O_FEE] >= 0.0)
    assert np.all(orders[:, ac.O_QTY] == np.rint(orders[:, ac.O_QTY]))
    assert np.all(orders[:, ac.O_DECIDED] < orders[:, ac.O_BAR])
    assert np.all(np.diff(orders[:, ac.O_BAR]) >= 0)
    _, times = np.unique(orders[:, [ac.O_BAR, ac.O_SYMBOL]], axis=0, return_counts=True)
    assert times.max(initial=0) <= 2

    entry = orders[:, ac.O_REASON] == ac.ENTERED
    at, of, since = orders[entry][:, [ac.O_BAR, ac.O_SYMBOL, ac.O_DECIDED]].astype(int).T
    # An entry was asked for what was decided, in the shares of its fill; all else does what it was asked.
    assert np.array_equal(orders[entry, ac.O_ASKED], got.intents[of, since, ac.I_QTY] * bars.split[of, at])
    assert np.array_equal(orders[~entry, ac.O_ASKED], orders[~entry, ac.O_QTY])
    assert np.all(orders[:, ac.O_QTY] <= orders[:, ac.O_ASKED])
    assert got.account.totals[ac.A_CUT] == np.sum(orders[:, ac.O_QTY] < orders[:, ac.O_ASKED])

    held, flow = replay(bars, orders, t)
    assert np.array_equal(got.intents[:, :, ac.I_HELD], held)
    totals = got.account.totals
    # Splits by 2 and 4 leave no fractions: all cash is orders and dividends.
    assert totals[ac.A_LIEU] == 0.0
    assert got.cash == pytest.approx(25_000.0 + np.cumsum(flow), rel=1e-9, abs=1e-6)
    marks = np.full(held.shape, np.nan)
    for i in range(t):
        previous = marks[:, i - 1] if i else np.full(n, np.nan)
        marks[:, i] = np.where(np.isnan(bars.close[:, i]), previous, bars.close[:, i])
    invested = np.where(held == 0.0, 0.0, held * marks).sum(axis=0)
    assert got.equity == pytest.approx(got.cash + invested, rel=1e-12)
    assert got.exposure == pytest.approx(np.where(got.equity > 0, invested / got.equity, 0.0), abs=1e-12)
    assert totals[ac.A_FEES] == pytest.approx(orders[:, ac.O_FEE].sum())
    assert totals[ac.A_AMBIGUOUS] == orders[:, ac.O_AMBIGUOUS].sum()
    assert totals[ac.A_BARS] == t
    if side == "long":
        assert np.all(got.cash >= 0.0)
        assert np.all(held >= 0.0)


@given(seed=st.integers(0, 10_000))
def test_fills_lie_in_the_bar(seed):
    """Before slippage, every price is one that the bar has seen."""
    bars = market(2, 150, seed)
    signals = wants(2, 150, seed + 1, side="both", stop=(0.0002, 0.08, 0.9), target=(0.001, 0.1, 0.9))
    free = run(bars, signals, Execution(slippage=0.0, commission=0.0, allow_short=True))
    for order in free.orders:
        k, i = int(order[ac.O_SYMBOL]), int(order[ac.O_BAR])
        assert bars.low[k, i] <= order[ac.O_PRICE] <= bars.high[k, i]
        if order[ac.O_REASON] in (ac.ENTERED, ac.SIGNAL, ac.TIME):
            assert order[ac.O_PRICE] == bars.open[k, i]


def after_split(bars, ratio, at):
    """The same market with a split at bar `at`."""
    now = np.ones(bars.close.shape)
    now[:, at:] = ratio
    split = bars.split.copy()
    split[:, at] = ratio
    return Bars(bars.open / now, bars.high / now, bars.low / now, bars.close / now, split, bars.dividend)


@given(
    seed=st.integers(0, 10_000),
    ratio=st.sampled_from([2.0, 4.0, 8.0, 3.0, 7.0]),
    side=st.sampled_from([1, -1]),
)
def test_a_split_changes_nothing(seed, ratio, side):
    """What is carried through a split is worth what it would be without; powers of two to the bit."""
    bars, at = market(1, 80, seed), 40
    signals = wants(
        1, 80, seed + 1, side="long" if side > 0 else "short", stop=(0.05, 0.2, 0.9), target=(0.05, 0.3, 0.9),
        trail=(0.05, 0.3, 0.5), weight=(0.1, 0.8),
    )  # fmt: skip
    signals[sg.ENTRY, :, at - 1] = side  # one that waits over the night of the split
    signals[sg.GATE, :, at - 1] = 0.0
    signals[sg.ENTRY, :, at:] = 0.0  # later ones are sized in other shares
    plain = run(bars, signals, BOTH, cash=1e6)
    divided = run(after_split(bars, ratio, at), signals, BOTH, cash=1e6)
    reasons = [ac.O_BAR, ac.O_SIDE, ac.O_REASON]
    assert np.array_equal(plain.orders[:, reasons], divided.orders[:, reasons])
    new = np.where(plain.orders[:, ac.O_BAR] < at, 1.0, ratio)
    for shares in (ac.O_QTY, ac.O_ASKED):
        assert np.array_equal(plain.orders[:, shares] * new, divided.orders[:, shares])
    if ratio in (2.0, 4.0, 8.0):
        assert same_bits(plain.equity, divided.equity)
        assert same_bits(plain.cash, divided.cash)
    else:
        assert divided.equity == pytest.approx(plain.equity, rel=1e-12)


def test_a_reverse_split_keeps_the_value():
    """Aside from the fraction of a share that is paid at the open."""
    bars = market(1, 60, 9)
    signals = wants(1, 60, 1, weight=(0.5, 0.6))
    signals[sg.ENTRY] = signals[sg.EXIT] = 0.0
    signals[sg.ENTRY, 0, 3], signals[sg.GATE, 0, 3] = 1.0, 0.0
    plain = run(bars, signals)
    merged_bars = after_split(bars, 1 / 7, 30)
    merged = run(merged_bars, signals)
    shares = plain.intents[0, -1, ac.I_HELD]
    kept = merged.intents[0, -1, ac.I_HELD]
    assert kept == shares // 7
    lieu = (shares / 7 - kept) * merged_bars.open[0, 30]
    assert merged.account.totals[ac.A_LIEU] == pytest.approx(lieu, rel=1e-12)
    assert merged.equity[30:] - lieu == pytest.approx(
        merged.cash[10] + kept * merged_bars.close[0, 30:], rel=1e-12
    )


def test_fractional_steps():
    bars, signals = market(2, 300, 4), wants(2, 300, 5, stop=(0.01, 0.1, 0.9))
    got = run(bars, signals, Execution(fractional=True))
    steps = got.orders[:, ac.O_QTY] / SHARE_STEP
    assert np.array_equal(steps, np.rint(steps))
    assert np.any(got.orders[:, ac.O_QTY] != np.rint(got.orders[:, ac.O_QTY]))
    # What a broker is told in nine decimals is exactly what is held.
    assert all(float(f"{qty:.9f}") == qty for qty in got.orders[:, ac.O_QTY])


def test_short_of_room_orders_are_counted_not_written_past_the_end():
    bars, signals = everything(1, 400, 2)
    whole = run(bars, signals, BOTH)
    none = np.empty(0)
    for room in (0, 1, 7):
        held = np.full((room + 1, ac.N_ORDER), -1.0)
        account = new_account(1, 10_000.0)
        count = scan_nb(
            account, bars.open, bars.high, bars.low, bars.close, bars.split, bars.dividend, signals,
            BOTH.as_array(), 0, held[:room], none, none, none,
            np.empty((1, 0, ac.N_INTENT)), np.empty((1, 0)),
        )  # fmt: skip
        assert count == len(whole.orders)
        assert same_bits(held[:room], whole.orders[:room])
        assert np.all(held[room] == -1.0)
        # Outputs that nobody reads change nothing.
        assert all(same_bits(a, b) for a, b in zip(account, whole.account, strict=True))


def test_symbols_of_one_account_are_those_of_accounts_of_their_own_while_cash_suffices():
    bars = market(3, 300, 8)
    signals = wants(3, 300, 9, weight=(0.01, 0.01), stop=(0.01, 0.1, 0.9), target=(0.01, 0.1, 0.9))
    shared = run(bars, signals, cash=1e6)
    for k in range(3):
        alone = run(bars.symbol(k), signals[:, k : k + 1], cash=1e6)
        mine = shared.orders[shared.orders[:, ac.O_SYMBOL] == k]
        same = [ac.O_BAR, ac.O_SIDE, ac.O_PRICE, ac.O_REASON, ac.O_DECIDED]
        assert np.array_equal(mine[:, same], alone.orders[:, same])


def test_copies_are_copies():
    bars, signals = everything(2, 50, 1)
    account = new_account(2, 10_000.0)
    kept = copy_account(account)
    run(bars, signals, BOTH, account=account)
    for one, other in zip(account, kept, strict=True):
        assert same_bits(one, other)
    assert empty_orders(5, 3).shape == (30, ac.N_ORDER)
