"""A model strategy in a sweep: every cell is the backtest of its symbol alone; nothing is learned twice."""

import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from research.data import load_sample
from research.errors import BadValue, BudgetError
from research.execution import Execution
from research.kernels import signals as sg
from research.learning.settings import LearningSettings
from research.simulation.backtest import run_unified_backtest
from research.simulation.figures import FIGURES
from research.simulation.lessons import lessons_of
from research.simulation.sweep import sweep
from tests.simulation.test_sweep import same_figures

PLAIN = Execution(dividends=False)
LEARNING = LearningSettings(
    learners=("lightgbm",),
    features=("ret_5", "ret_21", "vol_21", "z_20", "rsi_2", "dist_sma_20"),
    max_rows=300,
    min_labels=100,
    retrain_every=84,
    tuning={"lightgbm": {"trees": 8}},
)
# What the models learn from is set by the parameters of the second dict, and by no others.
GRIDS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "ml_driven": (
        {"min_confidence": [0, 0.4], "kelly_fraction": [0.25, 1], "vol_target": [0.1, 0.3], "min_trend": 40},
        {"stop_atr": [2, 4]},
    ),
    "mean_reversion_ml": (
        {"entry": [1, 1.5], "max_weight": [0.3, 0.9], "risk_aversion": [0, 1]},
        {"learn_below": [0.5, 0.75], "target": [0, 0.08]},
    ),
}


@pytest.fixture(scope="module")
def bars():
    table = load_sample(["AAPL", "IBM"])
    return table.group_by("symbol", maintain_order=True).tail(2100)


@pytest.fixture(scope="module", params=GRIDS)
def swept(request, bars):
    """Return a sweep by our own scan."""
    acts, teaches = GRIDS[request.param]
    return sweep(bars, request.param, {**acts, **teaches}, engine="fused", learning=LEARNING, progress=False)


def test_cells_drawn_at_random_are_the_backtests_of_their_symbol_alone(swept, bars):
    rng = np.random.default_rng(5)
    trades = 0.0
    for cell in rng.choice(len(swept.grid), 4, replace=False):
        params, symbol = swept.grid.params(int(cell)), str(rng.choice(["AAPL", "IBM"]))
        alone = run_unified_backtest(
            symbol, strategy=swept.strategy, bars=bars, params=params, execution=PLAIN, learning=LEARNING
        )
        orders = swept.orders(symbol, **params)
        assert orders.equals(alone.orders.select(orders.columns)), (params, symbol)
        row = swept.metrics.row(int(cell) * 2 + swept.symbols.index(symbol), named=True)
        same_figures(row, alone.stats)
        trades += row["trades"]
    assert trades > 60, "the cells drawn hardly traded, so the comparison says little"


def test_vectorbt_says_the_same_of_every_cell(swept, bars):
    other = sweep(bars, swept.strategy, swept.grid.axes, learning=LEARNING, engine="vectorbt", progress=False)
    assert other.engine == "vectorbt, rust"
    for name in FIGURES:
        np.testing.assert_allclose(
            swept.metrics[name].to_numpy(), other.metrics[name].to_numpy(), rtol=1e-10, atol=1e-10
        )
    for cell in range(0, len(swept.grid), 5):
        params = swept.grid.params(cell)
        assert swept.orders("IBM", **params).equals(other.orders("IBM", **params))


def test_each_lesson_is_learned_once_and_the_notes_say_for_what(swept):
    teaches = GRIDS[swept.strategy][1]
    lessons = swept.study.lessons
    expected = 2 * int(np.prod([len(values) for values in teaches.values()]))
    assert lessons.learned == len(lessons) == expected
    assert sorted(lessons.teachers()) == sorted(teaches)
    named = ", ".join(lessons.teachers())
    assert f"{expected} learners were fitted: one per symbol and each distinct {named}" in swept.notes[0]
    swept.orders("AAPL", **swept.grid.params(len(swept.grid) - 1))
    assert lessons.learned == expected


def test_cells_share_a_lesson_exactly_if_their_candidates_trade_alike(swept):
    """By brute force: the candidates of every cell, in all rows but gate and weight."""
    study = swept.study
    lane = study.lanes.lanes[1]
    study.lanes.hold(study.reads[0])
    rows = np.stack([lane.features[name] for name in study.reads[0]])
    seen: dict[bytes, set[int]] = {}
    for cell in range(len(study.grid)):
        found = study.rule.candidates(rows, {**lane.base, **study.grid.params(cell)})
        found[[sg.GATE, sg.WEIGHT]] = 0.0
        seen.setdefault(found.tobytes(), set()).add(int(study.lessons.of_cell["IBM"][cell]))
    assert all(len(lessons) == 1 for lessons in seen.values())
    assert len(seen) == len(study.lessons.first["IBM"])


def test_more_learners_than_allowed_are_refused_before_any_is_fitted(bars):
    with pytest.raises(BudgetError, match=r"needs 6 learners for 2 symbols, as `time_limit` change .* was 5"):
        sweep(
            bars, "ml_driven", {"time_limit": [5, 10, 15], "min_confidence": [0, 0.5]}, learning=LEARNING,
            max_learners=5, progress=False,
        )  # fmt: skip


def test_a_cell_whose_model_cannot_be_fitted_fails_alone(bars):
    swept = sweep(
        bars, "ml_driven", {"time_limit": [500, 10]}, symbols=["AAPL"], engine="fused", learning=LEARNING,
        progress=False,
    )  # fmt: skip
    why, none = swept.metrics["failed"]
    assert why.startswith("NotEnoughHistory: ml_driven fits its first model on ")
    assert none is None
    assert np.isnan(swept.metrics["trades"][0])
    assert swept.metrics["trades"][1] > 10


def test_a_worker_is_sent_what_models_said_and_learns_nothing(swept):
    known = swept.study
    fresh = lessons_of(known.request, known.grid, known.lanes.lanes, known.reads, 50)
    assert fresh is not None
    study = replace(known, lessons=fresh)
    lane = study.lanes.lanes[0]
    places = study.grid.index[3:7]
    worker = pickle.loads(pickle.dumps(study.bench())).at(places)
    assert worker.lessons.learned == fresh.learned == len(fresh)
    cells, same = worker.cells(lane, np.arange(4)), known.cells(lane, np.arange(3, 7))
    assert worker.lessons.learned == len(fresh)
    assert np.array_equal(cells.vectors, same.vectors)
    for mine, its in zip(cells.words, same.words, strict=True):
        assert mine.rows.tobytes() == its.rows.tobytes()


def test_ctrl_c_while_learning_leaves_the_finished_chunks(bars):
    calls = []

    def interrupt(done, total):
        calls.append(done)
        if done > 64.0:
            raise KeyboardInterrupt

    grid = {"stop_atr": [3, 4], "min_confidence": np.arange(0, 0.64, 0.01)}
    swept = sweep(bars, "ml_driven", grid, symbols=["IBM"], learning=LEARNING, progress=interrupt)
    assert swept.metrics["stop_atr"].unique().to_list() == [3.0]
    assert not swept.complete
    assert swept.study.lessons is not None
    assert swept.study.lessons.learned == 1
    assert calls == sorted(calls)
    assert calls[0] > 0.0
    assert 64.0 < calls[-1] < 128.0


def test_settings_of_a_model_are_refused_without_one(bars):
    with pytest.raises(BadValue, match="adaptive_momentum has no model, so it takes no learning settings"):
        sweep(bars, grid={"threshold": [0, 1]}, learning=LEARNING, progress=False)
    with pytest.raises(BadValue, match="`time_limit` of ml_driven must be ≥ 1, was 0"):
        sweep(bars, "ml_driven", {"time_limit": [0, 10]}, learning=LEARNING, progress=False)


def test_what_a_model_met_is_in_the_notes(bars):
    swept = sweep(
        bars, "mean_reversion_ml", {"entry": [1, 2]}, symbols=["IBM"], engine="fused",
        learning=replace(LEARNING, min_labels=200),
        progress=False,
    )  # fmt: skip
    assert any("IBM: no model before 20" in note for note in swept.notes)


def test_a_store_knows_how_the_models_learned(bars, tmp_path):
    asked: dict[str, Any] = {
        "symbols": ["IBM"],
        "engine": "fused",
        "progress": False,
        "store": tmp_path / "s",
    }
    grid = {"entry": [1, 1.5]}
    whole = sweep(bars, "mean_reversion_ml", grid, learning=LEARNING, **asked)
    again = sweep(bars, "mean_reversion_ml", grid, learning=LEARNING, **asked)
    assert again.metrics.equals(whole.metrics, null_equal=True)
    with pytest.raises(BadValue, match="holds the chunks of another sweep: learning differs"):
        sweep(bars, "mean_reversion_ml", grid, learning=replace(LEARNING, retrain_every=42), **asked)
