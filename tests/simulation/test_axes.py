"""Texts of values: what they mean, and every way of writing them wrongly."""

import numpy as np
import pytest

from research.errors import BadValue
from research.simulation.axes import axis_of, numbers


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("20:40:5", [20, 25, 30, 35, 40]),
        ("20:42:5", [20, 25, 30, 35, 40]),
        ("1:3", [1, 2, 3]),
        ("0.1:0.5:0.1", [0.1, 0.2, 0.3, 0.4, 0.5]),
        ("3:1:-1", [3, 2, 1]),
        ("5:5:1", [5]),
        ("0.02,0.05", [0.02, 0.05]),
        ("1:2:0.5, 7", [1, 1.5, 2, 7]),
        ("1e-3:3e-3:1e-3", [0.001, 0.002, 0.003]),
        ("-1:1:1", [-1, 0, 1]),
    ],
)
def test_a_text_means_its_numbers_to_the_bit_and_includes_its_stop(text, meant):
    assert numbers("x", text) == meant


def test_lists_ranges_and_arrays_mean_what_they_mean_in_python():
    assert axis_of("x", range(5, 20, 5)) == [5, 10, 15]
    assert axis_of("x", np.array([[0.5, 1.0]])) == [0.5, 1.0]
    assert axis_of("x", 3) == [3]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1:2:3:4", "must be numbers and ranges, was '1:2:3:4'"),
        ("a:b", "must be numbers and ranges, was 'a:b'"),
        ("1,,2", "must be numbers and ranges, was ''"),
        ("1,nan", "must be numbers and ranges, was 'nan'"),
        ("0:inf:1", "was '0:inf:1'"),
        ("1:5:0", "must lead from its start to its stop, was '1:5:0'"),
        ("5:1", "must lead from its start to its stop, was '5:1'"),
        ("0:1:1e-9", "1,000,000 values at most, was '0:1:1e-9' with 1,000,000,001"),
    ],
)
def test_a_text_that_is_no_list_of_numbers_is_refused_in_one_line(text, said):
    with pytest.raises(BadValue) as refusal:
        numbers("stop", text)
    assert said in str(refusal.value)
    assert "stop" in str(refusal.value)
    assert "\n" not in str(refusal.value)
