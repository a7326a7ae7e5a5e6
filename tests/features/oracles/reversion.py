"""Reversion family: how far from the mean, and whether there is a pull back to it."""

from __future__ import annotations

import math

import numpy as np

from tests.features.oracles.windows import (
    Bars,
    Formula,
    Matrix,
    Series,
    deviations,
    log_returns,
    ratio,
    table,
    trailing,
)


def log_z(n: int, ddof: int = 0) -> Formula:
    """(ln c − mean) / σ, population σ, the current bar included."""

    def score(w: Matrix) -> Matrix:
        d = deviations(w)
        return np.asarray(ratio(d[:, -1], np.sqrt((d**2).sum(axis=1) / (n - ddof))))

    return lambda bars: trailing(np.log(bars.close), n, score)


def regress_on_past(close: Series, n: int) -> tuple[Series, Series]:
    """OLS with intercept of n increments of ln c on the level before: coefficient b and t(b)."""
    b, t = np.full(len(close), np.nan), np.full(len(close), np.nan)
    if len(close) <= n:
        return b, t
    w = np.lib.stride_tricks.sliding_window_view(np.log(close).astype(np.longdouble), n + 1)
    past, change = deviations(w[:, :-1]), deviations(np.diff(w, axis=1))
    sxx = (past**2).sum(axis=1)
    beta = ratio((past * change).sum(axis=1), sxx)
    residual = change - beta[:, None] * past
    error = np.sqrt((residual**2).sum(axis=1) / (n - 2) / np.where(sxx == 0, 1, sxx))
    b[n:], t[n:] = beta, ratio(beta, error)
    return b, t


def half_life(n: int, critical: float = -2.0) -> Formula:
    """−ln 2 / ln(1+b) where −1 < b < 0 and t(b) < −2, else NaN. Chan 2013, ch. 2."""

    def formula(bars: Bars) -> Series:
        b, t = regress_on_past(bars.close, n)
        pulls = (b > -1) & (b < 0) & (t < critical)
        return np.where(pulls, -math.log(2) / np.log1p(np.where(pulls, b, -0.5)), np.nan)

    return formula


def autocorrelation(n: int) -> Formula:
    """Pearson correlation of the n pairs (r, r[1])."""

    def pearson(w: Matrix) -> Matrix:
        now, before = deviations(w[:, 1:]), deviations(w[:, :-1])
        size = np.sqrt((now**2).sum(axis=1)) * np.sqrt((before**2).sum(axis=1))
        return np.asarray(ratio((now * before).sum(axis=1), size))

    return lambda bars: trailing(log_returns(bars.close), n + 1, pearson)


def variance_ratio(q: int, n: int, debiased: bool = True) -> Formula:
    """Var of q-bar returns over q·var of one-bar returns, overlapping. Lo, MacKinlay 1988, eq. 12-13."""
    m = q * (n - q + 1) * (1 - q / n) if debiased else float(n * q)

    def quotient(w: Matrix) -> Matrix:
        d = deviations(w)
        sums = np.lib.stride_tricks.sliding_window_view(d, q, axis=1).sum(axis=2)
        one = (d**2).sum(axis=1) / (n - 1 if debiased else n)
        return np.asarray(ratio((sums**2).sum(axis=1) / m, one))

    return lambda bars: trailing(log_returns(bars.close), n, quotient)


ORACLES = table(
    {
        "z_20": log_z(20),
        "z_60": log_z(60),
        "ou_halflife_60": half_life(60),
        "autocorr1_63": autocorrelation(63),
        "variance_ratio_5_63": variance_ratio(5, 63),
    }
)
