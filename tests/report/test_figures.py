"""The heatmap shows the table's values, says its units, and reaches every other parameter by its slider."""

import numpy as np
import pytest

from research.data import load_sample
from research.errors import BadValue, UnknownName
from research.simulation.sweep import sweep


@pytest.fixture(scope="module")
def swept():
    return sweep(
        load_sample(["AAPL", "FB", "IBM"]),
        "ma_crossover",
        {"fast": [30, 10], "slow": [20, 50, 100], "stop": [0, 0.05], "max_weight": 0.5},
        progress=False,
    )


def value(swept, metric, **at):
    return swept.metrics.filter(**at)[metric].item()


def test_a_sheet_holds_the_tables_values_in_rising_order(swept):
    figure = swept.heatmap("slow", "fast", "total_return", symbol="IBM")
    drawn = figure.data[0]
    assert (list(drawn.x), list(drawn.y)) == (["20", "50", "100"], ["10", "30"])
    assert drawn.z[1, 2] == 100 * value(swept, "total_return", fast=30, slow=100, stop=0.0, symbol="IBM")
    assert np.isnan(drawn.z[1, 0])  # fast=30, slow=20 was left out
    assert np.count_nonzero(np.isnan(drawn.z)) == 1


def test_the_slider_goes_through_other_parameters_and_symbols_that_have_figures(swept):
    figure = swept.heatmap("fast", "slow", "sharpe_ratio")
    steps = figure.layout.sliders[0].steps
    assert [step.label for step in steps] == [
        "AAPL, stop = 0", "IBM, stop = 0", "AAPL, stop = 0.05", "IBM, stop = 0.05",
    ]  # fmt: skip
    shown = np.array(steps[3].args[0]["z"][0], dtype=float)
    assert shown[1, 0] == value(swept, "sharpe_ratio", fast=10, slow=50, stop=0.05, symbol="IBM")
    assert np.array_equal(np.array(steps[0].args[0]["z"][0]), figure.data[0].z, equal_nan=True)


def test_the_mean_is_over_the_symbols_that_have_a_figure(swept):
    figure = swept.heatmap("fast", "slow", "sharpe_ratio", symbol="mean")
    assert [step.label for step in figure.layout.sliders[0].steps] == ["stop = 0", "stop = 0.05"]
    both = [value(swept, "sharpe_ratio", fast=10, slow=50, stop=0.0, symbol=s) for s in ("AAPL", "IBM")]
    assert figure.data[0].z[1, 0] == pytest.approx(sum(both) / 2)
    assert "mean of AAPL, IBM ·" in figure.layout.title.text


def test_titles_say_meaning_unit_span_and_costs(swept):
    figure = swept.heatmap("fast", "slow", "max_drawdown")
    assert figure.layout.xaxis.title.text == "<b>fast</b>: bars of the fast simple moving average"
    assert figure.data[0].colorbar.title.text == "maximum drawdown, %"
    title = figure.layout.title.text
    assert title.startswith("Maximum drawdown, ma_crossover<br>")
    for part in ("2004-01-28 to 2013-03-01", "10 cells", "costs per side 15 bp", "grey has no figure"):
        assert part in title, part
    assert "<br>slow = %{y}<br>" in figure.data[0].hovertemplate


@pytest.mark.parametrize(("metric", "neutral"), [("total_return", 0), ("profit_factor", 1), ("win_rate", 50)])
def test_white_is_the_value_that_is_neither_good_nor_bad(swept, metric, neutral):
    drawn = swept.heatmap("fast", "slow", metric).data[0]
    at = (neutral - drawn.zmin) / (drawn.zmax - drawn.zmin)
    place, tone = min(drawn.colorscale, key=lambda stop: abs(stop[0] - at))
    assert abs(place - at) <= 0.03
    assert min(int(part) for part in tone[4:-1].split(",")) > 200, f"{tone} is not near white"


def test_every_metric_can_be_drawn_and_a_single_value_is_a_single_row(swept):
    for metric in swept.metrics.columns[5:-1]:
        figure = swept.heatmap("fast", "max_weight", metric, symbol="AAPL")
        assert figure.data[0].z.shape == (1, 2)
        assert figure.data[0].colorbar.title.text


@pytest.mark.parametrize(
    ("asked", "error", "said"),
    [
        (("fats", "slow"), UnknownName, "did you mean 'fast'"),
        (("fast", "target"), UnknownName, "unknown swept parameter 'target'"),
        (("fast", "slow", "sharp_ratio"), UnknownName, "did you mean 'sharpe_ratio'"),
        (("fast", "slow", "sharpe_ratio", "APPL"), UnknownName, "did you mean 'AAPL'"),
        (("fast", "fast"), BadValue, "were both 'fast'"),
    ],
)
def test_wrong_questions_get_one_line(swept, asked, error, said):
    with pytest.raises(error) as refusal:
        swept.heatmap(*asked)
    assert said in str(refusal.value)


def test_a_sweep_interrupted_before_its_first_chunk_has_nothing_to_draw():
    def interrupt(done, total):
        raise KeyboardInterrupt

    swept = sweep(
        load_sample(["IBM"]), grid={"threshold": range(9), "min_trend": range(9)}, progress=interrupt
    )
    assert swept.metrics.height == 0 or swept.heatmap("threshold", "min_trend").data
