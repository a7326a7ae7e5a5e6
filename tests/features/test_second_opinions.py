"""The oracles that are written out here, against libraries that know the statistic by name."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.stats
import talib
from arch.unitroot import VarianceRatio
from numpy.testing import assert_allclose
from talib import MA_Type

from research.data.sample import load_sample
from tests.features.oracles import ORACLES
from tests.features.oracles.tables import own_bars
from tests.features.oracles.windows import Bars, Series

INSTANTS = range(300, 3200, 137)


@pytest.fixture(scope="module")
def bars() -> Bars:
    return own_bars(load_sample(["MSFT"]))["MSFT"]


def oracle(name: str, bars: Bars) -> Series:
    return ORACLES[name](*bars)


def test_rsi_is_talibs(bars: Bars) -> None:
    for n in (2, 14):
        assert_allclose(oracle(f"rsi_{n}", bars), talib.RSI(bars.close, n), rtol=1e-11, atol=1e-11)


def test_directional_movement_is_talibs(bars: Bars) -> None:
    hlc = bars.high, bars.low, bars.close
    # TA-Lib's first sums are of 13 moves: compared where that is forgotten.
    assert_allclose(oracle("adx_14", bars)[600:], talib.ADX(*hlc, 14)[600:], rtol=1e-11)
    expected = talib.PLUS_DI(*hlc, 14) - talib.MINUS_DI(*hlc, 14)
    assert_allclose(oracle("di_diff_14", bars)[600:], expected[600:], rtol=1e-11, atol=1e-11)


def test_windows_of_talib(bars: Bars) -> None:
    h, low, c, v = bars.high, bars.low, bars.close, bars.volume
    upper, middle, lower = talib.BBANDS(c, 20, 2, 2, MA_Type.SMA)
    for name, expected in {
        "cci_20": talib.CCI(h, low, c, 20),
        "mfi_14": talib.MFI(h, low, c, v, 14),
        "aroonosc_14": talib.AROONOSC(h, low, 14),
        "bb_width_20": (upper - lower) / middle,
        "bb_pctb_20": (c - lower) / (upper - lower),
        "dist_sma_50": c / talib.SMA(c, 50) - 1,
        "slope_20": talib.LINEARREG_SLOPE(np.log(c), 20),
        "hi_dist_20": c / talib.MAX(h, 20) - 1,
        "lo_dist_20": c / talib.MIN(low, 20) - 1,
        "volume_ratio_20": v / talib.SMA(v, 20),
    }.items():
        # TA-Lib carries running sums: its windows drift by more than the last bit.
        drift = np.isnan(expected) | np.isclose(oracle(name, bars), expected, rtol=1e-7, atol=1e-9)
        assert drift.mean() > 0.99 if name == "mfi_14" else drift.all(), name  # ties of typical prices


def test_obv_slope_is_talibs_on_talibs_obv(bars: Bars) -> None:
    slope = talib.LINEARREG_SLOPE(talib.OBV(bars.close, bars.volume), 20) / talib.SMA(bars.volume, 20)
    assert_allclose(oracle("obv_slope_20", bars)[20:], slope[20:], atol=1e-9)


def test_volatility_is_polars(bars: Bars) -> None:
    r = pl.Series(bars.close).log().diff()
    for n in (10, 21, 63):
        expected = (r.rolling_std(n, ddof=1) * 252**0.5).to_numpy()
        assert_allclose(oracle(f"vol_{n}", bars), expected, rtol=1e-9)


def test_ewma_is_pandas(bars: Bars) -> None:
    r = pd.Series(np.diff(np.log(bars.close)))
    expected = np.sqrt(252 * (r**2).ewm(span=60, adjust=False).mean()).to_numpy()
    assert_allclose(oracle("ewma_vol_60", bars)[1:], expected, rtol=1e-12)


def test_percentile_is_pandas_rank(bars: Bars) -> None:
    rank = pd.Series(oracle("vol_21", bars)).rolling(252).rank(method="max", pct=True)
    assert_allclose(oracle("risk_score", bars), 100 * rank.to_numpy(), rtol=1e-12)


def test_drawdown_is_pandas(bars: Bars) -> None:
    close = pd.Series(bars.close)
    expected = [(w / w.cummax() - 1).min() for w in (close[t - 62 : t + 1] for t in INSTANTS)]
    assert_allclose(oracle("maxdd_63", bars)[list(INSTANTS)], expected, rtol=1e-12)


@pytest.mark.parametrize("t", INSTANTS)
def test_statistics_are_scipys_and_archs(bars: Bars, t: int) -> None:
    x = np.log(bars.close)
    r = np.diff(x[t - 64 : t + 1])
    assert_allclose(oracle("skew_63", bars)[t], scipy.stats.skew(r[1:]), rtol=1e-10)
    assert_allclose(oracle("autocorr1_63", bars)[t], scipy.stats.pearsonr(r[1:], r[:-1])[0], rtol=1e-9)
    assert_allclose(oracle("z_20", bars)[t], scipy.stats.zscore(x[t - 19 : t + 1])[-1], rtol=1e-10)
    dollars = (bars.close * bars.volume)[t - 19 : t + 1]
    assert_allclose(oracle("dollar_vol_z20", bars)[t], scipy.stats.zscore(dollars)[-1], rtol=1e-10)
    assert_allclose(oracle("variance_ratio_5_63", bars)[t], VarianceRatio(x[t - 63 : t + 1], 5).vr, rtol=1e-9)
    line = scipy.stats.linregress(np.arange(20), x[t - 19 : t + 1])
    assert_allclose(oracle("r2_20", bars)[t], line.rvalue**2, rtol=1e-9)


@pytest.mark.parametrize("t", INSTANTS)
def test_half_life_is_scipys_regression(bars: Bars, t: int) -> None:
    x = np.log(bars.close)[t - 60 : t + 1]
    fit = scipy.stats.linregress(x[:-1], np.diff(x))
    pulls = -1 < fit.slope < 0 and fit.slope / fit.stderr < -2
    expected = -np.log(2) / np.log(1 + fit.slope) if pulls else np.nan
    assert_allclose(oracle("ou_halflife_60", bars)[t], expected, rtol=1e-9)


@pytest.mark.parametrize("t", INSTANTS)
def test_adaptive_momentum_in_plain_python(bars: Bars, t: int) -> None:
    x = np.log(bars.close)
    sigma = {s: float(np.std(np.diff(x[s - 21 : s + 1]), ddof=1)) for s in range(t - 251, t + 1)}
    length = min(max(round(63 * float(np.median(list(sigma.values()))) / sigma[t]), 10), 252)
    expected = (x[t] - x[t - length]) / (sigma[t] * length**0.5)
    assert_allclose(oracle("adaptive_mom", bars)[t], expected, rtol=1e-9)
