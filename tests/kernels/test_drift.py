"""The detector's recursion by hand; its rates are studied in tests/studies/drift.py."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest

from research.kernels.drift import ALARM, detect_nb, detect_overlap_nb


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


def test_turns_by_hand():
    turns = np.zeros(3)
    assert detect_overlap_nb(turns, 7, 0.5, 0.53) == pytest.approx(1 + 1.2 * 0.02)
    assert detect_overlap_nb(turns, 8, 0.0, 0.53) == pytest.approx(1.024 + 1.624)
    assert detect_overlap_nb(turns, 9, math.nan, 0.53) == pytest.approx(1.024 + 1.624)
    assert detect_overlap_nb(turns, 10, 1.0, 0.53) == pytest.approx(2.024 * 0.424 + 1.624)
    assert turns == pytest.approx([0, 2.024 * 0.424, 1.624])


def test_turns_see_only_every_hth_bar():
    """Each detector alone, fed its own bars, is in the state that it has in turn."""
    x = np.random.default_rng(8).random(100)
    turns = np.zeros(7)
    for bar in range(100):
        detect_overlap_nb(turns, bar, x[bar], 0.53)
    for turn in range(7):
        alone = np.zeros(1)
        for value in x[turn::7]:
            detect_overlap_nb(alone, 0, value, 0.53)
        assert alone[0] == turns[turn]


def test_alarm_of_turns_lasts_one_bar_and_clears_all():
    turns = np.full(4, ALARM / 4)
    m = detect_overlap_nb(turns, 1, 0.52, 0.53)
    assert m == pytest.approx(1)
    assert turns == pytest.approx([0, 1, 0, 0])
    assert detect_overlap_nb(np.full(4, ALARM / 4), 1, math.nan, 0.53) == 0


def test_a_reference_out_of_all_reason_keeps_m_at_zero():
    assert detect_overlap_nb(np.ones(1), 0, 1.0, 0.1) == 0
