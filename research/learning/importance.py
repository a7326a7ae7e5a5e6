"""Which features a model leans on: permutation importance on rows it was not trained on.

In: a model's `predict`, matured rows with labels and weights. Out: a frame of one line per feature, or
per family of features. It asks what the model uses, not what is true: of two copies of one signal each
may look idle, which is why whole families can be permuted together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from research.errors import BadValue, UnknownName

__all__ = ["permutation_importance"]

_SMALLEST = float(np.finfo(np.float64).eps)
# A call of a model costs as much as hundreds of rows, so many permutations are asked of at once.
_ROWS_AT_ONCE = 20_000


def permutation_importance(
    predict: Callable[[NDArray[np.float32]], NDArray[np.float64]],
    x: NDArray[np.float32],
    y: ArrayLike,
    weight: ArrayLike,
    names: Sequence[str],
    *,
    seed: int,
    repeats: int = 5,
    families: Mapping[str, Sequence[str]] | None = None,
) -> pl.DataFrame:
    """Measure the rise of the log loss when a feature's values change owners.

    In each repeat one permutation of the rows, the same for every feature, hands a row's whole sequence
    of a feature to another row; so the figures of two features differ by the features alone, and neither
    the order of the features nor which others are there matters. A feature that is the same in every row
    has importance 0 and is not asked for.

    Parameters
    ----------
    predict : callable
        (R, L, K) float32 to (R,) float64, P(y = 1). It must not keep or change what it is given.
    x : (R, L, K) float32
        Matured rows; NaN where a feature is undefined, and permuted like any value. Not changed.
    y : (R,)
        Labels, 0 or 1.
    weight : (R,)
        Sample weights, ≥ 0, not all 0.
    names : sequence of K str
        Features, in the order of `x`.
    seed : int
        Of the permutations.
    repeats : int, default 5
        Permutations per feature, ≥ 2.
    families : mapping of str to sequence of str, optional
        Name of a family to its features: then a line per family, whose features are permuted together.

    Returns
    -------
    pl.DataFrame
        `feature` (name of the feature or family, in the order given), `importance` (mean rise of the
        weighted log loss over the repeats, nats; may be negative), `spread` (standard deviation of the
        rise over the repeats).

    Raises
    ------
    BadValue
        Shapes that do not fit, fewer than two rows or repeats, labels that are not 0 or 1, weights or
        predictions outside their rule.
    UnknownName
        A family names a feature that is not in `names`.

    Notes
    -----
    L. Breiman, "Random forests", 2001, section 10; A. Fisher, C. Rudin and F. Dominici, "All models are
    wrong, but many are useful", 2019, section 3.2: with many repeats the mean tends to their e_switch
    (each row with every row's values) minus the loss of the rows as they are.

    Examples
    --------
    >>> x = np.random.default_rng(0).normal(size=(500, 1, 2)).astype(np.float32)
    >>> y = x[:, 0, 0] > 0
    >>> def predict(rows):
    ...     return np.where(rows[:, 0, 0] > 0, 0.9, 0.1)
    >>> found = permutation_importance(predict, x, y, np.ones(500), ["read", "idle"], seed=1)
    >>> found["importance"].round(1).to_list()
    [1.1, 0.0]
    """
    labels, weights = np.asarray(y, np.float64), np.asarray(weight, np.float64)
    _require(x, labels, weights, names, repeats)
    columns = {name: k for k, name in enumerate(names)}
    groups = {name: [k] for name, k in columns.items()} if families is None else _columns(families, columns)

    shuffled = [x[np.random.default_rng([seed, r]).permutation(len(x))] for r in range(repeats)]
    moving = ~((x == x[:1]) | (np.isnan(x) & np.isnan(x[:1]))).all(axis=(0, 1))
    due = [(g, r) for g, group in enumerate(groups.values()) if moving[group].any() for r in range(repeats)]
    # A number takes one column, a list of them gathers some: the first is quicker.
    kept = [group[0] if len(group) == 1 else group for group in groups.values()]
    losses = np.empty(1 + len(due))  # of the rows as they are, then of each permutation
    step = max(1, _ROWS_AT_ONCE // len(x))
    for begin in range(0, len(losses), step):
        # Copies of a row lie side by side: they take the same way through most trees, which a processor
        # foresees. Beside other rows, the trees of LightGBM took half as long again.
        rows = np.repeat(x[:, None], min(step, len(losses) - begin), axis=1)
        for i in range(max(begin, 1), begin + rows.shape[1]):
            g, r = due[i - 1]
            rows[:, i - begin][..., kept[g]] = shuffled[r][..., kept[g]]
        losses[begin : begin + rows.shape[1]] = _log_losses(predict, rows, labels, weights)
    rises = np.zeros((len(groups), repeats))
    for (g, r), loss in zip(due, losses[1:], strict=True):
        rises[g, r] = loss - losses[0]
    return pl.DataFrame(
        {
            "feature": list(groups),
            "importance": rises.mean(axis=1),
            "spread": rises.std(axis=1, ddof=1),
        },
        schema={"feature": pl.String, "importance": pl.Float64, "spread": pl.Float64},
    )


def _log_losses(
    predict: Callable[[NDArray[np.float32]], NDArray[np.float64]],
    rows: NDArray[np.float32],
    labels: NDArray[np.float64],
    weights: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Mean loss in nats of each copy of the rows, (R, C, L, K); 0 and 1 count as a rounding error inside."""
    count = rows.shape[0] * rows.shape[1]
    p = np.asarray(predict(rows.reshape(count, *rows.shape[2:])), np.float64)
    if p.shape != (count,):
        raise BadValue(f"`predict` must return shape {(count,)}, returned {p.shape}; one value per row")
    outside = ~((p >= 0.0) & (p <= 1.0))
    if outside.any():
        first = int(outside.argmax())
        row = first // rows.shape[1]
        raise BadValue(
            f"`predict` must return probabilities, returned {p[first]} for row {row}; check the model"
        )
    p = np.ascontiguousarray(p.reshape(rows.shape[:2]).T).clip(_SMALLEST, 1.0 - _SMALLEST)
    losses = np.log(np.where(labels == 1.0, p, 1.0 - p))
    return -np.average(losses, axis=1, weights=weights)


def _columns(families: Mapping[str, Sequence[str]], columns: Mapping[str, int]) -> dict[str, list[int]]:
    for family, members in families.items():
        if isinstance(members, str) or not members:
            raise BadValue(
                f"family {family!r} must list features, was {members!r}; give at least one in a list"
            )
        for name in members:
            if name not in columns:
                raise UnknownName("feature", name, columns)
    return {family: sorted({columns[name] for name in members}) for family, members in families.items()}


def _require(
    x: NDArray[np.float32],
    labels: NDArray[np.float64],
    weights: NDArray[np.float64],
    names: Sequence[str],
    repeats: int,
) -> None:
    if x.ndim != 3 or x.shape[2] != len(names):
        raise BadValue(
            f"`x` must be (R, L, {len(names)}) for {len(names)} names, was {x.shape}; pass such rows"
        )
    if len(set(names)) != len(names):
        twice = next(name for name in names if list(names).count(name) > 1)
        raise BadValue(f"`names` must differ, {twice!r} is there twice; drop one")
    n = len(x)
    if n < 2 or repeats < 2:
        raise BadValue(f"rows and repeats must be ≥ 2, were {n} and {repeats}; give more")
    if labels.shape != (n,) or weights.shape != (n,):
        raise BadValue(
            f"`y` and `weight` must be ({n},) as `x`, were {labels.shape} and {weights.shape}; one per row"
        )
    if not np.isin(labels, (0.0, 1.0)).all():
        row = int((~np.isin(labels, (0.0, 1.0))).argmax())
        raise BadValue(f"`y` must be 0 or 1, was {labels[row]} in row {row}; pass labels of matured rows")
    if not (np.isfinite(weights).all() and (weights >= 0.0).all() and weights.any()):
        raise BadValue("`weight` must be finite, ≥ 0 and not all 0, was not; check the sample weights")
