"""One contract for every strategy in the registry."""

import numpy as np
import pytest

from research.errors import BadValue, UnknownName
from research.features.catalogue import feature
from research.kernels import signals as sg
from research.strategies import STRATEGIES, strategy_named
from research.strategies.base import SHARED, SHARED_FEATURES


@pytest.fixture(params=sorted(STRATEGIES))
def strategy(request):
    return STRATEGIES[request.param]


def rows(strategy, count=400, seed=1):
    """Feature rows with the spread of real ones, some of them NaN."""
    rng = np.random.default_rng(seed)
    names = strategy.features(strategy.resolve())
    values = rng.normal(size=(len(names), count))
    for k, name in enumerate(names):
        if name.startswith(("vol", "atr")):
            values[k] = 0.01 + 0.5 * rng.random(count)
        elif name.endswith("_score"):
            values[k] = 100.0 * rng.random(count)
        elif name.startswith("sma_cross"):
            values[k] = rng.integers(-1, 2, count)
    values[rng.integers(0, len(names), 40), rng.integers(0, count, 40)] = np.nan
    return values


def test_shared_positions_match_the_kernel():
    assert len(SHARED) == sg.N_SHARED
    assert len(SHARED_FEATURES) == sg.N_SHARED_FEATURES
    order = list(SHARED)
    for name in ("ALLOW_SHORT", "BARS_PER_YEAR", "VOL_TARGET", "MAX_WEIGHT", "RISK_CAP", "RISK_AVERSION"):
        assert order.index(name.lower()) == getattr(sg, f"P_{name}")
    for name in ("STOP", "STOP_ATR", "TARGET", "TARGET_ATR", "TRAIL", "TRAIL_ATR"):
        assert order.index(name.lower()) == getattr(sg, f"P_{name}")
    assert order.index("time_limit") == sg.P_LIMIT
    assert SHARED_FEATURES.index("vol_21") == sg.F_VOL
    assert SHARED_FEATURES.index("risk_score") == sg.F_RISK
    assert SHARED_FEATURES.index("atr_pct_14") == sg.F_ATR


def test_features_exist(strategy):
    for name in strategy.features(strategy.resolve()):
        assert feature(name).name == name


def test_each_close_stands_alone(strategy):
    """A column's signals are the same among others and by themselves: no look to either side."""
    values = rows(strategy)
    params = strategy.resolve({"stop_atr": 2.0, "target": 0.1})
    whole = strategy.signals(values, params)
    for j in range(values.shape[1]):
        alone = strategy.signals(values[:, j : j + 1], params)
        assert alone.tobytes() == whole[:, j : j + 1].copy().tobytes()


def test_rows_obey_their_rules(strategy):
    values = rows(strategy)
    for short in (0, 1):
        out = strategy.signals(values, strategy.resolve({"allow_short": short, "stop": 0.05, "trail_atr": 3}))
        assert out.shape == (sg.N_SIGNALS, values.shape[1])
        assert set(np.unique(out[sg.ENTRY])) <= ({-1.0, 0.0, 1.0} if short else {0.0, 1.0})
        assert (out[sg.ENTRY] != 0).any()
        assert set(np.unique(out[sg.EXIT])) <= {-1.0, 0.0, 1.0, 2.0}
        # An entry passes every gate, and only an entry does.
        assert ((out[sg.GATE] == 0) == (out[sg.ENTRY] != 0)).all()
        assert (out[sg.GATE] <= len(strategy.gates)).all()
        assert ((out[sg.WEIGHT] >= 0) & (out[sg.WEIGHT] <= 0.95)).all()
        assert (out[sg.ENTRY] * out[sg.EXIT] <= 0).all()


def test_unknown_features_mean_no_entry(strategy):
    values = rows(strategy)
    unknown = np.isnan(values).any(axis=0)
    out = strategy.signals(values, strategy.resolve())
    assert unknown.sum() > 10
    assert (out[sg.ENTRY, unknown] == 0).all()
    assert (out[sg.GATE, unknown] == 1).all()
    assert strategy.gates[0] == "warm-up"


def test_parameters_refuse_with_their_rule(strategy):
    with pytest.raises(UnknownName, match=r"unknown parameter of .* 'stpo'; did you mean 'stop'\?"):
        strategy.resolve({"stpo": 0.1})
    with pytest.raises(BadValue, match=r"parameter `stop` of .* must be a number from 0 to 0.99, was 1.5"):
        strategy.resolve({"stop": 1.5})
    with pytest.raises(BadValue, match="whole number"):
        strategy.resolve({"time_limit": 2.5})
    with pytest.raises(BadValue, match="was nan"):
        strategy.resolve({"stop": float("nan")})
    with pytest.raises(BadValue, match="was 'wide'"):
        strategy.resolve({"stop": "wide"})


def test_registry_offers_the_nearest_name():
    with pytest.raises(UnknownName, match="did you mean 'adaptive_momentum'"):
        strategy_named("adaptve_momentum")
    assert STRATEGIES.keys() == {s.name for s in STRATEGIES.values()}


def test_crossover_needs_fast_below_slow():
    with pytest.raises(BadValue, match="`fast` must be below `slow`, was 50 and 20"):
        STRATEGIES["ma_crossover"].resolve({"fast": 50, "slow": 20})


# --- the two rules, by hand ---


def one(strategy, own, params=None, shared=(0.2, 0.0, 0.02)):
    values = np.array([*shared, *own], dtype=float)[:, None]
    return STRATEGIES[strategy].signals(values, STRATEGIES[strategy].resolve(params))[:, 0]


@pytest.mark.parametrize(
    ("momentum", "trend", "short", "entry", "closes", "gate"),
    [
        (0.6, 50.0, 0, 1, -1, ""),
        (0.5, 90.0, 0, 0, -1, "momentum"),  # the threshold itself is not above it
        (0.6, 49.9, 0, 0, -1, "trend"),
        (-0.1, 90.0, 0, 0, 1, "momentum"),
        (0.0, 90.0, 0, 0, 0, "momentum"),
        (-0.6, 50.0, 1, -1, 1, ""),
        (-0.6, 50.1, 1, 0, 1, "trend"),
        (-0.6, 50.0, 0, 0, 1, "momentum"),
    ],
)
def test_adaptive_momentum(momentum, trend, short, entry, closes, gate):
    out = one("adaptive_momentum", (momentum, trend), {"allow_short": short})
    gates = ("", *STRATEGIES["adaptive_momentum"].gates)
    assert (out[sg.ENTRY], out[sg.EXIT], gates[int(out[sg.GATE])]) == (entry, closes, gate)


@pytest.mark.parametrize(
    ("cross", "short", "entry", "closes"), [(1, 0, 1, -1), (0, 0, 0, 0), (-1, 0, 0, 1), (-1, 1, -1, 1)]
)
def test_ma_crossover_enters_on_that_very_bar(cross, short, entry, closes):
    out = one("ma_crossover", (cross,), {"allow_short": short})
    assert (out[sg.ENTRY], out[sg.EXIT]) == (entry, closes)


@pytest.mark.parametrize(
    ("shared", "params", "weight"),
    [
        # volatility target 20 % over 40 % measured
        ((0.4, 0.0, 0.02), {"risk_cap": 0}, 0.5),
        # the cap holds where volatility is low
        ((0.1, 0.0, 0.02), {"risk_cap": 0, "max_weight": 0.8}, 0.8),
        # losing 10 % at the stop may cost 2 % of equity: a fifth of it
        ((0.2, 0.0, 0.02), {"risk_cap": 0.02, "stop": 0.10}, 0.2),
        # the nearer of stop and trail counts: 0.02 / 0.05
        ((0.2, 0.0, 0.02), {"risk_cap": 0.02, "stop": 0.10, "trail": 0.05}, 0.4),
        # full risk score gives up half
        ((0.4, 100.0, 0.02), {"risk_cap": 0}, 0.25),
        # 4 × 252 bars a year: measured 20 % at 252 is 40 % a year
        ((0.2, 0.0, 0.02), {"risk_cap": 0, "bars_per_year": 1008.0}, 0.5),
        # what cannot be measured is not bought
        ((0.0, 0.0, 0.02), {}, 0.0),
    ],
)
def test_weight_by_hand(shared, params, weight):
    out = one("ma_crossover", (1,), params, shared)
    assert out[sg.WEIGHT] == pytest.approx(weight, rel=1e-15)


@pytest.mark.parametrize(
    ("params", "stop", "target", "trail", "limit"),
    [
        ({}, np.nan, np.nan, np.nan, np.nan),
        ({"stop": 0.05, "target": 0.1, "trail": 0.07, "time_limit": 9}, 0.05, 0.1, 0.07, 9.0),
        ({"stop_atr": 3.0, "target_atr": 5.0, "trail_atr": 2.0}, 0.06, 0.1, 0.04, np.nan),
        # both ways given: the nearer one
        ({"stop": 0.05, "stop_atr": 3.0}, 0.05, np.nan, np.nan, np.nan),
        ({"stop": 0.07, "stop_atr": 3.0}, 0.06, np.nan, np.nan, np.nan),
        # a stop cannot lie at or below zero
        ({"stop_atr": 60.0}, 0.99, np.nan, np.nan, np.nan),
    ],
)
def test_protection_by_hand(params, stop, target, trail, limit):
    out = one("ma_crossover", (1,), params, (0.2, 50.0, 0.02))
    expected = [stop, target, trail, limit]
    np.testing.assert_allclose(out[[sg.STOP, sg.TARGET, sg.TRAIL, sg.LIMIT]], expected, rtol=1e-15)
