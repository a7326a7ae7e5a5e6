"""A strategy that is asked by its number: at every close of a tile of bars, or only where two rows cross.

In: held rows (`research.simulation.held`), recipes of features, parameters. Out: what is wanted at which
close, appended to lists (`research.kernels.events`). Groups of cells are asked this way
(`research.strategies.groups`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from research.errors import BadValue
from research.kernels import codes as do
from research.kernels.compared import HELD, compare_nb, crossing_nb
from research.kernels.events import events_nb
from research.kernels.jit import njit
from research.strategies.adaptive_momentum import ADAPTIVE_MOMENTUM, adaptive_momentum_nb
from research.strategies.base import Strategy
from research.strategies.ma_crossover import MA_CROSSOVER, ma_crossover_nb

__all__ = ["choose_by_nb", "choose_rarely_nb", "choose_tile_nb", "is_rare", "number_of"]

# In the order of `choose_by_nb`: kernels are called by name, since one that is passed misses the cache.
_ASKED = (ADAPTIVE_MOMENTUM, MA_CROSSOVER)

# Those that want nothing at a close where their last feature is 0 or not known.
_RARE = (MA_CROSSOVER,)


def number_of(rule: Strategy) -> int:
    """Return the number by which `choose_by_nb` knows a strategy.

    Raises
    ------
    BadValue
        It has none: it was not written down in this file.
    """
    for number, asked in enumerate(_ASKED):
        if asked.kernel is rule.kernel:
            return number
    raise BadValue(
        "without a model the fused engine runs strategies that research/strategies/asked.py names, "
        f"was {rule.name}; "
        'name it there, or use engine="vectorbt"'
    )


def is_rare(rule: Strategy, codes: NDArray[np.int64]) -> bool:
    """Say whether a strategy need be asked only where its last feature, a crossing, is not 0.

    Parameters
    ----------
    rule : Strategy
    codes : (D, K) int64
        How the features of its lists come from held rows: codes of `research.kernels.compared`.
    """
    return rule in _RARE and bool((codes[:, -1] == do.CROSS).all() and (codes[:, :-1] == HELD).all())


@njit
def choose_by_nb(
    number: int,
    features: NDArray[np.float64],
    predictions: NDArray[np.float64],
    params: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """Ask the strategy of that number."""
    if number == 0:
        adaptive_momentum_nb(features, predictions, params, out)
    elif number == 1:
        ma_crossover_nb(features, predictions, params, out)


@njit
def choose_tile_nb(
    number: int,
    rows: NDArray[np.float64],
    standing: NDArray[np.uint16],
    lead: int,
    recipes: NDArray[np.int64],
    reads: NDArray[np.int32],
    vectors: NDArray[np.float64],
    groups: NDArray[np.int64],
    at: NDArray[np.int32],
    features: NDArray[np.float64],
    predictions: NDArray[np.float64],
    chosen: NDArray[np.float64],
    events: NDArray[np.int32],
    counts: NDArray[np.int64],
) -> None:
    """Append the events of a block of groups in one tile of bars.

    Parameters
    ----------
    number, rows, standing, lead, recipes, reads, vectors
        As of `groups.groups_nb`.
    groups : (B, 2) int64
        Of each group: its list of features, and one of its cells.
    at : (M,) int32
        The tile's bars.
    features, predictions, chosen : (K, M), (0, M), (N_SIGNALS, M) float64
        Scratch of a tile.
    events, counts : (B, N_LISTS, T + 1), (B, N_LISTS)
        Appended to.
    """
    held = np.full(features.shape[0], -1)
    for b in range(groups.shape[0]):
        for k in range(held.size):
            name = reads[groups[b, 0], k]
            if name != held[k]:
                compare_nb(recipes[name], rows, standing, lead, at[0], features, k)
                held[k] = name
        choose_by_nb(number, features, predictions, vectors[groups[b, 1]], chosen)
        events_nb(chosen, at, events[b], counts[b])


@njit
def choose_rarely_nb(
    number: int,
    rows: NDArray[np.float64],
    standing: NDArray[np.uint16],
    lead: int,
    recipes: NDArray[np.int64],
    read: NDArray[np.int32],
    vector: NDArray[np.float64],
    turns: NDArray[np.int32],
    n_turns: int,
    at: NDArray[np.int32],
    features: NDArray[np.float64],
    predictions: NDArray[np.float64],
    chosen: NDArray[np.float64],
    events: NDArray[np.int32],
    counts: NDArray[np.int64],
) -> None:
    """Append the events of a group that wants something only where two rows cross.

    Parameters
    ----------
    number, rows, standing, lead, recipes
        As of `groups.groups_nb`.
    read : (K,) int32
        The group's features; the last is the crossing.
    vector : (P,) float64
        The parameters of one of its cells.
    turns : (P,) int32
        From `turns_nb`: `n_turns` of them, counted in bars of the rows.
    at, features, predictions, chosen : (M,) int32, (K, M), (0, M), (N_SIGNALS, M) float64
        Scratch of M closes.
    events, counts : (N_LISTS, T + 1), (N_LISTS,)
        Appended to.
    """
    last, room = read.size - 1, at.size
    one, other = standing[recipes[read[last], 2]], standing[recipes[read[last], 3]]
    for first in range(0, n_turns, room):
        size = min(room, n_turns - first)
        for j in range(size):
            at[j] = turns[first + j] - lead
            features[last, j] = crossing_nb(one, other, turns[first + j])
        for k in range(last):
            row = rows[recipes[read[k], 2]]
            for j in range(size):
                features[k, j] = row[turns[first + j]]
        # Room that is left over is closes without a crossing, at which nothing is wanted.
        features[last, size:] = 0.0
        choose_by_nb(number, features, predictions, vector, chosen)
        events_nb(chosen, at, events, counts)
