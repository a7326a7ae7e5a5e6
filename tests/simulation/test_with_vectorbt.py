"""Parity: our scan and vectorbt make the same orders, bit for bit, wherever arrays can say the case.

The figures are shown by `pytest --log-cli-level=INFO`.
"""

import logging

import numpy as np
import pytest

from research.data import load_sample, to_panel
from research.errors import BadValue
from research.execution import Execution
from research.kernels import account as ac
from research.kernels import signals as sg
from research.simulation.with_vectorbt import bytes_per_column, portfolio_from_orders, vectorbt_run
from tests.kernels.broker_cases import Bars, everything, market, run, wants

log = logging.getLogger(__name__)

FIELDS = ("bar", "side", "size", "price", "fee")
COLUMNS = [ac.O_BAR, ac.O_SIDE, ac.O_QTY, ac.O_PRICE, ac.O_FEE]

DEFAULT = Execution(allow_short=True, dividends=False)
FREE = Execution(slippage=0.0, commission=0.0, allow_short=True, dividends=False)
FRACTIONS = Execution(slippage=0.0007, commission=0.0013, fractional=True, allow_short=True, dividends=False)

STOPS = {"stop": (0.0001, 0.08, 0.9)}
TRAILS = {"trail": (0.002, 0.1, 0.9)}
TARGETS = {"target": (0.0005, 0.1, 0.9)}
WIDE_STOPS = {"stop": (0.001, 0.08, 0.8)}
PROTECTIONS = {
    "signals only": ({}, True),
    "stops": (STOPS, True),
    "trails": (TRAILS, True),
    "targets": (TARGETS, False),
    "stops and targets": ({**WIDE_STOPS, **TARGETS}, False),
    "trails and targets": ({**TRAILS, **TARGETS}, False),
}


def sample():
    """The real bars, with their splits and their late listings; nobody can hold dividends here."""
    panel = to_panel(load_sample())
    o, h, l, c, split = (
        np.ascontiguousarray(a.T) for a in (panel.open, panel.high, panel.low, panel.close, panel.split)
    )
    return Bars(o, h, l, c, split, np.zeros_like(c))


def through_vectorbt(bars, signals, execution, **more):
    return vectorbt_run(
        bars.open, bars.high, bars.low, bars.close, signals, execution, split=bars.split, **more
    )


def same_orders(bars, signals, execution, *, cash=100_000.0, **more):
    """Compare each column with a scan of its own; returns how many orders agree, and vectorbt's run."""
    of = np.arange(signals.shape[1]) % bars.close.shape[0]
    theirs = through_vectorbt(bars, signals, execution, symbol_of=of, initial_capital=cash, **more)
    count = 0
    for c, k in enumerate(of):
        ours = run(
            bars.symbol(k), signals[:, c : c + 1], execution, cash=cash, trade_from=more.get("trade_from", 0)
        ).orders[:, COLUMNS]
        found = theirs.orders[theirs.orders["column"] == c]
        found = np.stack([found[name].astype(float) for name in FIELDS], axis=1)
        assert ours.shape == found.shape, f"column {c}: {len(ours)} orders, vectorbt {len(found)}"
        differ = np.flatnonzero((ours != found).any(axis=1))
        assert not differ.size, (
            f"column {c}, order {differ[0]}: {ours[differ[0]]}, vectorbt {found[differ[0]]}"
        )
        count += len(ours)
    return count, theirs


@pytest.mark.parametrize("execution", [DEFAULT, FREE, FRACTIONS], ids=["default", "free", "fractional"])
@pytest.mark.parametrize("name", PROTECTIONS)
def test_orders_agree_to_the_bit(name, execution):
    """On random walks in cents with gaps, ties and flat bars; long, short and, without targets, both."""
    protection, both = PROTECTIONS[name]
    bars, total = market(6, 900, 31), 0
    for side in ("long", "short", "both") if both else ("long", "short"):
        signals = wants(30, 900, 17, side=side, **protection, weight=(0.02, 1.4 if side == "long" else 0.5))
        count, theirs = same_orders(bars, signals, execution, trade_from=100)
        assert theirs.engine == "rust"
        total += count
    log.info("%s: %d orders agree", name, total)
    # Eighteen such cases: far more than twenty thousand orders in all.
    assert total >= 2_000, f"{total} orders agree"


def test_orders_agree_on_the_sample():
    """On real prices with splits by two, symbols that start late, and bars missing here and there."""
    bars, total = sample(), 0
    assert (bars.split == 2.0).sum() >= 3
    gone = (np.random.default_rng(5).random(bars.close.shape) < 0.02) & (bars.split == 1.0)
    o, h, l, c = (np.where(gone, np.nan, a) for a in (bars.open, bars.high, bars.low, bars.close))
    holes = Bars(o, h, l, c, bars.split, bars.dividend)
    for market_ in (bars, holes):
        for side in ("long", "short"):
            for protection in ({**WIDE_STOPS, **TARGETS}, TRAILS):
                signals = wants(10, bars.close.shape[1], 41, side=side, **protection, weight=(0.02, 0.5))
                count, _ = same_orders(market_, signals, DEFAULT)
                total += count
    log.info("the sample: %d orders agree", total)
    assert total >= 8_000, f"{total} orders agree"


def test_at_least_twenty_thousand_orders():
    """The figure of the parity claim, in one place: signals, stops, targets and trails on the sample."""
    bars, total = sample(), 0
    for seed, (protection, _) in enumerate(PROTECTIONS.values()):
        signals = wants(25, bars.close.shape[1], seed, **protection, weight=(0.05, 0.95))
        count, _ = same_orders(bars, signals, Execution(dividends=False))
        total += count
    log.info("the sample: %d orders agree", total)
    assert total >= 20_000, f"{total} orders agree"


def test_the_numba_engine_agrees_too():
    bars = market(2, 300, 3)
    signals = wants(4, 300, 4, **WIDE_STOPS, **TARGETS)
    count, theirs = same_orders(bars, signals, DEFAULT, engine="numba")
    assert theirs.engine == "numba"
    assert count > 100


def test_a_tight_trail_beside_a_wide_stop_is_the_trail():
    bars = market(2, 600, 5)
    signals = wants(8, 600, 6, stop=(0.05, 0.1, 0.9), trail=(0.005, 0.05, 0.6))
    count, _ = same_orders(bars, signals, DEFAULT)
    assert count > 300


def test_odd_splits_agree_to_rounding():
    """Prices divided by three are no longer the same floats, but shares and bars are the same."""
    bars = market(1, 200, 7)
    now = np.ones((1, 200))
    now[:, 120:] = 3.0
    split = np.ones((1, 200))
    split[:, 120] = 3.0
    bars = Bars(bars.open / now, bars.high / now, bars.low / now, bars.close / now, split, bars.dividend)
    signals = wants(6, 200, 8, **WIDE_STOPS, **TARGETS, weight=(0.05, 0.8))
    theirs = through_vectorbt(bars, signals, DEFAULT, symbol_of=np.zeros(6, dtype=np.int64))
    for c in range(6):
        ours = run(bars, signals[:, c : c + 1], DEFAULT, cash=100_000.0).orders[:, COLUMNS]
        found = theirs.orders[theirs.orders["column"] == c]
        assert np.array_equal(ours[:, :3], np.stack([found[n].astype(float) for n in FIELDS[:3]], axis=1))
        assert found["price"] == pytest.approx(ours[:, 3], rel=1e-12)
        assert found["fee"] == pytest.approx(ours[:, 4], rel=1e-12)


def test_portfolio_has_our_equity():
    """On one row per bar: values, costs and trades are those of the scan, splits and all."""
    bars = sample()
    signals = wants(5, bars.close.shape[1], 12, **TRAILS, weight=(0.2, 0.9))
    _, theirs = same_orders(bars, signals, DEFAULT)
    values = np.asarray(theirs.portfolio().value())
    for c in range(5):
        ours = run(bars.symbol(c), signals[:, c : c + 1], DEFAULT, cash=100_000.0)
        assert values[:, c] == pytest.approx(ours.equity, rel=1e-10)
        alone = theirs.portfolio(c)
        assert float(alone.final_value().iloc[0]) == pytest.approx(ours.equity[-1], rel=1e-10)
        assert float(alone.orders.fees.sum().iloc[0]) == pytest.approx(
            ours.account.totals[ac.A_FEES], rel=1e-10
        )
        assert int(alone.orders.count().iloc[0]) == len(ours.orders)


def test_portfolio_of_one_shared_account():
    """What arrays cannot say, wrapped: symbols that share cash, time limits, stop and wider trail, shorts."""
    bars, signals = everything(4, 500, 3)
    got = run(bars, signals, DEFAULT, cash=50_000.0)
    index = np.datetime64("2020-01-01") + np.arange(500).astype("timedelta64[D]")
    portfolio = portfolio_from_orders(
        got.orders,
        bars.close,
        initial_capital=50_000.0,
        split=bars.split,
        symbols=list("ABCD"),
        bar_close=index,
    )
    assert len(got.orders) > 100
    assert np.asarray(portfolio.value()) == pytest.approx(got.equity, rel=1e-10)
    assert np.asarray(portfolio.cash()) == pytest.approx(got.cash, rel=1e-9, abs=1e-6)
    assert list(portfolio.wrapper.columns) == list("ABCD")


def test_no_signal_no_order():
    bars = market(2, 50, 1)
    signals = wants(2, 50, 1)
    signals[sg.ENTRY] = 0.0
    got = through_vectorbt(bars, signals, DEFAULT)
    assert got.orders.size == 0
    assert np.all(np.asarray(got.portfolio().value()) == 100_000.0)


def asked(**rows):
    """One long entry at bar 5 with the signal rows named."""
    signals = np.full((sg.N_SIGNALS, 1, 20), np.nan)
    signals[sg.ENTRY] = signals[sg.EXIT] = signals[sg.GATE] = 0.0
    signals[sg.ENTRY, 0, 5], signals[sg.WEIGHT] = 1.0, 0.5
    for name, value in rows.items():
        signals[sg.SIGNAL_NAMES.index(name)] = value
    return signals


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({"limit": 5.0}, "time limits depend on when a position was opened"),
        ({"stop": 0.02, "trail": 0.05}, "column 0 has stop 0.02 and a wider trail 0.05 at bar 5"),
        (
            {"stop": 0.0004, "target": 0.1},
            "stops wider than the slippage 0.0005, column 0 has 0.0004 at bar 5",
        ),
    ],
)
def test_what_arrays_cannot_say_is_refused(rows, message):
    with pytest.raises(BadValue, match=message):
        through_vectorbt(market(1, 20, 1), asked(**rows), DEFAULT)


def test_a_column_with_targets_is_of_one_direction():
    signals = asked(target=0.1)
    signals[sg.ENTRY, 0, 8] = -1.0
    with pytest.raises(BadValue, match="long-only or short-only, column 0 is both"):
        through_vectorbt(market(1, 20, 1), signals, DEFAULT)


def test_dividends_are_refused():
    bars = market(1, 20, 1)
    paid = np.zeros((1, 20))
    paid[0, 9] = 0.5
    prices = bars.open, bars.high, bars.low, bars.close
    with pytest.raises(BadValue, match="cash dividends cannot be said"):
        vectorbt_run(*prices, asked(), Execution(), dividend=paid)
    assert vectorbt_run(*prices, asked(), Execution(dividends=False), dividend=paid).orders.size == 1
    with pytest.raises(
        BadValue, match=r"a vectorbt portfolio has no dividends, and this account was paid 12\.50"
    ):
        portfolio_from_orders(np.empty((0, ac.N_ORDER)), bars.close, initial_capital=1.0, dividends_paid=12.5)


@pytest.mark.parametrize("ratio", [1.5, 0.1])
def test_splits_that_leave_fractions_are_refused(ratio):
    bars = market(1, 20, 1)
    bars.split[0, 7] = ratio
    with pytest.raises(BadValue, match=f"whole-numbered splits only, symbol 0 has {ratio:g} at bar 7"):
        through_vectorbt(bars, asked(), DEFAULT)


def test_other_misuse_is_refused():
    bars = market(2, 20, 1)
    with pytest.raises(BadValue, match=r"must be .auto., .rust. or .numba., was 'fast'"):
        through_vectorbt(bars, asked(), DEFAULT, symbol_of=np.array([0]), engine="fast")
    with pytest.raises(BadValue, match="`symbol_of` must give one of 2 symbols for each of 1 columns"):
        through_vectorbt(bars, asked(), DEFAULT, symbol_of=np.array([2]))


def test_bytes_per_column_grow_with_rows():
    assert bytes_per_column(1000, targets=True) == 2 * bytes_per_column(1000, targets=False) > 0
