"""Logistic regression: the plainest learner, which the others have to beat.

In: checked windows, of which the last row is read. Out: a `Fitted` model that is four arrays, written as
npz without pickle. Features are standardised by the training rows and cut at ±`clip` deviations, NaN
becomes the mean; scikit-learn fits the coefficients, and prediction adds feature by feature, so that one
row and a batch get the same bits.
"""

from __future__ import annotations

import io
import math
import zipfile
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from research.learning.contract import Params, checked_windows
from research.learning.lstm import standard
from research.learning.seal import sealed, unreadable

__all__ = ["Logistic", "read_logistic", "train_logistic"]

# Name to the number of dimensions.
_ARRAYS: Final = {"mean": 1, "scale": 1, "weights": 1, "constants": 1}


class Logistic:
    """A fitted logistic regression: its arrays.

    Parameters
    ----------
    arrays : Mapping
        ``mean``, ``scale``, ``weights`` (K,), ``constants`` (2,): intercept and clip; float64.
    """

    def __init__(self, arrays: Mapping[str, NDArray[np.float64]]) -> None:
        self.arrays = {name: np.ascontiguousarray(arrays[name], dtype=np.float64) for name in _ARRAYS}
        self.n_features: int = len(self.arrays["mean"])

    def predict(self, x: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the logistic function of the sum, added in the order of the features."""
        rows = checked_windows(x, 1, self.n_features)[:, 0].astype(np.float64)
        mean, scale, weights, (intercept, clip) = (self.arrays[name] for name in _ARRAYS)
        score = np.full(len(rows), intercept)
        for k in range(self.n_features):
            z = np.clip((rows[:, k] - mean[k]) / scale[k], -clip, clip)
            score += np.where(np.isnan(z), 0.0, z) * weights[k]
        # NumPy's exponential may differ by place in a batch; the library's does not.
        return np.array([_logistic(one) for one in score.tolist()], dtype=np.float64)

    def to_bytes(self) -> bytes:
        """Return the arrays as npz, sealed."""
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=False, **self.arrays)
        return sealed("logistic_regression", buffer.getvalue())


def _logistic(score: float) -> float:
    bounded = min(max(score, -30.0), 30.0)
    return 1.0 / (1.0 + math.exp(-bounded))


def train_logistic(
    x: NDArray[np.float32],
    y: NDArray[np.int64],
    weight: NDArray[np.float64],
    params: Params,
    *,
    seed: int,
    threads: int,
) -> Logistic:
    """Fit by Newton's method; nothing is drawn, and one core is used, whatever `seed` and `threads` say."""
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    wide = x[:, -1:].astype(np.float64)
    mean, scale = standard(wide)
    clip = float(params["clip"])
    z = np.nan_to_num(np.clip((wide[:, 0] - mean) / scale, -clip, clip), nan=0.0)
    with threadpool_limits(1):
        fitted = LogisticRegression(C=1.0 / (params["ridge"] * len(y)), solver="newton-cholesky").fit(
            z, y, sample_weight=weight
        )
    constants = np.array([float(fitted.intercept_[0]), clip])
    return Logistic({"mean": mean, "scale": scale, "weights": fitted.coef_[0], "constants": constants})


def read_logistic(data: bytes) -> Logistic:
    """Read the arrays, or refuse the bytes with `ArtifactError`."""
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as saved:
            arrays: dict[str, Any] = {name: saved[name] for name in _ARRAYS}
    except (ValueError, OSError, LookupError, EOFError, zipfile.BadZipFile, TypeError, AttributeError) as bad:
        raise unreadable("logistic_regression", type(bad).__name__) from bad
    sizes = {name: array.shape for name, array in arrays.items()}
    k = arrays["mean"].shape
    if len(k) != 1 or sizes != {"mean": k, "scale": k, "weights": k, "constants": (2,)}:
        raise unreadable("logistic_regression", "shapes that do not fit")
    if any(a.dtype != np.float64 or not np.isfinite(a).all() for a in arrays.values()):
        raise unreadable("logistic_regression", "no finite float64")
    return Logistic(arrays)
