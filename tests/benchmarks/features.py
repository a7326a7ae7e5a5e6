"""All features on a large history, beside TA-Lib for the outputs that both have.

For each feature the time of its own program alone, less that of an empty program (appending bars and
taking logarithms, which all features share; printed on its own line). Features that one kernel computes
together are measured together and divided. TA-Lib is called as its users call it, symbol by symbol, on
the same arrays, in one thread and in as many as ours; where our output adds something to TA-Lib's (a
division by the close), TA-Lib is not charged for it.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import talib
from numpy.typing import NDArray

from research.features.catalogue import FEATURES
from research.features.matrix import FeatureStream
from research.features.plan import Plan
from tests.benchmarks.market import machine, synthetic_panel

SYMBOLS, BARS, REPEATS = 500, 5000, 5
F64 = NDArray[np.float64]

Call = Callable[[F64, F64, F64, F64], object]


def _sma(*windows: int) -> Call:
    return lambda _h, _l, c, _v: [talib.SMA(c, n) for n in windows]


def _ema(n: int) -> Call:
    return lambda _h, _l, c, _v: talib.EMA(c, n)


# One line per call of TA-Lib: our features, how its users call it.
SHARED: dict[tuple[str, ...], Call] = {
    **{(f"dist_sma_{n}",): _sma(n) for n in (5, 10, 20, 50, 200)},
    **{(f"dist_ema_{n}",): _ema(n) for n in (12, 26, 50)},
    ("sma_20_50",): _sma(20, 50),
    ("sma_50_200",): _sma(50, 200),
    ("slope_20",): lambda _h, _l, c, _v: talib.LINEARREG_SLOPE(c, 20),
    ("hi_dist_20", "lo_dist_20", "donchian_pos_20"): lambda h, l, _c, _v: (
        talib.MAX(h, 20),
        talib.MIN(l, 20),
    ),
    ("hi_dist_252",): lambda h, _l, _c, _v: talib.MAX(h, 252),
    ("rsi_2",): lambda _h, _l, c, _v: talib.RSI(c, 2),
    ("rsi_14",): lambda _h, _l, c, _v: talib.RSI(c, 14),
    ("macd_line", "macd_signal", "macd_hist"): lambda _h, _l, c, _v: talib.MACD(c, 12, 26, 9),
    ("stoch_k", "stoch_d"): lambda h, l, c, _v: talib.STOCH(h, l, c, fastk_period=14),
    ("willr_14",): lambda h, l, c, _v: talib.WILLR(h, l, c, 14),
    ("roc_10",): lambda _h, _l, c, _v: talib.ROC(c, 10),
    ("roc_20",): lambda _h, _l, c, _v: talib.ROC(c, 20),
    ("cci_20",): lambda h, l, c, _v: talib.CCI(h, l, c, 20),
    ("mfi_14",): lambda h, l, c, v: talib.MFI(h, l, c, v, 14),
    ("aroonosc_14",): lambda h, l, _c, _v: talib.AROONOSC(h, l, 14),
    ("adx_14", "di_diff_14"): lambda h, l, c, _v: (
        talib.ADX(h, l, c, 14),
        talib.PLUS_DI(h, l, c, 14),
        talib.MINUS_DI(h, l, c, 14),
    ),
    ("trix_15",): lambda _h, _l, c, _v: talib.TRIX(c, 15),
    ("atr_pct_14",): lambda h, l, c, _v: talib.NATR(h, l, c, 14),
    ("bb_width_20", "bb_pctb_20"): lambda _h, _l, c, _v: talib.BBANDS(c, 20, 2, 2),
}


def ours(stream: FeatureStream, columns: list[F64], out: F64, plan: Plan) -> float:
    """Seconds for a program over all symbols, from the first bar."""
    stream._filled[:] = 0
    stream._states[:] = 0
    stream._plan = plan
    start = time.perf_counter()
    stream._run(columns, out)
    return time.perf_counter() - start


def theirs(call: Call, columns: list[F64], pool: ThreadPoolExecutor, threads: int) -> float:
    """Seconds for a TA-Lib call over all symbols."""
    _, high, low, close, volume = columns

    def some(k: int) -> None:
        for j in range(k, len(close), threads):
            call(high[j], low[j], close[j], volume[j])

    start = time.perf_counter()
    list(pool.map(some, range(threads)))
    return time.perf_counter() - start


def emptied(plan: Plan) -> Plan:
    """The plan without its steps: what is left is what all features share."""
    return Plan(**{**vars(plan), "program": plan.program[:0], "wanted": plan.wanted[:0]})


def measure(
    names: Sequence[str],
    columns: list[F64],
    out: F64,
    call: Call | None,
    pool: ThreadPoolExecutor,
) -> tuple[float, float, float]:
    """Nanoseconds per value: ours, TA-Lib's in one thread, TA-Lib's in all; medians, taken in turns."""
    cores = os.cpu_count() or 1
    stream = FeatureStream([f"S{k}" for k in range(SYMBOLS)], names)
    plan, room = stream._plan, out[: len(names)]
    rows: list[tuple[float, float, float]] = []
    ours(stream, columns, room, plan)
    for _ in range(REPEATS):
        empty = ours(stream, columns, room, emptied(plan))
        full = ours(stream, columns, room, plan)
        one = theirs(call, columns, pool, 1) if call else np.nan
        many = theirs(call, columns, pool, cores) if call else np.nan
        rows.append((full - empty, one, many))
    values = SYMBOLS * BARS * len(names) / 1e9
    a, b, c = (statistics.median(row[k] for row in rows) / values for k in range(3))
    return a, b, c


def main() -> None:
    """Print the table, and the whole plan at the end."""
    panel = synthetic_panel(SYMBOLS, BARS)
    columns = [np.ascontiguousarray(x.T) for x in panel.adjusted()]
    out = np.zeros((len(FEATURES), SYMBOLS, BARS))
    cores = os.cpu_count() or 1
    print(f"{SYMBOLS} symbols × {BARS} bars ({machine()}); TA-Lib {talib.__version__}")
    print(f"medians of {REPEATS}, ns per value\n")
    print(f"{'feature':<42}{f'ours, {cores} cores':>15}{'TA-Lib, 1':>12}{f'TA-Lib, {cores}':>12}{'ratio':>8}")
    together = {name: names for names in SHARED for name in names}
    slower = []
    done: set[str] = set()
    with ThreadPoolExecutor(cores) as pool:
        for name in FEATURES:
            names = together.get(name, (name,))
            if done.issuperset(names):
                continue
            done.update(names)
            mine, one, many = measure(names, columns, out, SHARED.get(names), pool)
            line = f"{' + '.join(names):<42}{mine:>15.2f}"
            if names in SHARED:
                line += f"{one:>12.2f}{many:>12.2f}{mine / one:>8.2f}"
                line += "" if mine <= many else "   > in all threads"
                slower += [] if mine <= one else [name]
            print(line, flush=True)

        stream = FeatureStream(panel.symbols)
        plan = stream._plan
        empty = statistics.median(ours(stream, columns, out, emptied(plan)) for _ in range(REPEATS))
        full = statistics.median(ours(stream, columns, out, plan) for _ in range(REPEATS))
    bars, values = SYMBOLS * BARS / 1e9, out.size / 1e9
    print(f"\nappending bars and their logarithms: {empty / bars:.2f} ns per bar")
    print(f"all {len(FEATURES)} features at once: {full:.2f} s, {full / values:.2f} ns per value")
    del out
    start = time.perf_counter()
    FeatureStream(panel.symbols).advance(panel)
    fresh = time.perf_counter() - start
    print(f"the same with adjustment, into fresh memory: {fresh:.2f} s, {fresh / values:.2f} ns per value")
    verdict = (
        f"slower than TA-Lib on: {', '.join(slower)}" if slower else "ours ≤ TA-Lib's on every shared output"
    )
    print(verdict)
