"""Every cell of a sweep is a trial, once, wherever in whatever pieces it ran; and a note says so."""

import json
import sqlite3

import numpy as np
import pytest

from research.data import load_sample
from research.errors import OutputError, SnapshotMismatch
from research.evidence import cells as cells_of
from research.evidence.ledger import Ledger
from research.evidence.moments import moments
from research.evidence.trials import sketches
from research.execution import Execution
from research.simulation.equity import returns_of
from research.simulation.sweep import sweep

FAST = list(range(4, 24))
GRID = {"fast": FAST, "slow": [30, 60], "stop": [0, 0.05, 0.1]}


@pytest.fixture(scope="module")
def bars():
    return load_sample(["AAPL", "IBM"])


@pytest.fixture
def run(bars, tmp_path):
    def call(grid=None, **asked):
        asked = {"engine": "fused", "progress": False, "ledger": tmp_path / "ledger.sqlite", **asked}
        return sweep(asked.pop("bars", bars), "ma_crossover", grid or {"fast": [5, 10, 20]}, **asked)

    return call


def test_every_cell_of_every_symbol_is_a_trial_once(run, tmp_path):
    first = run()
    ledger = Ledger.at(tmp_path / "ledger.sqlite")
    assert first.ledger == ledger.path
    assert f"6 trials are in the ledger {ledger.path}, 6 of them new" in first.notes
    again = run({"fast": [10, 20, 30]})
    assert f"6 trials are in the ledger {ledger.path}, 2 of them new" in again.notes
    assert ledger.trials().height == 8


def test_a_trial_is_the_tables_row(run, tmp_path):
    swept = run()
    trials = Ledger.at(tmp_path / "ledger.sqlite").trials().filter(symbols="IBM")
    by_fast = {json.loads(row["params"])["fast"]: row for row in trials.iter_rows(named=True)}
    row = by_fast[10.0]
    annual = swept.metrics.filter(symbol="IBM", fast=10)["sharpe_ratio"].item()
    assert row["sharpe"] * row["periods_per_year"] ** 0.5 == pytest.approx(annual, rel=1e-12)
    returns = swept.portfolio(symbol="IBM", fast=10).returns().to_numpy()
    apart = returns - returns.mean()
    assert row["skewness"] == pytest.approx((apart**3).mean() / (apart**2).mean() ** 1.5, rel=1e-9)
    assert row["periods"] == len(returns)
    assert json.loads(row["params"])["slow"] == 50.0, "defaults are part of what ran"
    assert len(row["sketch"]) == 256


def test_what_a_trial_keeps_is_made_of_its_returns(run, tmp_path):
    """As of returns held whole: moments to 1e-9, sketches to the half precision that they are kept in."""
    swept = run({"fast": FAST, "slow": [30, 60], "stop": [0, 0.05]})
    study = swept.study
    trials = Ledger.at(tmp_path / "ledger.sqlite").trials()
    for lane in study.lanes.lanes:
        returns = returns_of(study, lane, np.arange(len(study.grid)))
        wanted, told = sketches(returns, lane.bar_close).astype(float), moments(returns)
        rows = trials.filter(symbols=lane.symbol).iter_rows(named=True)
        kept = {tuple(json.loads(row["params"])[name] for name in study.grid.names): row for row in rows}
        assert len(kept) == 80
        for c, cell in enumerate(study.grid.cells.tolist()):
            row = kept[tuple(cell)]
            sketch = np.frombuffer(row["sketch"], dtype="<f2").astype(float)
            np.testing.assert_allclose(sketch, wanted[c], rtol=0, atol=2.0**-11)
            for name in ("skewness", "kurtosis", "autocorrelation"):
                assert row[name] == pytest.approx(getattr(told, name)[c], rel=1e-9)


def test_engines_share_their_trials(run):
    run()
    assert ", 0 of them new" in run(engine="vectorbt").notes[-1]


@pytest.mark.parametrize(
    "change",
    [
        {"execution": Execution(dividends=False, commission=0.002)},
        {"initial_capital": 5_000.0},
        {"params": {"slow": 55}},
        {"end_date": "2012-06-29"},
        {"train_fraction": 0.2},
    ],
)
def test_anything_else_is_a_new_trial(run, change):
    run()
    assert ", 6 of them new" in run(**change).notes[-1]


def test_other_bars_are_new_trials(run, bars):
    run()
    before = bars.filter((bars["symbol"] != "IBM") | (bars["bar_close"] > bars["bar_close"].min()))
    assert ", 3 of them new" in run(bars=before).notes[-1], "IBM's alone are other bars"


@pytest.mark.parametrize("most", [512, 16])
def test_ten_sweeps_give_the_deflated_sharpe_ratio_of_one(run, tmp_path, monkeypatch, most):
    """With few sketches the sample is drawn by the cells' own keys, so pieces draw what the whole draws."""
    monkeypatch.setattr(cells_of, "_SKETCHES", most)
    pieces = [FAST[2 * k : 2 * k + 2] for k in np.random.default_rng(3).permutation(10)]
    whole = run(GRID, symbols=["IBM"], ledger=tmp_path / "whole.sqlite")
    parts = [
        run({**GRID, "fast": fast}, symbols=["IBM"], ledger=tmp_path / "parts.sqlite") for fast in pieces
    ]
    books = [Ledger.at(swept.ledger) for swept in (whole, parts[0])]
    one, ten = (book.deflation(252.0, "ma_crossover") for book in books)
    assert one == ten
    assert one.trials == 120
    known = [book.trials()["sketch"].drop_nulls().len() for book in books]
    assert known == [120, 120] if most == 512 else 0 < known[0] < known[1] == 120
    winner = whole.best()
    held = next(part for part in parts if winner.params["fast"] in part.grid.axes["fast"])
    again = held.best()
    assert again.params == winner.params
    assert again.verdict.dsr == winner.verdict.dsr
    assert again.verdict.benchmark == winner.verdict.benchmark


def test_out_of_the_ledger_is_said(run, tmp_path):
    for nowhere in (None, False):
        swept = run(ledger=nowhere)
        assert swept.ledger is None
        assert any("these cells are in no ledger" in note for note in swept.notes)
    assert list(tmp_path.iterdir()) == []


def test_the_usual_ledger_is_where_the_variable_says(run, tmp_path, monkeypatch):
    monkeypatch.setenv("ONEPATH_LEDGER", str(tmp_path / "mine.sqlite"))
    assert run(ledger=True).ledger == tmp_path / "mine.sqlite"
    assert Ledger.at().trials().height == 6


def test_a_ledger_of_another_version_is_refused_before_anything_runs(run, tmp_path):
    run()
    with sqlite3.connect(tmp_path / "ledger.sqlite") as db:
        db.execute("PRAGMA user_version = 1")
    db.close()
    told = []
    with pytest.raises(SnapshotMismatch, match="must have version 2 for this onepath, was 1"):
        run(progress=lambda done, total: told.append(done))
    assert told == []


def test_a_ledger_that_cannot_be_written_does_not_cost_the_sweep(run, tmp_path):
    (tmp_path / "file").write_text("")
    swept = run(ledger=tmp_path / "file" / "ledger.sqlite")
    assert swept.metrics.height == 6
    assert "not all of these cells are counted as trials: ledger" in swept.notes[-1]
    with pytest.raises(OutputError, match="cannot be written"):
        swept.best(symbol="IBM")
    (tmp_path / "file").unlink()
    assert swept.best(symbol="IBM").deflation.trials == 6, "what could not be counted then is counted now"


def test_a_cell_that_failed_is_no_trial(bars, tmp_path):
    """A stop beside a wider trail is more than vectorbt's arrays can say."""
    grid = {"threshold": [0, 0.5], "trail": [0, 0.2]}
    swept = sweep(
        bars.filter(symbol="IBM"), grid=grid, params={"stop": 0.05, "stop_atr": 0}, engine="vectorbt",
        progress=False, ledger=tmp_path / "l.sqlite",
    )  # fmt: skip
    assert swept.metrics["failed"].null_count() == 2
    assert Ledger.at(tmp_path / "l.sqlite").trials().height == 2
    assert swept.best().params["trail"] == 0.0
    assert swept.walk_forward(n_splits=3).folds["trail"].unique().to_list() == [0.0]


def test_only_finished_cells_are_trials(bars, tmp_path):
    def interrupt(done, total):
        raise KeyboardInterrupt

    grid = {"threshold": np.arange(0, 2, 0.1), "min_trend": range(40, 80, 5)}
    swept = sweep(bars.filter(symbol="IBM"), grid=grid, progress=interrupt, ledger=tmp_path / "l.sqlite")
    assert swept.metrics.height == 64
    assert Ledger.at(tmp_path / "l.sqlite").trials().height == 64
