"""Percentiles against SciPy's, and what is left out."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import percentileofscore

from research.kernels.rank import percentile_nb

values = st.lists(st.sampled_from([0.0, -0.0, 0.1, 0.2, 0.2000001, 1.0, 5e-324]), min_size=1, max_size=40)


@given(values, st.sampled_from([0.0, 0.1, 0.15, 0.2, 2.0]), st.randoms(use_true_random=False))
def test_equals_scipy_in_any_order(ring, x, random):
    expected = percentileofscore(ring, x, kind="mean") / 100
    got = percentile_nb(np.array(ring), len(ring), x)
    assert got == pytest.approx(expected, abs=1e-12)
    random.shuffle(ring)
    assert percentile_nb(np.array(ring), len(ring), x) == got


def test_only_slots_in_use_and_no_nan():
    ring = np.array([1.0, 2.0, math.nan, 3.0, 99.0])
    assert percentile_nb(ring, 4, 2.0) == 0.5
    assert percentile_nb(ring, 2, 5.0) == 1
    assert percentile_nb(ring, 2, 0.0) == 0
    assert math.isnan(percentile_nb(ring, 0, 2.0))
    assert math.isnan(percentile_nb(ring, 4, math.nan))
    assert math.isnan(percentile_nb(np.array([math.nan]), 1, 2.0))
