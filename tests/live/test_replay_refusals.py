"""A replay that is not continued: other settings, bars or kernels, and damage."""

import polars as pl
import pytest

from live.replay import open_replay
from research.data import load_sample
from research.errors import DataError, NotEnoughHistory, SnapshotMismatch, UnknownName
from research.execution import Execution
from tests.live.helpers import change, replayed, request


def test_other_settings_are_refused_by_name(tmp_path):
    path = tmp_path / "run.sqlite"
    replayed(path, most=3)
    before = path.read_bytes()
    others = {
        "strategy": request("ma_crossover"),
        "symbols": request(symbols=["AAPL"]),
        "parameter threshold": request(params={"threshold": 0.7}),
        "capital": request(initial_capital=5.0e4),
        "start": request(start="2006-06-02"),
        "end": request(end=None),
        "execution commission": request(execution=Execution(commission=0.0)),
        "train_fraction": request(train_fraction=0.2),
    }
    for name, asked in others.items():
        with pytest.raises(SnapshotMismatch, match=f"was made with {name} .* this run has") as refusal:
            replayed(path, asked)
        assert "\n" not in str(refusal.value)
    assert path.read_bytes() == before


def test_other_bars_are_refused_with_the_bar_that_differs(tmp_path):
    path = tmp_path / "run.sqlite"
    replayed(path, most=100)
    sample = load_sample()
    day = pl.col("bar_close").dt.date() == pl.date(2006, 7, 14)
    here = day & (pl.col("symbol") == "IBM")
    other = sample.with_columns(volume=pl.when(here).then(pl.col("volume") + 1).otherwise("volume"))
    with pytest.raises(DataError, match=r"IBM: the bar of 2006-07-14T20:00:00Z .*volume .*, now "):
        replayed(path, bars=other)
    with pytest.raises(DataError, match="is not that of journal"):
        replayed(path, bars=sample.filter(~here))
    early = pl.when(pl.col("bar_close").dt.year() < 2001)
    with pytest.raises(DataError, match="before the span"):
        replayed(path, bars=sample.with_columns(volume=early.then(pl.col("volume") + 1).otherwise("volume")))
    with pytest.raises(DataError, match="these bars to"):
        replayed(path, bars=sample.filter(pl.col("bar_close").dt.date() < pl.date(2006, 8, 1)))
    assert replayed(path, most=1) == 1


def test_other_kernels_are_refused(tmp_path):
    path = tmp_path / "run.sqlite"
    replayed(path, most=1)
    change(path, "UPDATE snapshot SET kernels = '0123456789abcdef'")
    with pytest.raises(SnapshotMismatch, match="made by kernels 0123456789abcdef, these are"):
        replayed(path)


@pytest.mark.parametrize("table", ["snapshot", "meta"])
def test_a_journal_without_its_first_rows_is_damaged(table, tmp_path):
    path = tmp_path / "run.sqlite"
    replayed(path, most=1)
    change(path, f"DELETE FROM {table}")
    with pytest.raises(SnapshotMismatch, match=f"is damaged .its table {table} has 0 rows"):
        replayed(path)


def test_a_snapshot_whose_bytes_changed_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "run.sqlite"
    replayed(path, most=1)
    change(path, "UPDATE snapshot SET state = zeroblob(length(state))")
    with pytest.raises(SnapshotMismatch, match="hash differs"):
        replayed(path)


@pytest.mark.parametrize(
    ("asked", "refusal"),
    [
        (request(symbols=["APPL"]), UnknownName),
        (request("adaptive_momentun"), UnknownName),
        (request(params={"treshold": 1}), UnknownName),
        (request(symbols=["FB"], start=None, end="2012-08-01"), NotEnoughHistory),
    ],
)
def test_a_refused_request_leaves_no_file(asked, refusal, tmp_path):
    with pytest.raises(refusal):
        open_replay(asked, load_sample(), tmp_path / "run.sqlite")
    assert list(tmp_path.iterdir()) == []
