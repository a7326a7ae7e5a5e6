"""Grids: order, forbidden combinations, and every way of asking wrongly."""

import numpy as np
import pytest

from research.errors import BadValue, UnknownName
from research.simulation.grid import build_grid
from research.strategies import strategy_named

CROSSOVER = strategy_named("ma_crossover")
MOMENTUM = strategy_named("adaptive_momentum")


def test_cells_come_in_product_order_the_last_name_fastest():
    grid = build_grid(MOMENTUM, {"threshold": [1, 0.5], "min_trend": range(40, 61, 10)})
    assert grid.names == ("threshold", "min_trend")
    assert grid.cells.tolist() == [[1, 40], [1, 50], [1, 60], [0.5, 40], [0.5, 50], [0.5, 60]]
    assert grid.params(4) == {"threshold": 0.5, "min_trend": 50.0}


def test_forbidden_combinations_are_left_out_and_counted():
    grid = build_grid(CROSSOVER, {"fast": [10, 50], "slow": [20, 50, 100]})
    assert grid.cells.tolist() == [[10, 20], [10, 50], [10, 100], [50, 100]]
    assert grid.left_out == 2
    assert "was 50 and 20" in grid.complaint


def test_a_rule_sees_fixed_parameters_too():
    grid = build_grid(CROSSOVER, {"slow": [50, 100]}, {"fast": 60})
    assert grid.cells.tolist() == [[100]]
    assert grid.params(0) == {"fast": 60.0, "slow": 100.0}


@pytest.mark.parametrize(
    "values", [0.5, np.float64(0.5), np.array(0.5), [0.5], (0.5,), np.array([0.5]), iter([0.5])]
)
def test_an_axis_may_be_a_number_or_any_list_of_numbers(values):
    assert build_grid(MOMENTUM, {"threshold": values}).cells.tolist() == [[0.5]]


@pytest.mark.parametrize(
    ("grid", "params", "error", "said"),
    [
        ({}, None, BadValue, "`grid` must name at least one parameter"),
        ({"threshold": []}, None, BadValue, "`threshold` at least one value, was empty"),
        ({"treshold": [1]}, None, UnknownName, "did you mean 'threshold'"),
        ({"threshold": [1]}, {"min_trnd": 1}, UnknownName, "did you mean 'min_trend'"),
        ({"threshold": [1]}, {"threshold": 1}, BadValue, "is in `grid` and in `params`"),
        ({"threshold": [1, -1]}, None, BadValue, "a number from 0 to 10, was -1"),
        ({"threshold": [1, 1.0]}, None, BadValue, "must differ, 1 was named twice"),
        ({"threshold": "12"}, None, BadValue, "must be a list, range, array or number, were '12'"),
        ({"threshold": ["1"]}, None, BadValue, "must be a number from 0 to 10, was '1'"),
        ({"threshold": [float("nan")]}, None, BadValue, "was nan"),
    ],
)
def test_refusals_name_the_thing_and_the_value(grid, params, error, said):
    with pytest.raises(error) as refusal:
        build_grid(MOMENTUM, grid, params)
    assert said in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_no_allowed_combination_is_refused():
    with pytest.raises(BadValue, match="allows none of the 4 combinations: `fast` must be below `slow`"):
        build_grid(CROSSOVER, {"fast": [50, 60], "slow": [20, 50]})


def test_a_cell_is_found_by_its_values():
    grid = build_grid(MOMENTUM, {"threshold": np.arange(0, 1, 0.1), "min_trend": [50, 60], "stop": 0.1})
    # np.arange has 0.30000000000000004 here; a person writes 0.3.
    assert grid.find({"threshold": 0.3, "min_trend": 60}) == 7
    assert grid.find({"threshold": 0, "min_trend": 50, "stop": 0.1}) == 0


@pytest.mark.parametrize(
    ("wanted", "error", "said"),
    [
        ({"fast": 11, "slow": 50}, BadValue, "`fast` was not swept at 11; the nearest values are 10 and 12"),
        ({"fast": 10}, BadValue, "needs a value of `slow`, had none; choose one of 12, 50, 100"),
        ({"fast": "x", "slow": 50}, BadValue, "`fast` was not swept at 'x'"),
        ({"fast": 12, "slow": 12}, BadValue, "the cell fast=12, slow=12 was left out: `fast` must be below"),
        ({"fsat": 12}, UnknownName, "did you mean 'fast'"),
    ],
)
def test_a_cell_that_is_not_there_is_refused_with_the_nearest(wanted, error, said):
    grid = build_grid(CROSSOVER, {"fast": [10, 12, 40], "slow": [12, 50, 100]})
    with pytest.raises(error) as refusal:
        grid.find(wanted)
    assert said in str(refusal.value)
