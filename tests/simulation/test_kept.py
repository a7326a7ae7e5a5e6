"""A saved sweep is the sweep: figures, orders, notes; damage is named, a full disk leaves what was there."""

import json

import polars as pl
import pytest

from research.data import load_sample
from research.errors import BadValue, OutputError
from research.execution import Execution
from research.simulation.sweep import sweep
from research.simulation.swept import SweepResult

TABLES = {"metrics.parquet", "cells.parquet", "bars.parquet", "manifest.json"}


@pytest.fixture(scope="module")
def swept():
    bars = load_sample(["IBM", "MSFT", "AAPL"]).filter(pl.col("bar_close").dt.year() >= 2008)
    return sweep(
        bars, "ma_crossover", {"fast": "5:25:10", "slow": [20, 50]}, symbols=["MSFT", "IBM"], engine="fused",
        params={"stop": 0.05}, start_date="2009-01-01", execution=Execution(dividends=True, slippage=0.001),
        initial_capital=20_000, constraint=lambda p: p.slow > p.fast + 5, progress=False, ledger=None,
    )  # fmt: skip


def test_what_was_saved_is_loaded(swept, tmp_path):
    folder = swept.save(tmp_path / "made" / "here")
    assert {p.name for p in folder.iterdir()} == TABLES
    again = SweepResult.load(folder)
    assert again.metrics.equals(swept.metrics, null_equal=True)
    for name in ("strategy", "symbols", "complete", "notes", "engine", "seconds", "ledger"):
        assert getattr(again, name) == getattr(swept, name), name
    assert again.grid.cells.tolist() == swept.grid.cells.tolist()
    assert (again.grid.left_out, again.grid.complaint) == (swept.grid.left_out, swept.grid.complaint)
    cell = {"fast": 5, "slow": 50}
    assert swept.orders("IBM", **cell).height > 10
    assert again.orders("IBM", **cell).equals(swept.orders("IBM", **cell))
    assert len(again.heatmap("fast", "slow").data) == len(swept.heatmap("fast", "slow").data)


def test_a_result_replaces_an_earlier_one_and_nothing_else(swept, tmp_path):
    swept.save(tmp_path)
    swept.save(tmp_path)
    assert {p.name for p in tmp_path.iterdir()} == TABLES
    other = tmp_path / "other"
    other.mkdir()
    (other / "manifest.json").write_text('{"format": "a model"}')
    with pytest.raises(BadValue, match="is of something else than a sweep's result; choose another folder"):
        swept.save(other)
    assert (other / "manifest.json").read_text() == '{"format": "a model"}'
    with pytest.raises(OutputError, match="cannot be written"):
        swept.save(other / "manifest.json")


def test_a_disk_that_is_full_leaves_the_earlier_result_whole(swept, tmp_path):
    import resource

    folder = swept.save(tmp_path / "full")
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (6000, hard))
        with pytest.raises(OutputError, match="cannot be written") as refusal:
            swept.save(folder)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "\n" not in str(refusal.value)
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before


@pytest.mark.parametrize("name", sorted(TABLES - {"manifest.json"}))
def test_damage_is_named(swept, tmp_path, name):
    folder = swept.save(tmp_path)
    whole = (folder / name).read_bytes()
    (folder / name).write_bytes(whole[:-3])
    with pytest.raises(BadValue, match=f"{name} is damaged, or of another result"):
        SweepResult.load(folder)
    (folder / name).unlink()
    with pytest.raises(BadValue, match=f"{name} cannot be read"):
        SweepResult.load(folder)


def test_what_is_no_result_is_refused(swept, tmp_path):
    with pytest.raises(BadValue, match="there is no saved sweep in"):
        SweepResult.load(tmp_path / "nowhere")
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(BadValue, match="is damaged"):
        SweepResult.load(tmp_path)
    (tmp_path / "manifest.json").write_text('{"format": "onepath sweep 9"}')
    with pytest.raises(BadValue, match="no sweep's result of this version"):
        SweepResult.load(tmp_path)


def test_a_result_of_other_code_says_so(swept, tmp_path):
    manifest = swept.save(tmp_path) / "manifest.json"
    facts = json.loads(manifest.read_text())
    facts["identity"]["code"] = "0" * 16
    manifest.write_text(json.dumps(facts))
    assert any("saved by another onepath (code differ)" in note for note in SweepResult.load(tmp_path).notes)
