"""The panel obeys the chunk law bit for bit, sees no future, and keeps ragged lives apart."""

from dataclasses import fields
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from research.data import as_known_at, load_sample, to_panel
from research.data.panel import Panel, PanelBuilder
from research.errors import BadValue, DataError, SnapshotMismatch, UnknownName
from tests.data.tables import START, make_bars, ragged_bars

ARRAYS = tuple(f.name for f in fields(Panel) if f.name != "symbols")


def same_bits(a: Panel, b: Panel) -> bool:
    return a.symbols == b.symbols and all(
        getattr(a, name).shape == getattr(b, name).shape
        and np.array_equal(getattr(a, name).view(np.int64), getattr(b, name).view(np.int64))
        for name in ARRAYS
    )


def joined(parts: list[Panel]) -> Panel:
    arrays = {name: np.concatenate([getattr(p, name) for p in parts]) for name in ARRAYS}
    return Panel(parts[0].symbols, **arrays)


def cut(bars: pl.DataFrame, cuts: list[int]) -> list[pl.DataFrame]:
    """Split a table at instants."""
    at = bars["bar_close"].unique().sort()
    edges = [None, *(at[c] for c in sorted(set(cuts))), None]
    blocks = []
    for low, high in pairwise(edges):
        keep = pl.lit(value=True)
        keep = keep & (pl.col("bar_close") >= low) if low is not None else keep
        keep = keep & (pl.col("bar_close") < high) if high is not None else keep
        blocks.append(bars.filter(keep))
    return blocks


# --- chunk law --------------------------------------------------------------------------------------------


@settings(max_examples=60)
@given(seed=st.integers(0, 10_000), cuts=st.lists(st.integers(1, 35), max_size=5), adjusted=st.booleans())
def test_blocks_give_the_bits_of_one_push(seed, cuts, adjusted):
    bars = ragged_bars(seed, adjusted=adjusted)
    symbols = ["S0", "S1", "S2", "S3"]
    count = bars["bar_close"].n_unique()
    builder = PanelBuilder(symbols)
    parts = []
    for block in cut(bars, [c for c in cuts if c < count]):
        parts.append(builder.push(block))
        builder = PanelBuilder.restore(builder.snapshot())
    assert same_bits(joined(parts), to_panel(bars, symbols))


def test_one_bar_at_a_time_over_the_sample():
    bars = load_sample(["AAPL", "FB", "MSFT"]).filter(pl.col("bar_close").dt.year().is_between(2004, 2005))
    whole = to_panel(bars)
    builder = PanelBuilder(whole.symbols)
    blocks = bars.partition_by("bar_close", maintain_order=True)
    blocks.sort(key=lambda b: b["bar_close"][0])
    assert same_bits(joined([builder.push(b) for b in blocks]), whole)


def test_the_order_of_symbols_in_the_table_does_not_matter():
    bars = ragged_bars(5)
    assert same_bits(to_panel(bars.sort("bar_close", "symbol")), to_panel(bars.sort("symbol", "bar_close")))


def test_an_empty_block_changes_nothing():
    bars = ragged_bars(8)
    builder = PanelBuilder(["S0", "S1", "S2", "S3"])
    before = builder.snapshot()
    assert len(builder.push(bars.clear())) == 0
    assert builder.snapshot() == before
    assert same_bits(builder.push(bars), to_panel(bars))


# --- no future --------------------------------------------------------------------------------------------


@settings(max_examples=40)
@given(seed=st.integers(0, 10_000), at=st.integers(1, 35), times=st.sampled_from([0.1, 0.5, 10.0]))
def test_later_bars_change_no_earlier_bit(seed, at, times):
    bars = ragged_bars(seed)
    instants = bars["bar_close"].unique().sort()
    t = min(at, len(instants) - 1)
    later = pl.col("bar_close") > instants[t - 1]
    numbers = ["open", "high", "low", "close", "volume"]
    changed = bars.with_columns(
        [pl.when(later).then(pl.col(c) * times).otherwise(c).alias(c) for c in numbers]
    ).with_columns(adj_factor=pl.when(later).then(pl.col("adj_factor") * 1.3).otherwise("adj_factor"))
    symbols = ["S0", "S1", "S2", "S3"]
    assert same_bits(to_panel(changed, symbols)[:t], to_panel(bars, symbols)[:t])


@settings(max_examples=60)
@given(anchor=st.floats(1e-4, 1e4))
def test_rebasing_the_whole_column_changes_no_bit(anchor):
    bars = ragged_bars(11)
    assert same_bits(to_panel(bars.with_columns(pl.col("adj_factor") * anchor)), to_panel(bars))


def test_rebasing_the_sample_changes_no_bit():
    bars = load_sample()
    panel = to_panel(bars)
    for anchor in np.random.default_rng(1).uniform(0.01, 3.0, 25):
        assert same_bits(to_panel(bars.with_columns(pl.col("adj_factor") * anchor)), panel)


def test_a_vendor_that_anchors_at_the_last_bar_gives_the_same_stream():
    """Day by day the newest factor is 1; with `reanchor` the stream has the bits of the whole history."""
    bars = load_sample(["MSFT"]).filter(pl.col("bar_close").dt.year() == 2004)
    builder = PanelBuilder(["MSFT"])
    parts = [builder.push(bars[:150].with_columns(pl.col("adj_factor") / bars["adj_factor"][149]))]
    for t in range(150, bars.height):
        fetched = bars[t - 3 : t + 1].with_columns(pl.col("adj_factor") / bars["adj_factor"][t])
        builder.reanchor(fetched[:-1])
        parts.append(builder.push(fetched[-1:]))
    whole = to_panel(bars)
    assert np.count_nonzero(whole.dividend[150:]) == 2  # 2004-08-23 and 2004-11-15 are among them
    assert same_bits(joined(parts), whole)


# --- what the arrays hold ---------------------------------------------------------------------------------


def test_arrays_against_a_table_worked_by_hand():
    """B starts a day late, pays 5 USD, misses a day on which A splits 2:1, and ends early."""
    a = make_bars("A", 4, adj_factor=[0.25, 0.25, 0.5, 0.5])
    b = make_bars("B", 4, close=[50.0] * 4, open=[50.0] * 4, high=[51.0] * 4, low=[49.0] * 4)
    b = b.with_columns(adj_factor=pl.Series([1.0, 0.9, 1.0, 1.0]))[[1, 3]]
    panel = to_panel(pl.concat([a, b]))
    nan = np.nan
    assert panel.symbols == ("A", "B")
    assert len(panel) == 4
    assert panel.bar_close[0] == np.datetime64("2020-01-02T21:00:00")
    np.testing.assert_array_equal(panel.close, [[100, nan], [101, 50], [102, nan], [103, 50]])
    np.testing.assert_array_equal(panel.split, [[1, 1], [1, 1], [2, 1], [1, 1]])
    np.testing.assert_array_equal(panel.factor[:, 0], [1, 1, 2, 2])
    np.testing.assert_allclose(panel.factor[:, 1], [nan, 1, nan, 1 / 0.9], rtol=1e-6)
    np.testing.assert_allclose(panel.dividend[:, 1], [0, 0, 0, 5], atol=5e-5)
    assert [panel.members(t).tolist() for t in range(4)] == [
        [True, False], [True, True], [True, False], [True, True]
    ]  # fmt: skip


def test_adjusted_prices_keep_the_dollar_volume():
    panel = to_panel(load_sample())
    _, high, low, close, volume = panel.adjusted()
    np.testing.assert_allclose(close * volume, panel.close * panel.volume, rtol=1e-14)
    assert np.nanmin(high - low) >= 0.0


def test_adjusted_returns_are_those_of_the_vendor():
    """Across AAPL's splits the adjusted return is the vendor's, which knows nothing of our factor."""
    panel = to_panel(load_sample(["AAPL"]))
    close = panel.adjusted()[3][:, 0]
    t = int(np.flatnonzero(panel.split[:, 0] != 1.0)[0])
    assert close[t] / close[t - 1] == pytest.approx(2.0 * 55.63 / 101.25, rel=1e-12)  # raw closes, 2:1


def test_columns_are_contiguous_and_slices_are_views():
    panel = to_panel(ragged_bars(2))
    for name in ("open", "close", "volume", "factor", "split", "dividend"):
        array = getattr(panel, name)
        assert array.flags.f_contiguous
        assert array.dtype == np.float64
    part = panel[3:7]
    assert len(part) == 4
    assert np.shares_memory(part.close, panel.close)
    assert np.shares_memory(part.bar_close, panel.bar_close)


def test_without_a_factor_nothing_is_adjusted():
    panel = to_panel(load_sample(["AAPL"]).drop("adj_factor"))
    assert np.all(panel.factor == 1.0)
    assert np.all(panel.split == 1.0)
    assert np.all(panel.dividend == 0.0)


# --- refusals ---------------------------------------------------------------------------------------------


def test_an_unknown_symbol_is_refused():
    with pytest.raises(UnknownName, match="unknown symbol 'S9'; did you mean 'S"):
        to_panel(ragged_bars(1), ["S9"])
    with pytest.raises(UnknownName, match="unknown symbol 'S1'"):
        PanelBuilder(["S0"]).push(ragged_bars(1))


@pytest.mark.parametrize(
    ("symbols", "words"),
    [
        ([], "must name at least one symbol"),
        (["A", "B", "A"], "'A' is named twice"),
        ("AAPL", r"must be a list such as \['AAPL'\]"),
    ],
)
def test_columns_that_make_no_sense(symbols, words):
    with pytest.raises(BadValue, match=words):
        PanelBuilder(symbols)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"close": [100.0, 101.0, float("nan"), 103.0, 104.0]}, "ACME: close must be a number, not NaN"),
        ({"low": [98.0, 99.0, -100.0, 101.0, 102.0]}, "ACME: low must be positive, was -100.0 in row 3"),
        ({"high": [102.0, 103.0, 90.0, 105.0, 106.0]}, "high must not be below low"),
        ({"volume": [1.0, 1.0, -1.0, 1.0, 1.0]}, "volume must not be negative"),
        ({"bar_close": [START] * 5}, "a bar must appear once"),
        ({"adj_factor": [1.0, 1.0, 0.0, 1.0, 1.0]}, "adj_factor must be positive, was 0.0 in row 3"),
    ],
)
def test_bad_bars_are_refused_with_the_words_of_validation(change, words):
    with pytest.raises(DataError, match=words):
        to_panel(make_bars(**change))


def test_bars_that_were_pushed_cannot_be_pushed_again():
    builder = PanelBuilder(["ACME"])
    bars = make_bars()
    builder.push(bars)
    with pytest.raises(
        DataError, match=r"ACME: pushed bars must be later than 2020-01-06T21.*was 2020-01-05T21"
    ):
        builder.push(bars[3:])


def test_a_factor_cannot_come_or_go():
    builder = PanelBuilder(["ACME"])
    builder.push(make_bars()[:3])
    with pytest.raises(DataError, match="bars came without adj_factor before and come with it now"):
        builder.push(make_bars(adj_factor=[1.0] * 5)[3:])


def test_several_versions_of_a_bar_must_be_chosen_from():
    bars = make_bars()
    later = bars.with_columns(available_at="bar_close")
    fixed = later[2:3].with_columns(pl.col("available_at") + timedelta(days=9))
    with pytest.raises(DataError, match=r"several versions of a bar; choose with as_known_at"):
        to_panel(pl.concat([later, fixed]).sort("bar_close", "available_at"))


def test_bars_that_were_known_late_are_refused():
    """A decision at their close would look ahead, until something delays them."""
    late = make_bars().with_columns(
        available_at=pl.col("bar_close")
        + pl.duration(days=pl.when(pl.int_range(5) >= 3).then(30).otherwise(0))
    )
    with pytest.raises(
        DataError, match=r"ACME: the bar of 2020-01-05 21:00 UTC in row 4 .*\(2 such bars\).* drop"
    ):
        to_panel(late)
    for known in (late.drop("available_at"), as_known_at(late, datetime(2021, 1, 1, tzinfo=UTC))):
        assert len(to_panel(known)) == 5
    assert len(to_panel(as_known_at(late, datetime(2020, 1, 8, tzinfo=UTC)))) == 3
    assert len(to_panel(make_bars().with_columns(available_at="bar_close"))) == 5


def test_what_is_no_bar_table_has_no_panel():
    with pytest.raises(DataError, match="no column `symbol`, only none at all"):
        to_panel(pl.DataFrame())


def test_reanchoring_needs_the_last_bar_as_it_was():
    bars = make_bars(adj_factor=[1.0] * 5)
    builder = PanelBuilder(["ACME"])
    builder.push(bars)
    with pytest.raises(DataError, match="needs bars with adj_factor"):
        builder.reanchor(make_bars())
    with pytest.raises(DataError, match=r"its last pushed bar, 2020-01-06.* is not among the bars"):
        builder.reanchor(bars[:4])
    with pytest.raises(DataError, match=r"the close of 2020-01-06.* was pushed as 104.0 and is now 104.5"):
        builder.reanchor(bars.with_columns(pl.col("close") + 0.5))


@pytest.mark.parametrize("data", [b"", b"{}\n", b"[1]\n", b"\x80\x04", b'{"kind": "other"}\n'])
def test_foreign_bytes_are_no_snapshot(data):
    with pytest.raises(SnapshotMismatch, match="not a snapshot of PanelBuilder"):
        PanelBuilder.restore(data)


def test_half_a_snapshot_is_refused():
    with pytest.raises(SnapshotMismatch, match="cut short"):
        PanelBuilder.restore(PanelBuilder(["A"]).snapshot()[:-8])


def test_a_panel_is_cut_by_slices_only():
    with pytest.raises(BadValue, match=r"panel\[10:20\], was indexed by 3"):
        to_panel(make_bars())[3]  # type: ignore[index]


@pytest.mark.parametrize("jump", [1e9, 1e-9])
def test_an_impossible_jump_of_the_factor_is_refused(jump):
    bars = load_sample(["IBM"]).head(10)
    factors = [bars["adj_factor"][0] * (jump if i == 4 else 1.0) for i in range(10)]
    with pytest.raises(
        DataError, match=r"IBM: adj_factor must change by less than 10000 times .* \(2 such bars\)"
    ):
        to_panel(bars.with_columns(adj_factor=pl.Series(factors)))
