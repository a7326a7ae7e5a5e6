"""One contract for every strategy in the registry."""

import numpy as np
import pytest

from research.errors import BadValue, UnknownName
from research.features.catalogue import feature
from research.kernels import belief as be
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


def spoken(strategy, count=400, seed=2):
    """Predictions with the spread of real ones, some closes without; None for a strategy without a model."""
    if strategy.model is None:
        return None
    rng = np.random.default_rng(seed)
    values = np.empty((be.N_PREDICTIONS, count))
    values[be.PROBABILITY] = 0.4 + 0.3 * rng.random(count)
    values[be.BREAK_EVEN] = 0.5
    values[be.EDGE] = values[be.PROBABILITY] - 0.5
    values[be.CONFIDENCE] = rng.random(count)
    values[be.KELLY] = np.maximum(values[be.EDGE], 0.0)
    values[be.EFFECTIVE] = rng.integers(10, 100, count)
    values[:, rng.integers(0, count, 60)] = np.nan
    return values


def switches(strategy):
    """Values of `allow_short` that a strategy takes."""
    return (0, 1) if strategy.model is None else (0,)


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
    said = spoken(strategy)
    params = strategy.resolve({"stop_atr": 2.0, "target": 0.1})
    whole = strategy.signals(values, params, said)
    for j in range(values.shape[1]):
        alone = strategy.signals(values[:, j : j + 1], params, None if said is None else said[:, j : j + 1])
        assert alone.tobytes() == whole[:, j : j + 1].copy().tobytes()


def test_rows_obey_their_rules(strategy):
    values = rows(strategy)
    for short in switches(strategy):
        params = strategy.resolve({"allow_short": short, "stop": 0.05, "trail_atr": 3})
        out = strategy.signals(values, params, spoken(strategy))
        assert out.shape == (sg.N_SIGNALS, values.shape[1])
        assert set(np.unique(out[sg.ENTRY])) <= ({-1.0, 0.0, 1.0} if short else {0.0, 1.0})
        assert (out[sg.ENTRY] != 0).any()
        assert set(np.unique(out[sg.EXIT])) <= {-1.0, 0.0, 1.0, 2.0}
        # An entry passes every gate, and only an entry does.
        assert ((out[sg.GATE] == 0) == (out[sg.ENTRY] != 0)).all()
        assert (out[sg.GATE] <= len(strategy.gates)).all()
        assert ((out[sg.WEIGHT] >= 0) & (out[sg.WEIGHT] <= 0.95)).all()
        assert (out[sg.ENTRY] * out[sg.EXIT] <= 0).all()


def test_a_choice_asks_no_size_and_a_size_no_choice(strategy):
    """What lets a sweep compute each once: of the shared parameters a choice reads allow_short alone."""
    if strategy.model is not None:
        with pytest.raises(BadValue, match="has a model, which must be asked first"):
            strategy.choose(rows(strategy), strategy.vector(strategy.resolve()), np.empty((1, 400)))
        return
    values = rows(strategy)
    for short in switches(strategy):
        params = strategy.resolve({"allow_short": short, "stop": 0.05, "target": 0.1})
        whole = strategy.signals(values, params)
        vector, out = strategy.vector(params), np.full((sg.N_SIGNALS, values.shape[1]), 7.0)
        vector[sg.P_ALLOW_SHORT + 1 : sg.N_SHARED] = np.nan
        strategy.choose(values, vector, out)
        chosen = [sg.ENTRY, sg.EXIT, sg.GATE]
        assert out[chosen].tobytes() == whole[chosen].tobytes()
        assert (np.delete(out, chosen, axis=0) == 7.0).all()
        sized = np.full_like(out, 7.0)
        vector = strategy.vector(params)
        vector[sg.P_ALLOW_SHORT] = np.nan
        vector[sg.N_SHARED :] = np.nan
        sg.size_nb(values[: sg.N_SHARED_FEATURES], vector, sized)
        sizes = [sg.WEIGHT, sg.STOP, sg.TARGET, sg.TRAIL, sg.LIMIT]
        assert sized[sizes].tobytes() == whole[sizes].tobytes()


def test_unknown_features_mean_no_entry(strategy):
    values = rows(strategy)
    unknown = np.isnan(values).any(axis=0)
    out = strategy.signals(values, strategy.resolve(), spoken(strategy))
    assert unknown.sum() > 10
    assert (out[sg.ENTRY, unknown] == 0).all()
    assert (out[sg.GATE, unknown] == 1).all()
    assert strategy.gates[0] == "warm-up"


# --- strategies with a model -------------------------------------------------------------------------


@pytest.fixture(params=sorted(name for name, s in STRATEGIES.items() if s.model is not None))
def learned(request):
    return STRATEGIES[request.param]


def test_no_entry_without_a_word_of_the_model(learned):
    values, said = rows(learned), spoken(learned)
    out = learned.signals(values, learned.resolve(), said)
    mute = np.isnan(said[be.PROBABILITY])
    assert mute.sum() > 20
    assert (out[sg.ENTRY, mute] == 0).all()
    silent = learned.signals(values, learned.resolve(), np.full_like(said, np.nan))
    assert (silent[sg.ENTRY] == 0).all()
    assert "no model yet" in {learned.gate_name(g) for g in silent[sg.GATE]}


def test_predictions_are_needed_by_those_with_a_model_alone(strategy):
    values = rows(strategy)
    wrong = spoken(STRATEGIES["ml_driven"]) if strategy.model is None else None
    with pytest.raises(BadValue, match="predictions"):
        strategy.signals(values, strategy.resolve(), wrong)
    if strategy.model is None:
        with pytest.raises(BadValue, match="has no model, so it has no candidates"):
            strategy.candidates(values, strategy.resolve())


def test_candidates_stand_alone_and_end(learned):
    """Each candidate is known at its own close, and the trade that labels it has a last bar."""
    values = rows(learned)
    params = learned.resolve({"stop_atr": 2.0, "target": 0.1})
    whole = learned.candidates(values, params)
    for j in range(values.shape[1]):
        alone = learned.candidates(values[:, j : j + 1], params)
        assert alone.tobytes() == whole[:, j : j + 1].copy().tobytes()
    asked = whole[sg.ENTRY] != 0.0
    assert 20 < asked.sum() < asked.size
    assert not asked[np.isnan(values).any(axis=0)].any()
    assert (whole[sg.LIMIT, asked] == params["time_limit"]).all()
    assert np.isfinite(whole[sg.STOP, asked]).all()
    assert set(np.unique(whole[sg.ENTRY])) == {0.0, 1.0}


def test_every_entry_was_a_candidate(learned):
    """The model is never asked of what it did not learn from."""
    values, params = rows(learned, 4000), learned.resolve()
    said = spoken(learned, 4000)
    entered = learned.signals(values, params, said)[sg.ENTRY] != 0.0
    assert entered.sum() > 30
    assert (learned.candidates(values, params)[sg.ENTRY, entered] == 1.0).all()


def test_a_model_needs_trades_that_end_and_are_long(learned):
    with pytest.raises(BadValue, match=r"`time_limit` of .* must be ≥ 1, was 0; its models learn"):
        learned.resolve({"time_limit": 0})
    with pytest.raises(BadValue, match="cannot sell short; leave `allow_short` off"):
        learned.resolve({"allow_short": 1})


@pytest.mark.parametrize(
    ("params", "refusal"),
    [
        ({"learn_below": 2.0}, "`learn_below` must be at most `entry`, was 2 and 1.5"),
        ({"exit": -0.75}, "`exit` must be above −`learn_below`, was -0.75 and 0.75"),
    ],
)
def test_mean_reversion_refuses_what_cannot_be(params, refusal):
    with pytest.raises(BadValue, match=refusal):
        STRATEGIES["mean_reversion_ml"].resolve(params)


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


def said(p, edge, confidence, kelly, effective=1000.0):
    values = np.empty((be.N_PREDICTIONS, 1))
    values[:, 0] = (p, edge, confidence, kelly, effective, p - edge)
    return values


GOOD = (0.6, 0.1, 0.7, 0.2)


@pytest.mark.parametrize(
    ("trend", "momentum", "words", "entry", "closes", "gate"),
    [
        (50.0, 0.1, GOOD, 1, -1, ""),
        (49.9, 0.1, GOOD, 0, -1, "trend"),
        (50.0, 0.0, GOOD, 0, -1, "momentum"),
        (50.0, 0.1, (0.6, 0.1, 0.6, 0.2), 0, -1, "confidence"),  # 0.6 itself does not exceed it
        (50.0, 0.1, (0.5, 0.0, 0.7, 0.2), 0, 0, "edge"),  # break-even: no entry, no exit
        (50.0, 0.1, (0.4, -0.1, 0.7, 0.0), 0, 1, "edge"),
        (50.0, 0.1, (0.6, 0.1, 0.7, 0.0), 0, -1, "kelly"),
        (50.0, 0.1, (np.nan,) * 4, 0, 0, "no model yet"),
        (29.9, 0.1, GOOD, 0, 1, "trend"),  # the trend is gone: out, whatever the model says
        (29.9, 0.1, (np.nan,) * 4, 0, 1, "no model yet"),
    ],
)
def test_ml_driven(trend, momentum, words, entry, closes, gate):
    rule = STRATEGIES["ml_driven"]
    values = np.array([0.2, 0.0, 0.02, trend, momentum])[:, None]
    out = rule.signals(values, rule.resolve(), said(*words))[:, 0]
    # An entry's exit is for shorts, none of which this strategy has.
    expected = 1.0 if closes == 1 else 0.0
    assert (out[sg.ENTRY], max(out[sg.EXIT], 0.0), rule.gate_name(out[sg.GATE])) == (entry, expected, gate)


@pytest.mark.parametrize(
    ("z", "words", "entry", "closes", "gate"),
    [
        (-1.6, GOOD, 1, False, ""),
        (-1.5, GOOD, 0, False, "not stretched"),  # the threshold itself is not beyond it
        (-1.6, (np.nan,) * 4, 0, False, "no model yet"),
        (-1.6, (0.5, 0.0, 0.1, 0.2), 0, False, "edge"),
        (-1.6, (0.6, 0.1, 0.1, 0.0), 0, False, "kelly"),
        (-1.6, (0.6, 0.1, 0.0, 0.2), 1, False, ""),  # it does not ask for confidence
        (0.1, GOOD, 0, True, "not stretched"),
        (0.0, GOOD, 0, False, "not stretched"),
    ],
)
def test_mean_reversion_ml(z, words, entry, closes, gate):
    rule = STRATEGIES["mean_reversion_ml"]
    values = np.array([0.2, 0.0, 0.02, z])[:, None]
    out = rule.signals(values, rule.resolve(), said(*words))[:, 0]
    assert (out[sg.ENTRY], out[sg.EXIT] > 0.0, rule.gate_name(out[sg.GATE])) == (entry, closes, gate)


@pytest.mark.parametrize(
    ("kelly", "effective", "fraction", "weight"),
    [
        (0.4, 1000.0, 0.25, 0.1),  # a quarter of the Kelly fraction
        (0.4, 1000.0, 0.5, 0.2),
        (4.0, 1000.0, 1.0, 0.5),  # 20 % aimed at over 40 % measured is the tighter one
        (0.4, 29.9, 0.25, 0.01),  # too few labels: the least weight
        (0.4, 30.0, 0.25, 0.1),
    ],
)
@pytest.mark.parametrize("name", ["ml_driven", "mean_reversion_ml"])
def test_kelly_weight_by_hand(name, kelly, effective, fraction, weight):
    rule = STRATEGIES[name]
    own = (80.0, 10.0) if name == "ml_driven" else (-2.0,)
    values = np.array([0.4, 0.0, 0.02, *own])[:, None]
    params = rule.resolve({"risk_cap": 0, "kelly_fraction": fraction})
    out = rule.signals(values, params, said(0.6, 0.1, 0.9, kelly, effective))[:, 0]
    assert out[sg.ENTRY] == 1.0
    assert out[sg.WEIGHT] == pytest.approx(weight, rel=1e-15)


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
