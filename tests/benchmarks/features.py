"""All features on a large history, beside TA-Lib for the outputs that both have.

Ours: the whole time of a stream that computes just these outputs, from adjusted bars, all symbols, on all
cores; nothing is subtracted. Features that one kernel computes together are measured together and divided.

TA-Lib, symbol by symbol on the same arrays: *same*, our very output made from it, in one thread as its
users call it and in as many as ours; *bare*, the call alone in one thread, its result dropped. Both begin
with prices: where an output is of their logarithm, both take it.

All write into one matrix, whose memory has been used before. At the end the outputs that both have are made
by one stream at once, beside TA-Lib's one after the other.
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

from research.features.carried import Bars as Columns
from research.features.catalogue import FEATURES
from research.features.matrix import FeatureStream
from tests.benchmarks.market import machine, stolen, synthetic_panel

SYMBOLS, BARS = 500, 5000
REPEATS, MOST_TURNS = 7, 28
CORES = os.cpu_count() or 1
F64 = NDArray[np.float64]


class Bars(NamedTuple):
    """One symbol's arrays, or all symbols'."""

    high: F64
    low: F64
    close: F64
    volume: F64


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
    _plain("slope_20", lambda b: talib.LINEARREG_SLOPE(np.log(b.close), 20)),
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


def ours(stream: FeatureStream, columns: Columns, out: F64) -> float:
    """Seconds of a stream for all bars, from the first."""
    stream._carried.forget()
    start = time.perf_counter()
    stream._carried.advance(columns, out)
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


def measure(
    names: Sequence[str],
    case: Case | None,
    columns: Columns,
    bars: Bars,
    out: F64,
    pool: ThreadPoolExecutor,
) -> list[float]:
    """Seconds: ours; TA-Lib's same in one thread, same in all, bare. In turns, the median of each.

    Turns in which a hypervisor kept the cores from us are taken again, while there is patience.
    """
    stream, room = FeatureStream([f"S{k}" for k in range(SYMBOLS)], names), out[: len(names)]
    rows: list[list[float]] = []
    disturbed: list[list[float]] = []
    # The first turn loads code and touches memory.
    for turn in range(MOST_TURNS + 1):
        before = stolen()
        row = [ours(stream, columns, room)]
        if case is not None:
            row += [theirs(case, bars, room, pool, threads) for threads in (1, CORES)]
            row.append(theirs(case, bars, None, pool, 1))
        if turn > 0:
            (rows if stolen() == before else disturbed).append(row)
        if len(rows) == REPEATS:
            break
    rows += disturbed[: REPEATS - len(rows)]
    return [statistics.median(column) for column in zip(*rows, strict=True)]


def show(label: str, seconds: Sequence[float], outputs: int) -> None:
    """Print a line of the table."""
    per_value = 1e9 / (SYMBOLS * BARS * outputs)
    line = f"{label:<42}" + "".join(f"{x * per_value:>13.2f}" for x in seconds)
    print(line + (f"{seconds[0] / seconds[1]:>13.2f}" if len(seconds) > 1 else ""), flush=True)


def main() -> None:
    """Print the table, the totals, and where TA-Lib is faster."""
    panel = synthetic_panel(SYMBOLS, BARS)
    open_, high, low, close, volume = (np.ascontiguousarray(x.T) for x in panel.adjusted())
    columns = open_, high, low, close, volume
    bars = Bars(high, low, close, volume)
    out = np.full((len(FEATURES), SYMBOLS, BARS), np.nan)
    print(f"{SYMBOLS} symbols × {BARS} bars ({machine()}, TA-Lib {talib.__version__})")
    print(f"medians of {REPEATS} turns, ns per value, ours on {CORES} cores\n")
    heads = ("same", f"same, {CORES} threads", "bare")
    titles = ("ours", "TA-Lib same", f"in {CORES} threads", "bare", "ours/same")
    print(f"{'feature':<42}" + "".join(f"{title:>13}" for title in titles))
    case_of = {name: case for case in CASES for name in case.names}
    shared: list[str] = []
    taken: list[list[float]] = []
    slower: dict[str, list[str]] = {head: [] for head in heads}
    with ThreadPoolExecutor(CORES) as pool:
        for case in CASES:
            seconds = measure(case.names, case, columns, bars, out, pool)
            show(" + ".join(case.names), seconds, len(case.names))
            shared += case.names
            taken.append(seconds)
            for head, value in zip(heads, seconds[1:], strict=True):
                if seconds[0] > value:
                    slower[head].append(case.names[0])
        at_once = measure(shared, None, columns, bars, out, pool)
        total = [sum(column) for column in zip(*taken, strict=True)]
        show(f"these {len(shared)} in turn", total, len(shared))
        show(f"these {len(shared)}, ours at once", [*at_once, *total[1:]], len(shared))
        print()
        for name in FEATURES:
            if name not in case_of:
                show(name, measure((name,), None, columns, bars, out, pool), 1)
        show(
            f"all {len(FEATURES)} at once",
            measure(tuple(FEATURES), None, columns, bars, out, pool),
            len(FEATURES),
        )
    del out
    start = time.perf_counter()
    made = FeatureStream(panel.symbols).advance(panel)
    show("the same with adjustment, in fresh memory", [time.perf_counter() - start], len(made))
    print()
    for head, names in slower.items():
        print(f"slower than TA-Lib's {head!r} on: {', '.join(names) or 'none'}")
