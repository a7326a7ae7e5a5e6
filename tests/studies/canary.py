"""The canary: on a random walk, what a splitter finds to be predictable is what it leaks.

The direction of a random walk over the next 20 bars cannot be known: honest accuracy is ½. But labels of
neighbouring closes share 19 of their 20 bars, and slow features of neighbouring closes are nearly equal, so
that a forest recognises a test row by the neighbours it was trained on. Shuffled k-fold takes that for skill;
purged k-fold with an embargo of 60 bars, as far as the features look back, does not.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from rich.console import Console
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import KFold

from research.learning.splits import PurgedKFold

SLOWEST = 60  # bars that the slowest feature looks back


@dataclass(frozen=True)
class Size:
    """How large the study is; the defaults are those that STATISTICS.md's figures are compared with."""

    rows: int = 1000
    trees: int = 100
    folds: int = 5
    horizon: int = 20
    embargo: int = 60


def walk(seed: int, rows: int, horizon: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the features of a random walk, (rows, 7), and whether it rises in `horizon` bars."""
    x = np.cumsum(np.random.default_rng(seed).normal(0.0, 0.01, SLOWEST + rows + horizon))
    at = np.arange(SLOWEST, SLOWEST + rows)
    features = [x[at] - x[at - n] for n in (5, 20, 60)]
    for n in (20, 60):
        levels, steps = sliding_window_view(x, n), sliding_window_view(np.diff(x), n)
        features += [x[at] - levels[at - n + 1].mean(axis=1), steps[at - n].std(axis=1, ddof=1)]
    return np.stack(features, axis=1), (x[at + horizon] > x[at]).astype(np.int64)


def measure(seed: int, size: Size) -> tuple[float, float]:
    """Return the forest's accuracy by shuffled and by purged k-fold on one random walk."""
    x, y = walk(seed, size.rows, size.horizon)
    birth = np.arange(size.rows)

    def accuracy(splits: Iterable[tuple[NDArray[np.int64], NDArray[np.int64]]]) -> float:
        right = 0
        for train, test in splits:
            forest = RandomForestClassifier(size.trees, random_state=seed, n_jobs=1).fit(x[train], y[train])
            right += int(np.sum(forest.predict(x[test]) == y[test]))
        return right / size.rows

    shuffled = KFold(size.folds, shuffle=True, random_state=seed).split(x)
    purged = PurgedKFold(size.folds, size.embargo).split(birth, birth + size.horizon)
    return accuracy(shuffled), accuracy(purged)


def main(arguments: Sequence[str]) -> None:
    """Measure every seed and print the two accuracies, their means and standard errors."""
    parser = argparse.ArgumentParser(prog="python -m tests.studies canary", description=__doc__)
    usual = Size()
    parser.add_argument("--seeds", type=int, default=20, help="random walks (default %(default)s)")
    parser.add_argument("--rows", type=int, default=usual.rows, help="labels of each (default %(default)s)")
    parser.add_argument("--trees", type=int, default=usual.trees, help="of each forest (default %(default)s)")
    parser.add_argument("--folds", type=int, default=usual.folds, help="(default %(default)s)")
    parser.add_argument(
        "--horizon", type=int, default=usual.horizon, help="bars of a label (default %(default)s)"
    )
    parser.add_argument("--embargo", type=int, default=usual.embargo, help="bars (default %(default)s)")
    given = parser.parse_args(arguments)
    if given.seeds < 1:
        parser.error(f"--seeds must be ≥ 1, was {given.seeds}")
    console = Console(highlight=False, soft_wrap=True)
    size = Size(given.rows, given.trees, given.folds, given.horizon, given.embargo)
    console.print(size)
    console.print("seed  shuffled  purged")
    found = np.empty((given.seeds, 2))
    for seed in range(given.seeds):
        found[seed] = measure(seed, size)
        console.print(f"{seed:4d}  {found[seed, 0]:8.3f}  {found[seed, 1]:6.3f}")
    mean = found.mean(axis=0)
    console.print(f"mean  {mean[0]:8.3f}  {mean[1]:6.3f}    reference 0.804 and 0.501")
    if given.seeds > 1:
        error = found.std(axis=0, ddof=1) / np.sqrt(given.seeds)
        console.print(f"s.e.  {error[0]:8.3f}  {error[1]:6.3f}")
