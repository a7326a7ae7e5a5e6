"""A strategy that learns makes the backtest's run in a replay, killed wherever it may be."""

import json
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from live.journal import Journal
from live.replay import fills_frame, open_replay
from research.data import load_sample
from research.engine import UnifiedTradingEngine
from research.errors import NotEnoughHistory, SnapshotMismatch
from research.learning.settings import LearningSettings
from research.request import Request
from research.simulation.backtest import backtest
from tests.live.helpers import change, content, query
from tests.live.test_replay import compare

SYMBOLS = ("AAPL", "IBM", "MSFT")
MODEL = ("ml_driven", "mean_reversion_ml")


def asked(strategy, **more):
    """A run of 160 bars, retrained every 20, whose model has learned from 440 before them."""
    learning = LearningSettings(
        learners=("lightgbm", "gradient_boosting"),
        features=("ret_5", "ret_21", "vol_21", "z_20", "rsi_2", "dist_sma_20"),
        retrain_every=20,
        train_bars=300,
        max_rows=200,
        min_labels=60,
        duel_labels=10,
        importance=False,
        tuning={"lightgbm": {"trees": 5}, "gradient_boosting": {"trees": 3}},
    )
    gates = {"min_trend": 20.0, "min_confidence": 0.2} if strategy == "ml_driven" else {"entry": 1.0}
    return Request(
        strategy, SYMBOLS, "2006-01-12", None, gates, train_fraction=0.0, learning=learning, **more
    )  # fmt: skip


@pytest.fixture(scope="module")
def bars():
    """690 instants, with a gap of IBM inside the traded part."""
    table = load_sample(SYMBOLS)
    instants = table["bar_close"].unique().sort()[950:1640]
    gap = pl.col("bar_close").is_in(instants[600:603].implode()) & (pl.col("symbol") == "IBM")
    return table.filter(pl.col("bar_close").is_in(instants.implode()) & ~gap)


@pytest.fixture(scope="module", params=MODEL)
def run(request, bars):
    rule = asked(request.param)
    return rule, backtest(rule, bars)


class Killed(Exception):
    """What a power cut is to a test."""


def test_a_replay_that_is_killed_at_random_bars_is_the_backtest(run, bars, tmp_path, monkeypatch):
    """The process dies anywhere in a bar, at times before the journal has it; models come back from it."""
    rule, result = run
    assert result.orders.height > 3
    rng = np.random.default_rng(17)
    path = tmp_path / "run.sqlite"
    advance = UnifiedTradingEngine.advance
    kills = 0
    while True:
        replay = open_replay(rule, bars, path)
        left = [int(rng.integers(5, 60))]

        def dying(engine, block, fill=None, left=left):
            brought = advance(engine, block, fill)
            left[0] -= 1
            if not left[0]:
                raise Killed
            return brought

        monkeypatch.setattr(UnifiedTradingEngine, "advance", dying)
        try:
            replay.runner.run()
            break
        except Killed:
            kills += 1
        finally:
            monkeypatch.setattr(UnifiedTradingEngine, "advance", advance)
            replay.journal.close()
    assert kills > 2
    compared(path, result)


def compared(path, result):
    """Fills, equity, every score, prediction, weight, gate and intent; and what the learner told."""
    told = query(path, "SELECT kind, text FROM events WHERE kind LIKE 'model %' ORDER BY seq")
    first = result.prepared.first
    expected = [(f"model {h.kind}", h.text) for h in result.spoken.happenings if h.bar >= first]
    assert told == expected
    assert sum(kind == "model fit" for kind, _ in told) >= 8
    compare(path, result)


def test_one_bar_at_a_time_with_a_restart_after_each(run, bars, tmp_path):
    rule, result = run
    few = bars.filter(pl.col("bar_close") <= result.decisions["bar_close"].unique().sort()[24])
    once, straight = tmp_path / "once.sqlite", tmp_path / "straight.sqlite"
    for path, most in ((straight, None), (once, 1)):
        taken = None
        while taken != 0:
            replay = open_replay(rule, few, path)
            taken = replay.runner.run(most=most)
            replay.journal.close()
    mine, other = content(once), content(straight)
    for table in ("bars", "decisions", "orders", "fills", "equity", "meta"):
        assert mine[table] == other[table], table
    told = [[row for row in c["events"] if row[2].startswith("model")] for c in (mine, other)]
    assert told[0] == told[1]
    assert told[0]
    scores = json.loads(mine["decisions"][-1][3] if isinstance(mine["decisions"][-1][3], str) else "{}")
    assert {"w_lightgbm", "p_base_rate", "confidence", "model"} <= scores.keys()
    journal = Journal.at(once)
    fills_frame(journal)
    journal.close()


def test_a_flipped_byte_in_the_kept_state_is_refused(bars, tmp_path):
    rule = asked("ml_driven")
    path = tmp_path / "run.sqlite"
    replay = open_replay(rule, bars, path)
    state = replay.runner.engine.snapshot()
    replay.journal.close()
    for at in np.random.default_rng(3).integers(0, len(state), 20):
        damaged = bytearray(state)
        damaged[at] ^= 1 << int(at % 8)
        with pytest.raises(SnapshotMismatch):
            UnifiedTradingEngine.restore(bytes(damaged))
    for size in (0, 31, 40, len(state) // 2, len(state) - 1):
        with pytest.raises(SnapshotMismatch):
            UnifiedTradingEngine.restore(state[:size])
    change(path, "UPDATE snapshot SET state = substr(state, 1, 5000) || x'00' || substr(state, 5002)")
    with pytest.raises(SnapshotMismatch):
        open_replay(rule, bars, path)


def test_other_learning_settings_are_refused_by_name(bars, tmp_path):
    path = tmp_path / "run.sqlite"
    open_replay(asked("ml_driven"), bars, path).journal.close()
    rule = asked("ml_driven")
    other = replace(rule, learning=replace(rule.learning, retrain_every=21))
    with pytest.raises(SnapshotMismatch, match="was made with learning retrain_every 20, this run has 21"):
        open_replay(other, bars, path)


@pytest.mark.parametrize(("strategy", "begin"), [("ml_driven", 500), ("mean_reversion_ml", 295)])
def test_too_few_bars_for_a_first_model_are_refused(bars, tmp_path, strategy, begin):
    """The features of the models are there early; those that make a candidate are not."""
    rule = replace(asked(strategy), start=bars["bar_close"].unique().sort()[begin].date())
    path = tmp_path / "run.sqlite"
    with pytest.raises(
        NotEnoughHistory, match=r"first model on 60 settled labels and the bars before"
    ) as told:
        open_replay(rule, bars, path)
    assert "\n" not in str(told.value)
    assert not path.exists()
