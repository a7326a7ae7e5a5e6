"""Rules and names that are data say of one set of parameters what they say of many."""

import numpy as np
import pytest

from research.strategies.declared import Below, Names


@pytest.mark.parametrize(("fast", "slow", "fine"), [(5, 20, True), (20, 20, False), (21, 20, False)])
def test_a_rule_of_order_says_what_is_wrong(fast, slow, fine):
    rule = Below("fast", "slow")
    said = rule({"fast": float(fast), "slow": float(slow)})
    assert (said is None) == fine
    if said is not None:
        assert said == f"`fast` must be below `slow`, was {fast} and {slow}; swap or change them"


def test_a_rule_of_order_is_asked_of_arrays():
    many = {"fast": np.array([5.0, 20.0, 30.0]), "slow": 20.0}
    assert Below("fast", "slow").holds(many).tolist() == [True, False, False]


def test_names_take_whole_numbers_from_parameters():
    names = Names(("vol_21", "sma_cross_{fast:.0f}_{slow:.0f}"))
    assert names({"fast": 5.0, "slow": 1000.0, "stop": 0.1}) == ("vol_21", "sma_cross_5_1000")
    assert [names.fields(pattern) for pattern in names.patterns] == [(), ("fast", "slow")]
