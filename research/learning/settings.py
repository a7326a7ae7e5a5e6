"""What an online learner is told once: learners, features, rhythm, memory. Checked here, used everywhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from research.errors import BadValue
from research.features.catalogue import FEATURES, feature
from research.kernels import online
from research.learning.learners import Learner, learner_named

__all__ = ["CORE", "LearningSettings", "model_features"]

CORE: Final = ("random_forest", "gradient_boosting", "lightgbm")
# A feature that leaves its warm-up later than this would cost a model years of rows; two windows of it exist.
_LATEST_WARMUP: Final = 504
_RULES: Final[Mapping[str, tuple[float, float, str]]] = {
    "retrain_every": (1, 100_000, "bars between retrainings"),
    "train_bars": (50, 1_000_000, "bars of history that a model is fitted on"),
    "min_labels": (30, 1_000_000, "settled labels before the first fit"),
    "max_rows": (30, 10_000_000, "rows that a fit is thinned to"),
    "share": (0.0, 0.5, "weight that Fixed-Share spreads over all experts at each label"),
    "ridge": (0.01, 1e6, "pull of the calibration toward leaving probabilities alone"),
    "window": (20, 100_000, "bars of the confidence rank"),
    "duel_labels": (1, 1_000_000, "labels on which champion and challenger are compared"),
    "drift_labels": (30, 1_000_000, "settled predictions before drift is watched for"),
    "seed": (0, 2**31 - 1, "seed of every fit"),
}


def model_features() -> tuple[str, ...]:
    """Return the features that models read by default: all but those with the longest warm-ups.

    Returns
    -------
    tuple of str
        In the catalogue's order.
    """
    return tuple(name for name, f in FEATURES.items() if f.lookback <= _LATEST_WARMUP)


@dataclass(frozen=True)
class LearningSettings:
    """How a strategy's model learns.

    Attributes
    ----------
    learners : tuple of str
        Names in `LEARNERS`.
    features : tuple of str, optional
        What the models read; default: `model_features()`.
    retrain_every : int
        Bars between retrainings.
    train_bars : int
        Bars of history that a fit may look at.
    min_labels : int
        Settled labels, over all symbols, before the first fit; see `first_labels`.
    max_rows : int
        Overlapping labels repeat each other, so a fit takes every n-th bar's until it has no more rows.
    share : float
        Fixed-Share's α.
    ridge : float
        L2 pull of the Platt calibration, per effective label; above 0, since without it a first label or
        two have no finite fit.
    confidence : "rank" or "probability"
        Trailing percentile of |p − base rate|, or max(p, 1 − p).
    window : int
        Bars of that percentile.
    duel_labels : int
        A challenger is judged on this many settled labels at least.
    drift_labels : int
        The drift detector waits for this many settled predictions.
    importance : bool
        Whether each retraining takes permutation importances.
    seed : int
    tuning : mapping of str to mapping
        Learner -> parameters that differ from its defaults.

    Examples
    --------
    >>> LearningSettings(learners=("lightgbm",)).retrain_every
    21
    """

    learners: tuple[str, ...] = CORE
    features: tuple[str, ...] | None = None
    retrain_every: int = 21
    train_bars: int = 1000
    min_labels: int = 250
    max_rows: int = 2500
    share: float = 1.0 / 252.0
    ridge: float = 4.0
    confidence: Literal["rank", "probability"] = "rank"
    window: int = 252
    duel_labels: int = 40
    drift_labels: int = 500
    importance: bool = True
    seed: int = 7
    tuning: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "learners", tuple(self.learners))
        if not self.learners or len(set(self.learners)) < len(self.learners):
            named = ", ".join(self.learners) or "none"
            raise BadValue(f"`learners` must be one or more different names, was {named}; see LEARNERS")
        for name in self.learners:
            self.learner(name)
        if strangers := sorted(set(self.tuning) - set(self.learners)):
            raise BadValue(f"`tuning` must name learners in use, was {strangers[0]!r}; drop it or use it")
        if self.features is not None:
            object.__setattr__(self, "features", tuple(self.features))
            if not self.features:
                raise BadValue(
                    "`features` of a model must name at least one, was empty; leave it out for all"
                )
            for name in self.features:
                feature(name)
        for name, (low, high, meaning) in _RULES.items():
            value = getattr(self, name)
            whole = isinstance(getattr(type(self), name), int)
            fits = isinstance(value, (int, float)) and not isinstance(value, bool) and low <= value <= high
            if not fits or (whole and value != int(value)):
                rule = f"{'a whole number' if whole else 'a number'} from {low:g} to {high:g}"
                raise BadValue(
                    f"learning setting `{name}` must be {rule}, was {value!r}; it is the {meaning}"
                )
        if self.confidence not in {"rank", "probability"}:
            raise BadValue(
                f"`confidence` must be 'rank' or 'probability', was {self.confidence!r}; choose one"
            )

    def learner(self, name: str) -> Learner:
        """Return a learner as it is tuned here."""
        return learner_named(name).with_params(**self.tuning.get(name, {}))

    @property
    def names(self) -> tuple[str, ...]:
        """Features that the models read, in their order."""
        return self.features or model_features()

    @property
    def lookback(self) -> int:
        """Bars of a symbol before all features that the models read can be there."""
        return max(feature(name).lookback for name in self.names)

    def memory(self, n_symbols: int) -> int:
        """Labels on record for win and loss sizes and calibration: about a year of all symbols."""
        return int(np.clip(250 * n_symbols, 1000, 20_000))

    def first_labels(self, n_symbols: int, horizon: int) -> int:
        """Settled labels before the first fit.

        Parameters
        ----------
        n_symbols : int
        horizon : int
            Most bars that a label takes.

        Returns
        -------
        int
            `min_labels`, and never fewer than a horizon's of all symbols: the first that settle of a crowd
            are those stopped out at once.
        """
        return max(self.min_labels, n_symbols * horizon)

    def vector(self, first_labels: int) -> NDArray[np.float64]:
        """Return the settings that the jitted loop reads, by position."""
        out = np.empty(online.N_SETTINGS)
        out[online.EVERY] = self.retrain_every
        out[online.FIRST] = first_labels
        out[online.SHARE] = self.share
        out[online.RIDGE] = self.ridge
        out[online.BY_RANK] = float(self.confidence == "rank")
        out[online.DRIFT_LABELS] = self.drift_labels
        return out

    def facts(self) -> dict[str, Any]:
        """Return the settings as JSON holds them, features spelled out."""
        return {**asdict(self), "learners": list(self.learners), "features": list(self.names)}

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> LearningSettings:
        """Return the settings that `facts` told."""
        known = {f.name for f in fields(cls)}
        given = {name: value for name, value in facts.items() if name in known}
        return cls(**{**given, "learners": tuple(given["learners"]), "features": tuple(given["features"])})
