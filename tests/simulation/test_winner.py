"""A best cell comes with all that says whether it is luck, and cannot be had without it."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from purgedcv import probability_of_backtest_overfitting

from research.data import load_sample
from research.errors import BadValue, NotEnoughHistory, UnknownName
from research.simulation.scores import neighbours
from research.simulation.sweep import sweep

GRID = {"fast": [5, 10, 15, 20], "slow": [40, 60, 80], "stop": [0, 0.05]}


def market(returns, name="SYN"):
    """A bar table of one symbol with these returns, one bar a weekday."""
    close = 100.0 * np.exp(np.cumsum(returns))
    days: list[datetime] = []
    day = datetime(2000, 1, 3, 21, tzinfo=UTC)
    while len(days) < len(close):
        if day.weekday() < 5:
            days.append(day)
        day += timedelta(days=1)
    opened = np.concatenate([[100.0], close[:-1]])
    return pl.DataFrame(
        {
            "symbol": [name] * len(close), "bar_close": days, "open": opened,
            "high": np.maximum(opened, close) * 1.001, "low": np.minimum(opened, close) * 0.999,
            "close": close, "volume": np.full(len(close), 1e6),
        }
    )  # fmt: skip


@pytest.fixture(scope="module")
def swept():
    return sweep(
        load_sample(["AAPL", "IBM"]), "ma_crossover", GRID, engine="fused", progress=False, ledger=None
    )


@pytest.fixture(scope="module")
def winner(swept):
    return swept.best(symbol="IBM")


def test_it_is_the_best_row(swept, winner):
    row = swept.metrics.filter(symbol="IBM").sort("sharpe_ratio").row(-1, named=True)
    assert {name: row[name] for name in GRID} == winner.params
    assert winner.figures["total_return"] == row["total_return"]
    assert winner.score == row["sharpe_ratio"]
    other = swept.best("total_return", symbol="AAPL")
    assert other.score == swept.metrics.filter(symbol="AAPL")["total_return"].max()
    assert other.metric == "total_return"


def test_it_is_judged_by_its_returns():
    """Returns from vectorbt's own portfolios, PBO from another library, Sharpe ratio from the table."""
    swept = sweep(
        load_sample(["IBM"]), "ma_crossover", {"fast": [2, 3, 4], "slow": [6, 8, 10, 12]}, engine="fused",
        start_date="2010-01-04", end_date="2010-04-30", train_fraction=0.0, progress=False, ledger=None,
    )  # fmt: skip
    found = swept.best()
    cells = [swept.portfolio(None, **swept.grid.params(i)).returns().to_numpy() for i in range(12)]
    theirs = probability_of_backtest_overfitting(np.array(cells), n_splits=10)
    assert found.verdict.pbo_blocks == 10
    # A λ of exactly 0 counts as overfitted here, as in the paper, and does not there.
    assert found.verdict.pbo == pytest.approx(theirs.pbo + np.mean(theirs.logits == 0.0), abs=1e-9)
    assert found.verdict.annual_sharpe == pytest.approx(found.score, rel=1e-9)
    assert found.verdict.periods == len(cells[0])
    assert (found.cells, found.judged, found.verdict.cells) == (12, 12, 12)


def test_without_a_ledger_its_trials_are_this_search(winner):
    assert winner.ledger is None
    assert winner.deflation.trials == 24
    assert 1.0 <= winner.deflation.effective < 24
    assert winner.verdict.trials == winner.deflation.effective


def test_neighbours_are_one_step_away(swept, winner):
    score = np.arange(24.0)
    found, cells = neighbours(swept.grid, 8, score)  # fast=10, slow=60, stop=0
    assert swept.grid.params(8) == {"fast": 10, "slow": 60, "stop": 0}
    assert found.table.rows() == [
        ("fast", 5.0, 2.0), ("fast", 15.0, 14.0), ("slow", 40.0, 6.0), ("slow", 80.0, 10.0),
        ("stop", 0.05, 9.0),
    ]  # fmt: skip
    assert cells.tolist() == [2, 14, 6, 10, 9]
    assert (found.median, found.least, found.share) == (9.0, 2.0, 9.0 / 8.0)
    assert found.shape == "plateau"
    corner, _ = neighbours(swept.grid, 0, np.where(score == 0, 10.0, score / 4))
    assert corner.table.height == 3
    assert corner.shape == "peak"
    assert winner.neighbours.table.height >= 3


def test_scores_below_zero_and_none(swept):
    score = np.full(24, -2.0)
    score[8] = -1.0
    assert neighbours(swept.grid, 8, score)[0].share == 0.5
    score[:] = np.nan
    score[8] = 1.0
    alone = neighbours(swept.grid, 8, score)[0]
    assert (alone.shape, alone.table.height) == ("unknown", 5)


def test_a_rule_leaves_neighbours_out():
    swept = sweep(
        load_sample(["IBM"]), "ma_crossover", {"fast": [10, 50], "slow": [40, 60]}, engine="fused",
        progress=False, ledger=None,
    )  # fmt: skip
    found, _ = neighbours(swept.grid, 0, np.arange(3.0))
    assert found.table.rows() == [("slow", 60.0, 1.0)]


def test_all_of_it_is_printed(winner):
    text = str(winner)
    for part in (
        "best sharpe_ratio of 24 cells of ma_crossover on IBM: fast=",
        "neighbours one grid step away: median",
        "24 trials of ma_crossover that traded, worth", "this search alone (in no ledger)",
        "probabilistic Sharpe ratio", "deflated", "Bailey & López de Prado 2012/2014", "CSCV",
        "SPA p = ", "StepM finds", "track record",
    ):  # fmt: skip
        assert part in text, part
    assert winner._repr_html_().count("<li>") == len(winner.lines()) - 1


@pytest.mark.parametrize("seed", range(4))
def test_the_best_of_noise_is_luck(seed):
    """A market without mean return: whatever wins there is not called significant."""
    rng = np.random.default_rng(seed)
    bars = market(0.012 * rng.standard_t(4, size=1500) / np.sqrt(2))
    found = sweep(bars, "ma_crossover", GRID, engine="fused", progress=False, ledger=None).best(reps=500)
    assert not found.significant
    assert str(found).endswith("luck explains it")


def test_a_real_edge_is_told_from_luck():
    """Trends of 100 days, up and down, that any of these rules catches."""
    rng = np.random.default_rng(1)
    trend = np.repeat(np.where(np.arange(20) % 2, -0.004, 0.004), 100)
    found = sweep(
        market(trend + 0.008 * rng.standard_normal(2000)), "ma_crossover", GRID, engine="fused",
        progress=False, ledger=None,
    ).best()  # fmt: skip
    assert found.significant
    assert found.verdict.dsr > 0.99
    assert found.verdict.spa_p < 0.01


def test_a_search_too_large_to_be_held_is_judged_on_a_sample(swept, winner):
    part = swept.best(symbol="IBM", sample=8, seed=5)
    assert part.params == winner.params
    assert (part.cells, part.judged, part.deflation.trials) == (24, 8, 24)
    assert part.deflation.variance == winner.deflation.variance
    assert "a random sample of 8 cells with the winner in it" in str(part)
    assert part.verdict.sharpe == winner.verdict.sharpe
    assert swept.best(symbol="IBM", sample=8, seed=5).lines() == part.lines()


@pytest.mark.parametrize(
    ("asked", "error", "said"),
    [
        ({}, BadValue, "a winner needs a `symbol`, had none; choose one of AAPL, IBM"),
        ({"symbol": "APPL"}, UnknownName, "did you mean 'AAPL'"),
        ({"metric": "sharp_ratio", "symbol": "IBM"}, UnknownName, "did you mean 'sharpe_ratio'"),
        ({"metric": "volatility", "symbol": "IBM"}, BadValue, "more is better, was 'volatility'"),
        ({"sample": 1, "symbol": "IBM"}, BadValue, "`sample` must be ≥ 2 cells, was 1"),
    ],
)
def test_wrong_questions_get_one_line(swept, asked, error, said):
    with pytest.raises(error) as refusal:
        swept.best(**asked)
    assert said in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_nothing_that_traded_or_warmed_up_has_no_winner():
    bars = load_sample(["IBM", "FB"])
    idle = sweep(bars, grid={"threshold": [9, 10]}, engine="fused", progress=False, ledger=None)
    with pytest.raises(BadValue, match=r"no finished cell of IBM has a sharpe_ratio; widen the grid"):
        idle.best(symbol="IBM")
    with pytest.raises(NotEnoughHistory, match="FB never came out of warm-up in any cell"):
        idle.best(symbol="FB")


def test_a_sweep_that_was_saved_has_the_same_winner(swept, winner, tmp_path):
    again = type(swept).load(swept.save(tmp_path / "kept")).best(symbol="IBM")
    assert again.lines() == winner.lines()
    assert again.verdict == winner.verdict
