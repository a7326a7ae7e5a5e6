"""The figures of a model show the run's own numbers, and stand on the page of its backtest."""

from dataclasses import replace

import numpy as np
import pytest

from research.data import load_sample
from research.errors import BadValue
from research.evidence.coverage import coverage_curve
from research.learning.settings import LearningSettings
from research.report.learning import coverage_figure, importance_figure, learning_figures, weights_figure
from research.report.tearsheet import report_html
from research.simulation.backtest import run_unified_backtest

NAMES = ("ret_5", "ret_21", "vol_21", "z_20", "rsi_2", "dist_sma_20", "ret_1", "ret_2", "ret_10", "z_50")
LEARNING = LearningSettings(
    learners=("lightgbm",), features=NAMES, retrain_every=63, min_labels=100, max_rows=200,
    tuning={"lightgbm": {"trees": 5}},
)  # fmt: skip


@pytest.fixture(scope="module")
def result():
    bars = load_sample(["AAPL", "IBM"]).group_by("symbol", maintain_order=True).head(1_000)
    return run_unified_backtest(
        bars=bars, strategy="mean_reversion_ml", train_fraction=0.6, learning=LEARNING
    )


def test_a_pane_per_expert_from_the_first_fit_on(result):
    figure = weights_figure(result)
    spoken = result.spoken
    assert [drawn.name for drawn in figure.data] == ["lightgbm", "base rate", "equal weight"]
    first = spoken.models.index(next(name for name in spoken.models if name))
    drawn = np.array([trace.y for trace in figure.data])
    assert drawn.shape[1] == len(spoken.models) - first
    assert np.array_equal(drawn, 100.0 * spoken.weights[:, first:])
    assert np.allclose(drawn.sum(axis=0), 100.0)


def test_importance_shows_the_features_with_the_largest_mean(result):
    figure = importance_figure(result, shown=3)
    told = result.spoken.importance
    means = {name: told.filter(feature=name)["importance"].mean() for name in NAMES}
    best = sorted(means, key=lambda name: -means[name])[:3]
    (drawn,) = figure.data
    assert [label.split(" ")[0] for label in drawn.y] == best
    for row, name in zip(drawn.z, best, strict=True):
        assert row.tolist() == pytest.approx((1000 * told.filter(feature=name)["importance"]).to_list())
    assert len(drawn.x) == told["bar_close"].n_unique()
    assert drawn.zmin == -drawn.zmax, "white is no importance"


def test_accuracy_always_yes_and_coverage_are_the_curves(result):
    figure = coverage_figure(result)
    curve = coverage_curve(result.spoken, first=result.prepared.trade_from)
    curve = curve.filter(curve["n"] > 0)
    drawn = {trace.name: trace for trace in figure.data if trace.name}
    for name, column in (("accuracy", "accuracy"), ("always yes", "won"), ("coverage", "coverage")):
        assert list(drawn[name].y) == pytest.approx((100 * curve[column]).to_list()), name
        assert list(drawn[name].x) == curve["threshold"].to_list()


def test_every_figure_says_its_units(result):
    for _, caption, figure in learning_figures(result):
        assert caption.endswith(".")
        texts = [
            axis.title.text for axis in (*figure.select_xaxes(), *figure.select_yaxes()) if axis.title.text
        ]
        assert any("UTC" in text or "confidence" in text for text in texts)
        assert any("%" in text for text in texts) or figure.data[0].colorbar.title.text == "10⁻³ nats"


def test_they_stand_on_the_page(result):
    page = report_html([result])
    assert page.count("Plotly.newPlot(") == 6
    for heading in ("Whom mean_reversion_ml listened to", "leaned on", "where its model is surer"):
        assert heading in page
    assert "beside simpler ways" not in page, "nothing is computed that was not given"


def test_without_a_model_or_importance_there_is_less(result):
    spoken = replace(result.spoken, importance=result.spoken.importance.select([]))
    bare = replace(result, run=replace(result.run, spoken=spoken))
    assert len(learning_figures(bare)) == 2
    with pytest.raises(BadValue, match="holds no importance"):
        importance_figure(bare)
    plain = replace(result, run=replace(result.run, spoken=None))
    assert learning_figures(plain) == []
    with pytest.raises(BadValue, match="has no model whose words could be drawn"):
        weights_figure(plain)
