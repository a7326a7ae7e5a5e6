"""Volume family. A window without any volume leaves its quotients undefined."""

from __future__ import annotations

import numpy as np

from tests.features.oracles.price import clv
from tests.features.oracles.windows import (
    Bars,
    Formula,
    Series,
    lag,
    line_slope,
    log_returns,
    mean,
    ratio,
    std,
    table,
    total,
    trailing,
    typical,
)


def volume_ratio(n: int) -> Formula:
    """v / SMA(v), the current bar included."""
    return lambda bars: np.asarray(ratio(bars.volume, mean(bars.volume, n)))


def volume_trend(fast: int, slow: int) -> Formula:
    """SMA fast of volume / SMA slow − 1."""
    return lambda bars: np.asarray(ratio(mean(bars.volume, fast), mean(bars.volume, slow)) - 1)


def signed_volume(bars: Bars) -> Series:
    """Volume with the sign of the close's change. Granville 1963."""
    return np.sign(bars.close - lag(bars.close, 1)) * bars.volume


def obv_flow(n: int) -> Formula:
    """Σ signed volume / Σ volume."""
    return lambda bars: np.asarray(ratio(total(signed_volume(bars), n), total(bars.volume, n)))


def obv_slope(n: int) -> Formula:
    """Least-squares slope of n points of on-balance volume ÷ the mean volume of those bars."""

    def formula(bars: Bars) -> Series:
        # On-balance volume has no origin: each window sums its own, so that no old volume drowns it.
        rise = trailing(signed_volume(bars), n, lambda w: line_slope(np.cumsum(w, axis=1)))
        return np.asarray(ratio(rise, mean(bars.volume, n)))

    return formula


def chaikin(n: int) -> Formula:
    """Σ clv·v / Σ v. Chaikin money flow."""
    return lambda bars: np.asarray(ratio(total(clv(bars) * bars.volume, n), total(bars.volume, n)))


def dollar_volume_z(n: int, ddof: int = 0) -> Formula:
    """Standard score of c·v in its own window."""

    def formula(bars: Bars) -> Series:
        dollars = bars.close * bars.volume
        above = trailing(dollars, n, lambda w: (w[:, -1:] - w).mean(axis=1))
        return np.asarray(ratio(above, std(dollars, n, ddof)))

    return formula


def amihud(n: int) -> Formula:
    """10⁶ · mean of |r| / dollar volume over the bars that traded. Amihud 2002, eq. 1."""

    def formula(bars: Bars) -> Series:
        dollars = bars.close * bars.volume
        price_of_volume = ratio(np.abs(log_returns(bars.close)), dollars)
        traded = np.where(np.arange(len(dollars)) == 0, np.nan, dollars > 0)
        cost = np.where(traded == 0, 0.0, price_of_volume)
        return np.asarray(1e6 * ratio(total(cost, n), total(traded, n)))

    return formula


def vwap_dist(n: int) -> Formula:
    """c / (Σ typical price·v / Σ v) − 1."""

    def formula(bars: Bars) -> Series:
        vwap = ratio(total(typical(bars) * bars.volume, n), total(bars.volume, n))
        return np.asarray(bars.close / vwap - 1)

    return formula


ORACLES = table(
    {
        "volume_ratio_20": volume_ratio(20),
        "volume_trend": volume_trend(5, 20),
        "obv_flow_20": obv_flow(20),
        "obv_slope_20": obv_slope(20),
        "cmf_20": chaikin(20),
        "dollar_vol_z20": dollar_volume_z(20),
        "amihud_21": amihud(21),
        "vwap_dist_20": vwap_dist(20),
    }
)
