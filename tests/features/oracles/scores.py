"""Adaptive momentum and the three scores."""

from __future__ import annotations

import numpy as np

from tests.features.oracles.momentum import adx
from tests.features.oracles.trend import donchian, log_slope, sma_above
from tests.features.oracles.windows import (
    Bars,
    Formula,
    Matrix,
    Series,
    lag,
    log_returns,
    ratio,
    std,
    table,
    trailing,
)


def adaptive_momentum(base: int = 63, reference: int = 252, sigma_bars: int = 21) -> Formula:
    """Return over L bars ÷ (σ√L), L = clip(rint(base·σ_ref/σ), 10, 252), σ_ref the trailing median."""

    def formula(bars: Bars) -> Series:
        x, sigma = np.log(bars.close), std(log_returns(bars.close), sigma_bars, 1)
        usual = trailing(sigma, reference, lambda w: np.median(w, axis=1))
        lengths = np.clip(np.rint(base * ratio(usual, sigma)), 10, 252)
        out = np.full(len(x), np.nan)
        for t in np.flatnonzero(~np.isnan(lengths)):
            length = int(lengths[t])
            out[t] = (x[t] - x[t - length]) / (sigma[t] * np.sqrt(length))
        return out

    return formula


def momentum_score(sigma_bars: int = 21) -> Formula:
    """100·tanh of the mean of ret_21, ret_63, ret_126, each ÷ (σ_21·√n), σ per bar at close t."""

    def formula(bars: Bars) -> Series:
        sigma = std(log_returns(bars.close), sigma_bars, 1)
        parts = [ratio(np.log(bars.close / lag(bars.close, n)), sigma * np.sqrt(n)) for n in (21, 63, 126)]
        return np.asarray(100 * np.tanh(sum(parts) / 3))

    return formula


def trend_score(fast: int = 50, slow: int = 200, channel: int = 20) -> Formula:
    """25·[c>SMA50] + 25·[SMA50>SMA200] + 20·[slope>0] + 15·Donchian + 15·clip(ADX/50, 0, 1)."""

    def formula(bars: Bars) -> Series:
        above_fast = sma_above(bars.close, 1, fast)
        above_slow = sma_above(bars.close, fast, slow)
        rising = log_slope(channel)(bars)
        strength = np.clip(np.asarray(adx(14)(bars)) / 50, 0, 1)
        score = 25 * (above_fast > 0) + 25 * (above_slow > 0) + 20 * (rising > 0)
        known = ~np.isnan(above_slow)
        return np.where(known, score + 15 * donchian(channel)(bars) + 15 * strength, np.nan)

    return formula


def risk_score(n: int = 252, sigma_bars: int = 21) -> Formula:
    """100 × share of the trailing n values of vol_21 that are ≤ the current one, itself included."""

    def share(w: Matrix) -> Matrix:
        known = np.where(np.isnan(w).any(axis=1), np.nan, 1.0)
        return np.asarray(known * (w <= w[:, -1:]).mean(axis=1))

    return lambda bars: 100 * trailing(std(log_returns(bars.close), sigma_bars, 1), n, share)


ORACLES = table(
    {
        "adaptive_mom": adaptive_momentum(),
        "momentum_score": momentum_score(),
        "trend_score": trend_score(),
        "risk_score": risk_score(),
    }
)
