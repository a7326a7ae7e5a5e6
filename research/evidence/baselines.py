"""What a strategy with a model is held against, and how likely luck alone did as well.

In: a backtest of a strategy with a model. Out: figures of simpler ways to trade the same bars at the same
costs, and the p-value of a null in which its positions have nothing to do with the returns.

- *Always up*: every candidate that trend and momentum let through is taken; the model says yes to all.
- *Equal weight*: the plain mean of the learners in the place of the adaptive mixture, calibrated alike.
- *Logistic regression*: the only learner, on the same rows, retrained on the same schedule.
- *Old crossover*: `ma_crossover`, which has no model.
- *Hold at its exposure*: buy and hold, scaled to the strategy's mean exposure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from research.data.panel import Panel
from research.engine import Alter
from research.errors import BadValue
from research.evidence.metrics import equity_stats
from research.evidence.voices import instead, learning_of, said_by, spoken_by, voice
from research.kernels import account as ac
from research.kernels import belief as be
from research.request import Request
from research.simulation.backtest import BacktestResult, again, backtest

__all__ = ["Null", "baselines", "shift_null", "shift_null_of"]

F64 = NDArray[np.float64]
Told = Callable[[str], None]
SHIFTS = 1000
_FEWEST_BARS = 3  # two returns have a deviation, a third can be elsewhere


@dataclass(frozen=True)
class Null:
    """A strategy's Sharpe ratio among those of its own positions at other times.

    Attributes
    ----------
    p_value : float
        (1 + shifts at least as good) ÷ (1 + shifts); NaN where it held nothing, or for too few bars.
    sharpe : float
        Per bar, before costs: positions held at a close times the returns to the next one.
    shifts : int
    """

    p_value: float
    sharpe: float
    shifts: int


def baselines(
    result: BacktestResult, bars: pl.DataFrame, *, told: Told | None = None
) -> dict[str, Mapping[str, float]]:
    """Return the figures of every baseline, as `BacktestResult.stats` has them.

    Parameters
    ----------
    result : BacktestResult
        Of a strategy with a model.
    bars : DataFrame
        The bar table that it was run on.
    told : callable, optional
        Given the name of each baseline before it is run.

    Returns
    -------
    dict of str to mapping
        By name, in the order in which they are shown.

    Raises
    ------
    BadValue
        The strategy has no model.
    """
    spoken_by(result)
    say = told or (lambda _: None)
    found: dict[str, Mapping[str, float]] = {}
    say("always up")
    found["always up"] = again(result, always_up(result)).stats
    say("equal weight")
    mean = voice(result, said_by(result, "equal_weight"), calibrated=True)
    found["equal weight"] = again(result, instead(mean)).stats
    say("logistic regression")
    alone = replace(learning_of(result), learners=("logistic_regression",), tuning={}, importance=False)
    found["logistic regression"] = backtest(replace(result.request, learning=alone), bars).stats
    say("old crossover")
    found["old crossover"] = backtest(crossover(result.request), bars).stats
    found["hold at its exposure"] = held_at(result)
    return found


def always_up(result: BacktestResult) -> Alter:
    """Return the words of a model that is sure of every trade it is asked about."""
    said = np.full(spoken_by(result).predictions.shape[1:], 1.0)
    sure = voice(result, said, calibrated=False)
    sure[be.CONFIDENCE] = np.where(np.isnan(sure[be.PROBABILITY]), np.nan, 1.0)
    return instead(sure)


def crossover(request: Request) -> Request:
    """Return the old rule on the same bars, account and costs."""
    kept = {name: value for name, value in request.params.items() if name in {"max_weight", "bars_per_year"}}
    return replace(request, strategy="ma_crossover", params=kept, learning=None)


def held_at(result: BacktestResult) -> dict[str, float]:
    """Return the figures of buy and hold, each of whose returns counts by the strategy's mean exposure."""
    capital = result.request.initial_capital
    exposure = result.stats["exposure"]
    held = np.concatenate(([capital], result.equity["buy_and_hold"].to_numpy()))
    returns = exposure * (held[1:] / held[:-1] - 1.0)
    equity = np.asarray(capital * np.cumprod(1.0 + returns), dtype=np.float64)
    stats = equity_stats(equity, capital, result.prepared.bars_per_year)
    return {**stats, "exposure": exposure}


def shift_null(result: BacktestResult, *, shifts: int = SHIFTS, seed: int = 0) -> Null:
    """Hold a backtest against its own positions, shifted in time.

    Parameters
    ----------
    result : BacktestResult
    shifts : int
    seed : int

    Returns
    -------
    Null
        NaN where fewer than four bars were traded: there is nothing to shift.
    """
    run, begin = result.run, result.prepared.trade_from
    if run is None:
        raise BadValue(f"this backtest of {result.request.strategy} holds no run to shift; run it anew")
    panel = run.panel
    shares = run.decided[:, begin:, ac.I_HELD]
    value = np.where(shares == 0.0, 0.0, shares * panel.close[begin:].T)
    weights = np.nan_to_num(value / run.equity[begin:])[:, :-1]
    if weights.shape[1] < _FEWEST_BARS:
        return Null(float("nan"), float("nan"), 0)
    return shift_null_of(weights, next_returns(panel)[:, begin:-1], shifts=shifts, seed=seed)


def next_returns(panel: Panel) -> F64:
    """Return each close's return to the next, (N, T): splits and dividends in, 0 without either bar."""
    close = panel.close.T
    out = np.zeros(close.shape)
    split, dividend = panel.split.T[:, 1:], panel.dividend.T[:, 1:]
    out[:, :-1] = np.nan_to_num((close[:, 1:] * split + dividend) / close[:, :-1] - 1.0)
    return out


def shift_null_of(weights: F64, returns: F64, *, shifts: int = SHIFTS, seed: int = 0) -> Null:
    """Return how often positions at other times earn as much for their risk.

    Each shift moves all symbols' positions by one common number of bars, drawn from 1..T−1, around the end
    of the span, and leaves the returns where they are: holding times, turnover and which symbols are held
    together stay; only *when* changes. Costs would be the same at every shift and are left out of all.

    Parameters
    ----------
    weights : (N, T) float64
        Signed fraction of equity held in each symbol at each close.
    returns : (N, T) float64
        Of the symbol from that close to the next.
    shifts : int
        Drawn with replacement.
    seed : int

    Returns
    -------
    Null
        Its p-value is that of Davison and Hinkley, "Bootstrap methods and their application", 1997, eq. 4.11.
    """
    if weights.shape != returns.shape or weights.ndim != 2 or weights.shape[1] < _FEWEST_BARS:
        raise BadValue(
            f"weights and returns must both be (symbols, bars ≥ 3), were {weights.shape} and {returns.shape}"
        )
    size = weights.shape[1]
    own = _sharpe((weights * returns).sum(axis=0))
    if np.isnan(own):
        return Null(float("nan"), own, shifts)
    offsets = np.random.default_rng(seed).integers(1, size, shifts)
    twice = np.concatenate((weights, weights), axis=1)
    as_good = sum(
        _sharpe((twice[:, size - k : 2 * size - k] * returns).sum(axis=0)) >= own for k in offsets.tolist()
    )
    return Null((1 + as_good) / (1 + shifts), own, shifts)


def _sharpe(gained: F64) -> float:
    """Mean over standard deviation; NaN where nothing varies."""
    deviation = float(gained.std(ddof=1))
    return float(gained.mean()) / deviation if deviation > 0.0 else float("nan")
