"""A store gives back the bits it was given, is never half written, and forgets nothing that was known."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from research.data import BarStore, load_sample, to_panel
from research.errors import BadValue, DataError, OutputError, UnknownName
from tests.data.tables import make_bars, ragged_bars


@pytest.fixture
def store(tmp_path):
    return BarStore(tmp_path / "bars")


def snapshot_of(folder: Path) -> dict[str, bytes]:
    return {f.name: f.read_bytes() for f in folder.iterdir()}


def test_the_sample_comes_back_to_the_bit(store):
    bars = load_sample()
    store.write(bars)
    assert store.symbols() == ("AAPL", "FB", "GOOG", "IBM", "MSFT")
    assert store.read().equals(bars)
    assert store.read(["MSFT", "FB"]).equals(load_sample(["FB", "MSFT"]))


@settings(max_examples=15)
@given(seed=st.integers(0, 1000), at=st.integers(1, 50))
def test_two_writes_are_as_good_as_one(seed, at, tmp_path_factory):
    store = BarStore(tmp_path_factory.mktemp("store"))
    bars = ragged_bars(seed).drop("adj_factor")
    edge = bars["bar_close"].min() + timedelta(days=at)  # type: ignore[operator]
    for part in (bars.filter(pl.col("bar_close") < edge), bars.filter(pl.col("bar_close") >= edge)):
        if part.height:
            store.write(part)
    assert store.read().equals(bars.sort("symbol", "bar_close"))


def test_writing_again_changes_nothing(store):
    store.write(load_sample(["FB"]))
    before = store.read()
    store.write(load_sample(["FB"]))
    store.write(load_sample(["FB"])[50:60])
    assert store.read().equals(before)


def test_a_span_and_unknown_symbols(store):
    store.write(load_sample(["FB", "IBM"]))
    assert store.read(["FB"], "2013-01-01", "2013-01-31").height == 21
    with pytest.raises(UnknownName, match=r"unknown symbol 'IBN'; did you mean 'IBM'\?"):
        store.read(["IBN"])
    with pytest.raises(BadValue, match="must name at least one symbol, was empty"):
        store.read([])


def test_an_empty_store_says_so(store):
    assert store.symbols() == ()
    with pytest.raises(DataError, match=r"holds no bars; write some with BarStore\.write"):
        store.read()


def test_symbols_that_are_no_file_names(store):
    for symbol in ("BRK/B", "../up", "A B", "^GSPC", "ÆØ", "a.b"):
        store.write(make_bars(symbol))
    assert store.symbols() == tuple(sorted(("BRK/B", "../up", "A B", "^GSPC", "ÆØ", "a.b")))
    assert store.read(["../up"])["symbol"].unique().to_list() == ["../up"]
    assert all(f.parent == store.path for f in store.path.rglob("*"))


def test_corrections_need_to_be_later_and_are_remembered(store):
    store.write(make_bars())
    wrong = make_bars()[2:3].with_columns(close=pl.lit(102.5))
    with pytest.raises(
        DataError, match=r"ACME: the bar of 2020-01-04 21:00 UTC is stored with close 102.0, was 102.5"
    ):
        store.write(wrong)
    known = datetime(2020, 1, 9, tzinfo=UTC)
    store.write(wrong.with_columns(available_at=pl.lit(known).cast(pl.Datetime("us", "UTC"))))
    assert store.read()["close"].to_list() == [100.0, 101.0, 102.5, 103.0, 104.0]
    assert store.read(known_at=known - timedelta(seconds=1)).equals(make_bars())
    assert "available_at" not in store.read().columns


def test_a_rebased_factor_is_chained_at_the_overlap(store):
    """Each delivery's factor ends at 1; the store keeps one anchor and loses no dividend."""
    bars = load_sample(["MSFT"]).filter(pl.col("bar_close").dt.year() == 2004)
    delivered = [bars[:150], bars[148:218], bars[217:]]
    for part in delivered:
        store.write(part.with_columns(pl.col("adj_factor") / pl.col("adj_factor").last()))
    ours, whole = to_panel(store.read()), to_panel(bars)
    assert (ours.dividend == whole.dividend).all()
    assert (ours.factor == whole.factor).all()


@pytest.mark.parametrize("later_first", [False, True], ids=["later bars", "earlier bars"])
def test_a_factor_without_overlap_is_refused(store, later_first):
    """AAPL split 2:1 on 2005-02-28; each delivery's factor ends at 1, so the seam itself tells nothing."""
    bars = load_sample(["AAPL"]).filter(
        pl.col("bar_close").is_between(datetime(2005, 1, 14, tzinfo=UTC), datetime(2005, 4, 13, tzinfo=UTC))
    )
    at = bars["bar_close"].to_list().index(datetime(2005, 2, 28, 21, tzinfo=UTC))
    parts = [
        p.with_columns(pl.col("adj_factor") / pl.col("adj_factor").last()) for p in (bars[:at], bars[at:])
    ]
    if later_first:
        parts.reverse()
    store.write(parts[0])
    before = snapshot_of(store.path)
    with pytest.raises(
        DataError, match=r"AAPL: none of the new bars .* write the new bars with at least one"
    ):
        store.write(parts[1])
    assert snapshot_of(store.path) == before
    store.write(bars)
    split = to_panel(store.read()).split
    assert split.max() == split[at, 0] == 2.0


def test_a_factor_cannot_come_or_go(store):
    store.write(make_bars())
    with pytest.raises(DataError, match="ACME: new bars have adj_factor, stored ones have not"):
        store.write(make_bars(adj_factor=[1.0] * 5))


def test_bad_bars_never_reach_the_disk(store):
    with pytest.raises(DataError, match="volume must not be negative"):
        store.write(make_bars(volume=[-1.0] * 5))
    assert not store.path.exists()


def test_files_are_imported(store, tmp_path):
    file = tmp_path / "ACME.csv"
    file.write_text("Date,Open,High,Low,Close,Volume\n2012-11-21,10,12,9,11,500\n2012-11-22,10,12,9,11,500\n")
    store.import_file(file, on_bad="drop")
    assert store.read()["bar_close"].to_list() == [datetime(2012, 11, 21, 21, tzinfo=UTC)]


# --- failures ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", ["write_parquet", "replace", "fsync"])
def test_a_failing_write_leaves_the_old_files_whole(step, store, monkeypatch):
    old, new = load_sample(["AAPL", "FB"])[:40], load_sample(["AAPL", "FB"])
    store.write(old)
    before = snapshot_of(store.path)

    def full(*_args, **_options):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        if step == "write_parquet":
            patch.setattr(pl.DataFrame, "write_parquet", full)
        elif step == "replace":
            patch.setattr(Path, "replace", full)
        else:
            patch.setattr("os.fsync", full)
        with pytest.raises(
            OutputError, match=r"cannot be written \(No space left on device\); choose another folder"
        ):
            store.write(new)
    assert snapshot_of(store.path) == before
    store.write(new)
    assert store.read().equals(new)


def test_a_second_symbol_that_fails_leaves_the_first_untouched(store, monkeypatch):
    store.write(load_sample(["AAPL", "IBM"]).filter(pl.col("bar_close").dt.year() == 2001))
    before = snapshot_of(store.path)
    whole = pl.DataFrame.write_parquet
    calls = []

    def second_fails(self, *args, **options):
        calls.append(1)
        if len(calls) == 2:
            raise OSError(5, "Input/output error")
        return whole(self, *args, **options)

    monkeypatch.setattr(pl.DataFrame, "write_parquet", second_fails)
    with pytest.raises(OutputError):
        store.write(load_sample(["AAPL", "IBM"]))
    assert snapshot_of(store.path) == before


def test_an_interrupted_write_leaves_no_debris(store, monkeypatch):
    store.write(make_bars())
    before = snapshot_of(store.path)

    def interrupted(*_args, **_options):
        raise KeyboardInterrupt

    monkeypatch.setattr(pl.DataFrame, "write_parquet", interrupted)
    with pytest.raises(KeyboardInterrupt):
        store.write(make_bars("OTHER"))
    assert snapshot_of(store.path) == before


def test_a_path_that_cannot_be_a_folder(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(DataError, match="is a file; a BarStore is a folder"):
        BarStore(tmp_path / "file")
    with pytest.raises(OutputError, match="cannot be written"):
        BarStore(tmp_path / "file" / "below").write(make_bars())


def test_a_damaged_file_is_named(store):
    store.write(make_bars())
    (store.path / "ACME.parquet").write_bytes(b"PAR1 no more")
    with pytest.raises(DataError, match=r"ACME\.parquet is damaged .*; delete it and import ACME again"):
        store.read()
