"""Seams: called once per block in the order of the stages; by default nothing passes them changed."""

from __future__ import annotations

import numpy as np
import pytest

from research.data import load_sample
from research.engine import UnifiedTradingEngine
from research.learning.seams import Seams
from research.learning.settings import LearningSettings

SETTINGS = LearningSettings(
    learners=("lightgbm",),
    features=("ret_5", "vol_21"),
    train_bars=200,
    min_labels=100,
    max_rows=200,
    importance=False,
    tuning={"lightgbm": {"trees": 3}},
)


def bars():
    return load_sample(["IBM"])[:700]


def run(seams):
    engine = UnifiedTradingEngine("ml_driven", symbols=["IBM"], learning=SETTINGS, seams=seams)
    return engine.advance(bars())


def watching(passed):
    """Seams that note their names and hand on what they are given."""

    def note(name):
        def pass_on(first, *_others):
            passed.append(name)
            return first

        return pass_on

    names = ("panel", "features", "candidates", "labels", "rows", "fitted", "spoken", "signals")
    return Seams(**{name: note(name) for name in names})


def test_stages_pass_in_order_and_unchanged():
    passed: list[str] = []
    watched, plain = run(watching(passed)), run(None)
    fits = passed.count("rows")
    assert fits >= 2
    assert passed == [
        "panel", "features", "candidates", "labels", *["rows", "fitted"] * fits, "spoken", "signals"
    ]  # fmt: skip
    assert np.array_equal(watched.equity, plain.equity)
    assert np.array_equal(watched.signals, plain.signals, equal_nan=True)


@pytest.mark.parametrize("strategy", ["ma_crossover", "adaptive_momentum"])
def test_a_strategy_without_a_model_has_no_seams_of_one(strategy):
    passed: list[str] = []
    UnifiedTradingEngine(strategy, symbols=["IBM"], seams=watching(passed)).advance(bars())
    assert passed == ["panel", "features", "signals"]


def test_what_a_seam_returns_is_what_the_next_stage_reads():
    idle = Seams(signals=lambda signals, panel: np.where(np.arange(8)[:, None, None] == 0, 0.0, signals))
    brought = run(idle)
    assert not brought.signals[0].any()
    assert brought.orders.shape[0] == 0
    assert (brought.equity == 100_000.0).all()
