"""All features on a large history, beside TA-Lib for the outputs that both have.

Ours: the time of a feature's own program alone, all symbols, on all cores, results kept in one matrix,
less that of an empty program (appending bars and taking logarithms, which all features share; printed
at the end). Features that one kernel computes together are measured together and divided.

TA-Lib, symbol by symbol on the same arrays, as its users call it: *bare*, the call alone in one thread,
its result dropped; *same*, our very output made from it and kept in the same matrix, in one thread and
in as many threads as ours.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import talib
from numpy.typing import NDArray

from research.features.catalogue import FEATURES
from research.features.matrix import FeatureStream
from research.features.plan import Plan
from tests.benchmarks.market import machine, synthetic_panel

SYMBOLS, BARS, REPEATS = 500, 5000, 5
CORES = os.cpu_count() or 1
F64 = NDArray[np.float64]


class Bars(NamedTuple):
    """One symbol's arrays, or all symbols'."""

    high: F64
    low: F64
    close: F64
    volume: F64
    ln: F64


class Case(NamedTuple):
    """Features of ours, the call of TA-Lib, and our outputs from what it returns."""

    names: tuple[str, ...]
    call: Callable[[Bars], Any]
    same: Callable[[Bars, Any], Sequence[F64]]


def _only(_bars: Bars, made: F64) -> Sequence[F64]:
    return (made,)


def _distance(bars: Bars, made: F64) -> Sequence[F64]:
    return (bars.close / made - 1,)


def _over(_bars: Bars, made: tuple[F64, F64]) -> Sequence[F64]:
    return (made[0] / made[1] - 1,)


def _channel(bars: Bars, made: tuple[F64, F64]) -> Sequence[F64]:
    top, bottom = made
    return bars.close / top - 1, bars.close / bottom - 1, (bars.close - bottom) / (top - bottom)


def _bands(bars: Bars, made: tuple[F64, F64, F64]) -> Sequence[F64]:
    upper, middle, lower = made
    return (upper - lower) / middle, (bars.close - lower) / (upper - lower)


def _sma(n: int) -> Case:
    return Case((f"dist_sma_{n}",), lambda b: talib.SMA(b.close, n), _distance)


def _ema(n: int) -> Case:
    return Case((f"dist_ema_{n}",), lambda b: talib.EMA(b.close, n), _distance)


def _ratio(fast: int, slow: int) -> Case:
    return Case(
        (f"sma_{fast}_{slow}",), lambda b: (talib.SMA(b.close, fast), talib.SMA(b.close, slow)), _over
    )


def _plain(name: str, call: Callable[[Bars], Any]) -> Case:
    return Case((name,), call, _only)


CASES = (
    *(_sma(n) for n in (5, 10, 20, 50, 200)),
    *(_ema(n) for n in (12, 26, 50)),
    _ratio(20, 50),
    _ratio(50, 200),
    _plain("slope_20", lambda b: talib.LINEARREG_SLOPE(b.ln, 20)),
    Case(
        ("hi_dist_20", "lo_dist_20", "donchian_pos_20"),
        lambda b: (talib.MAX(b.high, 20), talib.MIN(b.low, 20)),
        _channel,
    ),
    Case(("hi_dist_252",), lambda b: talib.MAX(b.high, 252), _distance),
    _plain("rsi_2", lambda b: talib.RSI(b.close, 2)),
    _plain("rsi_14", lambda b: talib.RSI(b.close, 14)),
    Case(
        ("macd_line", "macd_signal", "macd_hist"),
        lambda b: talib.MACD(b.close, 12, 26, 9),
        lambda b, made: [x / b.close for x in made],
    ),
    Case(
        ("stoch_k", "stoch_d"),
        lambda b: talib.STOCH(b.high, b.low, b.close, fastk_period=14),
        lambda _, made: made,
    ),
    _plain("willr_14", lambda b: talib.WILLR(b.high, b.low, b.close, 14)),
    _plain("roc_10", lambda b: talib.ROC(b.close, 10)),
    _plain("roc_20", lambda b: talib.ROC(b.close, 20)),
    _plain("cci_20", lambda b: talib.CCI(b.high, b.low, b.close, 20)),
    _plain("mfi_14", lambda b: talib.MFI(b.high, b.low, b.close, b.volume, 14)),
    _plain("aroonosc_14", lambda b: talib.AROONOSC(b.high, b.low, 14)),
    Case(
        ("adx_14", "di_diff_14"),
        lambda b: (
            talib.ADX(b.high, b.low, b.close, 14),
            talib.PLUS_DI(b.high, b.low, b.close, 14),
            talib.MINUS_DI(b.high, b.low, b.close, 14),
        ),
        lambda _, made: (made[0], made[1] - made[2]),
    ),
    _plain("trix_15", lambda b: talib.TRIX(b.close, 15)),
    Case(
        ("atr_pct_14",),
        lambda b: talib.ATR(b.high, b.low, b.close, 14),
        lambda b, made: (made / b.close,),
    ),
    Case(("bb_width_20", "bb_pctb_20"), lambda b: talib.BBANDS(b.close, 20, 2, 2), _bands),
)


def ours(stream: FeatureStream, columns: list[F64], out: F64, plan: Plan) -> float:
    """Seconds for a program over all symbols, from the first bar."""
    stream._filled[:] = 0
    stream._states[:] = 0
    stream._plan = plan
    start = time.perf_counter()
    stream._run(columns, out)
    return time.perf_counter() - start


def theirs(case: Case, bars: Bars, out: F64 | None, pool: ThreadPoolExecutor, threads: int) -> float:
    """Seconds for TA-Lib over all symbols, results into `out` unless it is None."""

    def some(first: int) -> None:
        for j in range(first, SYMBOLS, threads):
            one = Bars(*(x[j] for x in bars))
            made = case.call(one)
            if out is not None:
                for k, x in enumerate(case.same(one, made)):
                    out[k, j] = x

    start = time.perf_counter()
    list(pool.map(some, range(threads)))
    return time.perf_counter() - start


def emptied(plan: Plan) -> Plan:
    """The plan without its steps: what is left is what all features share."""
    return Plan(**{**vars(plan), "program": plan.program[:0], "wanted": plan.wanted[:0]})


def measure(
    names: Sequence[str],
    case: Case | None,
    columns: list[F64],
    bars: Bars,
    out: F64,
    pool: ThreadPoolExecutor,
) -> list[float]:
    """Nanoseconds per value: ours, then TA-Lib's bare, same in one thread, same in all; taken in turns."""
    stream = FeatureStream([f"S{k}" for k in range(SYMBOLS)], names)
    plan, room = stream._plan, out[: len(names)]
    ours(stream, columns, room, plan)
    rows = []
    for _ in range(REPEATS):
        empty = ours(stream, columns, room, emptied(plan))
        row = [ours(stream, columns, room, plan) - empty]
        if case is not None:
            row.append(theirs(case, bars, None, pool, 1))
            row += [theirs(case, bars, room, pool, threads) for threads in (1, CORES)]
        rows.append(row)
    per_value = 1e9 / (SYMBOLS * BARS * len(names))
    return [statistics.median(column) * per_value for column in zip(*rows, strict=True)]


def main() -> None:
    """Print the table, the whole plan, and where TA-Lib is faster."""
    panel = synthetic_panel(SYMBOLS, BARS)
    columns = [np.ascontiguousarray(x.T) for x in panel.adjusted()]
    _, high, low, close, volume = columns
    bars = Bars(high, low, close, volume, np.log(close))
    out = np.zeros((len(FEATURES), SYMBOLS, BARS))
    print(f"{SYMBOLS} symbols × {BARS} bars ({machine()}, TA-Lib {talib.__version__})")
    print(f"medians of {REPEATS}, ns per value, ours on {CORES} cores\n")
    heads = ("ours", "TA-Lib bare", "same", f"same, {CORES} thr.", "ours/bare")
    print(f"{'feature':<42}" + "".join(f"{head:>13}" for head in heads))
    case_of = {name: case for case in CASES for name in case.names}
    done: set[str] = set()
    lost: list[str] = []
    slower: dict[str, list[str]] = {head: [] for head in heads[1:4]}
    with ThreadPoolExecutor(CORES) as pool:
        for name in FEATURES:
            case = case_of.get(name)
            names = case.names if case else (name,)
            if done.issuperset(names):
                continue
            done.update(names)
            mine, *rest = measure(names, case, columns, bars, out, pool)
            if mine <= 0.0:
                lost.append(name)
            line = f"{' + '.join(names):<42}{mine:>13.2f}" + "".join(f"{x:>13.2f}" for x in rest)
            print(line + (f"{mine / rest[0]:>13.2f}" if rest else ""), flush=True)
            for head, value in zip(heads[1:4], rest, strict=False):
                if mine > value:
                    slower[head].append(name)
        stream = FeatureStream(panel.symbols)
        plan = stream._plan
        empty = statistics.median(ours(stream, columns, out, emptied(plan)) for _ in range(REPEATS))
        full = statistics.median(ours(stream, columns, out, plan) for _ in range(REPEATS))
    values = out.size / 1e9
    print(f"\nappending bars and their logarithms: {empty / (SYMBOLS * BARS) * 1e9:.2f} ns per bar")
    print(f"all {len(FEATURES)} features at once: {full:.2f} s, {full / values:.2f} ns per value")
    del out
    start = time.perf_counter()
    FeatureStream(panel.symbols).advance(panel)
    fresh = time.perf_counter() - start
    print(f"the same with adjustment, into fresh memory: {fresh:.2f} s, {fresh / values:.2f} ns per value")
    if lost:
        # A program that takes no longer than an empty one was not measured.
        some = ", ".join(lost[:5])
        print(f"no verdict: {len(lost)} of our figures are 0 or less after subtraction ({some} …)")
        return
    for head, names_ in slower.items():
        print(f"slower than TA-Lib's {head!r} on: {', '.join(names_) or 'none'}")
