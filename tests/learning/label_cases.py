"""Shadow trades worked by hand, and markets full of candidates, for the tests of labels."""

from typing import Any

import numpy as np

from research.data.aligned import Panel
from research.execution import Execution
from research.kernels import account as ac
from research.kernels import signals as sg
from research.learning.labels import ShadowBook
from tests.kernels.broker_cases import Bars, everything

HAND = Execution(slippage=0.01, commission=0.002, allow_short=True)
BOTH = Execution(allow_short=True)
FLAT = [100, 101, 99, 100]


def panel_of(bars, first=0):
    n, t = bars.close.shape
    at = np.datetime64("2000-01-01", "us") + (first + np.arange(t)) * np.timedelta64(1, "D")
    ones = np.where(np.isnan(bars.close), np.nan, 1.0)
    fields = (bars.open, bars.high, bars.low, bars.close, ones, ones, bars.split, bars.dividend)
    return Panel(tuple(f"S{k}" for k in range(n)), at, *(np.asfortranarray(a.T) for a in fields))


def bars_of(rows, split=None, dividend=None):
    """One symbol; None is a missing bar; split and dividend by bar."""
    t = len(rows)
    o, h, l, c = (np.array([[(r or [np.nan] * 4)[j] for r in rows]], dtype=float) for j in range(4))
    ones, zeros = np.ones((1, t)), np.zeros((1, t))
    for i, ratio in (split or {}).items():
        ones[0, i] = ratio
    for i, cash in (dividend or {}).items():
        zeros[0, i] = cash
    return Bars(o, h, l, c, ones, zeros)


def wish(n, t):
    """Signals that want nothing, with a time limit of 9 bars."""
    out = np.full((sg.N_SIGNALS, n, t), np.nan)
    out[sg.ENTRY] = out[sg.EXIT] = out[sg.GATE] = 0.0
    out[sg.WEIGHT], out[sg.LIMIT] = 0.1, 9.0
    return out


def label(rows, *, side=1.0, split=None, dividend=None, execution=HAND, exits=None, **levels):
    """Labels of one candidate at the close of bar 0."""
    bars = bars_of(rows, split, dividend)
    signals = wish(1, len(rows))
    signals[sg.ENTRY, 0, 0] = side
    for name, value in levels.items():
        signals[sg.SIGNAL_NAMES.index(name), 0, 0] = value
    for i, value in (exits or {}).items():
        signals[sg.EXIT, 0, i] = value
    return ShadowBook(1, 9, execution).advance(panel_of(bars), signals)


def case(**given):
    return given


# Per share. Long: open 100 fills at 101, fee 0.202: 101.202 out. Short: fills at 99, fee 0.198: 98.802 in.
WORKED: dict[str, Any] = {
    # sells at 110 × 0.99 = 108.90, fee 0.2178; 108.6822 − 101.202 = 7.4802
    "signal": (
        case(rows=[FLAT, FLAT, FLAT, [110, 111, 109, 110]], exits={2: 1.0}), 3, ac.SIGNAL, 7.4802 / 101,
    ),
    # level 101 × 0.95 = 95.95; sells at 94.9905, fee 0.189981; 94.800519 − 101.202
    "stop in the entry bar": (
        case(rows=[FLAT, [100, 101, 95.5, 99]], stop=0.05), 1, ac.STOP, -6.401481 / 101,
    ),
    # sells at the open 90 × 0.99 = 89.10, fee 0.1782; 88.9218 − 101.202
    "gap beyond the stop": (
        case(rows=[FLAT, FLAT, [90, 92, 80, 85]], stop=0.05), 2, ac.STOP, -12.2802 / 101,
    ),
    # level 101 × 1.1 = 111.10, no slippage, fee 0.2222; 110.8778 − 101.202
    "target": (case(rows=[FLAT, FLAT, [105, 112, 104, 110]], target=0.1), 2, ac.TARGET, 9.6758 / 101),
    # the open 120 is beyond it, no slippage, fee 0.24; 119.76 − 101.202
    "gap beyond the target": (
        case(rows=[FLAT, FLAT, [120, 121, 119, 120]], target=0.1), 2, ac.TARGET, 18.558 / 101,
    ),
    # both inside one bar: the stop
    "stop before target": (
        case(rows=[FLAT, [100, 112, 95, 100]], stop=0.05, target=0.1), 1, ac.STOP, -6.401481 / 101,
    ),
    # held over bars 1 and 2, sold at the open 104 × 0.99 = 102.96, fee 0.20592; 102.75408 − 101.202
    "time": (case(rows=[FLAT, FLAT, FLAT, [104, 105, 103, 104]], limit=2.0), 3, ac.TIME, 1.55208 / 101),
    # high 110: level 104.50 from bar 2 on; sells at 103.455, fee 0.20691; 103.24809 − 101.202
    "trail": (
        case(rows=[FLAT, [100, 110, 99, 108], [108, 109, 104, 105]], trail=0.05), 2, ac.TRAIL, 2.04609 / 101,
    ),
    # 2 for 1 while held: two shares of 55.55 are the 111.10 of the target above
    "split while held": (
        case(rows=[FLAT, FLAT, [52, 56, 51, 55]], split={2: 2.0}, target=0.1), 2, ac.TARGET, 9.6758 / 101,
    ),
    # 2 for 1 over the night of the entry: two shares at 50.50
    "split while waiting": (
        case(rows=[FLAT, [50, 51, 49, 50], [52, 56, 51, 55]], split={1: 2.0}, target=0.1), 2, ac.TARGET,
        9.6758 / 101,
    ),
    # 1 for 4: a quarter of a share at 404, no cash in lieu
    "reverse split": (
        case(rows=[FLAT, FLAT, [420, 450, 410, 440]], split={2: 0.25}, target=0.1), 2, ac.TARGET,
        9.6758 / 101,
    ),
    # 1 for 7: a seventh of a share at 707, target 777.70; a whole-share account would be paid fractions out
    "split that leaves fractions": (
        case(rows=[FLAT, FLAT, [735, 790, 720, 770]], split={2: 1 / 7}, target=0.1), 2, ac.TARGET,
        9.6758 / 101,
    ),
    "dividend": (
        case(rows=[FLAT, FLAT, [105, 112, 104, 110]], dividend={2: 1.0}, target=0.1), 2, ac.TARGET,
        10.6758 / 101,
    ),
    # the entry bar's own dividend belongs to who held overnight
    "dividend of the entry bar": (
        case(rows=[FLAT, FLAT, [105, 112, 104, 110]], dividend={1: 1.0}, target=0.1), 2, ac.TARGET,
        9.6758 / 101,
    ),
    "dividends off": (
        case(
            rows=[FLAT, FLAT, [105, 112, 104, 110]], dividend={2: 1.0}, target=0.1,
            execution=Execution(slippage=0.01, commission=0.002, dividends=False),
        ), 2, ac.TARGET, 9.6758 / 101,
    ),
    "no costs": (
        case(
            rows=[FLAT, FLAT, [105, 112, 104, 110]], target=0.1,
            execution=Execution(slippage=0.0, commission=0.0),
        ), 2, ac.TARGET, 0.1,
    ),
    # level 99 × 1.05 = 103.95; buys at 104.9895, fee 0.209979; 98.802 − 105.199479
    "short stop": (
        case(rows=[FLAT, [100, 104, 99, 101]], side=-1.0, stop=0.05), 1, ac.STOP, -6.397479 / 99,
    ),
    # level 99 × 0.9 = 89.10, fee 0.1782; 98.802 − 89.2782
    "short target": (
        case(rows=[FLAT, FLAT, [95, 96, 88, 90]], side=-1.0, target=0.1), 2, ac.TARGET, 9.5238 / 99,
    ),
    # a short pays the dividend
    "short dividend": (
        case(rows=[FLAT, FLAT, [95, 96, 88, 90]], side=-1.0, target=0.1, dividend={2: 1.0}), 2, ac.TARGET,
        8.5238 / 99,
    ),
    # the missing bar is none of the two held: sold one instant later than under "time"
    "missing bar while held": (
        case(rows=[FLAT, FLAT, None, FLAT, [104, 105, 103, 104]], limit=2.0), 4, ac.TIME, 1.55208 / 101,
    ),
    # decided at bar 2, bar 3 is missing: sold when the symbol is back
    "missing bar at the exit": (
        case(rows=[FLAT, FLAT, FLAT, None, [104, 105, 103, 104]], limit=2.0), 4, ac.TIME, 1.55208 / 101,
    ),
}  # fmt: skip


def wants_all(n, t, seed, limit=20):
    """A market of all there is, and a candidate at most closes, long and short."""
    bars, signals = everything(n, t, seed)
    rng = np.random.default_rng(seed)
    signals[sg.ENTRY] = rng.choice([1.0, -1.0, 0.0], (n, t), p=[0.5, 0.3, 0.2])
    signals[sg.LIMIT] = rng.integers(1, limit + 1, (n, t))
    return bars, signals
