"""Grids: order, forbidden combinations, and every way of asking wrongly."""

import numpy as np
import pytest

from research.errors import BadValue, BudgetError, UnknownName
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


PAIRS = {"fast": range(2, 30), "slow": range(3, 40), "trail": [0, 0.05, 0.1]}


def test_texts_are_ranges_that_include_their_stop():
    grid = build_grid(CROSSOVER, {"fast": "5:15:5", "slow": "20,50"})
    assert grid.cells.tolist() == [[5, 20], [5, 50], [10, 20], [10, 50], [15, 20], [15, 50]]
    assert build_grid(MOMENTUM, {"threshold": "0.1:0.3:0.1"}).find({"threshold": 0.3}) == 2


def test_rule_and_constraint_choose_what_asking_each_combination_would():
    grid = build_grid(CROSSOVER, PAIRS, constraint=lambda p: p.slow > 2 * p.fast and p["trail"] < 0.1)
    meant = [
        [fast, slow, trail] for fast in range(2, 30) for slow in range(3, 40) for trail in (0, 0.05, 0.1)
        if fast < slow and slow > 2 * fast and trail < 0.1
    ]  # fmt: skip
    assert grid.cells.tolist() == meant
    assert grid.left_out == 28 * 37 * 3 - len(meant)
    assert "`fast` must be below `slow`, was 3 and 3" in grid.complaint or "excludes" in grid.complaint
    product = [[f, s, t] for f in range(2, 30) for s in range(3, 40) for t in (0, 0.05, 0.1)]
    assert [product[i] for i in grid.index] == meant


def test_a_constraint_is_asked_once_per_case_of_what_it_looks_at():
    asked = []

    def constraint(p):
        asked.append((p.fast, p.max_weight))
        return p.fast < 10 or p.slow > 20

    build_grid(CROSSOVER, PAIRS, constraint=constraint)
    assert len(asked) < 2 * 28 * 37
    assert {weight for _, weight in asked} == {0.95}, "it sees parameters that are not varied too"


def test_a_constraint_may_look_at_all_parameters_at_once():
    grid = build_grid(CROSSOVER, PAIRS, constraint=lambda p: sum(dict(p).values()) >= 0 and len(p) > 10)
    assert len(grid) == len(build_grid(CROSSOVER, PAIRS))


@pytest.mark.parametrize(
    ("constraint", "error", "said"),
    [
        (lambda p: False, BadValue, "allows none of the 3108 combinations"),
        (lambda p: p.fast > p.slow, BadValue, "allows none of the 3108 combinations"),
        (lambda p: 1 / (p.fast - 4) < 2, BadValue, "ZeroDivisionError (float division by zero) at fast=4"),
        (lambda p: p.fast, BadValue, "must give True or False, gave 2.0 at fast=2, slow=3, trail=0"),
        (lambda p: p.fsat < 3, UnknownName, "did you mean 'fast'"),
        (lambda p: p["nothing"] < 3, BadValue, "raised KeyError ('nothing') at fast=2"),
    ],
)  # fmt: skip
def test_a_constraint_that_leaves_nothing_or_cannot_answer_is_refused(constraint, error, said):
    with pytest.raises(error) as refusal:
        build_grid(CROSSOVER, PAIRS, constraint=constraint)
    assert said in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_random_subset_is_of_the_allowed_cells_and_of_the_seed():
    whole = {tuple(cell) for cell in build_grid(CROSSOVER, PAIRS).cells.tolist()}
    first, again, other = (
        build_grid(CROSSOVER, PAIRS, sample=200, seed=seed).cells.tolist() for seed in (1, 1, 2)
    )
    assert first == again != other
    assert len({tuple(cell) for cell in first} & whole) == 200
    assert first == sorted(first), "cells stay in product order"


def test_every_allowed_cell_is_as_likely_to_be_drawn():
    counts = np.zeros(6)
    for seed in range(600):
        counts[build_grid(MOMENTUM, {"threshold": range(6)}, sample=2, seed=seed).index] += 1
    assert np.all(np.abs(counts - 200) < 4 * np.sqrt(600 * (1 / 3) * (2 / 3)))


def test_a_huge_product_is_drawn_from_without_being_made():
    axes = {"fast": "2:400", "slow": "3:900", "trail": "0.01:0.5:0.0001", "target": "0.1:5:0.001"}
    grid = build_grid(CROSSOVER, axes, sample=300, seed=1, constraint=lambda p: p.slow > 2 * p.fast)
    assert len(grid) == 300
    assert np.all(grid.cells[:, 1] > 2 * grid.cells[:, 0])
    assert len(np.unique(grid.index)) == 300
    # Uniform: the mean of trail over 300 draws lies within 4 standard errors of the middle.
    assert abs(grid.cells[:, 2].mean() - 0.255) < 4 * (0.49 / np.sqrt(12)) / np.sqrt(300)
    with pytest.raises(BadValue, match=r"is not among the 300 of .* that seed 1 drew"):
        grid.find(dict(zip(grid.names, [2, 900, 0.01, 0.1], strict=True)))
    with pytest.raises(BudgetError, match=r"20,000,000 combinations at most, had .*; draw some with sample="):
        build_grid(CROSSOVER, axes)


def test_a_subset_larger_than_what_is_allowed_is_all_of_it():
    grid = build_grid(CROSSOVER, {"fast": [5, 10], "slow": [8, 20]}, sample=10)
    assert grid.cells.tolist() == [[5, 8], [5, 20], [10, 20]]
    assert (grid.left_out, grid.subset) == (1, "the 3 of 4 combinations that seed 0 drew")


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"sample": 0}, "`sample` must be a whole number ≥ 1, was 0"),
        ({"sample": 2.5}, "was 2.5"),
        ({"sample": True}, "was True"),
        ({"sample": 2, "seed": -1}, "`seed` must be a whole number ≥ 0, was -1"),
    ],
)
def test_a_subset_that_cannot_be_drawn_is_refused(asked, said):
    with pytest.raises(BadValue) as refusal:
        build_grid(CROSSOVER, PAIRS, **asked)
    assert said in str(refusal.value)
