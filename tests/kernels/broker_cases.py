"""Markets, signals and a short way to run them, for the tests of the broker kernel."""

from dataclasses import dataclass

import numpy as np

from research.execution import Execution
from research.kernels import account as ac
from research.kernels import signals as sg
from research.kernels.account import Account, copy_account, empty_orders, new_account
from research.kernels.scan import scan_nb


@dataclass
class Bars:
    """Raw bars of N symbols, each field (N, T)."""

    open: np.ndarray
    high: np.ndarray
    low: np.ndarray
    close: np.ndarray
    split: np.ndarray
    dividend: np.ndarray

    @property
    def arrays(self):
        return self.open, self.high, self.low, self.close, self.split, self.dividend

    def __getitem__(self, columns):
        return Bars(*(np.ascontiguousarray(a[:, columns]) for a in self.arrays))

    def symbol(self, k):
        return Bars(*(a[k : k + 1] for a in self.arrays))


@dataclass
class Run:
    """What a scan left behind."""

    account: Account
    orders: np.ndarray
    equity: np.ndarray
    cash: np.ndarray
    exposure: np.ndarray
    intents: np.ndarray
    gates: np.ndarray

    def per_bar(self):
        """The outputs that have one entry per bar, bars first."""
        return (
            self.equity,
            self.cash,
            self.exposure,
            self.intents.transpose(1, 0, 2),
            self.gates.T,
        )


def run(bars, signals, execution=None, *, account=None, cash=10_000.0, trade_from=0):
    """Scan bars from a new account, or from a copy of the one given."""
    execution = execution or Execution()
    n, t = bars.close.shape
    account = new_account(n, cash) if account is None else copy_account(account)
    orders = empty_orders(t, n)
    out = Run(
        account,
        orders,
        np.empty(t),
        np.empty(t),
        np.empty(t),
        np.empty((n, t, ac.N_INTENT)),
        np.empty((n, t)),
    )
    count = scan_nb(
        account, bars.open, bars.high, bars.low, bars.close, bars.split, bars.dividend,
        np.ascontiguousarray(signals), execution.as_array(), trade_from,
        orders, out.equity, out.cash, out.exposure, out.intents, out.gates,
    )  # fmt: skip
    assert count <= len(orders)
    out.orders = orders[:count]
    return out


def market(n, t, seed, *, missing=0.0, splits=0.0, dividends=0.0):
    """Random walks rounded to cents, with gaps, ties, flat bars and whatever else is asked for."""
    rng = np.random.default_rng(seed)
    close = 60.0 * np.exp(np.cumsum(rng.normal(0.0002, 0.02, (n, t)), axis=1))
    gap = np.where(rng.random((n, t)) < 0.1, rng.normal(0, 0.05, (n, t)), rng.normal(0, 0.004, (n, t)))
    open_ = np.concatenate((close[:, :1], close[:, :-1]), axis=1) * np.exp(gap)
    reach = np.abs(rng.normal(0, 0.01, (2, n, t))) * (rng.random((2, n, t)) < 0.9)
    split = np.where(rng.random((n, t)) < splits, rng.choice([2.0, 4.0], (n, t)), 1.0)
    split[:, 0] = 1.0
    down = np.cumprod(split, axis=1)
    open_ = np.asarray(np.round(np.maximum(open_ / down, 0.5), 2), dtype=np.float64)
    close = np.asarray(np.round(np.maximum(close / down, 0.5), 2), dtype=np.float64)
    high = np.round(np.maximum(open_, close) * (1 + reach[0]), 2)
    low = np.maximum(np.round(np.minimum(open_, close) * (1 - reach[1]), 2), 0.01)
    high, low = np.maximum(high, np.maximum(open_, close)), np.minimum(low, np.minimum(open_, close))
    dividend = np.where(rng.random((n, t)) < dividends, np.round(close * 0.01, 2), 0.0)
    gone = (rng.random((n, t)) < missing) & (split == 1.0)
    for a in (open_, high, low, close):
        a[gone] = np.nan
    dividend[gone] = 0.0
    return Bars(open_, high, low, close, split, dividend)


def wants(n, t, seed, *, side="long", stop=None, target=None, trail=None, limit=0.0, weight=(0.05, 1.2)):
    """Random signals; stop, target and trail are (least, most, share of the bars that have one)."""
    rng = np.random.default_rng(seed)
    out = np.full((sg.N_SIGNALS, n, t), np.nan)
    entry = (rng.random((n, t)) < 0.1).astype(float)
    sign = {"long": 1.0, "short": -1.0, "both": np.where(rng.random((n, t)) < 0.5, 1.0, -1.0)}[side]
    out[sg.ENTRY] = entry * sign
    out[sg.EXIT] = np.where(rng.random((n, t)) < 0.04, rng.choice([1.0, -1.0, 2.0], (n, t)), 0.0)
    out[sg.WEIGHT] = rng.uniform(weight[0], weight[1], (n, t))
    out[sg.GATE] = np.where(rng.random((n, t)) < 0.1, 2.0, 0.0)
    for row, asked in ((sg.STOP, stop), (sg.TARGET, target), (sg.TRAIL, trail)):
        if asked is not None:
            least, most, share = asked
            out[row] = np.where(rng.random((n, t)) < share, rng.uniform(least, most, (n, t)), np.nan)
    if limit:
        out[sg.LIMIT] = np.where(rng.random((n, t)) < limit, rng.integers(1, 15, (n, t)), np.nan)
    return out


def everything(n, t, seed):
    """A market and signals with all there is, for laws that hold whatever happens."""
    bars = market(n, t, seed, missing=0.05, splits=0.01, dividends=0.02)
    signals = wants(
        n, t, seed + 1, side="both",
        stop=(0.0002, 0.08, 0.7), target=(0.001, 0.1, 0.6), trail=(0.002, 0.1, 0.5), limit=0.5,
    )  # fmt: skip
    return bars, signals


def same_bits(a, b):
    """Say whether two float64 arrays hold the same bits, NaN included."""
    return a.shape == b.shape and np.array_equal(
        np.ascontiguousarray(a).view(np.int64), np.ascontiguousarray(b).view(np.int64)
    )
