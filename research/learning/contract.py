"""What a learner is, what it may be trained on, and what comes out.

In: windows of feature rows (R, sequence, K), labels 0 or 1, and weights. Out: a `Fitted` that
gives P(y = 1) for other windows and can be written to bytes and read back without pickle.

Promises that every learner keeps, and `tests/learning` holds it to:

- One row and a batch get the same bits, however a batch is split.
- So does what was read back from its bytes, here or in a new process.
- The same rows, seed and parameters give the same model and the same bytes.

The libraries are imported by the functions that need them: a live runner that reads one kind of
model does not wait for the others.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from research.errors import BadValue, DataError, MissingExtra, UnknownName
from research.learning.seal import unsealed

__all__ = ["MIN_ROWS", "SEED_END", "Fitted", "Learner", "Params", "checked_training", "checked_windows"]

Params = Mapping[str, float]  # every setting is a number above 0; counts are ints

MIN_ROWS: Final = 50  # rows of positive weight; with fewer, a leaf holds a handful of labels
SEED_END: Final = 2**31  # LightGBM's seed is an int32


class Fitted(Protocol):
    """A trained model: asked for probabilities, or for its bytes."""

    @property
    def n_features(self) -> int:
        """Features it was trained on, K."""

    def predict(self, x: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return P(y = 1) of each window.

        Parameters
        ----------
        x : (R, sequence, K) float32
            NaN where a feature is undefined.

        Returns
        -------
        (R,) float64
            In [0, 1], never NaN; a row's bits do not depend on the other rows.

        Raises
        ------
        BadValue
            `x` has another shape, or an infinite number.
        """

    def to_bytes(self) -> bytes:
        """Return the model in its library's own format; equal models give equal bytes."""


class Train(Protocol):
    """What a learner's module gives: the fit itself, on rows already checked."""

    def __call__(
        self,
        x: NDArray[np.float32],
        y: NDArray[np.int64],
        weight: NDArray[np.float64],
        params: Params,
        *,
        seed: int,
        threads: int,
    ) -> Fitted:
        """Return the model fitted to windows, labels, and weights of mean 1."""


@dataclass(frozen=True)
class Learner:
    """One kind of model: how it is trained, and how its bytes are read.

    Attributes
    ----------
    name : str
        Its name in the registry.
    library : str
        The module that it is trained with.
    extra : str
        The extra of onepath that brings the library; "" for a dependency of the core.
    sequence : int
        Rows of history in one window; the last one is the row that is predicted.
    suffix : str
        What its file is called after the dot.
    params : Mapping
        Its settings; `with_params` changes them.
    """

    name: str
    library: str
    extra: str
    sequence: int
    suffix: str
    params: Params
    train: Train = field(repr=False)
    read: Callable[[bytes], Fitted] = field(repr=False)

    def require(self) -> None:
        """Refuse with `MissingExtra` if the library is not installed."""
        if find_spec(self.library) is None:
            package = f"onepath[{self.extra}]" if self.extra else "onepath"
            raise MissingExtra(
                f"learner {self.name!r} needs {self.library}, which is not installed; pip install '{package}'"
            )

    def with_params(self, **changes: float) -> Learner:
        """Return the same learner with other settings.

        Raises
        ------
        UnknownName
            It has no such setting.
        BadValue
            A setting is not above 0, or a count is not whole.

        Examples
        --------
        >>> from research.learning.learners import learner_named
        >>> learner_named("lightgbm").with_params(trees=10).params["trees"]
        10
        """
        for name, value in changes.items():
            if name not in self.params:
                raise UnknownName(f"parameter of {self.name}", name, self.params)
            if not 0.0 < value < math.inf:
                raise BadValue(f"`{name}` must be > 0 for {self.name}, was {value}")
            if isinstance(self.params[name], int) and value != int(value):
                raise BadValue(f"`{name}` must be a whole number for {self.name}, was {value}")
            changes[name] = type(self.params[name])(value)
        return replace(self, params={**self.params, **changes})

    def fit(
        self,
        x: NDArray[np.float32],
        y: NDArray[Any],
        weight: NDArray[np.float64],
        *,
        seed: int,
        threads: int = 1,
        balanced: bool = False,
        names: Sequence[str] | None = None,
    ) -> Fitted:
        """Train on labelled windows.

        Parameters
        ----------
        x : (R, sequence, K) float32
            NaN where a feature is undefined; learners without memory read ``x[:, -1]``.
        y : (R,)
            0 or 1.
        weight : (R,) float64
            ≥ 0, any scale; a row of weight 0 is left out.
        seed : int
            ≥ 0; the same seed gives the same model, whatever `threads` is.
        threads : int
            Threads of the library, ≥ 1.
        balanced : bool
            Scale the weights so that both classes weigh the same.
        names : sequence of str, optional
            The K features, for messages.

        Returns
        -------
        Fitted

        Raises
        ------
        BadValue
            Shapes that do not fit each other, weights or features that are infinite, a bad seed.
        DataError
            One class only, fewer than `MIN_ROWS` rows of positive weight, a feature that is all NaN.
        MissingExtra
            The learner's library is not installed.
        """
        self.require()
        if not 0 <= seed < SEED_END:
            raise BadValue(f"`seed` must be between 0 and {SEED_END - 1}, was {seed}")
        if threads < 1:
            raise BadValue(f"`threads` must be ≥ 1, was {threads}")
        checked = checked_training(x, y, weight, sequence=self.sequence, balanced=balanced, names=names)
        return self.train(*checked, self.params, seed=seed, threads=threads)

    def from_bytes(self, data: bytes) -> Fitted:
        """Read a model back; the caller has compared its hash.

        Raises
        ------
        ArtifactError
            The bytes are no model of this learner.
        MissingExtra
            The library that predicts is not installed (an LSTM predicts without torch).
        """
        return self.read(unsealed(self.name, data))


def checked_windows(x: NDArray[np.float32], sequence: int, n_features: int) -> NDArray[np.float32]:
    """Return windows as contiguous float32, or refuse their shape or an infinite number."""
    if x.ndim != 3 or x.shape[1] != sequence or x.shape[2] != n_features:
        raise BadValue(f"`x` must have shape (rows, {sequence}, {n_features}), had {x.shape}")
    windows = np.ascontiguousarray(x, dtype=np.float32)
    if np.isinf(windows).any():
        row, _, feature = np.argwhere(np.isinf(windows))[0]
        raise BadValue(f"`x` must be finite or NaN, was infinite in row {row}, feature {feature}")
    return windows


def checked_training(
    x: NDArray[np.float32],
    y: NDArray[Any],
    weight: NDArray[np.float64],
    *,
    sequence: int,
    balanced: bool,
    names: Sequence[str] | None,
) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float64]]:
    """Return the windows, labels and weights (mean 1) that may be trained on, or refuse them.

    Raises
    ------
    BadValue, DataError
        As `Learner.fit` says.
    """
    if x.ndim != 3 or x.shape[2] < 1:
        raise BadValue(f"`x` must have shape (rows, {sequence}, features), had {x.shape}")
    x = checked_windows(x, sequence, x.shape[2])
    rows, _, n_features = x.shape
    if y.shape != (rows,) or weight.shape != (rows,):
        raise BadValue(f"`y` and `weight` must have shape ({rows},) as `x`, had {y.shape} and {weight.shape}")
    if names is not None and len(names) != n_features:
        raise BadValue(f"`names` must name the {n_features} features of `x`, named {len(names)}")
    wrong = ~np.isin(y, (0, 1))
    if wrong.any():
        raise BadValue(f"`y` must be 0 or 1, was {y[wrong][0]} in row {np.argmax(wrong)}")
    wrong = ~(np.isfinite(weight) & (weight >= 0.0))
    if wrong.any():
        raise BadValue(f"`weight` must be finite and ≥ 0, was {weight[wrong][0]} in row {np.argmax(wrong)}")
    heard = weight > 0.0
    x, y, weight = x[heard], y[heard].astype(np.int64), weight[heard].astype(np.float64)
    if len(y) < MIN_ROWS:
        raise DataError(
            f"training needs at least {MIN_ROWS} rows of weight above 0, had {len(y)}; train on a longer span"
        )
    ones = int(y.sum())
    if ones in {0, len(y)}:
        raise DataError(
            f"training needs both classes, all {len(y)} labels were {y[0]}; train on a longer span"
        )
    empty = np.isnan(x).all(axis=(0, 1))
    if empty.any():
        first = int(np.argmax(empty))
        name = names[first] if names is not None else f"number {first}"
        more = f" (and {int(empty.sum()) - 1} more)" if empty.sum() > 1 else ""
        raise DataError(
            f"feature {name}{more} is NaN in all {len(y)} training rows; leave it out or train later"
        )
    if balanced:
        weight = np.where(y == 1, weight / weight[y == 1].sum(), weight / weight[y == 0].sum())
    return x, y, weight / weight.mean()
