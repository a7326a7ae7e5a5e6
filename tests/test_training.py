"""A model that was trained and kept goes on as if it had never been put away."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from live.replay import open_replay
from research.data import load_sample
from research.data.panel import PanelBuilder
from research.engine import UnifiedTradingEngine
from research.errors import ArtifactError, BadValue, NotEnoughHistory
from research.evidence.influence import influence_of
from research.learning.artifact import promote, versions, write_version
from research.learning.settings import LearningSettings
from research.request import Request
from research.saved import pack
from research.simulation.backtest import backtest
from research.training import train
from tests.live.test_replay import compare

SYMBOLS = ("AAPL", "IBM")
LEARNING = LearningSettings(
    learners=("lightgbm",),
    features=("ret_5", "ret_21", "vol_21", "z_20", "rsi_2", "dist_sma_20"),
    retrain_every=40,
    train_bars=300,
    max_rows=200,
    min_labels=60,
    duel_labels=10,
    importance=False,
    tuning={"lightgbm": {"trees": 5}},
)
# AAPL has split twice by then: its adjusted prices are four times the raw ones.
TRAINING = Request("mean_reversion_ml", SYMBOLS, end="2005-06-30", params={"entry": 0.8}, learning=LEARNING)


@pytest.fixture(scope="module")
def bars():
    return load_sample(SYMBOLS).filter(pl.col("bar_close").dt.year() < 2007)


@pytest.fixture(scope="module")
def folder(bars, tmp_path_factory):
    place = tmp_path_factory.mktemp("models")
    made = train(TRAINING, bars, place)
    assert str(made.last_bar)[:10] == "2005-06-30"
    assert made.spoken.models[-1]
    return place


@pytest.fixture
def asked(folder):
    return replace(TRAINING, end="2006-06-30", learning=None, model=folder)


@pytest.fixture
def trained(folder, bars):
    """The same training without an artifact: an engine that has seen a panel, and the whole panel."""
    panel = PanelBuilder(SYMBOLS).push(bars)
    first = int(np.searchsorted(panel.bar_close, np.datetime64("2005-07-01")))
    prepared = replace(TRAINING, train_fraction=0.9).prepare(bars)
    engine = UnifiedTradingEngine.of(TRAINING, prepared)
    engine.train_models(panel[:first])
    return engine, panel[first:]


def test_a_run_that_begins_with_it_is_the_run_that_went_on(folder, trained, bars):
    engine, later = trained
    assert later.factor[0, 0] == 4.0
    assert later.factor[0, 1] != 1.0
    result = backtest(replace(TRAINING, end=None, learning=None, model=folder), bars)
    whole = engine.advance(later)
    assert result.run is not None
    assert result.spoken is not None
    assert whole.spoken is not None
    assert (result.prepared.first, result.prepared.trade_from) == (0, 0)
    for name in ("features", "signals"):
        assert getattr(result.run, name).tobytes() == getattr(whole, name).tobytes(), name
    for name in ("predictions", "said", "weights"):
        assert getattr(result.spoken, name).tobytes() == getattr(whole.spoken, name).tobytes(), name
    assert result.spoken.happenings == whole.spoken.happenings
    assert result.spoken.models == whole.spoken.models
    assert len(set(result.spoken.models)) > 1


def test_bars_of_another_delivery_are_anchored_by_those_already_seen(folder, bars):
    """The vendor re-bases `adj_factor` with each dividend; without a bar to compare, that is told."""
    plain = replace(TRAINING, learning=None, end="2006-06-30", model=folder)
    rebased = bars.with_columns(adj_factor=pl.col("adj_factor") * 0.5)
    after = bars.filter(pl.col("bar_close").dt.date() > pl.date(2005, 6, 30))
    once = plain.prepare(bars)
    for given, notes in ((rebased, 1), (after, 2)):
        now = plain.prepare(given)
        assert now.panel.factor.tobytes() == once.panel.factor.tobytes()
        assert len(now.notes) == notes
    assert "no bar to 2005-06-30 is given, so `adj_factor` is taken to go on" in now.notes[1]


def test_a_replay_that_begins_with_it_and_is_restarted_is_the_backtest(asked, bars, tmp_path):
    result = backtest(asked, bars)
    assert result.orders.height > 3
    path = tmp_path / "run.sqlite"
    taken = None
    while taken != 0:
        replay = open_replay(asked, bars, path)
        taken = replay.runner.run(most=70)
        replay.journal.close()
    compare(path, result)


def test_the_same_learning_settings_may_be_named_again_and_others_not(asked, bars):
    assert replace(asked, learning=LEARNING).prepare(bars).model is not None
    plain = replace(LEARNING, features=None)
    for other, said in (
        (replace(LEARNING, retrain_every=21), "`retrain_every` is 40, must be 21 as asked for"),
        (plain, "`features` at place 1 is 'ret_5', must be 'ret_1' as asked for"),
    ):
        with pytest.raises(BadValue, match=f"keeps the learning settings .* {said}; leave") as told:
            replace(asked, learning=other).prepare(bars)
        assert "\n" not in str(told.value)


def test_settings_are_compared_by_what_they_mean(asked, bars, monkeypatch):
    """`features=None` is all of them, which an artifact spells out."""
    meant = LEARNING.features
    monkeypatch.setattr("research.learning.settings.model_features", lambda: meant)
    assert replace(asked, learning=replace(LEARNING, features=None)).prepare(bars).model is not None


def test_a_training_fraction_that_nobody_would_hear_is_refused(asked, bars, tmp_path):
    with pytest.raises(BadValue, match=r"`train_fraction` is for a run that trains its own model, was 0\.5"):
        replace(asked, train_fraction=0.5).prepare(bars)
    with pytest.raises(BadValue, match=r"`train_fraction` is for a run that trades, was 0\.5"):
        train(replace(TRAINING, train_fraction=0.5), bars, tmp_path)


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"start": "2005-06-30"}, BadValue, "`start` must be after 2005-06-30, the last bar"),
        ({"end": "2005-07-01"}, NotEnoughHistory, "holds 1 bars and a run needs 2"),
        (
            {"params": {"time_limit": 9, "entry": 0.8}},
            ArtifactError,
            "`labels` of 'time_limit' is 10, must be 9",
        ),
        ({"symbols": ["IBM", "AAPL"]}, ArtifactError, "`symbols` at place 1 is 'AAPL', must be 'IBM'"),
        ({"strategy": "adaptive_momentum", "params": {}}, BadValue, "has no model, so it cannot begin with"),
    ],
)
def test_what_does_not_fit_the_model_is_refused(asked, bars, change, error, said):
    with pytest.raises(error, match=said) as told:
        replace(asked, **change).prepare(bars)
    assert "\n" not in str(told.value)


def test_bars_on_which_nothing_can_be_fitted_leave_no_model(bars, tmp_path):
    bar = pl.int_range(pl.len()).over("symbol")
    rising = 100.0 * (0.004 * bar).exp()
    odd = bars.with_columns(
        open=rising * 0.999, high=rising * 1.001, low=rising * 0.998, close=rising, adj_factor=pl.lit(1.0)
    )
    request = replace(TRAINING, strategy="ml_driven", params={})
    with pytest.raises(NotEnoughHistory, match=r"has no model to keep: a fit needs .* are wins; bring"):
        train(request, odd, tmp_path)
    assert versions(tmp_path) == ()
    result = backtest(replace(request, train_fraction=0.6), odd)
    assert any("no model was ever fitted: a fit needs wins and losses" in note for note in result.notes)
    said = influence_of(result).verdict
    assert said.startswith("cannot be judged: no model was ever fitted: a fit needs wins and losses")


def test_a_model_without_the_closes_it_ended_with_is_refused(asked, trained, bars, tmp_path):
    """Bars after it could only be adjusted by a guess."""
    engine, panel = trained
    saved = pack(engine)
    facts = {**saved.facts, **TRAINING.expects(panel.symbols), "features": list(LEARNING.features or ())}
    promote(tmp_path, write_version(tmp_path, saved.files, facts))
    with pytest.raises(ArtifactError, match="must hold closes and factors of its last bar, 2005-06-30"):
        replace(asked, model=tmp_path).prepare(bars)
