"""Bars that real markets deliver: halts, no volume, gaps, prices of a hundredth cent and of a million."""

from __future__ import annotations

import numpy as np
import pytest

from research.data.panel import Panel
from research.features.catalogue import FEATURES
from tests.features.helpers import (
    F64,
    NAMES,
    WINDOW_NAMES,
    differing,
    make_panel,
    random_walk,
    same_bits,
    sample_panel,
    whole,
)

T = 1400
# What a price that never moves leaves undefined.
UNDEFINED_WHEN_FLAT = {
    *("r2_20", "donchian_pos_20", "stoch_k", "stoch_d", "willr_14", "cci_20", "cmo_14", "er_10", "mfi_14"),
    *("bb_pctb_20", "vol_ratio_10_63", "skew_63", "z_20", "z_60", "ou_halflife_60", "autocorr1_63"),
    *("variance_ratio_5_63", "adaptive_mom", "momentum_score", "trend_score", "dollar_vol_z20"),
}
UNDEFINED_WITHOUT_VOLUME = {
    *("mfi_14", "volume_ratio_20", "volume_trend", "obv_flow_20", "obv_slope_20", "cmf_20"),
    *("dollar_vol_z20", "amihud_21", "vwap_dist_20"),
}


def dearer_panel(columns: tuple[F64, F64, F64, F64, F64], price: float, volume: float = 1.0) -> Panel:
    """The panel with prices and volumes multiplied."""
    open_, high, low, close, traded = columns
    return make_panel(open_ * price, high * price, low * price, close * price, traded * volume)


def settled(values):
    """(K, T) features after every warm-up, as name -> row."""
    return {name: row[FEATURES[name].lookback :] for name, row in zip(NAMES, values, strict=True)}


def undefined(values) -> set[str]:
    """Names of the features that are NaN on every settled bar."""
    return {name for name, row in settled(values).items() if np.isnan(row).all()}


def test_constant_price_leaves_undefined_what_the_catalogue_says_and_nothing_else():
    close = np.full((1, T), 17.3)
    values = whole(make_panel(close, close, close, close, np.full((1, T), 1000.0)))[:, 0]
    assert not np.isinf(values).any()
    assert undefined(values) == UNDEFINED_WHEN_FLAT
    assert {name for name in NAMES if FEATURES[name].undefined.startswith("NaN")} >= UNDEFINED_WHEN_FLAT
    found = settled(values)
    for name in (
        "clv",
        "body",
        "range_pct",
        "vol_21",
        "parkinson",
        "garman_klass",
        "rogers_satchell",
        "yang_zhang_21",
    ):
        assert (found[name] == 0).all()
    for name in (
        "dist_sma_200",
        "sma_50_200",
        "sma_cross_20_50",
        "slope_20",
        "bb_width_20",
        "maxdd_63",
        "amihud_21",
    ):
        assert (found[name] == 0).all()
    # Every value of the window equals the newest.
    assert (found["risk_score"] == 100).all()


@pytest.mark.parametrize("price", [0.1, 1 / 3, 17.3, 123456.789])
def test_a_flat_window_is_flat_exactly_whatever_its_value_and_length(price):
    names = [
        f"{kind}_{n}" for n in (3, 7, 21, 63, 100) for kind in ("z", "bb_width", "slope", "dist_sma", "r2")
    ]
    close = np.full((1, 300), price)
    values = dict(zip(names, whole(make_panel(close, close, close, close, close), names)[:, 0], strict=True))
    for name, row in values.items():
        late = row[100:]
        assert np.isnan(late).all() if name.startswith(("z", "r2")) else (late == 0).all(), name


def test_no_volume_leaves_undefined_what_needs_it():
    open_, high, low, close, volume = random_walk(1, T, 40)
    values = whole(make_panel(open_, high, low, close, 0 * volume))[:, 0]
    assert not np.isinf(values).any()
    assert undefined(values) == UNDEFINED_WITHOUT_VOLUME
    assert all(FEATURES[name].undefined for name in UNDEFINED_WITHOUT_VOLUME)


def test_a_halt_in_the_middle_heals():
    open_, high, low, close, volume = random_walk(1, T, 41)
    halted = slice(500, 700)
    for column in (open_, high, low, close):
        column[:, halted] = close[:, 499:500]
    volume[:, halted] = 0
    values = whole(make_panel(open_, high, low, close, volume))[:, 0]
    assert not np.isinf(values).any()
    late = values[:, 700 + 300 :]
    healed = {name for name, row in zip(NAMES, late, strict=True) if not np.isnan(row).all()}
    assert set(NAMES) - healed <= {"ou_halflife_60"}
    # A year after the halt no window remembers it.
    other = whole(make_panel(*(x[:, 690:] for x in (open_, high, low, close, volume))))[:, 0]
    for k, name in enumerate(NAMES):
        if name in WINDOW_NAMES:
            n = FEATURES[name].lookback
            assert same_bits(values[k, 700 + n :], other[k, 10 + n :]), name


@pytest.mark.parametrize("start", [1e-6, 1e-4, 3e5, 1e9, 1e14])
def test_prices_of_any_size_give_the_features_of_ordinary_ones(start):
    columns = random_walk(2, T, 42)
    usual = whole(make_panel(*columns))
    scale = start / 50
    scaled = whole(dearer_panel(columns, scale, 1 / scale))
    assert not np.isinf(scaled).any()
    assert_alike(usual, scaled, NAMES)


@pytest.mark.parametrize("scale", [0.125, 1024.0])
def test_features_are_free_of_scale(scale):
    """Prices times k change nothing; volumes times k the price impact only, which is per dollar.

    k is a power of two: on prices in ticks, rounding would break ties.
    """
    panel = sample_panel(["AAPL", "IBM"])
    open_, high, low, close, volume = (np.ascontiguousarray(x.T) for x in panel.adjusted())
    columns = open_, high, low, close, volume
    usual = whole(make_panel(*columns))
    dearer = whole(dearer_panel(columns, scale))
    busier = whole(dearer_panel(columns, 1.0, scale))
    impact = NAMES.index("amihud_21")
    for changed in (dearer, busier):
        changed[impact] *= scale
        assert_alike(usual, changed, NAMES)


def assert_alike(usual, changed, names) -> None:
    """Equal but for rounding; where a comparison turns on the last bit, on all but a few bars."""
    sizes = np.array([100.0 if np.nanmax(np.abs(row)) > 5 else 1.0 for row in usual])[:, None, None]
    assert np.array_equal(np.isnan(usual), np.isnan(changed))
    off = ~(np.abs(usual - changed) <= 1e-9 * np.maximum(np.abs(usual), 1e-2 * sizes)) & ~np.isnan(usual)
    share = dict(zip(names, off.mean(axis=(1, 2)), strict=True))
    jumpy = {"risk_score", "adaptive_mom", "mfi_14", "trend_score"}
    assert {name: s for name, s in share.items() if s > (2e-3 if name in jumpy else 0)} == {}


def test_missing_bars_are_skipped_not_filled():
    columns = random_walk(3, T, 43)
    rng = np.random.default_rng(44)
    gaps = rng.random((3, T)) < 0.2
    gaps[1] = False
    gaps[2, :600] = True  # lists late
    gaps[0, 1200:] = True  # delists
    holed = [np.where(gaps, np.nan, x) for x in columns]
    found = whole(make_panel(*holed))
    for j in range(3):
        own = ~gaps[j]
        assert np.isnan(found[:, j, ~own]).all()
        dense = whole(make_panel(*(x[j : j + 1, own] for x in columns)))
        assert differing(found[:, j, own], dense[:, 0]) == [], f"symbol {j}"


def test_a_symbol_without_a_bar_is_nan_throughout():
    columns = [np.full((1, 50), np.nan) for _ in range(5)]
    assert np.isnan(whole(make_panel(*columns))).all()


def test_split_like_adjustment_is_invisible():
    """Features see adjusted prices: the same raw bars, halved and re-multiplied, are the same features."""
    open_, high, low, close, volume = random_walk(1, T, 45)
    factor = np.where(np.arange(T) < 700, 1.0, 2.0)[None]
    raw = make_panel(
        open_ / factor, high / factor, low / factor, close / factor, volume * factor, factor=factor
    )
    assert differing(whole(make_panel(open_, high, low, close, volume)), whole(raw)) == []
