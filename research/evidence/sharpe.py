"""How far a Sharpe ratio can be told from luck: probabilistic and deflated, and how long a record must be.

In: the moments of a return series (`evidence.moments`). Out: probabilities and lengths. Every Sharpe ratio
in here is *per period* (a daily one of 0.1 is an annual one of 0.1·√252 = 1.59), kurtosis is raw (a normal
one is 3), and every probability names its convention:

``2014``
    Bailey & López de Prado, "The Sharpe ratio efficient frontier" (2012) and "The deflated Sharpe ratio"
    (2014): the standard error is that of the observed ratio, returns are independent, T − 1.
``2025``
    López de Prado, Lipton & Zoonekynd, "How to use the Sharpe ratio" (2025): the standard error is that under
    the hypothesis, SR0, returns may be autocorrelated AR(1), T. Its further step, the smaller variance of a
    maximum of K ratios, is not taken here, which is the cautious side above SR0.

They differ a lot on skewed returns: 0.913 and 0.987 on the papers' own case. What its data cannot say is NaN.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Literal, NamedTuple, get_args

from research.errors import BadValue

__all__ = [
    "Convention",
    "SharpeTest",
    "deflated_sharpe",
    "expected_maximum",
    "min_backtest_years",
    "min_track_record",
    "probabilistic_sharpe",
]

Convention = Literal["2014", "2025"]

_NORMAL = NormalDist()
_EULER = 0.5772156649015329


class SharpeTest(NamedTuple):
    """A probability that the true Sharpe ratio is above `benchmark`, and the convention it follows."""

    probability: float
    benchmark: float
    convention: Convention


def _variance(
    sharpe: float, skewness: float, kurtosis: float, autocorrelation: float, convention: Convention
) -> float:
    """Variance of an estimated Sharpe ratio × T, where the true one is `sharpe`."""
    if convention not in get_args(Convention):
        raise BadValue(f"`convention` must be one of {', '.join(get_args(Convention))}, was {convention!r}")
    if kurtosis < 1.0 + skewness * skewness - 1e-9:
        raise BadValue(
            f"`kurtosis` must be raw, so ≥ 1 + skewness² = {1.0 + skewness * skewness:g}, was {kurtosis:g}; "
            "add 3 to an excess kurtosis"
        )
    if abs(autocorrelation) >= 1.0:
        raise BadValue(f"`autocorrelation` must be above -1 and below 1, was {autocorrelation:g}")
    rho = 0.0 if convention == "2014" else autocorrelation
    once, twice = rho / (1.0 - rho), rho * rho / (1.0 - rho * rho)
    return (
        (1.0 + 2.0 * once)
        - (1.0 + once + twice) * skewness * sharpe
        + (1.0 + 2.0 * twice) * (kurtosis - 1.0) / 4.0 * sharpe * sharpe
    )


def probabilistic_sharpe(
    sharpe: float,
    benchmark: float,
    periods: float,
    *,
    skewness: float = 0.0,
    kurtosis: float = 3.0,
    autocorrelation: float = 0.0,
    convention: Convention = "2014",
) -> SharpeTest:
    """Return the probability that the true Sharpe ratio is above a benchmark.

    Parameters
    ----------
    sharpe, benchmark : float
        Observed and hypothetical ratio, per period.
    periods : float
        T, number of returns.
    skewness, kurtosis : float
        Of the returns; kurtosis raw, 3 for normal ones.
    autocorrelation : float
        At lag 1. "2014" takes returns as independent and does not read it.
    convention : {"2014", "2025"}

    Returns
    -------
    SharpeTest
        NaN probability where a moment is NaN.

    Raises
    ------
    BadValue
        T < 2, an excess kurtosis given for a raw one, |autocorrelation| ≥ 1, another convention.

    Examples
    --------
    >>> round(probabilistic_sharpe(0.1, 0.0, 252).probability, 4)
    0.943
    """
    if not periods >= 2.0:
        raise BadValue(f"`periods` must be ≥ 2, was {periods:g}; a Sharpe ratio needs two returns")
    at, count = (sharpe, periods - 1.0) if convention == "2014" else (benchmark, periods)
    variance = _variance(at, skewness, kurtosis, autocorrelation, convention)
    score = (sharpe - benchmark) * math.sqrt(count) / math.sqrt(variance) if variance > 0.0 else math.nan
    return SharpeTest(math.nan if math.isnan(score) else _NORMAL.cdf(score), benchmark, convention)


def expected_maximum(trials: float) -> float:
    """Return the expected maximum of `trials` independent standard normals.

    Parameters
    ----------
    trials : float
        N ≥ 1, whole or effective.

    Returns
    -------
    float
        (1−γ)·Φ⁻¹(1−1/N) + γ·Φ⁻¹(1−1/(N·e)) (Bailey & López de Prado 2014), but never below 0: below
        N = 1.4 the approximation would say that the best of one or two is worse than any.

    Examples
    --------
    >>> round(expected_maximum(100), 6)
    2.530603
    """
    if not trials >= 1.0:
        raise BadValue(f"`trials` must be ≥ 1, was {trials:g}; count every cell that was ever run")
    if trials == 1.0:
        return 0.0
    # Φ⁻¹(1−x) = −Φ⁻¹(x), which keeps its digits for millions of trials.
    first, second = _NORMAL.inv_cdf(1.0 / trials), _NORMAL.inv_cdf(1.0 / (trials * math.e))
    return max(0.0, -(1.0 - _EULER) * first - _EULER * second)


def deflated_sharpe(
    sharpe: float,
    variance: float,
    trials: float,
    periods: float,
    *,
    skewness: float = 0.0,
    kurtosis: float = 3.0,
    autocorrelation: float = 0.0,
    convention: Convention = "2014",
) -> SharpeTest:
    """Return the probability that the true Sharpe ratio beats the expected best of so many trials.

    Parameters
    ----------
    sharpe : float
        Of the chosen cell, per period.
    variance : float
        Of the Sharpe ratios, per period, over all trials.
    trials : float
        Every cell ever run, or better the effective number of independent ones.
    periods, skewness, kurtosis, autocorrelation, convention
        As of `probabilistic_sharpe`.

    Returns
    -------
    SharpeTest
        Its `benchmark` is SR0 = √variance · E[max of N].

    Examples
    --------
    >>> found = deflated_sharpe(0.158, 0.002, 100, 1250, skewness=-3, kurtosis=10)
    >>> round(found.benchmark, 4), found.convention
    (0.1132, '2014')
    """
    if not variance >= 0.0:
        raise BadValue(f"`variance` of the Sharpe ratios must be ≥ 0, was {variance:g}")
    return probabilistic_sharpe(
        sharpe,
        math.sqrt(variance) * expected_maximum(trials),
        periods,
        skewness=skewness,
        kurtosis=kurtosis,
        autocorrelation=autocorrelation,
        convention=convention,
    )


def min_track_record(
    sharpe: float,
    benchmark: float = 0.0,
    *,
    skewness: float = 0.0,
    kurtosis: float = 3.0,
    autocorrelation: float = 0.0,
    confidence: float = 0.95,
    convention: Convention = "2014",
) -> float:
    """Return how many periods are needed to tell a Sharpe ratio from a benchmark.

    Returns
    -------
    float
        Periods; infinite where `sharpe` is not above `benchmark`, NaN where a moment is NaN.

    Examples
    --------
    >>> round(min_track_record(2 / 250**0.5, 1 / 250**0.5) / 250, 6)  # annual 2 against 1, in years
    2.731188
    """
    if not 0.5 < confidence < 1.0:
        raise BadValue(f"`confidence` must be above 0.5 and below 1, was {confidence:g}")
    if math.isnan(sharpe) or math.isnan(benchmark):
        return math.nan
    if sharpe <= benchmark:
        return math.inf
    at = sharpe if convention == "2014" else benchmark
    variance = _variance(at, skewness, kurtosis, autocorrelation, convention)
    more = variance * (_NORMAL.inv_cdf(confidence) / (sharpe - benchmark)) ** 2
    return more + (1.0 if convention == "2014" else 0.0)


def min_backtest_years(trials: float, target: float = 1.0) -> float:
    """Return the years below which the best of so many worthless trials is expected to reach `target`.

    Parameters
    ----------
    trials : float
    target : float
        Annual Sharpe ratio.

    Returns
    -------
    float
        (E[max of N] / target)² (Bailey, Borwein, López de Prado & Zhu 2014, "Pseudo-mathematics and
        financial charlatanism").

    Examples
    --------
    >>> round(min_backtest_years(45), 2)
    5.0
    """
    if not target > 0.0:
        raise BadValue(f"`target` must be an annual Sharpe ratio above 0, was {target:g}")
    return (expected_maximum(trials) / target) ** 2
