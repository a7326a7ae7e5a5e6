"""What the models lean on is asked at every retraining, on rows they have not seen, whatever the blocks."""

import itertools

import numpy as np
import polars as pl
import pytest

from research.data import load_sample, to_panel
from research.engine import UnifiedTradingEngine
from research.learning.history import History
from research.learning.labels import Matured
from research.learning.settings import LearningSettings

NAMES = ("ret_5", "ret_21", "vol_21", "z_20", "rsi_2")
LEARNING = LearningSettings(
    learners=("lightgbm",), features=NAMES, retrain_every=42, min_labels=60, max_rows=200,
    tuning={"lightgbm": {"trees": 5}},
)  # fmt: skip


@pytest.fixture(scope="module")
def panel():
    return to_panel(load_sample(["AAPL", "IBM"]))[:800]


def asked(panel, cuts, learning=LEARNING):
    """The importance frames of an engine that takes the panel in blocks."""
    engine = UnifiedTradingEngine("mean_reversion_ml", symbols=panel.symbols, learning=learning)
    runs = [engine.advance(panel[a:b]) for a, b in itertools.pairwise((0, *cuts, len(panel)))]
    assert all(run.spoken is not None for run in runs)
    return [run.spoken.importance for run in runs if run.spoken], runs


def test_a_row_per_feature_and_retraining_whatever_the_blocks(panel):
    (whole,), (run,) = asked(panel, ())
    fits = [h for h in run.spoken.happenings if h.kind == "fit"]
    assert len(fits) >= 4
    # The first fit had no champion to ask.
    instants = whole["bar_close"].dt.replace_time_zone(None).unique(maintain_order=True).to_numpy()
    assert instants.tolist() == [h.bar_close.astype("datetime64[us]").tolist() for h in fits[1:]]
    assert whole["feature"].to_list() == list(NAMES) * (len(fits) - 1)
    parts, _ = asked(panel, (350, 351, 533))
    assert pl.concat([p for p in parts if p.width]).equals(whole)


def test_it_changes_no_prediction(panel):
    _, (run,) = asked(panel, ())
    (nothing,), (same,) = asked(
        panel, (), LearningSettings.from_facts({**LEARNING.facts(), "importance": False})
    )
    assert nothing.is_empty()
    assert same.spoken.predictions.tobytes() == run.spoken.predictions.tobytes()


def test_only_rows_that_no_model_was_fitted_on():
    history = History(1, 1, keep=50)
    born = np.arange(20)
    labels = Matured(born + 3, np.zeros(20, np.int64), born, np.full(20, 0.01), np.full(20, 6))
    history.append(np.zeros((1, 1, 30)), labels)
    rows = history.settled(20, 50, 100, after=12)
    assert rows.t_end.tolist() == list(range(13, 21))
    assert history.settled(20, 50, 100).t_end.tolist() == list(range(3, 21))
