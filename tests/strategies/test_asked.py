"""The strategies that one call runs group by group are those of the registry, each under its own number."""

import numpy as np
import pytest

from research.errors import BadValue
from research.kernels import codes as do
from research.kernels import signals as sg
from research.kernels.compared import HELD
from research.strategies import STRATEGIES
from research.strategies.asked import choose_by_nb, is_rare, number_of

PLAIN = [rule for rule in STRATEGIES.values() if rule.model is None]


@pytest.mark.parametrize("rule", PLAIN, ids=lambda rule: rule.name)
def test_a_number_asks_the_strategy(rule):
    rng = np.random.default_rng(5)
    features = rng.normal(0, 1, (len(rule.features(rule.defaults)), 400))
    features[-1] = rng.choice([-1.0, 0.0, 1.0, 60.0], 400)
    features[:, :20] = np.nan
    vector = rule.vector({**rule.defaults, "allow_short": 1.0})
    asked, told = np.full((2, sg.N_SIGNALS, 400), np.nan)
    rule.choose(features, vector, asked)
    choose_by_nb(number_of(rule), features, np.empty((0, 400)), vector, told)
    rows = [sg.ENTRY, sg.EXIT, sg.GATE]
    assert np.array_equal(asked[rows], told[rows])
    assert len(np.unique(told[sg.ENTRY])) == 3
    assert (told[sg.GATE, :20] == 1.0).all()


def test_numbers_differ():
    assert sorted(number_of(rule) for rule in PLAIN) == list(range(len(PLAIN)))


def test_a_strategy_that_is_not_written_down_is_refused():
    with pytest.raises(BadValue, match=r"asked\.py names, was ml_driven; name it there, or use engine"):
        number_of(STRATEGIES["ml_driven"])


@pytest.mark.parametrize("rule", PLAIN, ids=lambda rule: rule.name)
def test_who_is_asked_rarely_wants_nothing_where_nothing_crosses(rule):
    """And who is not may want something there: it must be asked at every close."""
    rng = np.random.default_rng(6)
    features = rng.normal(0, 50, (len(rule.features(rule.defaults)), 600))
    features[rng.random(features.shape) < 0.1] = np.nan
    features[-1] = rng.choice([0.0, np.nan], 600)
    rare = is_rare(rule, np.array([[HELD] * (len(features) - 1) + [do.CROSS]]))
    assert rare == (rule.name == "ma_crossover")
    assert not is_rare(rule, np.array([[HELD, do.CROSS, do.CROSS], [HELD, HELD, do.CROSS]]))
    assert not is_rare(rule, np.array([[HELD] * len(features)]))
    wants = 0
    for short in (0.0, 1.0):
        out = np.full((sg.N_SIGNALS, 600), np.nan)
        rule.choose(features, rule.vector({**rule.defaults, "allow_short": short}), out)
        wants += int(np.count_nonzero(out[[sg.ENTRY, sg.EXIT]]))
    assert (wants == 0) == rare
