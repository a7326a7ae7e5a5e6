"""Figures of sweeps over many parameters, of the winner, of what luck explains, and of a walk-forward."""

import math
from typing import Any

import numpy as np
import polars as pl
import pytest

from research.data import load_sample
from research.errors import BadValue, UnknownName
from research.evidence.sharpe import deflated_sharpe
from research.report.deflated import deflated_ratios
from research.simulation.sweep import sweep

GRID = {"fast": [30, 10], "slow": [20, 50, 100], "stop": [0, 0.05], "max_weight": 0.5}


@pytest.fixture(scope="module")
def swept():
    bars = load_sample(["AAPL", "IBM"])
    return sweep(bars, "ma_crossover", GRID, engine="fused", progress=False, ledger=None)


@pytest.fixture(scope="module")
def winner(swept):
    return swept.best(symbol="IBM", reps=200)


def test_every_line_is_a_cell_with_its_score(swept):
    drawn = swept.parallel("total_return", "IBM").data[0]
    labels = [axis.label for axis in drawn.dimensions]
    assert labels == ["fast", "slow", "stop", "total return, %"]
    found = sorted(
        (*(float(axis.ticktext[round(v)]) for axis, v in zip(drawn.dimensions, place, strict=False)), score)
        for *place, score in zip(*(axis["values"] for axis in drawn.dimensions), strict=True)
    )
    rows = swept.metrics.filter(symbol="IBM").select("fast", "slow", "stop", "total_return").rows()
    assert np.allclose(found, sorted((*p, 100 * score) for *p, score in rows), rtol=1e-12)
    assert list(drawn.line.color) == sorted(drawn.line.color), "the best are drawn last"


def test_more_cells_than_can_be_seen_are_drawn_in_part(swept, monkeypatch):
    monkeypatch.setattr("research.report.views._LINES", 4)
    figure = swept.parallel("sharpe_ratio", "IBM")
    assert len(figure.data[0].line.color) == 4
    assert "each of 4 of 10 cells" in figure.layout.title.text


def test_slices_go_through_the_winner(swept, winner):
    figure = swept.slices(winner=winner)
    panels: dict[str, Any] = {}
    for trace in figure.data:
        panels.setdefault(trace.xaxis, {})[trace.name] = trace
    titles = [figure.layout[f"xaxis{k or ''}"].title.text for k in ("", 2, 3)]
    assert titles == ["<b>fast</b>", "<b>slow</b>", "<b>stop</b>"]
    ibm = swept.metrics.filter(symbol="IBM")
    for name, traces in zip(("fast", "slow", "stop"), panels.values(), strict=True):
        others = {key: value for key, value in winner.params.items() if key != name}
        line = ibm.filter(**others).sort(name)
        shown = traces["through the winner"]
        known = {x: y for x, y in zip(shown.x, shown.y, strict=True) if y is not None}
        assert known == dict(line.select(name, "sharpe_ratio").rows())
        star = traces["the winner"]
        assert (star.x[0], star.y[0]) == (winner.params[name], winner.score)
        of_all = ibm.group_by(name).agg(pl.col("sharpe_ratio").median()).sort(name)
        assert list(traces["median of all cells"].y) == pytest.approx(of_all["sharpe_ratio"].to_list())
    text = figure.layout.title.text
    for part in ("Sharpe ratio around the winner, ma_crossover on IBM", "PBO", "SPA p", winner.conclusion):
        assert part in text, part


def test_the_veil_is_thick_where_luck_explains_a_cell(swept, winner):
    figure = swept.deflated_heatmap("fast", "slow", "IBM")
    main, veil = figure.data
    dsr = np.array(main.customdata, dtype=float)
    ratios = deflated_ratios(swept, "IBM")
    at = swept.grid.find({"fast": 30, "slow": 50, "stop": 0})
    assert dsr[1, 1] == ratios[at]
    assert np.isnan(dsr[0, 1]) == np.isnan(main.z[0, 1])
    thick = np.array(veil.z, dtype=float)
    for ratio, value in zip(dsr.ravel(), thick.ravel(), strict=True):
        if not math.isnan(ratio):
            assert value == 0.0 if ratio > 0.95 else 0.95 / 2 <= value <= 0.95
    steps = figure.layout.sliders[0].steps
    assert [step.label for step in steps] == ["IBM, stop = 0", "IBM, stop = 0.05"]
    for step in steps:
        assert list(step.args[1]) == [0, 1]
        assert len(step.args[0]["z"]) == 2
    found = winner.verdict
    assert ratios[winner.cell] == pytest.approx(found.dsr, rel=1e-9)
    assert f"{int(np.nansum(ratios > 0.95))} of 10 cells stand out" in figure.layout.title.text


def test_each_cell_is_deflated_by_its_own_moments(swept):
    """Moments of vectorbt's returns, trials of the search."""
    found = swept.best(symbol="IBM", reps=200).deflation
    at = swept.grid.find({"fast": 10, "slow": 100, "stop": 0.05})
    returns = swept.portfolio(symbol="IBM", fast=10, slow=100, stop=0.05).returns().to_numpy()
    apart = returns - returns.mean()
    expected = deflated_sharpe(
        returns.mean() / returns.std(ddof=1), found.variance, found.effective, len(returns),
        skewness=(apart**3).mean() / returns.std() ** 3, kurtosis=(apart**4).mean() / returns.std() ** 4,
    )  # fmt: skip
    assert deflated_ratios(swept, "IBM")[at] == pytest.approx(expected.probability, rel=1e-9)


def test_a_walk_forward_is_three_curves_and_a_table(swept):
    walk = swept.walk_forward("total_return", "IBM", n_splits=3)
    figure = walk.figure()
    curves, table = figure.data[:3], figure.data[3]
    for trace, name in zip(curves, ("walk_forward", "in_sample", "buy_and_hold"), strict=True):
        assert list(trace.y) == walk.equity[name].to_list()
    assert "in-sample winner, picked on these bars" in curves[1].name
    assert table.header["values"][:4] == ("<b>fold</b>", "<b>train</b>", "<b>test</b>", "<b>fast</b>")
    assert list(table.cells["values"][0]) == ["1", "2", "3"]
    assert "which nobody knew then: fast = " in figure.layout.title.text
    assert figure.layout.yaxis.title.text == "equity, USD"


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda s: s.parallel("sharp", "IBM"), UnknownName, "unknown metric 'sharp'"),
        (lambda s: s.parallel(), BadValue, "needs a `symbol`"),
        (lambda s: s.slices("volatility", "IBM"), BadValue, "more is better"),
        (lambda s: s.deflated_heatmap("fast", "fast", "IBM"), BadValue, "were both 'fast'"),
        (lambda s: s.deflated_heatmap("fats", "slow", "IBM"), UnknownName, "did you mean 'fast'"),
        (lambda s: s.deflated_heatmap("fast", "slow"), BadValue, "needs a `symbol`"),
    ],
)
def test_wrong_questions_get_one_line(swept, call, error, said):
    with pytest.raises(error) as refusal:
        call(swept)
    assert said in str(refusal.value)


def test_one_parameter_is_no_parallel_view_but_a_slice(monkeypatch):
    one = sweep(
        load_sample(["IBM"]),
        "ma_crossover",
        {"fast": [5, 10, 15]},
        engine="fused",
        progress=False,
        ledger=None,
    )
    with pytest.raises(BadValue, match="needs 2 parameters of more than one value, had 1"):
        one.parallel()
    assert [trace.name for trace in one.slices().data][-1] == "the winner"
    monkeypatch.setattr("research.report.deflated._MOST", 2)
    with pytest.raises(BadValue, match="at most 2 cells again, this sweep has 3"):
        deflated_ratios(one)
