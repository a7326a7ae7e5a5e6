"""Settings refuse what cannot be meant, and come back from JSON as they were."""

import json
from dataclasses import replace

import pytest

from research.errors import BadValue, UnknownName
from research.features.catalogue import FEATURES
from research.kernels import online
from research.learning.settings import CORE, LearningSettings, model_features


@pytest.mark.parametrize(
    ("given", "refusal"),
    [
        ({"learners": ()}, "`learners` must be one or more different names, was none"),
        ({"learners": ("lightgbm", "lightgbm")}, "different names, was lightgbm, lightgbm"),
        ({"features": ()}, "`features` of a model must name at least one"),
        ({"tuning": {"lstm": {"epochs": 1}}}, "`tuning` must name learners in use, was 'lstm'"),
        ({"retrain_every": 0}, "`retrain_every` must be a whole number from 1 to 100000, was 0"),
        ({"retrain_every": 2.5}, "`retrain_every` must be a whole number"),
        ({"retrain_every": True}, "`retrain_every` must be a whole number"),
        ({"train_bars": 49}, "`train_bars` must be a whole number from 50"),
        ({"min_labels": 29}, "`min_labels` must be a whole number from 30"),
        ({"max_rows": 29}, "`max_rows` must be a whole number from 30"),
        ({"share": 0.6}, r"`share` must be a number from 0 to 0\.5, was 0\.6"),
        ({"share": float("nan")}, "`share` must be a number"),
        ({"ridge": 0.0}, r"`ridge` must be a number from 0\.01 to 1e\+06, was 0\.0"),
        ({"window": "wide"}, "`window` must be a whole number from 20 to 100000, was 'wide'"),
        ({"duel_labels": 0}, "`duel_labels` must be a whole number from 1"),
        ({"drift_labels": 1}, "`drift_labels` must be a whole number from 30"),
        ({"seed": -1}, "`seed` must be a whole number from 0"),
        ({"confidence": "sure"}, "`confidence` must be 'rank' or 'probability', was 'sure'"),
        ({"tuning": {"lightgbm": {"trees": 0}}}, "`trees` must be > 0 for lightgbm"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_one_line(given, refusal):
    with pytest.raises(BadValue, match=refusal) as told:
        LearningSettings(**given)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("given", "nearest"),
    [
        ({"learners": ("lightgmb",)}, "lightgbm"),
        ({"features": ("rett_5",)}, "ret_5"),
        ({"tuning": {"lightgbm": {"tress": 5}}}, "trees"),
    ],
)
def test_a_mistyped_name_is_offered_the_nearest(given, nearest):
    with pytest.raises(UnknownName, match=f"did you mean '{nearest}'"):
        LearningSettings(**given)


def test_facts_come_back_from_json():
    asked = LearningSettings(
        learners=("lightgbm", "random_forest"),
        features=("ret_5", "z_20"),
        seed=3,
        tuning={"lightgbm": {"trees": 5}},
    )
    again = LearningSettings.from_facts(json.loads(json.dumps(asked.facts())))
    assert again == asked
    plain = LearningSettings()
    assert LearningSettings.from_facts(plain.facts()).facts() == plain.facts()


def test_defaults_are_the_designs():
    plain = LearningSettings()
    assert plain.learners == CORE == ("random_forest", "gradient_boosting", "lightgbm")
    assert (plain.retrain_every, plain.confidence, plain.window) == (21, "rank", 252)
    assert plain.share == 1 / 252
    assert plain.names == model_features() == tuple(n for n in FEATURES if FEATURES[n].lookback <= 504)
    assert plain.lookback == max(FEATURES[name].lookback for name in plain.names)
    assert plain.memory(1) == 1000
    assert plain.memory(10) == 2500
    assert plain.memory(500) == 20_000
    vector = plain.vector(250)
    assert (vector[online.EVERY], vector[online.BY_RANK], vector[online.SHARE]) == (21, 1, 1 / 252)
    assert vector[online.FIRST] == 250
    assert replace(plain, confidence="probability").vector(1)[online.BY_RANK] == 0


def test_of_a_crowd_the_first_fit_waits_for_a_whole_horizon():
    asked = LearningSettings(min_labels=60)
    assert asked.first_labels(3, 20) == 60
    assert asked.first_labels(4, 20) == 80
    assert asked.first_labels(500, 10) == 5000
