"""Chunks: a cell that raises is recorded with its reason, and the others are the same without it."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from research.data import load_sample
from research.errors import BadValue
from research.execution import Execution
from research.simulation.chunks import Chunk, run_chunk
from research.simulation.executors import EXECUTORS, FIGURES
from research.simulation.fused import FusedExecutor
from research.simulation.sweep import sweep
from research.strategies import STRATEGIES

GRID = {"fast": [5, 10, 15], "slow": [20, 40], "stop": [0.03, 0.08], "trail": [0, 0.05]}


@pytest.fixture(scope="module")
def bars():
    return load_sample(["IBM", "MSFT"]).filter(pl.col("bar_close").dt.year() >= 2008)


def fragile(raises):
    """Return an executor whose accounts raise where `raises` says so of a cell's parameters."""

    class Fragile(FusedExecutor):
        def figures(self, lane, cells):
            for vector in cells.vectors.tolist():
                raises(lane, dict(zip(cells.rule.parameters, vector, strict=True)))
            return super().figures(lane, cells)

    return Fragile


def test_what_vectorbt_cannot_say_fails_alone(bars):
    ours, theirs = (
        sweep(bars, "ma_crossover", GRID, engine=e, progress=False) for e in ("fused", "vectorbt")
    )
    wide = (pl.col("trail") > pl.col("stop")).fill_null(False)  # the combination that its arrays cannot say
    assert theirs.metrics.filter(wide)["failed"].str.contains("wider trail").all()
    assert theirs.metrics.filter(wide).select(FIGURES).sum_horizontal().is_nan().all()
    assert theirs.metrics.filter(wide).height == 12
    rest = theirs.metrics.filter(~wide)
    assert rest["failed"].null_count() == rest.height == 36
    for name in FIGURES:
        np.testing.assert_allclose(rest[name], ours.metrics.filter(~wide)[name], rtol=1e-10, atol=1e-10)
    (note,) = [note for note in theirs.notes if "failed" in note]
    assert note.startswith(
        "6 of 24 cells failed, see the column `failed`; the first: IBM with fast=5, slow=20"
    )
    assert theirs.complete


def test_a_cell_that_raises_is_recorded_and_changes_no_other(bars, monkeypatch):
    def raises(lane, params):
        if params["fast"] == 10 and params["stop"] == 0.03 and lane.symbol == "MSFT":
            raise ZeroDivisionError("float division\nby zero")

    monkeypatch.setitem(EXECUTORS, "fragile", fragile(raises))
    ours, broken = (sweep(bars, "ma_crossover", GRID, engine=e, progress=False) for e in ("fused", "fragile"))
    bad = pl.Series(broken.metrics["failed"].is_not_null())
    assert broken.metrics.filter(bad).select("fast", "stop", "symbol").unique().rows() == [(10, 0.03, "MSFT")]
    assert set(broken.metrics["failed"].drop_nulls()) == {"ZeroDivisionError: float division by zero"}
    assert int(bad.sum()) == 4
    assert broken.metrics.filter(~bad).equals(ours.metrics.filter(~bad), null_equal=True)


def test_features_that_cannot_be_told_fail_their_cells(bars, monkeypatch):
    whole = STRATEGIES["ma_crossover"]

    def reads(params):
        if params["slow"] == 40 and params["fast"] > 5:
            raise LookupError("no such mean")
        return whole.reads(params)

    monkeypatch.setitem(STRATEGIES, "ma_crossover", replace(whole, reads=reads))
    swept = sweep(bars, "ma_crossover", GRID, engine="fused", progress=False)
    bad = swept.metrics["failed"].is_not_null()
    assert set(swept.metrics.filter(bad).select("fast", "slow").rows()) == {(10, 40), (15, 40)}
    assert int(bad.sum()) == 2 * 2 * 2 * 2
    with pytest.raises(BadValue, match="failed: LookupError: no such mean"):
        swept.orders("IBM", fast=10, slow=40, stop=0.03, trail=0)
    monkeypatch.setitem(STRATEGIES, "ma_crossover", whole)
    plain = sweep(bars, "ma_crossover", GRID, engine="fused", progress=False)
    assert swept.metrics.filter(~bad).equals(plain.metrics.filter(~bad), null_equal=True)


def test_a_sweep_of_which_all_cells_fail_is_refused_in_one_line(bars, monkeypatch):
    def raises(lane, params):
        raise BadValue("nothing can be run")

    monkeypatch.setitem(EXECUTORS, "fragile", fragile(raises))
    with pytest.raises(
        BadValue, match="all 48 accounts failed; the first: IBM with fast=5, slow=20"
    ) as refusal:
        sweep(bars, "ma_crossover", GRID, engine="fragile", progress=False)
    assert "\n" not in str(refusal.value)


def test_a_machine_without_memory_is_not_the_cells_fault(bars, monkeypatch):
    def raises(lane, params):
        raise MemoryError

    monkeypatch.setitem(EXECUTORS, "fragile", fragile(raises))
    with pytest.raises(MemoryError):
        sweep(bars, "ma_crossover", GRID, engine="fragile", progress=False)


def test_a_bench_with_places_is_the_study(bars):
    swept = sweep(
        bars, "ma_crossover", GRID, engine="fused", progress=False, execution=Execution(),
        constraint=lambda p: p.fast + p.slow < 55,
    )  # fmt: skip
    bench = swept.study.bench()
    assert len(bench.grid) == 0
    assert bench.bars.is_empty()
    some = np.array([3, 7, 8, 19])
    there = bench.at(swept.grid.index[some])
    assert there.grid.cells.tolist() == swept.grid.cells[some].tolist()
    mine = run_chunk(there, Chunk(np.arange(4), there.reads.rows())).figures
    table = swept.metrics.select(FIGURES).to_numpy().reshape(len(swept.grid), 2, -1)
    np.testing.assert_array_equal(mine, table[some].transpose(2, 0, 1))
