"""The trial ledger: nothing is counted twice, lost, or written by halves."""

import json
import sqlite3
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from research.cli import app
from research.console import run
from research.errors import BadValue, OutputError, SnapshotMismatch
from research.evidence.cells import Cells, Origin, sketch_level, sketched
from research.evidence.ledger import Ledger, connect, default_path
from research.evidence.overfitting import judge
from research.evidence.trials import effective_trials, sketches

ORIGIN = Origin("ma", "code-1", "data-1", ("AAA", "BBB"), "2000-01-03", "2003-12-31", "5 bp", 252.0)
DAYS = np.datetime64("2000-01-03", "us") + np.arange(600) * np.timedelta64(1, "D")
RETURNS = 0.01 * np.random.default_rng(0).normal(size=(600, 30)) + 0.0003
PARAMS = [{"fast": fast, "slow": 50} for fast in range(30)]


def cells(part=slice(None), origin=ORIGIN, returns=RETURNS):
    return Cells.of(origin, PARAMS[part], returns[:, part], DAYS)


@pytest.fixture
def ledger(tmp_path):
    return Ledger.at(tmp_path / "ledger.sqlite")


def call(*arguments):
    return run(app, [str(a) for a in arguments], name="python -m research")


# --- what a trial is ---------------------------------------------------------------------------


def test_a_cell_run_again_is_no_new_trial(ledger):
    assert ledger.record(cells()) == 30
    first = ledger.trials()
    assert ledger.record(cells()) == 0
    assert ledger.record(cells(slice(20, 30))) == 0
    assert ledger.trials().equals(first)


@pytest.mark.parametrize(
    "change",
    [
        {"strategy": "other"},
        {"code": "code-2"},
        {"data": "data-2"},
        {"symbols": ("AAA",)},
        {"first": "2001-01-03"},
        {"last": "2004-12-31"},
        {"execution": "10 bp"},
        {"periods_per_year": 52.0},
    ],
)
def test_anything_else_is_a_new_trial(ledger, change):
    ledger.record(cells(slice(0, 2)))
    assert ledger.record(cells(slice(0, 2), replace(ORIGIN, **change))) == 2


def test_the_order_and_type_of_parameters_do_not_matter(ledger):
    ledger.record(cells(slice(0, 1)))
    same = Cells.of(ORIGIN, [{"slow": 50.0, "fast": 0.0}], RETURNS[:, :1], DAYS)
    assert ledger.record(same) == 0


def test_parameters_are_kept_whole_whatever_the_batch(ledger):
    """Shared or not, the same in all cells or not, -0.0 or 0: each trial has all of its own."""
    params = [{"b": 1, "a": 0.5, "z": -0.0}, {"b": 2, "a": 0.5, "z": 0}, {"b": 2, "only": 1e-9}]
    ledger.record(Cells.of(ORIGIN, params, RETURNS[:, :3], DAYS))
    for k in range(3):
        assert ledger.record(Cells.of(ORIGIN, params[k : k + 1], RETURNS[:, [k]], DAYS)) == 0
    found = [json.loads(text) for text in ledger.trials()["params"]]
    assert sorted(found, key=str) == sorted(params, key=str)


def test_trials_hold_what_the_deflation_needs(ledger):
    ledger.record(cells())
    rows = ledger.trials()
    assert rows["key"].is_sorted()
    assert rows["key"].n_unique() == 30
    by_fast = {json.loads(row["params"])["fast"]: row for row in rows.iter_rows(named=True)}
    for k in (0, 17):
        row, own = by_fast[k], RETURNS[:, k]
        assert row["sharpe"] == pytest.approx(own.mean() / own.std(ddof=1), rel=1e-12)
        assert row["skewness"] == pytest.approx(((own - own.mean()) ** 3).mean() / own.std() ** 3, rel=1e-9)
        assert row["kurtosis"] == pytest.approx(((own - own.mean()) ** 4).mean() / own.std() ** 4, rel=1e-9)
        assert row["periods"] == 600
        assert row["sketch"] == sketches(own, DAYS).tobytes()
        assert (row["strategy"], row["symbols"], row["code"]) == ("ma", "AAA,BBB", "code-1")


def test_filters(ledger):
    ledger.record(cells(slice(0, 5)))
    ledger.record(cells(slice(0, 7), replace(ORIGIN, data="data-2")))
    ledger.record(cells(slice(0, 9), replace(ORIGIN, strategy="other")))
    assert ledger.trials().height == 21
    assert ledger.trials(strategy="ma").height == 12
    assert ledger.trials(strategy="ma", data="data-2").height == 7
    assert ledger.trials(strategy="none").is_empty()
    assert ledger.effective_trials(strategy="none") == 0.0
    # The same returns under another data hash are more trials, but no more independent ones.
    assert ledger.effective_trials(strategy="ma") == pytest.approx(7, rel=0.15)


def test_ten_chunks_in_any_order_give_the_same_figures_as_one(tmp_path):
    whole = Ledger.at(tmp_path / "whole.sqlite")
    whole.record(cells())
    parts = Ledger.at(tmp_path / "parts.sqlite")
    for start in np.random.default_rng(1).permutation(10):
        parts.record(cells(slice(3 * start, 3 * start + 3)))
    one, ten = whole.deflation(252.0), parts.deflation(252.0)
    assert one == ten
    verdicts = [
        judge(RETURNS, 4, periods_per_year=252, trials=d.effective, variance=d.variance) for d in (one, ten)
    ]
    assert verdicts[0].dsr == verdicts[1].dsr
    assert verdicts[0] == verdicts[1]


def families(count, seed=5):
    """(400, count) returns: twelve families of cells that resemble each other."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(400, 12))[:, np.arange(count) % 12] + 0.1 * rng.normal(size=(400, count))


def test_a_large_batch_keeps_a_sample_of_sketches(tmp_path):
    """5,000 cells in one batch or ten: the same figures, and nearly those of all sketches."""
    returns, params = families(5000), [{"n": n, "m": 1} for n in range(5000)]
    level = sketch_level(5000)
    assert level == 4
    sizes = {"one": 5000, "ten": 500}
    found = {}
    for name, size in sizes.items():
        ledger = Ledger.at(tmp_path / name)
        for start in range(0, 5000, size):
            part = slice(start, start + size)
            made = Cells.of(ORIGIN, params[part], returns[:, part], DAYS[:400])
            ledger.record(replace(made, level=sketch_level(size)))
        rows = ledger.trials()
        assert json.loads(rows["params"][0])["m"] == 1
        with_sketch = rows.height - rows["sketch"].null_count()
        assert with_sketch == 5000 if name == "ten" else 200 < with_sketch < 420
        found[name] = ledger.deflation(252.0)
    assert found["one"] == found["ten"]
    assert found["one"].trials == 5000
    assert found["one"].effective == pytest.approx(12, rel=0.15)
    assert (tmp_path / "one").stat().st_size < 5000 * 200


def test_which_cells_have_a_sketch():
    keys = [bytes([0, 0, 1, 0]), bytes([0, 1, 0, 0]), bytes([128, 0, 0, 0]), bytes(4)]
    zeros = [23, 15, 0, 32]
    for level in (0, 1, 15, 16, 23, 24, 32):
        assert sketched(keys, level).tolist() == [z >= level for z in zeros]
    assert sketched([], 3).tolist() == []


def test_judged_alone_or_from_a_ledger_of_nothing_else(ledger):
    """Rows lie in another order there, so sums may differ in their last bits."""
    ledger.record(cells())
    found = ledger.deflation(252.0)
    alone = judge(RETURNS, 4, periods_per_year=252, instants=DAYS)
    told = judge(RETURNS, 4, periods_per_year=252, trials=found.effective, variance=found.variance)
    assert told.trials == pytest.approx(alone.trials, rel=1e-12)
    assert told.dsr == pytest.approx(alone.dsr, rel=1e-12)
    assert found.effective == pytest.approx(effective_trials(sketches(RETURNS, DAYS), 600), rel=1e-12)


def test_ratios_of_another_interval_are_brought_to_the_same_period(ledger):
    weekly = replace(ORIGIN, strategy="weekly", periods_per_year=52.0)
    ledger.record(cells(origin=weekly))
    as_weekly, as_daily = ledger.deflation(52.0), ledger.deflation(252.0)
    assert as_daily.variance == pytest.approx(as_weekly.variance * 52 / 252, rel=1e-12)


def test_cells_that_never_traded_are_kept_but_not_counted(ledger):
    still = RETURNS.copy()
    still[:, 3] = 0.0
    ledger.record(cells(slice(0, 5), returns=still))
    assert ledger.trials()["sharpe"].null_count() == 1
    assert ledger.deflation(252.0).trials == 4


# --- the file ----------------------------------------------------------------------------------


def test_reading_makes_no_file(ledger):
    assert ledger.trials().is_empty()
    assert ledger.deflation(252.0) == (0, 0.0, 0.0)
    assert not ledger.path.exists()


def test_where_it_is(tmp_path, monkeypatch):
    monkeypatch.setenv("ONEPATH_LEDGER", str(tmp_path / "deep" / "mine.sqlite"))
    ledger = Ledger.at()
    assert ledger.path == default_path() == tmp_path / "deep" / "mine.sqlite"
    assert ledger.record(cells()) == 30
    monkeypatch.delenv("ONEPATH_LEDGER")
    assert default_path().parts[-2:] == ("onepath", "ledger.sqlite")
    with pytest.raises(OutputError, match="must be a file, was a folder"):
        Ledger.at(tmp_path)


def test_another_version_is_refused_and_left_as_it_is(ledger, capsys):
    ledger.record(cells())
    with sqlite3.connect(ledger.path) as db:
        db.execute("PRAGMA user_version = 3")
    db.close()
    before = ledger.path.read_bytes()
    for refused in (lambda: Ledger.at(ledger.path), lambda: ledger.record(cells()), ledger.trials):
        with pytest.raises(SnapshotMismatch, match="must have version 2 for this onepath, was 3"):
            refused()
    assert call("ledger", "--path", ledger.path) == 2
    told = capsys.readouterr()
    assert told.err.count("\n") == 1
    assert "must have version 2" in told.err
    assert ledger.path.read_bytes() == before


def test_other_files_are_refused_and_left_as_they_are(tmp_path):
    text = tmp_path / "notes.txt"
    text.write_text("not a database, but long enough to be taken for one\n" * 30)
    with pytest.raises(SnapshotMismatch, match="is no ledger"):
        Ledger.at(text)
    short = tmp_path / "short.txt"
    short.write_text("x")
    with pytest.raises(SnapshotMismatch, match=r"is no ledger \(1 bytes\)"):
        Ledger.at(short)
    assert short.read_text() == "x"
    other = tmp_path / "other.sqlite"
    with sqlite3.connect(other) as db:
        db.execute("CREATE TABLE trials (x)")
    db.close()
    before = other.read_bytes()
    with pytest.raises(SnapshotMismatch, match="database of another program"):
        Ledger.at(other)
    assert other.read_bytes() == before


def test_a_full_disk_keeps_what_was_there_and_nothing_of_the_rest(ledger):
    ledger.record(cells(slice(0, 10)))
    before = ledger.trials()

    def full(path):
        db = connect(path)
        (pages,) = db.execute("PRAGMA page_count").fetchone()
        db.execute(f"PRAGMA max_page_count = {pages}")
        return db

    cramped = Ledger.at(ledger.path, full)
    with pytest.raises(
        OutputError, match=r"cannot be written \(database or disk is full\); none of these 30 "
    ):
        cramped.record(cells())
    assert Ledger.at(ledger.path).trials().equals(before)
    assert ledger.record(cells()) == 20
    new = Ledger.at(ledger.path.with_name("new.sqlite"), lambda path: _tiny(connect(path)))
    with pytest.raises(OutputError, match="none of these 30 trials was kept"):
        new.record(cells())
    assert not new.exists
    assert Ledger.at(new.path).record(cells()) == 30


def _tiny(db):
    db.execute("PRAGMA max_page_count = 2")
    return db


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="none of these 30 trials was kept"):
        Ledger.at(tmp_path / "file" / "ledger.sqlite").record(cells())


def test_a_writer_that_waits_too_long_says_so(ledger):
    ledger.record(cells(slice(0, 1)))
    holder = connect(ledger.path)
    holder.execute("BEGIN IMMEDIATE")
    hurried = Ledger.at(ledger.path, lambda path: sqlite3.connect(path, isolation_level=None, timeout=0.05))
    with pytest.raises(OutputError, match="database is locked"):
        hurried.record(cells())
    assert hurried.trials().height == 1
    holder.close()


WRITER = """
import sys
from tests.evidence.test_ledger import cells
from research.evidence.ledger import Ledger
ledger = Ledger.at(sys.argv[1])
print(sum(ledger.record(cells(slice(k, k + 5))) for k in range(0, 30, 5)))
"""


def test_writers_side_by_side(ledger):
    """Four processes make the file and write the same cells: each is new to exactly one of them."""
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(ledger.path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for _ in range(4)
    ]
    told = [writer.communicate(timeout=120) for writer in writers]
    assert [writer.returncode for writer in writers] == [0] * 4, told
    assert sum(int(out) for out, _ in told) == 30
    assert ledger.trials().height == 30


def test_cells_must_fit_together():
    whole = cells()
    with pytest.raises(BadValue, match="one row each, had 29 params, 30 moments"):
        Cells(ORIGIN, PARAMS[:-1], whole.moments, whole.sketches)


# --- the command -------------------------------------------------------------------------------


def test_command(ledger, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    ledger.record(cells())
    ledger.record(cells(origin=replace(ORIGIN, data="data-2")))
    ledger.record(cells(slice(0, 3), replace(ORIGIN, strategy="other")))
    assert call("ledger", "--path", ledger.path) == 0
    out = capsys.readouterr().out
    assert "AAA,BBB" in out
    assert "2000-01-03 to 2003-12-31" in out
    assert out.count("other") == 1
    assert call("ledger", "--path", ledger.path, "--strategy", "ma") == 0
    rows = [line for line in capsys.readouterr().out.splitlines() if " ma " in line]
    assert len(rows) == 3
    assert " 60 " in rows[-1], "both data sets together"
    monkeypatch.setenv("ONEPATH_LEDGER", str(ledger.path))
    assert call("ledger", "--strategy", "othr") == 2
    assert "unknown strategy in the ledger 'othr'; did you mean 'other'?" in capsys.readouterr().err


def test_command_without_a_ledger(tmp_path, capsys, monkeypatch):
    assert call("ledger", "--path", tmp_path / "none.sqlite") == 2
    assert "there is no ledger" in capsys.readouterr().err
    monkeypatch.setenv("ONEPATH_LEDGER", str(tmp_path / "none.sqlite"))
    assert call("ledger") == 0
    assert "no trials yet" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []
