"""Every feature against a computation that shares nothing with it but the formula."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from research.data.sample import load_sample
from research.features.catalogue import FEATURES, feature
from tests.features.oracles import ORACLES, momentum, price, reversion, trend, volatility, volume
from tests.features.oracles.lookbacks import RECURSIVE, WINDOW
from tests.features.oracles.market import Market
from tests.features.oracles.mutants import MUTANTS
from tests.features.oracles.synthetic import synthetic
from tests.features.oracles.tables import bar_table, own_bars
from tests.features.oracles.tolerance import RELATIVE, disagreements, undecided
from tests.features.oracles.windows import Bars, Oracle, Series

pytestmark = pytest.mark.filterwarnings("error")

NAMES = sorted(FEATURES)
SCALES = {"atr_pct_14", "ewma_vol_60"}
"""Recursive features whose error is relative: they are scales themselves, the others have one."""


@pytest.fixture(scope="module")
def sample() -> Market:
    return Market.of(load_sample())


@pytest.fixture(scope="module")
def troubles() -> Market:
    return Market.of(pl.concat([bar_table(symbol, bars) for symbol, bars in synthetic().items()]))


@pytest.fixture(scope="module")
def stocks() -> list[Bars]:
    return list(own_bars(load_sample(["AAPL", "IBM", "MSFT"])).values())


def settled(name: str) -> int:
    """Bar from which a recursive feature's seed is below the last bit; 0 for windows."""
    return 2 * FEATURES[name].lookback if name in RECURSIVE else 0


def complaint(name: str, symbol: str, wrong: NDArray[np.bool_], value: Series, expected: Series) -> str:
    """First disagreement in words."""
    t = int(np.flatnonzero(wrong)[0])
    return (
        f"{name} of {symbol}: {wrong.sum()} of {len(wrong)} bars differ, "
        f"first bar {t}: {value[t]!r}, oracle {expected[t]!r}"
    )


def check(market: Market, name: str) -> None:
    """Compare one feature on every symbol, values and NaN."""
    lookback = FEATURES[name].lookback
    for symbol, bars in market.bars.items():
        value, expected = market.values[symbol][name], ORACLES[name](*bars)
        assert len(value) == len(expected)
        expected = np.where(np.arange(len(expected)) < lookback, np.nan, expected)
        wrong = disagreements(name, value, expected, settled(name)) & ~undecided(name, bars)
        assert not wrong.any(), complaint(name, symbol, wrong, value, expected)


def test_every_feature_has_an_oracle_lookback_and_mutant() -> None:
    assert set(FEATURES) == set(ORACLES)
    assert set(WINDOW) | set(RECURSIVE) == set(ORACLES)
    assert set(MUTANTS) == set(ORACLES)


@pytest.mark.parametrize("name", NAMES)
def test_feature_equals_oracle_on_the_sample(sample: Market, name: str) -> None:
    check(sample, name)


@pytest.mark.parametrize("name", NAMES)
def test_feature_equals_oracle_in_trouble(troubles: Market, name: str) -> None:
    check(troubles, name)


@pytest.mark.parametrize("name", sorted(WINDOW))
def test_window_lookback_is_the_designs(stocks: list[Bars], name: str) -> None:
    assert FEATURES[name].lookback == WINDOW[name]
    assert not FEATURES[name].recursive
    for bars in stocks:
        first = np.flatnonzero(~np.isnan(ORACLES[name](*bars)))[0]
        # A half-life exists only where there is a pull; all others from the first full window on.
        assert first >= WINDOW[name] if name == "ou_halflife_60" else first == WINDOW[name]


@pytest.mark.parametrize("name", sorted(RECURSIVE))
def test_recursive_lookback_forgets_the_seed(stocks: list[Bars], name: str) -> None:
    least, most = RECURSIVE[name]
    lookback = FEATURES[name].lookback
    assert least <= lookback <= most
    assert FEATURES[name].recursive
    for bars in stocks:
        endless = ORACLES[name](*bars)
        for start in range(7, 2000, 131):
            end = start + lookback + 200
            cold = ORACLES[name](*(x[start:end] for x in bars))
            scale = np.abs(endless[start:end]) if name in SCALES else 1.0
            error = np.abs(cold - endless[start:end]) / scale
            assert (error[lookback:] <= RELATIVE).all(), f"from bar {start}: {error[lookback:].max():.1e}"


@pytest.mark.parametrize("name", NAMES)
def test_comparison_refuses_wrong_variants(stocks: list[Bars], name: str) -> None:
    for label, mutant in MUTANTS[name].items():
        refused = 0
        for bars in stocks:
            expected = ORACLES[name](*bars)
            wrong = disagreements(name, mutant(*bars), expected, settled(name)) & ~undecided(name, bars)
            refused += int(wrong[FEATURES[name].lookback + 1 :].sum())  # not for a longer warm-up alone
        assert refused > 0, f"{name} would pass as {label}"


@pytest.mark.parametrize("name", NAMES)
def test_rounding_decides_almost_nowhere(stocks: list[Bars], name: str) -> None:
    for bars in stocks:
        assert undecided(name, bars).mean() < 0.01


OTHER_WINDOWS = {
    "ret_33": price.log_change(33),
    "dist_sma_37": trend.dist_sma(37),
    "sma_10_100": trend.sma_over_sma(10, 100),
    "sma_cross_5_60": trend.sma_cross(5, 60),
    "slope_31": trend.log_slope(31),
    "rsi_9": momentum.rsi(9),
    "cci_14": momentum.cci(14),
    "mfi_21": momentum.mfi(21),
    "aroonosc_25": momentum.aroon(25),
    "adx_10": momentum.adx(10),
    "vol_100": volatility.vol(100),
    "bb_pctb_50": volatility.bb_pctb(50),
    "maxdd_250": volatility.max_drawdown(250),
    "cmf_21": volume.chaikin(21),
    "obv_slope_10": volume.obv_slope(10),
    "z_100": reversion.log_z(100),
    "ou_halflife_120": reversion.half_life(120),
    "variance_ratio_2_126": reversion.variance_ratio(2, 126),
}


def test_other_windows_of_a_family() -> None:
    market = Market.of(load_sample(["IBM"]), list(OTHER_WINDOWS))
    for name, formula in OTHER_WINDOWS.items():
        value, expected = market.values["IBM"][name], Oracle(formula)(*market.bars["IBM"])
        lookback = feature(name).lookback
        expected = np.where(np.arange(len(expected)) < lookback, np.nan, expected)
        seeded = 2 * lookback if feature(name).recursive else 0
        wrong = disagreements(name.rstrip("0123456789_"), value, expected, seeded)
        assert not wrong.any(), complaint(name, "IBM", wrong, value, expected)
