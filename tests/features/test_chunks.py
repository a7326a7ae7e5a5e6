"""The chunk law: whatever the blocks, and wherever the stream is written down, the bits are the same."""

from __future__ import annotations

import numpy as np
import pytest

from research.data.panel import Panel
from research.features.catalogue import FEATURES
from research.features.matrix import FeatureStream
from tests.features.helpers import (
    NAMES,
    RECURSIVE_NAMES,
    WINDOW_NAMES,
    differing,
    in_blocks,
    make_panel,
    random_walk,
    same_bits,
    sample_panel,
    whole,
)

SPLITS = 220


@pytest.fixture(scope="module")
def panel() -> Panel:
    return sample_panel()


@pytest.fixture(scope="module")
def expected(panel):
    return whole(panel)


def test_two_blocks_at_random_splits(panel, expected):
    rng = np.random.default_rng(20)
    edges = [1, len(panel) - 1, 511, 512, 513, 1024]
    for cut in [*edges, *rng.integers(1, len(panel), SPLITS - len(edges))]:
        split = in_blocks(FeatureStream(panel.symbols), panel, [int(cut)])
        assert differing(expected, split) == [], f"split at {cut}"


def test_many_blocks_of_random_sizes(panel, expected):
    rng = np.random.default_rng(21)
    for largest in (3, 40, 700, 1500):
        ends = np.cumsum(rng.integers(1, largest + 1, len(panel)))
        cuts = [int(c) for c in ends[ends < len(panel)]]
        split = in_blocks(FeatureStream(panel.symbols), panel, cuts)
        assert differing(expected, split) == [], f"blocks of up to {largest}"


def test_bar_by_bar_from_the_first(panel, expected):
    bars = 900
    split = in_blocks(FeatureStream(panel.symbols), panel[:bars], range(1, bars))
    assert differing(expected[:, :, :bars], split) == []


def test_snapshot_and_restore_at_random_bars(panel, expected):
    rng = np.random.default_rng(22)
    for cut in [0, 1, *(int(c) for c in rng.integers(2, len(panel), 40))]:
        stream = FeatureStream(panel.symbols)
        before = stream.advance(panel[:cut])
        after = FeatureStream.restore(stream.snapshot()).advance(panel[cut:])
        assert differing(expected, np.concatenate([before, after], axis=2)) == [], f"restored at {cut}"


def test_restored_every_hundred_bars(panel, expected):
    stream, parts = FeatureStream(panel.symbols), []
    for a in range(0, len(panel), 100):
        stream = FeatureStream.restore(stream.snapshot())
        parts.append(stream.advance(panel[a : a + 100]))
    assert differing(expected, np.concatenate(parts, axis=2)) == []


def test_bars_come_and_go_while_many_symbols_run_side_by_side():
    """Symbols that list late, delist, pause or miss bars, for longer than a tail has room."""
    columns, bars = random_walk(37, 600, 24), 600
    rng = np.random.default_rng(25)
    gaps = rng.random((37, bars)) < 0.03
    gaps[5] = False
    gaps[6, :150] = True  # lists late
    gaps[7, 400:] = True  # delists
    gaps[8] = True  # never trades
    gaps[9, 300:450] = True  # pauses
    panel = make_panel(*(np.where(gaps, np.nan, x) for x in columns))
    stream = FeatureStream(panel.symbols)
    parts = [stream.advance(panel[:200])]
    for t in range(200, bars):
        if t in (333, 450):
            stream = FeatureStream.restore(stream.snapshot())
        last = 7 if t == 470 else 1  # a longer block among the single bars
        if not 470 < t < 477:
            parts.append(stream.advance(panel[t : t + last]))
    assert differing(whole(panel), np.concatenate(parts, axis=2)) == []


def test_threads_and_symbols_beside_it_change_nothing(panel, expected):
    one = FeatureStream(panel.symbols, jobs=1).advance(panel)
    three = FeatureStream(panel.symbols, jobs=3).advance(panel)
    assert differing(expected, one) == []
    assert differing(expected, three) == []
    alone = whole(sample_panel(["IBM"]))
    assert same_bits(expected[:, list(panel.symbols).index("IBM")], alone[:, 0])


@pytest.mark.parametrize("name", WINDOW_NAMES)
def test_window_feature_from_exactly_lookback_and_one_bars(name, panel, expected):
    lookback, j, k = FEATURES[name].lookback, panel.symbols.index("MSFT"), NAMES.index(name)
    rng = np.random.default_rng(lookback)
    for t in map(int, rng.integers(lookback, len(panel), 12)):
        short = FeatureStream(panel.symbols, [name]).advance(panel[t - lookback : t + 1])
        assert np.isnan(short[0, j, :lookback]).all()
        assert same_bits(short[0, j, -1:], expected[k, j, t : t + 1]), f"{name} at bar {t}"


@pytest.mark.parametrize("name", WINDOW_NAMES)
def test_first_value_comes_after_exactly_lookback_bars(name, panel, expected):
    lookback, j, k = FEATURES[name].lookback, panel.symbols.index("IBM"), NAMES.index(name)
    if name == "ou_halflife_60":
        # On real prices a pull is seldom significant; here it always is.
        x = np.cumsum(np.random.default_rng(1).normal(0, 1, 300) - 0.0)
        x = 0.01 * (x - np.convolve(x, np.ones(5) / 5, "same"))
        close = 50 * np.exp(x)[None]
        values = whole(make_panel(close, close, close, close, close), [name])[0, 0]
    else:
        values = expected[k, j]
    assert np.isnan(values[:lookback]).all()
    assert not np.isnan(values[lookback])


@pytest.mark.parametrize("name", RECURSIVE_NAMES)
def test_recursive_feature_is_within_1e_9_of_an_endless_history(name, panel, expected):
    lookback, k = FEATURES[name].lookback, NAMES.index(name)
    for origin in (300, 1100, 1990, 2300):
        late = FeatureStream(panel.symbols, [name]).advance(panel[origin:])[0]
        assert np.isnan(late[:, :lookback]).all()
        for j, symbol in enumerate(panel.symbols):
            first = int(np.flatnonzero(~np.isnan(panel.close[:, j]))[0])
            if first > 0:
                continue  # begins late: both histories are the same
            endless, short = expected[k, j, origin + lookback :], late[j, lookback:]
            assert not np.isnan(short).all()
            assert np.array_equal(np.isnan(endless), np.isnan(short))
            assert np.nanmax(np.abs(endless - short)) < 1e-9, f"{name} of {symbol} from bar {origin}"


def test_windows_longer_than_a_block():
    names = [
        "ret_1500",
        "dist_sma_2000",
        "hi_dist_700",
        "z_1000",
        "sma_cross_600_1300",
        "maxdd_513",
        "vol_512",
    ]
    panel = make_panel(*random_walk(2, 4000, 5))
    expected = whole(panel, names)
    rng = np.random.default_rng(6)
    cuts = sorted({int(c) for c in rng.integers(1, 4000, 60)})
    stream = FeatureStream(panel.symbols, names)
    assert differing(expected, in_blocks(stream, panel, cuts), names) == []
    for name, values in zip(names, expected, strict=True):
        lookback = FeatureStream(["any"], [name]).lookback
        assert np.isnan(values[:, :lookback]).all()
        assert not np.isnan(values[:, lookback]).any()
