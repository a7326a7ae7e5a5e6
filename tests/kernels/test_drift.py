"""The detector's recursion by hand; its rates are studied in tests/studies/drift.py."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest

from research.kernels.drift import ALARM, detect_nb


def test_by_hand():
    m = detect_nb(0.0, 0.5, 0.53)
    assert m == pytest.approx(1 + 0.6 * 0.02)
    assert detect_nb(m, 0.0, 0.53) == pytest.approx((m + 1) * 1.312)
    assert detect_nb(m, 1.0, 0.53) == pytest.approx((m + 1) * 0.712)


def test_hits_as_expected_add_one_a_bar():
    m = 0.0
    for bar in range(1, 51):
        m = detect_nb(m, 0.52, 0.53)
        assert m == pytest.approx(bar)


def test_alarm_lasts_one_bar_and_starts_again():
    m, alarms = 0.0, []
    for bar in range(200):
        m = detect_nb(m, 0.0, 0.53)
        if m >= ALARM:
            alarms.append(bar)
    assert len(alarms) > 2
    assert len({b - a for a, b in pairwise(alarms)}) == 1
    assert alarms[0] + 1 == alarms[1] - alarms[0]


def test_a_bar_without_labels_changes_nothing():
    assert detect_nb(12.5, math.nan, 0.53) == 12.5
    assert detect_nb(ALARM, math.nan, 0.53) == 0
