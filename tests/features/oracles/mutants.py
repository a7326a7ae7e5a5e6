"""Wrong variants of each feature: what the comparison must be able to refuse.

A tolerance that accepts a window of n + 1, the other ddof or the other convention of the
literature would prove nothing. Each feature has at least one mutant, an honest computation of
something else.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import talib

from tests.features.oracles import momentum, price, reversion, scores, trend, volatility, volume
from tests.features.oracles.windows import (
    Bars,
    Formula,
    Oracle,
    Series,
    lag,
    log_returns,
    mean,
    ratio,
    slope,
    std,
    total,
    trailing,
)

__all__ = ["MUTANTS"]


def on_close(change: Callable[[Series], Series], formula: Formula) -> Formula:
    """`formula` on bars whose close is replaced."""
    return lambda bars: formula(bars._replace(close=change(bars.close)))


def yesterday(formula: Formula) -> Formula:
    """The right value, one bar late."""
    return lambda bars: lag(np.asarray(formula(bars), dtype=np.float64), 1)


def channel_of_closes(formula: Formula) -> Formula:
    """`formula` with closes in place of highs and lows."""
    return lambda bars: formula(bars._replace(high=bars.close, low=bars.close))


def centred_ewma(bars: Bars) -> Series:
    """EWMA volatility around the exponential mean instead of 0."""
    r = log_returns(bars.close)[1:]
    m1, m2 = talib.EMA(r, 60), talib.EMA(r**2, 60)
    return np.concatenate([[np.nan], np.sqrt(252 * (m2 - m1**2))])


def common_mean_autocorrelation(bars: Bars) -> Series:
    """Lag-1 autocorrelation with one mean and one variance for both sides, as an ACF has it."""
    r = log_returns(bars.close)

    def acf(w):
        d = w - w.mean(axis=1, keepdims=True)
        return (d[:, 1:] * d[:, :-1]).sum(axis=1) / (d**2).sum(axis=1)

    return trailing(r, 64, acf)


def strict_percentile(bars: Bars) -> Series:
    """Share of the window strictly below today's."""
    sigma = std(log_returns(bars.close), 21, 1)
    return 100 * trailing(sigma, 252, lambda w: (w < w[:, -1:]).mean(axis=1) + 0 * w.sum(axis=1))


def simple_amihud(bars: Bars) -> Series:
    """Amihud with simple returns."""
    dollars = bars.close * bars.volume
    return 1e6 * mean(np.abs(np.expm1(log_returns(bars.close))) / dollars, 21)


def log_dollar_z(bars: Bars) -> Series:
    """Standard score of the logarithm of dollar volume."""
    x = np.log(bars.close * bars.volume)
    return np.asarray(ratio(x - mean(x, 20), std(x, 20, 0)))


def obv_from_the_window(bars: Bars) -> Series:
    """OBV slope over 21 points."""
    obv = np.nancumsum(volume.signed_volume(bars))
    return np.asarray(ratio(slope(obv, 21), mean(bars.volume, 20)))


_FORMULAS: dict[str, dict[str, Formula]] = {
    **{f"ret_{n}": {"n + 1": price.log_change(n + 1)} for n in (1, 2, 5, 10, 21, 63, 126, 252)},
    "mom_12_1": {"skips 20": price.momentum(252, 20), "no skip": price.log_change(252)},
    "gap": {"simple": lambda b: b.open / lag(b.close, 1) - 1},
    "intraday": {"simple": lambda b: b.close / b.open - 1},
    "clv": {"stochastic": lambda b: price.per_range(b.close - b.low, b)},
    "range_pct": {"over low": lambda b: (b.high - b.low) / b.low, "log": lambda b: np.log(b.high / b.low)},
    "body": {"absolute": lambda b: price.per_range(np.abs(b.close - b.open), b)},
    **{f"dist_sma_{n}": {"n + 1": trend.dist_sma(n + 1)} for n in (5, 10, 20, 50, 200)},
    **{f"dist_ema_{n}": {"n + 1": trend.dist_ema(n + 1)} for n in (12, 26, 50)},
    "sma_20_50": {"21": trend.sma_over_sma(21, 50), "51": trend.sma_over_sma(20, 51)},
    "sma_50_200": {"51": trend.sma_over_sma(51, 200), "201": trend.sma_over_sma(50, 201)},
    "sma_cross_20_50": {"21": trend.sma_cross(21, 50), "late": yesterday(trend.sma_cross(20, 50))},
    "slope_20": {"21": trend.log_slope(21), "of c": lambda b: slope(b.close, 20)},
    "r2_20": {
        "21": trend.r_squared(21),
        "of c": lambda b: talib.CORREL(b.close, np.arange(len(b.close), dtype=np.float64), 20) ** 2,
    },
    "hi_dist_20": {"21": trend.hi_dist(21), "closes": channel_of_closes(trend.hi_dist(20))},
    "lo_dist_20": {"21": trend.lo_dist(21), "closes": channel_of_closes(trend.lo_dist(20))},
    "hi_dist_252": {"253": trend.hi_dist(253), "closes": channel_of_closes(trend.hi_dist(252))},
    "donchian_pos_20": {"21": trend.donchian(21), "closes": channel_of_closes(trend.donchian(20))},
    "rsi_2": {"3": momentum.rsi(3)},
    "rsi_14": {"15": momentum.rsi(15), "of ln c": on_close(np.log, momentum.rsi(14))},
    "macd_line": {"27": lambda b: talib.MACD(b.close, 12, 27, 9)[0] / b.close},
    "macd_signal": {
        "10": lambda b: talib.MACD(b.close, 12, 26, 10)[1] / b.close,
        "of the ratio": lambda b: talib.EMA(talib.MACD(b.close, 12, 26, 9)[0] / b.close, 9),
    },
    "macd_hist": {"10": lambda b: talib.MACD(b.close, 12, 26, 10)[2] / b.close},
    "stoch_k": {"fast": momentum.stochastic(0, smooth=1), "15": momentum.stochastic(0, 15)},
    "stoch_d": {"%K": momentum.stochastic(0), "15": momentum.stochastic(1, 15)},
    "willr_14": {"15": momentum.williams_r(15), "closes": channel_of_closes(momentum.williams_r(14))},
    "roc_10": {"11": lambda b: talib.ROC(b.close, 11), "log": lambda b: 100 * price.log_change(10)(b)},
    "roc_20": {"21": lambda b: talib.ROC(b.close, 21), "log": lambda b: 100 * price.log_change(20)(b)},
    "cci_20": {"21": momentum.cci(21), "closes": channel_of_closes(momentum.cci(20))},
    "cmo_14": {"15": momentum.cmo(15), "Wilder": lambda b: talib.CMO(b.close, 14)},
    "mfi_14": {"15": momentum.mfi(15), "closes": channel_of_closes(momentum.mfi(14))},
    "aroonosc_14": {"n bars": momentum.aroon(13), "15": momentum.aroon(15)},
    "adx_14": {
        "15": momentum.adx(15),
        "DX": lambda b: talib.DX(b.high, b.low, b.close, 14),
    },
    "di_diff_14": {"15": momentum.di_diff(15)},
    "trix_15": {
        "16": lambda b: talib.TRIX(b.close, 16),
        "of ln c": on_close(np.log, lambda b: talib.TRIX(b.close, 15)),
    },
    "er_10": {"11": momentum.efficiency(11), "of ln c": on_close(np.log, momentum.efficiency(10))},
    "atr_pct_14": {
        "15": lambda b: talib.ATR(b.high, b.low, b.close, 15) / b.close,
        "average of ratios": lambda b: talib.SMA(talib.TRANGE(b.high, b.low, b.close), 14) / b.close,
    },
    **{f"vol_{n}": {"n + 1": volatility.vol(n + 1), "ddof 0": volatility.vol(n, 0)} for n in (10, 21, 63)},
    "parkinson": {"22": volatility.parkinson(22)},
    "garman_klass": {"22": volatility.garman_klass(22)},
    "rogers_satchell": {"22": volatility.rogers_satchell(22)},
    "yang_zhang_21": {
        "22": volatility.yang_zhang(22),
        "ddof 0": volatility.yang_zhang(21, ddof=0),
        "α 1.35": volatility.yang_zhang(21, alpha=1.35),
    },
    "bb_width_20": {"21": volatility.bb_width(21), "ddof 1": volatility.bb_width(20, 1)},
    "bb_pctb_20": {"21": volatility.bb_pctb(21), "ddof 1": volatility.bb_pctb(20, 1)},
    "vol_ratio_10_63": {"64": volatility.vol_ratio(10, 64), "ddof 0": volatility.vol_ratio(10, 63, 0)},
    "ewma_vol_60": {
        "61": volatility.ewma_vol(2 / 62),
        "centre of mass 60": volatility.ewma_vol(1 / 61),
        "half-life 60": volatility.ewma_vol(1 - 0.5 ** (1 / 60)),
        "centred": centred_ewma,
    },
    "downside_vol_21": {"22": volatility.downside_vol(22)},
    "skew_63": {"64": volatility.skewness(64), "adjusted": volatility.skewness(63, bias=False)},
    "maxdd_63": {"64": volatility.max_drawdown(64), "positive": lambda b: -volatility.max_drawdown(63)(b)},
    "volume_ratio_20": {
        "21": volume.volume_ratio(21),
        "earlier bars": lambda b: b.volume / lag(mean(b.volume, 20), 1),
    },
    "volume_trend": {"6": volume.volume_trend(6, 20), "21": volume.volume_trend(5, 21)},
    "obv_flow_20": {"21": volume.obv_flow(21)},
    "obv_slope_20": {"21": volume.obv_slope(21), "21 points": obv_from_the_window},
    "cmf_20": {"21": volume.chaikin(21)},
    "dollar_vol_z20": {
        "21": volume.dollar_volume_z(21),
        "ddof 1": volume.dollar_volume_z(20, 1),
        "log": log_dollar_z,
    },
    "amihud_21": {"22": volume.amihud(22), "simple returns": simple_amihud},
    "vwap_dist_20": {
        "21": volume.vwap_dist(21),
        "of closes": lambda b: b.close / (total(b.close * b.volume, 20) / total(b.volume, 20)) - 1,
    },
    "z_20": {
        "21": reversion.log_z(21),
        "ddof 1": reversion.log_z(20, 1),
        "of c": on_close(lambda c: np.exp(c / 1000), reversion.log_z(20)),
    },
    "z_60": {"61": reversion.log_z(61), "ddof 1": reversion.log_z(60, 1)},
    "ou_halflife_60": {"61": reversion.half_life(61), "t < −1.9": reversion.half_life(60, -1.9)},
    "autocorr1_63": {"64": reversion.autocorrelation(64), "common mean": common_mean_autocorrelation},
    "variance_ratio_5_63": {
        "64": reversion.variance_ratio(5, 64),
        "6": reversion.variance_ratio(6, 63),
        "biased": reversion.variance_ratio(5, 63, debiased=False),
    },
    "adaptive_mom": {"64": scores.adaptive_momentum(64), "253": scores.adaptive_momentum(63, 253)},
    "trend_score": {
        "51": scores.trend_score(51),
        "201": scores.trend_score(50, 201),
        "21": scores.trend_score(channel=21),
    },
    "momentum_score": {"σ of 22": scores.momentum_score(22)},
    "risk_score": {
        "253": scores.risk_score(253),
        "σ of 22": scores.risk_score(252, 22),
        "strictly below": strict_percentile,
    },
}

MUTANTS: dict[str, dict[str, Oracle]] = {
    name: {label: Oracle(formula) for label, formula in mutants.items()}
    for name, mutants in _FORMULAS.items()
}
