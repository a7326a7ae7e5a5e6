"""One path, at full size: whole span, random blocks, restarts, and the runner bar by bar and killed.

All four strategies; the two with a model ask all five learners. Each run is held against the backtest of the
whole span, bit for bit: features, signals, decisions, orders, equity, and what the learner said and weighed.
The runner is killed at random bars, at times after the engine has a bar and before the journal has it, and
taken up again from its journal.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from rich.console import Console

from live.replay import open_replay
from research.advance import Advance
from research.data import load_sample
from research.engine import UnifiedTradingEngine
from research.learning.learners import LEARNERS
from research.learning.settings import LearningSettings
from research.request import Request
from research.simulation.backtest import backtest
from research.strategies import STRATEGIES

SYMBOLS = ("AAPL", "GOOG", "IBM", "MSFT")
FIVE = ("random_forest", "gradient_boosting", "lightgbm", "xgboost", "lstm")
AXES = {"features": 2, "signals": 2, "gates": 1, "decided": 1, "orders": 0, "equity": 0, "cash": 0}


class Killed(Exception):
    """What a power cut is to a study."""


def _small(learner: str) -> dict[str, float]:
    """Return parameters that make a learner quick to fit."""
    known = LEARNERS[learner].params
    return {name: value for name, value in (("trees", 5), ("epochs", 1)) if name in known}


def asked(strategy: str) -> Request:
    """A run whose second half is traded; its learners are small, and all of them."""
    if STRATEGIES[strategy].model is None:
        return Request(strategy, SYMBOLS, train_fraction=0.5)
    learning = LearningSettings(
        learners=FIVE,
        features=("ret_5", "ret_21", "vol_21", "z_20", "rsi_2", "dist_sma_20"),
        train_bars=300,
        max_rows=200,
        min_labels=200,
        duel_labels=10,
        importance=False,
        tuning={name: small for name in FIVE if (small := _small(name))},
    )
    gates = {"min_trend": 20.0, "min_confidence": 0.2} if strategy == "ml_driven" else {"entry": 1.0}
    return Request(strategy, SYMBOLS, None, None, gates, train_fraction=0.5, learning=learning)


def blocks(request: Request, bars: pl.DataFrame, seed: int) -> Iterator[Advance]:
    """Advance over blocks of 1 to 60 bars, at times from a snapshot of the engine."""
    rng = np.random.default_rng(seed)
    prepared = request.prepare(bars)
    engine, at = UnifiedTradingEngine.of(request, prepared), 0
    while at < len(prepared.panel):
        size = int(rng.integers(1, 61))
        yield engine.advance(prepared.panel[at : at + size])
        at += size
        if rng.random() < 0.1:
            engine = UnifiedTradingEngine.restore(engine.snapshot())


def runner(request: Request, bars: pl.DataFrame, seed: int) -> tuple[list[Advance], int]:
    """Replay bar by bar through the live runner, killed at random bars; the bars that the journal has."""
    rng = np.random.default_rng(seed)
    kept: dict[np.datetime64, Advance] = {}
    kills = 0
    whole = UnifiedTradingEngine.advance
    with tempfile.TemporaryDirectory() as folder:
        while True:
            replay = open_replay(request, bars, Path(folder) / "run.sqlite")
            left = int(rng.integers(20, 200))

            def advance(
                block: pl.DataFrame, fill: object = None, engine: UnifiedTradingEngine = replay.runner.engine
            ) -> Advance:
                nonlocal left
                brought = whole(engine, block, fill)  # type: ignore[arg-type]
                left -= 1
                if left == 0:
                    raise Killed
                kept[brought.panel.bar_close[0]] = brought
                return brought

            replay.runner.engine.advance = advance  # type: ignore[method-assign, assignment]
            try:
                replay.runner.run()
            except Killed:
                kills += 1
                replay.journal.close()
                continue
            replay.journal.close()
            return [kept[at] for at in sorted(kept)], kills


def differing(whole: Advance, parts: list[Advance]) -> list[str]:
    """Return what is not the same to the bit."""
    wrong = [
        name
        for name, axis in AXES.items()
        if np.concatenate([getattr(p, name) for p in parts], axis=axis).tobytes(order="C")
        != np.ascontiguousarray(getattr(whole, name)).tobytes()
    ]
    spoken = whole.spoken
    if spoken is not None:
        said = [p.spoken for p in parts if p.spoken is not None]
        for name, axis in (("predictions", 2), ("said", 2), ("weights", 1)):
            found = np.concatenate([getattr(s, name) for s in said], axis=axis)
            if found.tobytes() != np.ascontiguousarray(getattr(spoken, name)).tobytes():
                wrong.append(name)
        if sum((s.models for s in said), ()) != spoken.models:
            wrong.append("models")
        if sum((s.happenings for s in said), ()) != spoken.happenings:
            wrong.append("happenings")
    return wrong


def study(strategy: str, bars: pl.DataFrame, seed: int) -> dict[str, Any]:
    """Hold every way of running a strategy against its backtest."""
    request = asked(strategy)
    whole = backtest(request, bars).run
    assert whole is not None
    in_blocks = list(blocks(request, bars, seed))
    replayed, kills = runner(request, bars, seed)
    events = [] if whole.spoken is None else [h.kind for h in whole.spoken.happenings]
    return {
        "bars": len(whole.panel),
        "orders": len(whole.orders),
        "fits": events.count("fit"),
        "blocks": len(in_blocks),
        "kills": kills,
        "blocks differ in": differing(whole, in_blocks),
        "runner differs in": differing(whole, replayed),
    }


def main(arguments: list[str]) -> None:
    """Print, for each strategy, what differed from the backtest of the whole span."""
    parser = argparse.ArgumentParser(prog="python -m tests.studies chunks", description=__doc__)
    parser.add_argument("--bars", type=int, default=1500, help="last instants of the sample (default 1500)")
    parser.add_argument("--seed", type=int, default=7, help="of blocks and kills (default 7)")
    parser.add_argument("--strategy", action="append", choices=sorted(STRATEGIES), help="default: all")
    chosen = parser.parse_args(arguments)
    bars = load_sample(SYMBOLS)
    instants = bars["bar_close"].unique().sort()
    bars = bars.filter(pl.col("bar_close").is_in(instants.tail(chosen.bars).implode()))
    console = Console(highlight=False, soft_wrap=True)
    for strategy in chosen.strategy or sorted(STRATEGIES):
        begun = time.perf_counter()
        found = study(strategy, bars, chosen.seed)
        text = "   ".join(
            f"{name} {value or 'nothing' if value != 0 else 0}" for name, value in found.items()
        )
        console.print(f"{strategy}: {text}   ({time.perf_counter() - begun:.0f} s)")
