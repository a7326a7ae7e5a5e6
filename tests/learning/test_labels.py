"""Shadow trades against cases worked by hand, against lone accounts, and under the three laws."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from research.errors import BadValue, SnapshotMismatch
from research.execution import Execution
from research.kernels import account as ac
from research.kernels import signals as sg
from research.learning.labels import Matured, ShadowBook
from tests.kernels.broker_cases import Bars, run, same_bits
from tests.learning.label_cases import (
    BOTH,
    FLAT,
    HAND,
    WORKED,
    bars_of,
    case,
    label,
    panel_of,
    wants_all,
    wish,
)


@pytest.mark.parametrize("name", WORKED)
def test_worked_by_hand(name):
    given, t_end, reason, net = WORKED[name]
    got = label(**given)
    assert (got.t_end.tolist(), got.symbol.tolist(), got.birth.tolist()) == ([t_end], [0], [0])
    assert got.reason.tolist() == [reason]
    assert got.net.tolist() == pytest.approx([net], rel=1e-12)


@pytest.mark.parametrize(
    "wished",
    [
        case(rows=[FLAT, None, FLAT, FLAT, FLAT], limit=1.0),
        case(rows=[None, FLAT, FLAT, FLAT, FLAT], limit=1.0),
        case(rows=[FLAT, FLAT, FLAT, FLAT], limit=1.0, exits={0: 1.0}),
        case(rows=[FLAT, FLAT, FLAT, FLAT], limit=1.0, side=-1.0, execution=Execution()),
        case(rows=[FLAT, FLAT, FLAT, FLAT], limit=3.0),
        case(rows=[FLAT, FLAT, FLAT, FLAT], limit=1.0, side=np.nan),
    ],
    ids=["no bar to enter", "no bar to decide", "exit wins", "short not allowed", "still open", "NaN"],
)
def test_no_label(wished):
    assert all(len(column) == 0 for column in label(**wished))


def test_what_others_say_of_the_entry_is_not_asked():
    """Neither a gate nor a weight of nothing keeps a candidate from its shadow trade."""
    bars = bars_of([FLAT] * 5)
    signals = wish(1, 5)
    signals[sg.ENTRY, 0, 0], signals[sg.LIMIT] = 1.0, 2.0
    signals[sg.GATE], signals[sg.WEIGHT] = 3.0, 0.0
    kept = signals.copy()
    assert ShadowBook(1, 2, HAND).advance(panel_of(bars), signals).t_end.tolist() == [3]
    assert same_bits(signals, kept)


@pytest.mark.parametrize("execution", [BOTH, Execution(), Execution(0.001, 0.0, True, True, False)])
def test_agrees_with_an_account_that_trades_one_candidate(execution):
    """A lone account of another size, through the scan: the same bars, and the same net return."""
    n, t = 3, 160
    bars, signals = wants_all(n, t, 5)
    got = ShadowBook(n, 20, execution).advance(panel_of(bars), signals)
    found = {(k, b): j for j, (k, b) in enumerate(zip(got.symbol.tolist(), got.birth.tolist(), strict=True))}
    assert len(found) == len(got.net)
    lone = replace(execution, fractional=True)
    compared = 0
    for k, b in itertools.product(range(n), range(t)):
        one = signals[:, k : k + 1].copy()
        one[sg.ENTRY] = one[sg.GATE] = 0.0
        one[sg.ENTRY, 0, b], one[sg.WEIGHT] = signals[sg.ENTRY, k, b], 0.37
        orders = (account := run(bars.symbol(k), one, lone, cash=3e5)).orders
        assert ((k, b) in found) == (len(orders) == 2)
        if len(orders) == 2:
            j = found[k, b]
            entry, leave = orders
            assert (got.t_end[j], got.reason[j]) == (leave[ac.O_BAR], leave[ac.O_REASON])
            assert leave[ac.O_BAR] <= b + 21 + np.isnan(bars.close[k, b:]).sum()
            net = (account.cash[-1] - 3e5) / (entry[ac.O_QTY] * entry[ac.O_PRICE])
            assert got.net[j] == pytest.approx(net, rel=1e-9, abs=1e-12)
            compared += 1
    assert compared > (200 if execution.allow_short else 100)
    assert set(got.reason.tolist()) == {ac.SIGNAL, ac.STOP, ac.TARGET, ac.TRAIL, ac.TIME}


def in_blocks(bars, signals, cuts, limit=20, *, reload=False):
    book, parts = ShadowBook(len(bars.close), limit, BOTH), []
    for a, b in itertools.pairwise(cuts):
        parts.append(book.advance(panel_of(bars[a:b], a), signals[:, :, a:b]))
        if reload:
            state = book.state()
            assert all(array.dtype in (np.float64, np.int64) for array in state.values())
            book = ShadowBook(len(bars.close), limit, BOTH)
            book.load(state)
    return Matured(*(np.concatenate(columns) for columns in zip(*parts, strict=True))), book.state()


def assert_same(a, b):
    for one, other in zip(a, b, strict=True):
        assert one.dtype == other.dtype
        assert np.array_equal(one.view(np.int64), other.view(np.int64))


@pytest.mark.parametrize("reload", [False, True])
def test_chunk_law(reload):
    """Any split into blocks, the state saved and loaded between them or not: the same labels and state."""
    bars, signals = wants_all(3, 400, 8)
    whole, state = in_blocks(bars, signals, [0, 400])
    assert len(whole.net) > 500
    rng = np.random.default_rng(1)
    splits = [
        [0, *np.sort(rng.choice(np.arange(1, 400), rng.integers(1, 9), replace=False)), 400]
        for _ in range(100)
    ]
    for cuts in [*splits, list(range(401)), [0, 0, 200, 200, 400]]:
        parts, left = in_blocks(bars, signals, cuts, reload=reload)
        assert_same(parts, whole)
        assert state.keys() == left.keys()
        assert_same(left.values(), state.values())


def test_labels_appear_at_their_t_end_in_order():
    bars, signals = wants_all(3, 200, 4)
    book = ShadowBook(3, 20, BOTH)
    for i in range(200):
        assert book.bars == i
        got = book.advance(panel_of(bars[i : i + 1], i), signals[:, :, i : i + 1])
        assert np.all(got.t_end == i)
        assert np.all(got.birth < i)
    whole, _ = in_blocks(bars, signals, [0, 200])
    order = np.lexsort((whole.birth, whole.symbol, whole.t_end))
    assert np.array_equal(order, np.arange(len(order)))
    assert not np.any(np.isnan(whole.net))


@pytest.mark.parametrize("future", ["noise", "nan", "tenfold", "gone"])
def test_no_future(future):
    """Whatever comes after bar t, the labels settled by t keep their bits."""
    bars, signals = wants_all(2, 250, 6)
    whole, _ = in_blocks(bars, signals, [0, 250])
    rng = np.random.default_rng(2)
    for t in rng.choice(np.arange(30, 245), 30, replace=False):
        late = slice(t + 1, None)
        other, wanted = Bars(*(a.copy() for a in bars.arrays)), signals.copy()
        if future == "gone":
            other, wanted = bars[: t + 1], signals[:, :, : t + 1]
        elif future == "noise":
            for a in (*other.arrays, wanted):
                a[..., late] = rng.uniform(1.0, 2.0, a[..., late].shape)
        elif future == "nan":
            for a in (*other.arrays[:4], wanted):
                a[..., late] = np.nan
        else:
            for a in other.arrays[:4]:
                a[..., late] *= 10.0
        got, _ = in_blocks(other, wanted, [0, other.close.shape[1]])
        assert_same([c[got.t_end <= t] for c in got], [c[whole.t_end <= t] for c in whole])


def test_a_symbol_is_labelled_as_if_it_were_alone():
    bars, signals = wants_all(4, 200, 9)
    whole, _ = in_blocks(bars, signals, [0, 200])
    for k in range(4):
        alone, _ = in_blocks(bars.symbol(k), signals[:, k : k + 1], [0, 200])
        mine = whole.symbol == k
        for name in ("t_end", "birth", "net", "reason"):
            assert np.array_equal(getattr(alone, name), getattr(whole, name)[mine])


def test_a_symbol_without_bars_keeps_its_trades():
    """Gone for fifty instants, many more than the limit: its trades wait, and its lanes do not wrap."""
    bars, signals = wants_all(2, 120, 3, limit=5)
    for a in bars.arrays[:4]:
        a[0, 40:90] = np.nan
    signals[[sg.STOP, sg.TARGET, sg.TRAIL], 0], signals[sg.EXIT, 0], signals[sg.LIMIT, 0] = np.nan, 0.0, 5.0
    whole, _ = in_blocks(bars, signals, [0, 120], limit=5)
    mine = whole.symbol == 0
    assert not np.any((whole.t_end[mine] >= 40) & (whole.t_end[mine] < 90))
    assert np.any((whole.birth[mine] < 40) & (whole.t_end[mine] >= 90))


# --- refusals ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [np.nan, 21.0, np.inf])
def test_a_candidate_that_could_outlive_its_lane_is_refused(limit):
    bars, signals = wants_all(2, 60, 1)
    book = ShadowBook(2, 20, BOTH)
    book.advance(panel_of(bars[:30]), signals[:, :, :30])
    before = book.state()
    bad = signals[:, :, 30:].copy()
    bad[sg.ENTRY, 1, [4, 9]], bad[sg.LIMIT, 1, [4, 9]] = 1.0, limit
    bars.close[1, [34, 39]] = 50.0
    with pytest.raises(BadValue, match=r"≤ 20 bars, was \S+ for S1 at 2000-02-04T.* \(2 such\).*`limit`"):
        book.advance(panel_of(bars[30:], 30), bad)
    assert_same(book.state().values(), before.values())


def test_a_limit_that_no_candidate_asks_for_is_not_read():
    assert len(label([FLAT] * 4, limit=2.0).net) == 1
    bars, signals = bars_of([FLAT] * 4), wish(1, 4)
    signals[sg.LIMIT] = np.nan
    assert len(ShadowBook(1, 1, BOTH).advance(panel_of(bars), signals).net) == 0
    # Nor by a wish where there is no close to decide at.
    bars, signals[sg.ENTRY, 0, 1] = bars_of([FLAT, None, FLAT, FLAT]), 1.0
    assert len(ShadowBook(1, 1, BOTH).advance(panel_of(bars), signals).net) == 0


@pytest.mark.parametrize(("n", "limit"), [(0, 5), (1, 0), (1, 2.5), (1, -3)])
def test_counts_are_checked(n, limit):
    with pytest.raises(BadValue, match="must be a whole number ≥ 1, was"):
        ShadowBook(n, limit, BOTH)


def test_shapes_are_checked():
    bars, signals = wants_all(2, 10, 1)
    with pytest.raises(BadValue, match=r"3 symbols and signals \(8, 3, 10\), was 2 symbols and \(8, 2, 10\)"):
        ShadowBook(3, 20, BOTH).advance(panel_of(bars), signals)
    with pytest.raises(BadValue, match="signals of this very panel"):
        ShadowBook(2, 20, BOTH).advance(panel_of(bars), signals[:, :, :9])


def test_foreign_state_is_refused_and_nothing_lost():
    book = ShadowBook(2, 20, BOTH)
    before = book.state()
    other = ShadowBook(2, 19, BOTH).state()
    with pytest.raises(SnapshotMismatch, match=r"`birth` .* must be int64 \(2, 22\), was int64 \(2, 21\)"):
        book.load(other)
    missing = {name: array for name, array in before.items() if name != "own"}
    with pytest.raises(SnapshotMismatch, match=r"`own` .* must be int64 \(2,\), was missing"):
        book.load(missing)
    with pytest.raises(SnapshotMismatch, match=r"`more` .* must be missing"):
        book.load({**before, "more": np.zeros(1)})
    with pytest.raises(SnapshotMismatch, match=r"`cost` .* must be float64 \(2, 22\), was int64"):
        book.load({**before, "cost": before["cost"].astype(np.int64)})
    assert_same(book.state().values(), before.values())


def test_state_is_a_copy():
    book = ShadowBook(1, 3, BOTH)
    book.state()["birth"][:] = 7
    assert book.open_trades == 0
