"""The learners, by name. An explicit dict: what is not in it does not exist.

Defaults are shallow and strongly regularised: these models face labels that are right 50–53 % of
the time, where depth learns the noise. They also keep to a budget, since a walk-forward trains each
of them a hundred times: 2,500 rows of 81 features in less than 0.8 s for the three of the core.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from types import MappingProxyType
from typing import Final

from research.errors import UnknownName
from research.learning.boosters import LightGBM, XGBoost, train_lightgbm, train_xgboost
from research.learning.contract import MIN_ROWS, Fitted, Learner
from research.learning.forests import read_boosting, read_forest, train_boosting, train_forest
from research.learning.logistic import read_logistic, train_logistic
from research.learning.lstm import SEQUENCE, read_lstm, train_lstm

__all__ = ["LEARNERS", "MIN_ROWS", "Fitted", "Learner", "available", "learner_named"]

# In each: trees; leaf = least share of the rows in a leaf; sample = share of the rows per tree.
_KNOWN: Final = (
    Learner(
        name="random_forest",
        library="sklearn",
        extra="",
        sequence=1,
        suffix="skops",
        params={"trees": 40, "depth": 5, "leaf": 0.02, "sample": 0.5},
        train=train_forest,
        read=read_forest,
    ),
    Learner(
        name="gradient_boosting",
        library="sklearn",
        extra="",
        sequence=1,
        suffix="skops",
        params={"trees": 50, "depth": 2, "leaf": 0.02, "sample": 0.5, "rate": 0.05},
        train=train_boosting,
        read=read_boosting,
    ),
    Learner(
        name="lightgbm",
        library="lightgbm",
        extra="",
        sequence=1,
        suffix="txt",
        params={
            "trees": 60,
            "leaves": 8,
            "leaf": 0.02,
            "sample": 0.7,
            "rate": 0.05,
            "features": 0.3,
            "bins": 31,
            "l2": 10.0,
        },
        train=train_lightgbm,
        read=LightGBM,
    ),
    Learner(
        name="logistic_regression",
        library="sklearn",
        extra="",
        sequence=1,
        suffix="npz",
        params={"ridge": 0.02, "clip": 5.0},
        train=train_logistic,
        read=read_logistic,
    ),
    Learner(
        name="xgboost",
        library="xgboost",
        extra="xgboost",
        sequence=1,
        suffix="ubj",
        params={
            "trees": 60,
            "depth": 3,
            "leaf": 0.02,
            "sample": 0.7,
            "rate": 0.05,
            "features": 0.3,
            "bins": 31,
            "l2": 10.0,
        },
        train=train_xgboost,
        read=XGBoost,
    ),
    Learner(
        name="lstm",
        library="torch",
        extra="lstm",
        sequence=SEQUENCE,
        suffix="npz",
        params={"hidden": 16, "epochs": 3, "batch": 128, "rate": 0.003, "decay": 0.01, "clip": 5.0},
        train=train_lstm,
        read=read_lstm,
    ),
)
LEARNERS: Final[Mapping[str, Learner]] = MappingProxyType({learner.name: learner for learner in _KNOWN})


def learner_named(name: str) -> Learner:
    """Return the learner of that name, ready to be trained here.

    ``LEARNERS[name]`` is enough to read a model back: an LSTM predicts without torch.

    Raises
    ------
    UnknownName
        There is none; offers the nearest.
    MissingExtra
        Its library is not installed; names the extra that brings it.

    Examples
    --------
    >>> learner_named("lightgbm").sequence
    1
    """
    if name not in LEARNERS:
        raise UnknownName("learner", name, LEARNERS)
    learner = LEARNERS[name]
    learner.require()
    return learner


def available() -> tuple[str, ...]:
    """Return the names of the learners whose libraries are installed.

    Examples
    --------
    >>> available()[:3]
    ('random_forest', 'gradient_boosting', 'lightgbm')
    """
    return tuple(name for name, learner in LEARNERS.items() if find_spec(learner.library) is not None)
