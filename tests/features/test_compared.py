"""Recipes say of every pair what the catalogue says of it."""

import numpy as np
import pytest

from research.errors import BadValue, UnknownName
from research.features.catalogue import feature
from research.features.compared import PARTS, pairs, recipe
from research.features.table import TABLE
from research.kernels import codes as do
from research.kernels.compared import HELD


def test_every_family_of_pairs_is_known():
    pairs = {
        line.pattern
        for lines in TABLE.values()
        for line in lines
        if line.pattern.count("{") == 2 and line.expression(20, 50).step.code in (do.OVER, do.CROSS)
    }
    assert pairs == {f"{front}_{{a}}_{{b}}" for front in PARTS}


@pytest.mark.parametrize("family", PARTS)
@pytest.mark.parametrize(("a", "b"), [(2, 3), (5, 60), (21, 252)])
def test_a_recipe_is_the_catalogues_expression(family, a, b):
    name = f"{family}_{a}_{b}"
    made, whole = recipe(name), feature(name)
    step = whole.row.step
    assert [part.row for part in made.rows] == list(step.inputs)
    assert (made.code, made.lookback) == (step.code, whole.lookback)
    assert step.code == do.CROSS or made.param == step.params[0]


def test_any_other_feature_is_held_itself():
    made = recipe("vol_21")
    assert (made.code, made.rows, made.lookback) == (HELD, (feature("vol_21"),), 21)


@pytest.mark.parametrize("name", ["sma_50_20", "sma_cross_7_7", "sma_20_9999", "vol_ratio_1_20"])
def test_windows_are_refused_as_by_the_catalogue(name):
    with pytest.raises(BadValue) as told:
        recipe(name)
    with pytest.raises(BadValue) as also:
        feature(name)
    assert str(told.value) == str(also.value)
    with pytest.raises(UnknownName):
        recipe("sma_a_b")


@pytest.mark.parametrize("family", PARTS)
def test_many_pairs_at_once_are_each_of_them(family):
    one, other = np.array([5, 2, 21, 5]), np.array([60, 3, 252, 21])
    made = pairs(family, one, other)
    assert made is not None
    for k, (a, b) in enumerate(zip(one.tolist(), other.tolist(), strict=True)):
        alone = recipe(f"{family}_{a}_{b}")
        assert made.recipes[k, :2].tolist() == [alone.code, alone.param]
        assert tuple(made.rows[at] for at in made.recipes[k, 2:].tolist()) == alone.rows
        assert made.lookback[k] == alone.lookback


def test_many_pairs_of_which_one_has_no_meaning_are_none():
    some = np.array([5, 10])
    assert pairs("sma_cross", some, np.array([20, 10])) is None
    assert pairs("sma_cross", some, np.array([20, 99_999])) is None
    assert pairs("rsi", some, np.array([20, 30])) is None
