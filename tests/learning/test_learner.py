"""The online learner's laws: any split of the bars, any restart, any later bar gives the same bits."""

import itertools
import re
from dataclasses import replace

import numpy as np
import pytest

from research.errors import OnepathError
from research.execution import Execution
from research.kernels import belief as be
from research.kernels import signals as sg
from research.learning.kept import pack, unpack
from research.learning.learner import OnlineLearner
from research.learning.learners import LEARNERS, available
from tests.learning import markets
from tests.learning.markets import HORIZON, kinds, learner, market, settings

BARS = 420
FAST = ("lightgbm",)


def drive(made, cuts, data, *, restart=False, asked=None):
    """Advance over pieces; return all that was said as if it were one block, and the learner at the end."""
    parts = []
    for a, b in itertools.pairwise(cuts):
        parts.append(made.advance(*data.cut(a, b)))
        if restart:
            files, facts = pack(made)
            made = learner(asked)
            unpack(made, files, facts)
    return joined(parts), made


def joined(parts):
    labels = [np.concatenate(x) for x in zip(*(p.labels for p in parts), strict=True)]
    return {
        "predictions": np.concatenate([p.predictions for p in parts], axis=2),
        "said": np.concatenate([p.said for p in parts], axis=2),
        "weights": np.concatenate([p.weights for p in parts], axis=1),
        **{f"label {k}": x for k, x in enumerate(labels)},
        "models": [name for p in parts for name in p.models],
        "happenings": [h for p in parts for h in p.happenings],
    }


def same(a, b):
    for name, x in a.items():
        if isinstance(x, list):
            assert x == b[name], name
        else:
            assert x.shape == b[name].shape, name
            assert x.tobytes() == b[name].tobytes(), name


@pytest.fixture(scope="module")
def data():
    return market()


@pytest.fixture(scope="module")
def whole(data):
    """All learners there are, over all bars as one block."""
    return drive(learner(), [0, BARS], data)[0]


def cuts(seed, count):
    return [0, *sorted(np.random.default_rng(seed).choice(np.arange(1, BARS), count, replace=False)), BARS]


# --- what the market puts to the test ---


def test_the_market_brings_all_that_can_happen(whole, data):
    """Retrainings, challengers that win and that lose, an alarm, a late and an early symbol, gaps."""
    found = kinds(whole["happenings"])
    assert found["fit"] >= 8
    assert found["alarm"] >= 1
    duels = [h.text for h in whole["happenings"] if h.kind == "duel"]
    assert any(" replaces " in text for text in duels)
    assert any(" does not replace " in text for text in duels)
    assert len(set(whole["models"])) > 5
    here = np.isfinite(data.panel.close.T)
    assert not here[2, :80].any()
    assert not here[3, -80:].any()
    assert 5 < (~here[1]).sum() < 60
    spoken = np.isfinite(whole["predictions"][be.PROBABILITY])
    assert spoken.any(axis=1).all()
    assert not spoken[~here].any()
    alarm = next(h for h in whole["happenings"] if h.kind == "alarm")
    assert alarm.bar > 220, "the accuracy falls from there on"


def test_what_was_said_keeps_its_rules(whole):
    p, edge, confidence, kelly, effective, level = whole["predictions"]
    spoken = np.isfinite(p)
    assert spoken.sum() > 500
    assert ((p[spoken] > 0) & (p[spoken] < 1)).all()
    assert np.allclose(edge[spoken], p[spoken] - level[spoken], rtol=0, atol=0)
    ranked = np.isfinite(confidence)
    assert ranked.sum() > 0.8 * spoken.sum(), "none among the first bars of each symbol"
    assert ((confidence[ranked] >= 0) & (confidence[ranked] <= 1)).all()
    assert ((kelly[spoken] >= 0) & (effective[spoken] > 0)).all()
    for row in (edge, confidence, kelly, effective, level):
        assert np.isnan(row[~spoken]).all()
    assert np.allclose(whole["weights"].sum(axis=0), 1.0, rtol=0, atol=1e-12)
    learners = len(available())
    mean = whole["said"][:learners].mean(axis=0)
    assert np.allclose(whole["said"][learners + 1][spoken], mean[spoken], rtol=1e-12)


def test_it_learned_while_there_was_something_to_learn(whole):
    """Hit rate of the calibrated probability on labels born before the market changes its mind."""
    p = whole["predictions"][be.PROBABILITY]
    t_end, symbol, birth, net = (whole[f"label {k}"] for k in range(4))
    told = np.isfinite(p[symbol, birth]) & (birth > 100) & (t_end < 220)
    hits = (p[symbol, birth] > 0.5) == (net > 0)
    assert hits[told].mean() > 0.7
    assert told.sum() > 200


# --- chunk law ---


def test_random_chunks_and_restarts_of_all_learners(whole, data):
    same(drive(learner(), cuts(1, 9), data)[0], whole)
    same(drive(learner(), cuts(2, 12), data, restart=True)[0], whole)


@pytest.mark.parametrize("restart", [False, True])
def test_one_bar_at_a_time(data, restart):
    asked = settings(FAST)
    block, end = drive(learner(asked), [0, BARS], data)
    assert kinds(block["happenings"])["alarm"] >= 1
    bits, bar_end = drive(learner(asked), range(BARS + 1), data, restart=restart, asked=asked)
    same(bits, block)
    mine, theirs = pack(end), pack(bar_end)
    assert mine[1] == theirs[1]
    models = [name for name in mine[0] if not name.endswith(".npz")]
    assert models
    assert all(mine[0][name] == theirs[0][name] for name in models)


def test_models_of_one_minute_are_told_apart(data):
    """Bars of ten seconds: two fits within a minute are two models, and each comes back as itself."""
    when = np.datetime64("2000-01-03T14:30", "us") + np.arange(BARS) * np.timedelta64(10, "s")
    fast = markets.Market(replace(data.panel, bar_close=when), data.features, data.candidates)
    asked = settings(FAST, retrain_every=2, duel_labels=5)
    block, _ = drive(learner(asked), [0, 160], fast)
    fits = [h.bar for h in block["happenings"] if h.kind == "fit"]
    assert np.diff(fits).tolist() == [2] * (len(fits) - 1)
    taken_over = sum(" replaces " in h.text for h in block["happenings"])
    assert len(set(block["models"])) == 2 + taken_over
    same(drive(learner(asked), range(161), fast, restart=True, asked=asked)[0], block)


def test_an_empty_block_changes_nothing(data):
    asked = settings(FAST)
    block, _ = drive(learner(asked), [0, BARS], data)
    same(drive(learner(asked), [0, 0, 150, 150, BARS], data)[0], block)


def test_the_number_of_cores_does_not_change_a_bit(whole, data):
    same(drive(learner(jobs=3), [0, BARS], data)[0], whole)


def test_retraining_at_every_bar(data):
    asked = settings(FAST, retrain_every=1, duel_labels=5)
    block, _ = drive(learner(asked), [0, 150], data)
    assert kinds(block["happenings"])["fit"] > 90
    same(drive(learner(asked), range(151), data)[0], block)


# --- no future ---


@pytest.mark.parametrize("later", ["noise", "tenfold", "missing"])
def test_no_future(data, later):
    """Replace every bar after t, of panel and features alike; what was said up to t keeps its bits."""
    asked = settings(FAST)
    block, _ = drive(learner(asked), [0, BARS], data)
    retrained = [h.bar for h in block["happenings"] if h.kind == "fit"]
    alarms = [h.bar for h in block["happenings"] if h.kind == "alarm"]
    rng = np.random.default_rng(5)
    instants = {*retrained[1::4], *alarms, *(b - 1 for b in retrained[2::6]), 77, 201}
    for t in sorted(instants):
        bits, _ = drive(learner(asked), [0, BARS], changed(data, t, later, rng))
        for name in ("predictions", "said", "weights"):
            assert bits[name][..., : t + 1].tobytes() == block[name][..., : t + 1].tobytes(), (name, t)
        assert bits["models"][: t + 1] == block["models"][: t + 1]
        assert bits["predictions"].tobytes() != block["predictions"].tobytes()
        upto = [[h for h in x["happenings"] if h.bar <= t] for x in (bits, block)]
        assert upto[0] == upto[1]


def changed(data, t, later, rng):
    panel, features, candidates = data.cut(0, BARS)
    fields = {name: getattr(panel, name).copy() for name in ("open", "high", "low", "close")}
    features, candidates = features.copy(), candidates.copy()
    after = slice(t + 1, None)
    if later == "missing":
        half = rng.random(panel.close[after].shape) < 0.5
        for x in fields.values():
            x[after][half] = np.nan
        features[:, :, after][:, half.T] = np.nan
        candidates[sg.ENTRY][:, after][half.T] = 0.0
    else:
        noise = np.exp(rng.normal(size=panel.close[after].shape)) if later == "noise" else 10.0
        for x in fields.values():
            x[after] *= noise
        features[:, :, after] = features[:, :, after] * 10.0 + (later == "noise")
    return markets.Market(replace(panel, **fields), features, candidates)


# --- duels ---


def test_a_duel_scores_those_two_alone(data):
    """Labels that were open when a duel began were spoken of by others: they do not count in it."""
    asked = settings(FAST, retrain_every=30, duel_labels=1)
    block, _ = drive(learner(asked), [0, BARS], data)
    fits = [h.bar for h in block["happenings"] if h.kind == "fit"]
    said = np.isfinite(block["predictions"][be.PROBABILITY])
    t_end, symbol, birth = (block[f"label {k}"] for k in range(3))
    scored = [
        (h.bar, int(h.text.split(" labels")[0].split()[-1])) for h in block["happenings"] if h.kind == "duel"
    ]
    assert len(scored) > 5
    for bar, count in scored:
        # A challenger is fitted at the retraining before this one, from the second one on.
        began = max(b for b in fits if b < bar)
        counted = (birth >= began) & (t_end <= bar) & said[symbol, birth]
        assert count == counted.sum()


# --- learners that fail ---


class Failing:
    """A fitted model whose library gives up from the first row on whose first feature is above a bound."""

    def __init__(self, fitted, bound, error):
        self.fitted, self.bound, self.error = fitted, bound, error

    def predict(self, x):
        if (x[:, -1, 0] > self.bound).any():
            if self.error is None:
                return np.full(len(x), np.nan)
            raise self.error
        return self.fitted.predict(x)

    def to_bytes(self):
        return self.fitted.to_bytes()


def failing(monkeypatch, name, *, at_fit=None, bound=None, error=None):
    """Let one learner's library fail: in its n-th fit, or in the prediction of some rows."""
    plain, calls = LEARNERS[name], []

    def train(x, y, weight, params, *, seed, threads):
        calls.append(seed)
        if len(calls) == at_fit:
            raise error
        fitted = plain.train(x, y, weight, params, seed=seed, threads=threads)
        return fitted if bound is None else Failing(fitted, bound, error)

    known = {**LEARNERS, name: replace(plain, train=train)}
    monkeypatch.setattr("research.learning.learners.LEARNERS", known)


def lightgbm_error():
    from lightgbm.basic import LightGBMError

    return LightGBMError("Check failed:\n (num_data) > (0)")


BOTH = ("lightgbm", "gradient_boosting")


@pytest.mark.parametrize("error", [None, lightgbm_error()])
def test_a_learner_that_fails_to_predict_is_dropped_at_that_bar(data, monkeypatch, error):
    """…whatever was asked together with it: one block, chunks and single bars are the same run."""
    bound = np.sort(data.features[0, :, 150:][np.isfinite(data.features[0, :, 150:])])[-3]
    failing(monkeypatch, "lightgbm", bound=bound, error=error)
    asked = settings(BOTH)
    block, _ = drive(learner(asked), [0, BARS], data)
    (dropped,) = [h for h in block["happenings"] if h.kind == "dropped"]
    spoken = np.isfinite(block["predictions"][be.PROBABILITY])
    over = (data.features[0] > bound) & (data.candidates[sg.ENTRY] != 0) & spoken
    assert dropped.bar == np.flatnonzero(over.any(axis=0))[0]
    why = "it answered with what is no probability" if error is None else type(error).__name__
    assert f"lightgbm is dropped from the mixture, 1 of 2 learners go on: {why}" in dropped.text
    assert "\n" not in dropped.text
    said = block["said"][BOTH.index("lightgbm")]
    assert np.isnan(said[:, dropped.bar :]).all()
    assert np.isfinite(said[:, dropped.bar - 1]).any()
    assert spoken[:, dropped.bar :].any(), "the run goes on"
    same(drive(learner(asked), cuts(3, 8), data)[0], block)
    same(drive(learner(asked), range(BARS + 1), data)[0], block)


@pytest.mark.parametrize("at_fit", [1, 3])
def test_a_learner_that_fails_to_fit_is_dropped(data, monkeypatch, at_fit):
    failing(monkeypatch, "lightgbm", at_fit=at_fit, error=RuntimeError("out of\nluck"))
    made = learner(settings(BOTH))
    block, made = drive(made, [0, BARS], data)
    (dropped,) = [h for h in block["happenings"] if h.kind == "dropped"]
    fits = [h.bar for h in block["happenings"] if h.kind == "fit"]
    assert dropped.bar == fits[at_fit - 1]
    assert dropped.text.endswith("1 of 2 learners go on: RuntimeError: out of luck")
    assert np.isnan(block["said"][0, :, dropped.bar :]).all()
    assert np.isfinite(block["said"][1, :, -20:]).any()
    assert made.ensemble.dropped.keys() == {"lightgbm"}
    files, facts = pack(made)
    again = learner(settings(BOTH))
    unpack(again, files, facts)
    assert again.ensemble.dropped == made.ensemble.dropped


def test_when_none_is_left_the_run_ends_with_the_reasons(data, monkeypatch):
    failing(monkeypatch, "lightgbm", at_fit=2, error=RuntimeError("out of luck"))
    with pytest.raises(OnepathError, match=r"no learner is left in the mixture .lightgbm: RuntimeErr"):
        learner(settings(FAST)).advance(*data.cut(0, BARS))


def test_a_fault_of_our_own_is_not_passed_over(data, monkeypatch):
    failing(monkeypatch, "lightgbm", at_fit=2, error=AttributeError("typo"))
    with pytest.raises(AttributeError, match="typo"):
        learner(settings(BOTH)).advance(*data.cut(0, BARS))


# --- rows that cannot be learned from ---


def shaped(data, step, until):
    """The market, but that every price grows by `step` a bar until bar `until`, inside each bar as well."""
    panel, features, candidates = data.cut(0, BARS)
    grown = 100.0 * np.exp(step * np.arange(until))[:, None] * np.ones((1, 4))
    grown[np.isnan(panel.close[:until])] = np.nan
    fields = {name: getattr(panel, name).copy() for name in ("open", "high", "low", "close")}
    for name, part in (("open", 0.0), ("high", max(step, 0.0)), ("low", min(step, 0.0)), ("close", step)):
        fields[name][:until] = grown * np.exp(part)
    return markets.Market(replace(panel, **fields), features, candidates)


@pytest.mark.parametrize(("step", "they_are"), [(0.02, "wins"), (-0.02, "losses"), (0.0, "losses")])
def test_a_first_fit_on_one_class_is_told_and_tried_again(data, step, they_are):
    """…until there are wins and losses; that no trade made or lost anything is one class, too."""
    costs = Execution(slippage=0.0, commission=0.0) if step == 0.0 else Execution()
    asked = settings(FAST, importance=True)
    odd = shaped(data, step, 150)

    def made():
        return OnlineLearner(4, asked, HORIZON, costs)

    block = made().advance(*odd)
    skipped = [h for h in block.happenings if h.kind == "skipped"]
    fits = [h.bar for h in block.happenings if h.kind == "fit"]
    assert [h.bar for h in skipped] == list(range(skipped[0].bar, skipped[-1].bar + 1, asked.retrain_every))
    one_class = [h for h in skipped if h.bar < 150]
    assert len(one_class) >= 4
    for h in one_class:
        assert h.text.startswith("fit refused: a fit needs wins and losses and all ")
        assert f"labels are {they_are}; bring more bars" in h.text
    assert 150 < fits[0] == skipped[-1].bar + asked.retrain_every
    assert set(block.models[: fits[0]]) == {""}
    assert np.isnan(block.predictions[:, :, : fits[0]]).all()
    assert np.isfinite(block.predictions[be.PROBABILITY][:, fits[0] :]).any()
    cut = made()
    same(joined([cut.advance(*odd.cut(i, i + 1)) for i in range(BARS)]), joined([block]))
    unfit = made()
    unfit.advance(*odd.cut(0, 140))
    assert unfit.lacks is not None
    assert f"labels are {they_are}" in unfit.lacks
    assert cut.lacks is None


def test_a_feature_that_is_all_nan_is_named(data):
    panel, features, candidates = data.cut(0, BARS)
    features = features.copy()
    features[1] = np.nan
    block = learner(settings(BOTH)).advance(panel, features, candidates)
    assert kinds(block.happenings).keys() == {"skipped"}
    assert re.match(r"fit refused: feature ret_2 is NaN in all \d+ training rows", block.happenings[0].text)
    assert set(block.models) == {""}


def test_the_largest_seed_is_as_good_as_any(data):
    block = learner(settings(FAST, seed=2**31 - 1)).advance(*data.cut(0, 200))
    assert kinds(block.happenings)["fit"] > 3


def test_a_feature_too_large_for_a_model_is_undefined(data):
    panel, features, candidates = data.cut(0, 200)
    huge, undefined = features.copy(), features.copy()
    huge[0, 0, 60], undefined[0, 0, 60] = 1e300, np.nan
    runs = [learner(settings(FAST)).advance(panel, x, candidates) for x in (huge, undefined)]
    same(joined(runs[:1]), joined(runs[1:]))
    assert np.isfinite(runs[0].predictions[be.PROBABILITY]).any()


def test_later_on_they_are_told_and_the_old_models_go_on(data):
    panel, features, candidates = data.cut(0, BARS)
    features = features.copy()
    features[1, :, 100:] = np.nan
    block = learner(settings(FAST)).advance(panel, features, candidates)
    skipped = [h for h in block.happenings if h.kind == "skipped"]
    assert skipped
    assert "fit refused: feature ret_2 is NaN in all" in skipped[0].text
    assert np.isfinite(block.predictions[be.PROBABILITY][:, skipped[0].bar :]).any()
    bars = learner(settings(FAST))
    parts = [bars.advance(*markets.Market(panel, features, candidates).cut(i, i + 1)) for i in range(BARS)]
    same(joined(parts), joined([block]))


def test_nothing_is_said_before_the_labels_are_there(data):
    made = learner(settings(FAST, min_labels=5000))
    block = made.advance(*data.cut(0, BARS))
    assert not block.happenings
    assert made.lacks is not None
    assert made.lacks.startswith("the first fit needs 5000 settled labels and 25 bars, these bars gave ")
    assert set(block.models) == {""}
    assert np.isnan(block.predictions).all()
    assert block.labels.net.size > 300


def test_rows_wait_for_the_warm_up_of_their_own_symbol(data):
    """The lookback counts a symbol's bars, not the panel's; nobody is asked before."""
    asked = settings(FAST)
    block, _ = drive(learner(asked), [0, BARS], data)
    assert asked.lookback == 5
    here = np.isfinite(data.panel.close.T)
    first = block["label 2"]
    for k in range(4):
        own = np.cumsum(here[k])
        births = first[block["label 1"] == k]
        assert own[births].min() == np.min(own[(data.candidates[sg.ENTRY, k] != 0) & (own > 5)])
    assert (block["label 0"] - first)[block["label 1"] == 0].max() <= HORIZON + 1
