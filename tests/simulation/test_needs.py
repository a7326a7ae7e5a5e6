"""What cells read is the same whether a strategy is asked of each, or says it for all at once."""

from dataclasses import replace

import numpy as np
import pytest

from research.simulation.grid import build_grid
from research.simulation.needs import Reads, needs
from research.strategies import strategy_named
from research.strategies.declared import Names

RULE = strategy_named("ma_crossover")


def asked(rule):
    """Return the strategy with its features as a mere function."""
    return replace(rule, reads=lambda params: (f"sma_cross_{int(params['fast'])}_{int(params['slow'])}",))


def names(rows):
    """Return the names of those read by value, and of those that cross."""
    return tuple({row.name for row in some} for some in rows)


@pytest.mark.parametrize(
    "grid",
    [
        {"fast": [5, 10, 30], "slow": [20, 30, 60], "trail": [0.05, 0.1]},
        {"trail": [0, 0.1], "slow": [200, 20], "fast": 7},
        {"slow": range(21, 40)},
        {"trail": [0.0, 0.1], "stop": [0.0, 0.1]},
    ],
)
def test_all_at_once_is_one_by_one(grid):
    cells = build_grid(RULE, grid)
    told, each = needs(RULE, cells), needs(asked(RULE), cells)
    assert list(told.reads) == list(each.reads)
    assert told.lookback.tolist() == each.lookback.tolist()
    assert not told.broken
    assert not each.broken
    for i in range(len(cells)):
        one, other = told.reads.take(np.array([i])), each.reads.take(np.array([i]))
        assert names(one.rows()) == names(other.rows())
    assert names(told.reads.rows()) == names(each.reads.rows())


def test_recipes_name_the_rows_of_their_features():
    cells = build_grid(RULE, {"fast": [5, 10], "slow": [20, 60]})
    lists = needs(RULE, cells).reads.lists
    of = {
        name: [lists.rows[k].name for k in row[2:]]
        for name, row in zip(lists.names, lists.recipes, strict=True)
    }
    assert of["sma_cross_10_60"] == ["mean(close, 10)", "mean(close, 60)"]
    assert of["vol_21"] == ["vol_21", "vol_21"]


def test_equal_lists_are_one_object_and_slices_are_cells():
    reads = needs(RULE, build_grid(RULE, {"fast": [5, 10], "slow": 20, "trail": [0.05, 0.1]})).reads
    assert reads[0] is reads[1]
    assert list(reads[2:]) == [reads[2], reads[3]]
    assert len(Reads.none()) == 0
    assert Reads.none().rows() == ((), ())


def test_a_window_that_no_feature_has_breaks_its_cells_alone():
    wide = replace(
        RULE,
        own={**RULE.own, "slow": replace(RULE.own["slow"], high=200_000.0)},
        reads=Names(("sma_cross_{fast:.0f}_{slow:.0f}",)),
    )
    told = needs(wide, build_grid(wide, {"fast": [5, 10], "slow": [20, 150_000]}))
    assert sorted(told.broken) == [1, 3]
    assert told.reads[0] == (*RULE.features(RULE.resolve({"fast": 5, "slow": 20})),)
    assert told.reads[1] == ()
