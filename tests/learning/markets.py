"""A market that can be learned, and one day no longer: for the tests of the online learner."""

from typing import NamedTuple

import numpy as np

from research.data.aligned import Panel
from research.execution import Execution
from research.kernels import signals as sg
from research.learning.learner import OnlineLearner
from research.learning.learners import available
from research.learning.settings import LearningSettings
from tests.kernels.broker_cases import Bars
from tests.learning.label_cases import panel_of, wish

NAMES = ("ret_1", "ret_2", "ret_5")  # of these features the learner knows the lookback, 5 bars
HORIZON = 3
TINY = {
    "random_forest": {"trees": 4, "depth": 3},
    "gradient_boosting": {"trees": 4},
    "lightgbm": {"trees": 6, "rate": 0.3, "features": 1.0},
    "xgboost": {"trees": 6, "rate": 0.3, "features": 1.0},
    "lstm": {"hidden": 4, "epochs": 1, "rate": 0.03},
}


class Market(NamedTuple):
    """T bars of N symbols: the panel, what models read (K, N, T), and candidates (S, N, T)."""

    panel: Panel
    features: np.ndarray
    candidates: np.ndarray

    def cut(self, a, b):
        """Bars a..b−1."""
        return self.panel[a:b], self.features[:, :, a:b], self.candidates[:, :, a:b]


def market(seed=1, bars=420, turn=220, period=20):
    """Four symbols, one of which begins late, one ends early, and one misses bars.

    The first feature tells the return of the next bars; from bar `turn` on it changes its mind every
    `period` bars, so that whoever has learned is wrong.
    """
    rng = np.random.default_rng(seed)
    n = 4
    told = np.empty((n, bars))
    told[:, 0] = rng.normal(size=n)
    for t in range(1, bars):
        told[:, t] = 0.9 * told[:, t - 1] + np.sqrt(1 - 0.81) * rng.normal(size=n)
    at = np.arange(bars)
    meant = np.where((at < turn) | ((at - turn) // period % 2 == 1), 1.0, -1.0) * np.sign(told)
    back = np.zeros((n, bars))
    back[:, 1:] = 0.012 * meant[:, :-1] + 0.004 * rng.normal(size=(n, bars - 1))
    close = 100.0 * np.exp(np.cumsum(back, axis=1))
    open_ = close * np.exp(-back)
    high, low = np.maximum(open_, close) * 1.001, np.minimum(open_, close) * 0.999
    gone = np.zeros((n, bars), dtype=bool)
    gone[1] = rng.random(bars) < 0.05
    gone[2, : bars // 5] = True
    gone[3, bars - bars // 5 :] = True
    for a in (open_, high, low, close):
        a[gone] = np.nan
    features = np.stack([told, rng.normal(size=(n, bars)), rng.normal(size=(n, bars))])
    features[2, rng.random((n, bars)) < 0.1] = np.nan
    features[:, gone] = np.nan
    candidates = wish(n, bars)
    candidates[sg.ENTRY] = np.where(gone | (rng.random((n, bars)) < 0.1), 0.0, 1.0)
    candidates[sg.STOP] = 0.05
    candidates[sg.LIMIT] = HORIZON
    ones = np.ones((n, bars))
    return Market(
        panel_of(Bars(open_, high, low, close, ones, 0.0 * ones)), features, candidates
    )  # fmt: skip


def settings(learners=None, **more):
    """Settings under which this market is learned in seconds, by all learners there are by default."""
    learners = tuple(learners or available())
    asked = {
        "retrain_every": 25,
        "train_bars": 120,
        "min_labels": 60,
        "max_rows": 200,
        "duel_labels": 20,
        "drift_labels": 60,
        "window": 40,
        "importance": False,
        "tuning": {name: TINY[name] for name in learners if name in TINY},
    }
    return LearningSettings(learners=learners, features=NAMES, **{**asked, **more})


def learner(asked=None, symbols=4, **more):
    """A learner that has seen nothing."""
    return OnlineLearner(symbols, asked or settings(), HORIZON, Execution(), **more)


def kinds(happenings):
    """How often each kind of happening came."""
    names = [h.kind for h in happenings]
    return {name: names.count(name) for name in names}
