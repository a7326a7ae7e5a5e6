"""What labels that overlap are worth: uniqueness, effective sizes, training weights.

In: the spans of labels as `labels.Matured` has them. Out: one weight per label, and the
number of labels without overlap that they amount to.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from research.errors import BadValue

__all__ = ["effective_size", "kish_size", "sample_weights", "uniqueness"]

F64 = NDArray[np.float64]


def uniqueness(symbol: ArrayLike, birth: ArrayLike, t_end: ArrayLike) -> F64:
    """Return how much of each label is its own: the mean of 1 ÷ (labels alive) over its span.

    The span of a label is the bars from `birth` + 1, where its trade enters, to `t_end`,
    where it leaves, both included; labels of other symbols do not share it.

    Parameters
    ----------
    symbol, birth, t_end : (R,) int64
        As in `Matured`, in any order.

    Returns
    -------
    (R,) float64
        In (0, 1]; no NaN.

    Raises
    ------
    BadValue
        Arrays of other lengths than each other's, or a span without a bar.

    Notes
    -----
    M. López de Prado, *Advances in Financial Machine Learning*, 2018, §4.3, snippets 4.1–4.2.

    Examples
    --------
    >>> uniqueness([0, 0, 0], [-1, 1, 3], [2, 3, 5]).round(4).tolist()
    [0.8333, 0.75, 1.0]
    """
    of, after, last = (np.asarray(a, dtype=np.int64) for a in (symbol, birth, t_end))
    if not (of.ndim == 1 and of.shape == after.shape == last.shape):
        raise BadValue(
            f"`symbol`, `birth` and `t_end` must be rows of one length, were {of.shape}, {after.shape} and "
            f"{last.shape}; give one entry per label"
        )
    if np.any(last <= after):
        row = int(np.argmax(last <= after))
        raise BadValue(
            f"`t_end` must be later than `birth`, was {last[row]} with birth {after[row]} in row {row}; "
            "a trade enters after the close that decides it"
        )
    out = np.empty(len(of))
    for k in np.unique(of):
        mine = of == k
        start, stop = after[mine] + 1, last[mine] + 1
        origin = start.min()
        start, stop = start - origin, stop - origin
        alive = np.zeros(int(stop.max()) + 1, dtype=np.int64)
        np.add.at(alive, start, 1)
        np.add.at(alive, stop, -1)
        alive = np.cumsum(alive)
        share = 1.0 / np.maximum(alive, 1)
        # Each span is summed by itself: a difference of running sums would carry other labels' rounding.
        sums = np.add.reduceat(share, np.stack((start, stop), axis=1).ravel())[::2]
        out[mine] = sums / (stop - start)
    return out


def effective_size(unique: ArrayLike) -> float:
    """Return how many labels that share nothing the overlapping ones are worth: Σ uniqueness.

    Parameters
    ----------
    unique : (R,) float64
        From `uniqueness`. For the loss by unequal weights see `kish_size`, which is
        another thing: weights that are all 0.05 are equal, and Kish counts them in full.

    Examples
    --------
    >>> effective_size([0.5, 0.5, 1.0])
    2.0
    """
    return float(np.sum(np.asarray(unique, dtype=np.float64)))


def kish_size(weights: ArrayLike) -> float:
    """Return how many equal weights would scatter a mean as much: (Σw)² ÷ Σw².

    Parameters
    ----------
    weights : (R,) float64, ≥ 0
        From `sample_weights`. None, or all 0, are worth 0.

    Notes
    -----
    L. Kish, *Survey Sampling*, 1965, §11.7.

    Examples
    --------
    >>> kish_size([1.0, 1.0, 2.0]).__round__(4)
    2.6667
    """
    w = np.asarray(weights, dtype=np.float64)
    squares = float(np.sum(w * w))
    return float(np.sum(w)) ** 2 / squares if squares > 0.0 else 0.0


def sample_weights(symbol: ArrayLike, birth: ArrayLike, t_end: ArrayLike, net: ArrayLike) -> F64:
    """Return training weights: uniqueness × |net return|, scaled to a mean of 1.

    Parameters
    ----------
    symbol, birth, t_end : (R,) int64
    net : (R,) float64
        As in `Matured`.

    Returns
    -------
    (R,) float64
        ≥ 0; no NaN.

    Raises
    ------
    BadValue
        Returns that are no numbers, or all 0: no weight can then be given.

    Examples
    --------
    >>> sample_weights([0, 1], [0, 0], [5, 5], [0.01, -0.03]).round(6).tolist()
    [0.5, 1.5]
    """
    returns = np.asarray(net, dtype=np.float64)
    weights = uniqueness(symbol, birth, t_end)
    if returns.shape != weights.shape:
        raise BadValue(
            f"`net` must have one entry per label, {weights.shape}, was {returns.shape}; give them together"
        )
    weights *= np.abs(returns)
    mean = float(np.mean(weights)) if weights.size else 1.0
    if not 0.0 < mean < np.inf:
        raise BadValue(
            f"`net` must be numbers that are not all 0, their mean weight was {mean}; "
            "give labels of trades that made or lost something"
        )
    return np.asarray(weights / mean)
