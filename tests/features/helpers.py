"""Panels to test features on, and what "equal to the bit" means."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from research.data.panel import Panel, to_panel
from research.data.sample import load_sample
from research.features.catalogue import FEATURES
from research.features.matrix import FeatureStream

F64 = NDArray[np.float64]
NAMES = tuple(FEATURES)
WINDOW_NAMES = tuple(name for name in NAMES if not FEATURES[name].recursive)
RECURSIVE_NAMES = tuple(name for name in NAMES if FEATURES[name].recursive)


def sample_panel(symbols: Sequence[str] | None = None) -> Panel:
    """The embedded sample as a panel; one of its symbols begins late."""
    return to_panel(load_sample(symbols), symbols)


def make_panel(
    open_: F64, high: F64, low: F64, close: F64, volume: F64, *, factor: F64 | None = None
) -> Panel:
    """A panel of (N, T) arrays on consecutive days, without corporate actions."""
    n, t = close.shape
    ones = np.where(np.isnan(close), np.nan, 1.0)
    return Panel(
        symbols=tuple(f"S{k}" for k in range(n)),
        bar_close=np.datetime64("2001-01-01T21:00", "us") + np.arange(t) * np.timedelta64(1, "D"),
        open=open_.T,
        high=high.T,
        low=low.T,
        close=close.T,
        volume=volume.T,
        factor=(ones if factor is None else factor).T,
        split=np.ones((n, t)).T,
        dividend=np.zeros((n, t)).T,
    )


def random_walk(
    n: int, t: int, seed: int, *, start: float = 50.0, sigma: float = 0.02
) -> tuple[F64, F64, F64, F64, F64]:
    """Open, high, low, close, volume of n geometric random walks, each (n, t)."""
    rng = np.random.default_rng(seed)
    close = start * np.exp(np.cumsum(rng.normal(0, sigma, (n, t)), axis=1))
    open_ = close * np.exp(rng.normal(0, sigma / 3, (n, t)))
    high = np.maximum(open_, close) * np.exp(np.abs(rng.normal(0, sigma / 2, (n, t))))
    low = np.minimum(open_, close) * np.exp(-np.abs(rng.normal(0, sigma / 2, (n, t))))
    return open_, high, low, close, np.round(rng.lognormal(12, 1, (n, t)))


def whole(panel: Panel, names: Sequence[str] | None = None) -> F64:
    """Features of a panel in one push, (K, N, T)."""
    return FeatureStream(panel.symbols, names).advance(panel)


def in_blocks(stream: FeatureStream, panel: Panel, cuts: Iterable[int]) -> F64:
    """Features of a panel pushed in blocks that end at `cuts`, (K, N, T)."""
    edges = [0, *cuts, len(panel)]
    blocks = [panel[a:b] for a, b in pairwise(edges)]
    return np.concatenate([stream.advance(block) for block in blocks], axis=2)


def bits(x: F64) -> NDArray[np.uint64]:
    """The bits of an array; NaN are bits too."""
    return np.ascontiguousarray(x).view(np.uint64)


def same_bits(a: F64, b: F64) -> bool:
    """Whether two arrays are equal to the bit."""
    return a.shape == b.shape and np.array_equal(bits(a), bits(b))


def differing(a: F64, b: F64, names: Sequence[str] = NAMES) -> list[str]:
    """Names of the features, along the first axis, whose bits differ."""
    return [name for name, x, y in zip(names, a, b, strict=True) if not same_bits(x, y)]
