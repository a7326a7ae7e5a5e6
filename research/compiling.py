"""Compile the kernels of a first run on two cores, before it begins.

Numba compiles a kernel when it is first called, one after the other: a minute and more of one core. Here two
child processes call them at once, each its half, and leave the machine code in the kernel cache:

*features*
    What a block of bars goes through, then what a single bar does.
*decisions*
    The row steps of the features, which the other process does not come to before they are ready; then
    strategies, the online learner and the broker, on noise in the place of features; then the figures of
    an account.

Nothing depends on it: a kernel that is not in the cache is compiled when it is called, as ever.
"""

from __future__ import annotations

import gc
import logging
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from research.data import load_sample
from research.data.panel import Panel
from research.engine import UnifiedTradingEngine
from research.evidence.metrics import equity_stats, trade_stats
from research.execution import Execution
from research.features.matrix import FeatureStream
from research.kernels import account as ac
from research.kernels import codes
from research.kernels.bars import BARS
from research.kernels.jit import cache_folder
from research.kernels.rows import rows_nb
from research.kernels.settle import hold_nb, settle_all_nb
from research.kernels.sums import N_SUMS
from research.learning.settings import LearningSettings
from research.strategies import STRATEGIES

__all__ = ["PARTS", "compile_kernels", "is_compiled"]

log = logging.getLogger(__name__)
_SYMBOLS: Final = ("AAPL", "IBM")
_BARS: Final = 60
_LONGEST: Final = 24 * 3600.0  # seconds, longer than any machine takes


def is_compiled() -> bool:
    """Say whether the cache holds the kernels that take longest."""
    return any(cache_folder().rglob("advance.advance_nb*.nbi"))


def compile_kernels() -> None:
    """Compile what a first run needs, if it is not compiled and there are two cores."""
    if is_compiled() or (os.cpu_count() or 1) < 2:
        return
    children = [
        subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", "research.compiling", part],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for part in PARTS
    ]
    try:
        for child in children:
            # Asks again and again. A wait without a limit would not hear of Ctrl-C: the handler that polars
            # puts before Python's has the system take such calls up again.
            child.wait(timeout=_LONGEST)
    finally:
        for child in children:
            child.kill()
            child.wait()
    for part, child in zip(PARTS, children, strict=True):
        if child.returncode != 0:
            log.warning("kernels of %s were not compiled beforehand (status %d)", part, child.returncode)


class _Noise(FeatureStream):
    """Stands where features are computed, and computes none."""

    def advance(self, panel: Panel, out: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        """Return noise of the shape of features."""
        shape = len(self.names), len(self.symbols), len(panel)
        return np.random.default_rng(0).normal(size=shape)


def _bars() -> pl.DataFrame:
    return load_sample(_SYMBOLS).group_by("symbol", maintain_order=True).head(_BARS)


def _features() -> None:
    bars = _bars()
    last = bars["bar_close"].max()
    stream = FeatureStream(_SYMBOLS)
    stream.push(bars.filter(bars["bar_close"] < last))
    stream.push(bars.filter(bars["bar_close"] == last))


def _decisions() -> None:
    program = np.empty((0, codes.PROGRAM_WIDTH), dtype=np.int64)
    plane, scratch, who = np.zeros((1, 1)), np.zeros((1, 1, 1)), np.zeros(1, dtype=np.int64)
    rows_nb(program, plane, plane, scratch, plane, who, 0, 0)
    bars = _bars()
    last = bars["bar_close"].max()
    for name, strategy in STRATEGIES.items():
        learning = None if strategy.model is None else LearningSettings(learners=("random_forest",))
        engine = UnifiedTradingEngine(name, symbols=_SYMBOLS, learning=learning)
        engine.reader.stream = _Noise(_SYMBOLS, engine.reader.stream.names)
        engine.advance(bars.filter(bars["bar_close"] < last))
    # With a broker that fills nothing, as live has one.
    engine.advance(bars.filter(bars["bar_close"] == last), lambda *_: np.empty((0, ac.N_ORDER)))
    _figures()


def _figures() -> None:
    """Take the figures of an account."""
    equity_stats(np.full(_BARS, 1.0), 1.0, 252.0)
    trade_stats(pl.DataFrame({"status": ["closed"], "pnl": [1.0], "return": [0.1], "bars_held": [1]}), 1.0)
    bars, rules = np.ones((len(BARS), _BARS)), Execution().as_array()
    hold_nb(0.0, bars[0], bars[1], bars[2], 0, _BARS, rules)
    starts = np.zeros(2, dtype=np.int64)
    settle_all_nb(np.empty((0, ac.N_ORDER)), starts, 1.0, bars, rules, np.zeros((1, N_SUMS)))


PARTS: Final[dict[str, Callable[[], None]]] = {"features": _features, "decisions": _decisions}

if __name__ == "__main__":
    # A compiler makes objects by the million and hardly a cycle among them; to look for some at the usual
    # rate takes a sixth of the time.
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    PARTS[sys.argv[1]]()
