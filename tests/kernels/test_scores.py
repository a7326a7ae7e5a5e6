"""The ranked window against a plain sort, whatever order the values come in."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from research.kernels.scores import rank_nb


def rank(values, n, cuts=()):
    """Median and percentage of each window, in blocks that end at `cuts`."""
    rows = np.full((3, len(values)), -1.0)
    rows[0] = values
    state = np.zeros(2 + 2 * n)
    edges = [0, *cuts, len(values)]
    for a, b in pairwise(edges):
        rank_nb(rows, 0, n, np.uint64(a), np.uint64(b), state, 1, 2)
    return rows[1:]


def expected(values, n):
    """The same by sorting every window."""
    out = np.full((2, len(values)), np.nan)
    for i in range(n - 1, len(values)):
        window = values[i - n + 1 : i + 1]
        if not np.isnan(window).any():
            out[0, i] = np.median(window)
            out[1, i] = 100 * np.count_nonzero(window <= values[i]) / n
    return out


@pytest.mark.parametrize("n", [1, 2, 3, 10, 252])
@pytest.mark.parametrize("kind", ["walk", "noise", "ties", "rising", "falling", "flat"])
def test_equals_sorting(n, kind):
    rng = np.random.default_rng(70)
    values = {
        "walk": np.abs(np.cumsum(rng.normal(0, 1, 800))),
        "noise": rng.random(800),
        "ties": rng.integers(0, 5, 800).astype(float),
        "rising": np.arange(800.0),
        "falling": -np.arange(800.0),
        "flat": np.zeros(800),
    }[kind]
    assert np.array_equal(rank(values, n), expected(values, n), equal_nan=True)


@given(
    st.lists(st.sampled_from([0.0, -0.0, 1.0, 1.5, 2.0, 1e300, 5e-324, np.nan]), min_size=1, max_size=60),
    st.integers(1, 8),
    st.integers(1, 59),
)
def test_ties_zeros_and_holes(values, n, cut):
    values = np.array(values)
    cuts = [cut] if cut < len(values) else []
    assert np.array_equal(rank(values, n, cuts), expected(values, n), equal_nan=True)
