"""The strategies, by name. An explicit dict: what is not in it does not exist."""

from __future__ import annotations

from research.errors import UnknownName
from research.strategies.adaptive_momentum import ADAPTIVE_MOMENTUM
from research.strategies.base import Parameter, Strategy
from research.strategies.ma_crossover import MA_CROSSOVER
from research.strategies.mean_reversion_ml import MEAN_REVERSION_ML
from research.strategies.ml_driven import ML_DRIVEN

__all__ = ["DEFAULT_PARAMS", "STRATEGIES", "Parameter", "Strategy", "strategy_named"]

STRATEGIES: dict[str, Strategy] = {
    s.name: s for s in (ADAPTIVE_MOMENTUM, MA_CROSSOVER, MEAN_REVERSION_ML, ML_DRIVEN)
}
DEFAULT_PARAMS: dict[str, dict[str, float]] = {name: s.defaults for name, s in STRATEGIES.items()}


def strategy_named(name: str) -> Strategy:
    """Return the strategy of that name, or refuse it with the nearest one.

    Examples
    --------
    >>> strategy_named("adaptive_momentum").name
    'adaptive_momentum'
    """
    if name not in STRATEGIES:
        raise UnknownName("strategy", name, STRATEGIES)
    return STRATEGIES[name]
