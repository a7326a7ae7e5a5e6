"""Bars that each feature needs before its first value, typed from the design."""

from __future__ import annotations

import math

__all__ = ["RECURSIVE", "WINDOW"]

WINDOW: dict[str, int] = {
    **{f"ret_{n}": n for n in (1, 2, 5, 10, 21, 63, 126, 252)},
    "mom_12_1": 252,
    "gap": 1,
    "intraday": 0,
    "clv": 0,
    "range_pct": 0,
    "body": 0,
    "dist_sma_5": 4,
    "dist_sma_10": 9,
    "dist_sma_20": 19,
    "dist_sma_50": 49,
    "dist_sma_200": 199,
    "sma_20_50": 49,
    "sma_50_200": 199,
    "slope_20": 19,
    "r2_20": 19,
    "sma_cross_20_50": 50,
    "hi_dist_20": 19,
    "lo_dist_20": 19,
    "donchian_pos_20": 19,
    "hi_dist_252": 251,
    "stoch_k": 15,
    "stoch_d": 17,
    "willr_14": 13,
    "roc_10": 10,
    "roc_20": 20,
    "cci_20": 19,
    "cmo_14": 14,
    "mfi_14": 14,
    "aroonosc_14": 14,
    "er_10": 10,
    "vol_10": 10,
    "vol_21": 21,
    "vol_63": 63,
    "parkinson": 20,
    "garman_klass": 20,
    "rogers_satchell": 20,
    "yang_zhang_21": 21,
    "bb_width_20": 19,
    "bb_pctb_20": 19,
    "vol_ratio_10_63": 63,
    "downside_vol_21": 21,
    "skew_63": 63,
    "maxdd_63": 62,
    "volume_ratio_20": 19,
    "volume_trend": 19,
    "obv_flow_20": 20,
    "obv_slope_20": 20,
    "cmf_20": 19,
    "dollar_vol_z20": 19,
    "amihud_21": 21,
    "vwap_dist_20": 19,
    "z_20": 19,
    "z_60": 59,
    "ou_halflife_60": 60,
    "autocorr1_63": 64,
    "variance_ratio_5_63": 63,
    # 21 returns for σ, then 252 of those: 21 + 251.
    "adaptive_mom": 272,
    "momentum_score": 126,
    "risk_score": 272,
}


def forgotten(keep: float, stages: int = 1) -> int:
    """Bars until what came before weighs ≤ 1e-9 in `stages` exponential averages in a row.

    After t bars that weight is the chance of fewer than `stages` successes in t trials of 1 − keep:
    Σ_{k<stages} C(t,k) (1−keep)^k keep^(t−k).
    """
    t = stages
    while sum(math.comb(t, k) * (1 - keep) ** k * keep ** (t - k) for k in range(stages)) > 1e-9:
        t += 1
    return t


def between(least: int) -> tuple[int, int]:
    """At least the bars that forget a seed of today's size, at most those that forget a panic's."""
    return least, least + 2 * least // 3 + 20


# The design's rule is the error, ≤ 1e-9 against an endless history, and its four numbers are what forgets
# a seed that was off by the size of today's value. Seeds are worse than that: started anywhere in the
# sample, RSI 14 is still 4e-7 points off at bar 280 and EMA 50 3e-9 at 518. So those numbers are the
# least, and the rule itself is tested.
RECURSIVE: dict[str, tuple[int, int]] = {
    "rsi_2": between(forgotten(1 / 2)),
    "rsi_14": between(280),
    "atr_pct_14": between(280),
    "di_diff_14": between(280),
    "adx_14": between(forgotten(13 / 14, stages=2)),
    "trend_score": between(forgotten(13 / 14, stages=2)),
    "dist_ema_12": between(forgotten(11 / 13)),
    "dist_ema_26": between(270),
    "dist_ema_50": between(518),
    "macd_line": between(270),
    "macd_signal": between(270),
    "macd_hist": between(270),
    "trix_15": between(forgotten(14 / 16, stages=3)),
    "ewma_vol_60": between(forgotten(59 / 61)),
}
