"""The store of a sweep: resumed without repetition, refused to others, whole or not there at all."""

import json
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from research.data import load_sample
from research.errors import BadValue, OutputError
from research.execution import Execution
from research.simulation.executors import EXECUTORS
from research.simulation.fused import FusedExecutor
from research.simulation.sweep import sweep
from tests.simulation.test_chunks import fragile

GRID = {"threshold": "0:1:0.1", "min_trend": "40:70:10", "stop_atr": [2, 3, 4]}


@pytest.fixture(scope="module")
def bars():
    return load_sample(["IBM", "MSFT"]).filter(pl.col("bar_close").dt.year() >= 2009)


@pytest.fixture
def run(bars, monkeypatch):
    """Run a sweep in chunks of 16 cells."""

    class Fine(FusedExecutor):
        @property
        def most_cells(self):
            return 16

        @most_cells.setter
        def most_cells(self, value):
            pass

    monkeypatch.setitem(EXECUTORS, "fine", Fine)

    def run(**asked):
        return sweep(bars, **{"grid": GRID, "engine": "fine", "progress": False, "ledger": None, **asked})

    return run


def after(chunks):
    """Return a progress function that is Ctrl-C after so many chunks."""
    calls = []

    def told(done, total):
        if done == int(done) and int(done) % 16 in {0, 132 % 16}:
            calls.append(done)
        if len(calls) == chunks:
            raise KeyboardInterrupt

    return told


def begun(store):
    return [line.split()[0] for line in (store / "runs.log").read_text().splitlines()]


def test_what_was_finished_is_not_run_again(run, tmp_path):
    store = tmp_path / "made" / "store"
    cut = run(store=store, progress=after(3))
    assert not cut.complete
    assert len(list(store.glob("cells-*.parquet"))) == 3
    told = []
    whole = run(store=store, progress=lambda done, total: told.append((done, total)))
    assert whole.complete
    assert whole.metrics.equals(run().metrics, null_equal=True)
    assert len(begun(store)) == len(set(begun(store))) == 9
    assert told[0] == (3 * 16 + 8, 132), "progress begins where the last run ended"
    again = run(store=store)
    assert again.metrics.equals(whole.metrics, null_equal=True)
    assert len(begun(store)) == 9


def test_memory_and_chunks_may_differ_when_it_is_resumed(run, tmp_path, monkeypatch):
    run(store=tmp_path, progress=after(2))
    monkeypatch.setattr(EXECUTORS["fine"], "most_cells", 7)
    assert run(store=tmp_path, memory_mb=200).metrics.equals(run().metrics, null_equal=True)


def test_failures_are_kept_with_their_reason(run, tmp_path, monkeypatch):
    def raises(lane, params):
        if params["threshold"] == 0.3:
            raise ValueError("no")

    monkeypatch.setitem(EXECUTORS, "fine", fragile(raises))
    first = run(store=tmp_path)
    again = run(store=tmp_path)
    assert first.metrics["failed"].drop_nulls().to_list() == ["ValueError: no"] * 24
    assert again.metrics.equals(first.metrics, null_equal=True)
    assert again.notes == first.notes


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"grid": {**GRID, "stop_atr": [2, 3, 5]}}, "another sweep: grid differs;"),
        ({"execution": Execution(dividends=False, slippage=0.001)}, "another sweep: execution differs;"),
        ({"symbols": ["IBM"]}, "another sweep: symbols, data, span, params differ;"),
        ({"initial_capital": 5_000.0}, "another sweep: capital differs;"),
        ({"end_date": "2012-06-30"}, "another sweep: data, span differ;"),
        ({"params": {"vol_target": 0.1}}, "another sweep: params differs;"),
        ({"engine": "fused"}, "engine"),
        ({"sample": 20}, "another sweep: grid differs;"),
    ],
)
def test_a_folder_of_another_sweep_is_refused(run, tmp_path, asked, said):
    run(store=tmp_path, progress=after(1))
    if "engine" in asked:
        manifest = tmp_path / "manifest.json"
        facts = json.loads(manifest.read_text())
        manifest.write_text(json.dumps({**facts, "engine": "vectorbt, rust"}))
        asked = {}
    before = sorted(p.name for p in tmp_path.iterdir())
    with pytest.raises(BadValue) as refusal:
        run(store=tmp_path, **asked)
    assert said in str(refusal.value)
    assert "choose another folder" in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert sorted(p.name for p in tmp_path.iterdir()) == before


def test_other_bars_and_other_code_are_refused(run, bars, tmp_path):
    run(store=tmp_path, progress=after(1))
    other = bars.with_columns(pl.col("volume") + 1.0)
    with pytest.raises(BadValue, match="another sweep: data differs"):
        sweep(other, grid=GRID, engine="fine", progress=False, ledger=None, store=tmp_path)
    manifest = tmp_path / "manifest.json"
    facts = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({**facts, "code": "0" * 16}))
    with pytest.raises(BadValue, match="another sweep: code differs"):
        run(store=tmp_path)


def test_damage_and_strangers_are_refused_and_left_alone(run, tmp_path):
    store = tmp_path / "store"
    run(store=store, progress=after(2))
    chunk = next(store.glob("cells-*.parquet"))
    whole = chunk.read_bytes()
    chunk.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(BadValue, match=f"{chunk.name} is damaged; remove it, and its cells are run again"):
        run(store=store)
    chunk.unlink()
    assert run(store=store).metrics.equals(run().metrics, null_equal=True)
    (store / "manifest.json").write_text("{")
    with pytest.raises(BadValue, match=r"manifest.json is damaged .* remove it to begin anew"):
        run(store=store)
    (store / "manifest.json").write_text("{}")
    with pytest.raises(BadValue, match="is no manifest of a sweep's store"):
        run(store=store)
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.txt").write_text("mine")
    with pytest.raises(BadValue, match=r"is no sweep's store, it holds thesis.txt; choose an empty folder"):
        run(store=other)
    with pytest.raises(OutputError, match=r"thesis.txt cannot be written"):
        run(store=other / "thesis.txt")


def test_two_sweeps_do_not_share_a_store(run, tmp_path):
    def inside(done, total):
        with pytest.raises(BadValue, match="another process runs the sweep in"):
            run(store=tmp_path)
        raise KeyboardInterrupt

    run(store=tmp_path, progress=inside)
    assert run(store=tmp_path).complete, "the lock was let go"


_FULL = """
import resource, sys
import polars as pl
from research.data import load_sample
from research.errors import OutputError
from research.simulation.fused import FusedExecutor
from research.simulation.sweep import sweep
bars = load_sample(["IBM"]).filter(pl.col("bar_close").dt.year() >= 2011)
asked = dict(grid={"threshold": "0:1:0.01"}, engine="fused", progress=False, ledger=None, store=sys.argv[1])
try:
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, resource.RLIM_INFINITY))
    sweep(bars, **asked)
except OutputError as refusal:
    print(refusal)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print(sweep(bars, **asked).complete)
"""


def test_a_disk_that_is_full_is_one_line_and_leaves_nothing_half_written(tmp_path):
    store = tmp_path / "store"
    told = subprocess.run(
        [sys.executable, "-c", _FULL, str(store)], check=True, capture_output=True, text=True,
        cwd=Path(__file__).parents[2],
    ).stdout.splitlines()  # fmt: skip
    assert len(told) == 2
    assert told[0].startswith(f"{store} cannot be written (File too large); finished chunks are kept")
    assert told[1] == "True"
    assert sum(p.name.startswith(".") for p in store.iterdir()) == 0
