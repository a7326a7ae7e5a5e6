"""How much the online learner adds to its libraries, and how fast it speaks of many symbols.

`python -m tests.benchmarks learning`. Asserts nothing.

1. *Walk-forward.* ``ml_driven`` over the sample, bars to orders: the engine's wall time divided by the time
   spent inside the learners' own `fit` and `predict`, clocked call by call in that very run, on one core, so
   that rows, calls and the machine's load are the same on both sides (asked: 1.2 at most). Labels, weights,
   calibration, drift, features, account: all of it is overhead here. Permutation importances are predictions
   nobody trades on: they are overhead too, so the run is made without and with them.
2. *Latest bar.* 500 symbols, all default features, a full history: what one more bar costs the learner, from
   the features to predictions, champions and challengers speaking (asked: 250 ms at most).
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Sequence
from contextlib import contextmanager
from unittest.mock import patch

import numpy as np

from research.data import load_sample
from research.data.aligned import Panel
from research.engine import UnifiedTradingEngine
from research.execution import Execution
from research.kernels import signals as sg
from research.learning import contract, ensemble
from research.learning.learner import OnlineLearner
from research.learning.model import Model
from research.learning.settings import LearningSettings
from research.request import Request


class Clock:
    """Seconds spent inside calls, and how many there were."""

    def __init__(self):
        self.seconds, self.calls = 0.0, 0

    def timed(self, call):
        """Return `call` with the clock running."""

        def running(*given, **named):
            begun = time.perf_counter()
            try:
                return call(*given, **named)
            finally:
                self.seconds += time.perf_counter() - begun
                self.calls += 1

        return running


@contextmanager
def clocked():
    """Clock every fit, and every prediction that the ensemble asks for."""
    fits, predictions = Clock(), Clock()
    fit, answer = fits.timed(contract.Learner.fit), predictions.timed(Model.answer)
    with patch.object(contract.Learner, "fit", fit), patch.object(Model, "answer", answer):
        yield fits, predictions


def walk_forward(bars: int, *, importance: bool) -> tuple[float, Clock, Clock, int]:
    """Seconds of a run over the last `bars` days of the sample; fits, predictions, retrainings."""
    # On one core: fits that run side by side would add up to more than the wall clock.
    request = Request(
        "ml_driven", train_fraction=0.6, learning=LearningSettings(importance=importance), jobs=1
    )
    table = load_sample()
    instants = table["bar_close"].unique().sort()
    table = table.filter(table["bar_close"].is_in(instants.tail(bars).implode()))
    prepared = request.prepare(table)
    # Kernels compile, libraries are imported: not what is measured.
    UnifiedTradingEngine.of(request, prepared).advance(prepared.panel[:700])
    engine = UnifiedTradingEngine.of(request, prepared)
    with clocked() as (fits, predictions):
        begun = time.perf_counter()
        run = engine.advance(prepared.panel)
        seconds = time.perf_counter() - begun
    assert run.spoken is not None
    retrained = sum(h.kind == "fit" for h in run.spoken.happenings)
    return seconds, fits, predictions, retrained


def quiet_market(symbols: int, bars: int, features: int, seed: int = 1):
    """Panel, features and candidates of a market that is noise; every close is a candidate."""
    rng = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(rng.normal(scale=0.01, size=(bars, symbols)), axis=0))
    open_ = close * np.exp(rng.normal(scale=0.002, size=close.shape))
    at = np.datetime64("2000-01-01", "us") + np.arange(bars) * np.timedelta64(1, "D")
    ones, zeros = np.ones_like(close), np.zeros_like(close)
    high, low = np.maximum(open_, close) * 1.002, np.minimum(open_, close) * 0.998
    names = tuple(f"S{k}" for k in range(symbols))
    panel = Panel(names, at, open_, high, low, close, ones, ones, ones, zeros)
    wishes = np.full((sg.N_SIGNALS, symbols, bars), np.nan)
    wishes[sg.EXIT] = wishes[sg.GATE] = 0.0
    wishes[sg.ENTRY], wishes[sg.STOP], wishes[sg.LIMIT] = 1.0, 0.05, 20.0
    return panel, rng.normal(size=(features, symbols, bars)), wishes


def latest_bar(symbols: int, repeats: int) -> tuple[list[float], list[float], bool]:
    """Milliseconds of one more bar: in the learner as a whole, and in asking its models alone."""
    settings = LearningSettings(importance=False)
    made = OnlineLearner(symbols, settings, 20, Execution())
    fill = settings.lookback + 80
    bars = fill + repeats + settings.train_bars
    panel, features, wishes = quiet_market(symbols, bars, len(settings.names))
    begin = bars - repeats
    made.advance(panel[:begin], features[:, :, :begin], wishes[:, :, :begin])
    whole, speak = [], []
    clock, challenged = Clock(), True
    with patch.object(ensemble.Ensemble, "speak", clock.timed(ensemble.Ensemble.speak)):
        for i in range(begin, bars):
            before, fits = clock.seconds, made.belief.carried[0]
            begun = time.perf_counter()
            brought = made.advance(panel[i : i + 1], features[:, :, i : i + 1], wishes[:, :, i : i + 1])
            seconds = time.perf_counter() - begun
            if any(h.kind == "fit" for h in brought.happenings) or made.belief.carried[0] < fits:
                continue  # a bar that retrains is not one that only predicts
            whole.append(1e3 * seconds)
            speak.append(1e3 * (clock.seconds - before))
            challenged &= all(made.ensemble.challengers)
    return whole, speak, challenged


def main(arguments: Sequence[str] = ()) -> int:
    """Print both measurements."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks learning", description=__doc__)
    parser.add_argument("--bars", type=int, default=3270, help="days of the sample (default: all)")
    parser.add_argument("--symbols", type=int, default=500)
    parser.add_argument("--repeats", type=int, default=40)
    chosen = parser.parse_args(list(arguments))
    print(f"walk-forward: ml_driven, 5 symbols, {chosen.bars} bars, default learners and settings, one core")
    for importance in (False, True):
        seconds, fits, predictions, retrained = walk_forward(chosen.bars, importance=importance)
        bare = fits.seconds + predictions.seconds
        print(f"  importances {'on ' if importance else 'off'}: {seconds:7.2f} s, {retrained} retrainings")
        print(f"    bare fits        {fits.seconds:7.2f} s in {fits.calls} calls")
        print(f"    bare predictions {predictions.seconds:7.2f} s in {predictions.calls} calls")
        print(f"    ratio            {seconds / bare:7.3f}    (target: 1.2)")
    whole, speak, challenged = latest_bar(chosen.symbols, chosen.repeats)
    every = "champions and challengers" if challenged else "champions, and challengers at times"
    print(f"latest bar: {chosen.symbols} symbols, {every}, {len(whole)} bars that do not retrain, one core")
    for name, found in (("learner, whole", whole), ("models alone", speak)):
        middle, most = statistics.median(found), max(found)
        print(f"  {name:<15} p50 {middle:7.1f} ms   max {most:7.1f} ms    (target: 250 ms)")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
