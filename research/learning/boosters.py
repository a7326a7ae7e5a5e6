"""LightGBM and XGBoost, written in their own formats.

In: checked windows, of which the last row is read; both know NaN by themselves. Out: `Fitted` models.
What was just trained is read back from its bytes at once, so that a fresh model and a restored one
are the same object and the training rows are let go.

Both libraries kill the process on some damaged files (LightGBM where a list is too short, XGBoost
where the end is missing), so bytes come here only after `seal.unsealed` has proved them whole.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from research.learning.contract import Params, checked_windows
from research.learning.seal import sealed, unreadable

__all__ = ["LightGBM", "XGBoost", "train_lightgbm", "train_xgboost"]


class LightGBM:
    """A fitted LightGBM model, read from LightGBM's text; other bytes are refused with `ArtifactError`."""

    def __init__(self, data: bytes) -> None:
        from lightgbm import Booster
        from lightgbm.basic import LightGBMError

        if not data.startswith(b"tree\n") or b"\nend of parameters\n" not in data:
            raise unreadable("lightgbm", "no LightGBM text")
        try:
            self._booster = Booster(model_str=data.decode())
        except (LightGBMError, UnicodeDecodeError) as problem:
            raise unreadable("lightgbm", type(problem).__name__) from problem
        self.n_features: int = self._booster.num_feature()
        self._data = data

    def predict(self, x: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the logistic function of the sum over the trees."""
        rows = checked_windows(x, 1, self.n_features)[:, 0]
        if not len(rows):
            return np.zeros(0)
        return np.asarray(self._booster.predict(rows, num_threads=1), dtype=np.float64)

    def contributions(self, x: NDArray[np.float32]) -> NDArray[np.float64]:
        """Say what each feature added to a prediction (SHAP values of the trees).

        Parameters
        ----------
        x : (R, 1, K) float32
            As for `predict`.

        Returns
        -------
        (R, K + 1) float64
            Log odds: one column per feature, the last the mean prediction; a row adds up to the log
            odds of `predict`. Source: Lundberg, Erion, Lee, "Consistent individualized feature
            attribution for tree ensembles", 2018.
        """
        rows = checked_windows(x, 1, self.n_features)[:, 0]
        if not len(rows):
            return np.zeros((0, self.n_features + 1))
        return np.asarray(self._booster.predict(rows, pred_contrib=True, num_threads=1), dtype=np.float64)

    def to_bytes(self) -> bytes:
        """Return LightGBM's text format, sealed."""
        return sealed("lightgbm", self._data)


class XGBoost:
    """A fitted XGBoost model, read from binary JSON; other bytes are refused with `ArtifactError`."""

    def __init__(self, data: bytes) -> None:
        from xgboost import Booster
        from xgboost.core import XGBoostError

        if not data.startswith(b"{L") or not data.endswith(b"}"):
            raise unreadable("xgboost", "no binary JSON")
        try:
            self._booster = Booster({"nthread": 1}, model_file=bytearray(data))
            self.n_features: int = self._booster.num_features()
        except (XGBoostError, ValueError, TypeError) as problem:
            raise unreadable("xgboost", type(problem).__name__) from problem
        self._data = data

    def predict(self, x: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the logistic function of the sum over the trees (float32 in the library)."""
        rows = checked_windows(x, 1, self.n_features)[:, 0]
        if not len(rows):
            return np.zeros(0)
        return np.asarray(self._booster.inplace_predict(rows), dtype=np.float64)

    def to_bytes(self) -> bytes:
        """Return XGBoost's binary JSON, sealed."""
        return sealed("xgboost", self._data)


def train_lightgbm(
    x: NDArray[np.float32],
    y: NDArray[np.int64],
    weight: NDArray[np.float64],
    params: Params,
    *,
    seed: int,
    threads: int,
) -> LightGBM:
    """Fit LightGBM on log loss; ``deterministic`` makes the sums independent of the threads."""
    import lightgbm

    settings: dict[str, Any] = {
        "objective": "binary",
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": threads,
        "seed": seed,
        "verbosity": -1,
        "num_leaves": params["leaves"],
        "min_data_in_leaf": max(1, int(params["leaf"] * len(y))),
        "learning_rate": params["rate"],
        "feature_fraction": params["features"],
        "bagging_fraction": params["sample"],
        "bagging_freq": 1,
        "max_bin": params["bins"],
        "lambda_l2": params["l2"],
    }
    rows = lightgbm.Dataset(np.ascontiguousarray(x[:, -1]), y, weight=weight, params=settings)
    text: str = lightgbm.train(settings, rows, int(params["trees"])).model_to_string()
    # Not part of the model: the same trees must give the same bytes.
    return LightGBM(re.sub(r"\[num_threads: \d+\]", "[num_threads: 1]", text).encode())


def train_xgboost(
    x: NDArray[np.float32],
    y: NDArray[np.int64],
    weight: NDArray[np.float64],
    params: Params,
    *,
    seed: int,
    threads: int,
) -> XGBoost:
    """Fit XGBoost by histograms on log loss."""
    import xgboost

    settings: dict[str, Any] = {
        "objective": "binary:logistic",
        "tree_method": "hist",
        "nthread": threads,
        "seed": seed,
        "verbosity": 0,
        "max_depth": params["depth"],
        "min_child_weight": params["leaf"] * len(y) / 4.0,  # Hessian of a row ≤ 1/4
        "eta": params["rate"],
        "colsample_bytree": params["features"],
        "subsample": params["sample"],
        "max_bin": params["bins"],
        "lambda": params["l2"],
    }
    rows = xgboost.DMatrix(x[:, -1], y, weight=weight, nthread=threads)
    booster = xgboost.train(settings, rows, int(params["trees"]))
    return XGBoost(bytes(booster.save_raw("ubj")))
