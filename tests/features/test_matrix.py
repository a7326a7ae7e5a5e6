"""The stream and the matrix as a user meets them: tables, errors, snapshots."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import numpy as np
import polars as pl
import pytest

from research.data.panel import PanelBuilder
from research.data.sample import load_sample
from research.errors import BadValue, DataError, SnapshotMismatch, UnknownName
from research.features import snapshot
from research.features.catalogue import FEATURES
from research.features.matrix import FeatureStream, feature_matrix
from tests.features.helpers import make_panel, random_walk, same_bits, sample_panel, whole

FEW = ["ret_1", "vol_21", "rsi_14", "risk_score"]


@pytest.fixture(scope="module")
def bars() -> pl.DataFrame:
    return load_sample()


@pytest.fixture(scope="module")
def matrix(bars) -> pl.DataFrame:
    return feature_matrix(bars)


def test_matrix_has_one_row_per_bar_and_one_column_per_feature(bars, matrix):
    assert matrix.columns == ["symbol", "bar_close", *FEATURES]
    assert matrix.height == bars.height
    keys = bars.select(pl.col("symbol").cast(pl.String), "bar_close").sort("symbol", "bar_close")
    assert matrix.select("symbol", "bar_close").equals(keys)
    assert matrix.schema["bar_close"] == pl.Datetime("us", "UTC")
    assert set(matrix.dtypes[2:]) == {pl.Float64}
    assert matrix.null_count().sum_horizontal().item() == 0


def test_matrix_agrees_with_the_arrays(matrix):
    panel = sample_panel()
    arrays = whole(panel)
    for j, symbol in enumerate(panel.symbols):
        own = ~np.isnan(panel.close[:, j])
        table = matrix.filter(pl.col("symbol") == symbol)
        for k, name in enumerate(FEATURES):
            assert same_bits(table[name].to_numpy(), arrays[k, j, own]), (symbol, name)


def test_pushed_blocks_are_the_rows_of_the_matrix(bars, matrix):
    cut = datetime(2006, 5, 3, tzinfo=UTC)
    stream = FeatureStream(sorted(bars["symbol"].unique().cast(pl.String)))
    parts = [stream.push(bars.filter(pl.col("bar_close") < cut))]
    stream = FeatureStream.restore(stream.snapshot())
    parts.append(stream.push(bars.filter(pl.col("bar_close") >= cut)))
    both = pl.concat(parts).sort("symbol", "bar_close")
    assert both.equals(matrix)


def test_order_of_the_rows_of_a_table_does_not_matter(bars):
    shuffled = bars.sort("bar_close", "symbol")
    assert feature_matrix(shuffled, FEW).equals(feature_matrix(bars, FEW))


def test_extra_columns_and_missing_adjustment_are_fine(bars):
    plain = bars.filter(pl.col("symbol").cast(pl.String) == "IBM").select(
        "symbol", "bar_close", "open", "high", "low", "close", "volume"
    )
    table = feature_matrix(plain.with_columns(note=pl.lit("x")), ["ret_1"])
    assert table.height == plain.height


def test_lookback_is_the_longest_and_enough(bars):
    stream = FeatureStream(["AAPL"], FEW)
    assert stream.names == tuple(FEW)
    assert stream.symbols == ("AAPL",)
    assert stream.lookback == max(FEATURES[name].lookback for name in FEW)
    table = stream.push(bars.filter(pl.col("symbol").cast(pl.String) == "AAPL"))
    assert not any(table[name][stream.lookback :].is_nan().any() for name in FEW)
    assert any(table[name][stream.lookback - 1] != table[name][stream.lookback - 1] for name in FEW)


def test_empty_blocks_are_empty(bars):
    stream = FeatureStream(["AAPL"], FEW)
    table = stream.push(bars.clear())
    assert table.columns == ["symbol", "bar_close", *FEW]
    assert table.height == 0
    assert stream.advance(sample_panel(["AAPL"])[:0]).shape == (4, 1, 0)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((["A"], ["nope"]), UnknownName, "unknown feature 'nope'"),
        ((["A"], []), BadValue, "at least one feature"),
        (([], FEW), BadValue, "at least one symbol"),
        (("AAPL", FEW), BadValue, "`symbols` must be a list of names, was the text 'AAPL'"),
        ((["A", "A"], FEW), BadValue, "'A' is named twice"),
        ((["A"], ["vol_99999"]), BadValue, "was 99999"),
    ],
)
def test_bad_arguments_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        FeatureStream(*arguments)


def test_results_can_go_into_memory_at_hand():
    panel = sample_panel(["AAPL"])[:300]
    out = np.zeros((len(FEW), 1, 300))
    assert FeatureStream(["AAPL"], FEW).advance(panel, out) is out
    assert same_bits(out, whole(panel, FEW))
    wrongs: list[Any] = [out[:3], out.astype(np.float32), out[:, :, ::-1], out.transpose(2, 1, 0)]
    for wrong in wrongs:
        with pytest.raises(BadValue, match="`out` must be a C-contiguous float64 array"):
            FeatureStream(["AAPL"], FEW).advance(panel, wrong)


def test_no_threads_are_refused():
    with pytest.raises(BadValue, match="`jobs` must be ≥ 1, was 0"):
        FeatureStream(["A"], jobs=0)


def test_bars_must_be_later_than_the_last(bars):
    stream = FeatureStream(["AAPL"], FEW)
    apple = bars.filter(pl.col("symbol").cast(pl.String) == "AAPL")
    stream.push(apple[:100])
    with pytest.raises(DataError, match="later than"):
        stream.push(apple[99:120])
    panel = sample_panel(["AAPL"])
    other = FeatureStream(["AAPL"], FEW)
    other.advance(panel[:50])
    with pytest.raises(DataError, match="push each instant once"):
        other.advance(panel[49:60])


def test_unknown_symbols_are_refused(bars):
    with pytest.raises(UnknownName, match="unknown symbol"):
        FeatureStream(["AAPL"], FEW).push(bars)
    with pytest.raises(BadValue, match="was 'IBM' for 'AAPL' at place 0"):
        FeatureStream(["AAPL"], FEW).advance(sample_panel(["IBM"]))
    with pytest.raises(BadValue, match="was 2 symbols for 1"):
        FeatureStream(["AAPL"], FEW).advance(sample_panel(["AAPL", "IBM"]))


def test_a_refused_block_leaves_the_stream_as_it_was(bars):
    apple = bars.filter(pl.col("symbol").cast(pl.String) == "AAPL")
    stream, clean = FeatureStream(["AAPL"], FEW), FeatureStream(["AAPL"], FEW)
    stream.push(apple[:300])
    clean.push(apple[:300])
    with pytest.raises(DataError):
        stream.push(apple[290:310])
    assert stream.push(apple[300:400]).equals(clean.push(apple[300:400]))


# --- snapshots ----------------------------------------------------------------------------------------------


@pytest.fixture
def taken() -> bytes:
    panel = make_panel(*random_walk(2, 400, 50))
    stream = FeatureStream(panel.symbols, FEW)
    stream.advance(panel)
    return stream.snapshot()


def test_snapshot_carries_names_symbols_and_instant(taken):
    stream = FeatureStream.restore(taken)
    assert (stream.names, stream.symbols) == (tuple(FEW), ("S0", "S1"))
    panel = make_panel(*random_walk(2, 400, 50))
    with pytest.raises(DataError, match="push each instant once"):
        stream.advance(panel[399:])
    assert stream.snapshot() == taken


def test_snapshot_is_the_same_bytes_whatever_the_blocks():
    panel = make_panel(*random_walk(2, 1500, 51))
    one, many = FeatureStream(panel.symbols, FEW), FeatureStream(panel.symbols, FEW)
    one.advance(panel)
    for t in range(0, 1500, 70):
        many.advance(panel[t : t + 70])
    assert one.snapshot() == many.snapshot()


def test_damage_is_refused(taken):
    rng = np.random.default_rng(52)
    for at in [30, 200, len(taken) // 2, len(taken) - 1, *rng.integers(24, len(taken), 40)]:
        flipped = bytearray(taken)
        flipped[int(at)] ^= 1 << int(rng.integers(8))
        with pytest.raises(SnapshotMismatch, match="damaged or cut short"):
            FeatureStream.restore(bytes(flipped))


def test_truncation_is_refused(taken):
    for length in [0, 1, 10, 24, 57, 200, len(taken) // 2, len(taken) - 33, len(taken) - 1]:
        with pytest.raises(SnapshotMismatch):
            FeatureStream.restore(taken[:length])


def test_other_bytes_are_refused():
    for data in (b"", b"nonsense" * 50, PanelBuilder(["A"]).snapshot(), b"\x80\x04K\x01."):
        with pytest.raises(SnapshotMismatch, match="not a feature snapshot"):
            FeatureStream.restore(data)


def retold(taken: bytes, **changes: object) -> bytes:
    """A snapshot that says something else in its head, with a checksum that holds."""
    head, arrays, builder = snapshot.unpack(taken)
    told = {key: value for key, value in head.items() if key not in ("kernels", "arrays")} | changes
    return snapshot.pack(told, arrays, builder)


def test_other_kernels_are_refused(taken, monkeypatch):
    monkeypatch.setattr(snapshot, "kernel_hash", lambda: "0123456789abcdef")
    with pytest.raises(SnapshotMismatch, match=r"made by other kernels .* here 0123456789abcdef"):
        FeatureStream.restore(taken)


def test_another_catalogue_is_refused(taken):
    FeatureStream.restore(retold(taken))
    with pytest.raises(SnapshotMismatch, match="made by other features"):
        FeatureStream.restore(retold(taken, names=["ret_2", "vol_21", "rsi_14", "risk_score"]))


def test_snapshot_head_is_plain_json(taken):
    line = taken.split(b"\n", 2)[1]
    head = json.loads(line)
    assert head["names"] == FEW
    assert len(head["kernels"]) == 16
