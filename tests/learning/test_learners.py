"""The learners of the core keep the contract, and the registry and their shared checks refuse clearly."""

import hashlib
import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from research.errors import ArtifactError, BadValue, DataError, MissingExtra, UnknownName
from research.learning.learners import LEARNERS, MIN_ROWS, available, learner_named
from research.learning.seal import sealed
from tests.learning.learner_contract import LearnerContract, fitted, planted, small
from tests.learning.planted import windows


class TestRandomForest(LearnerContract):
    name = "random_forest"


class TestGradientBoosting(LearnerContract):
    name = "gradient_boosting"


class TestLightGBM(LearnerContract):
    name = "lightgbm"


class TestLogisticRegression(LearnerContract):
    name = "logistic_regression"


# --- the registry ------------------------------------------------------------------------------


def test_registry_names_its_learners():
    assert all(name == learner.name for name, learner in LEARNERS.items())
    assert set(available()) <= set(LEARNERS)
    assert {"random_forest", "gradient_boosting", "lightgbm"} <= set(available())


def test_unknown_learner_offers_the_nearest():
    with pytest.raises(UnknownName, match="did you mean 'lightgbm'"):
        learner_named("ligthgbm")


@pytest.mark.parametrize("name", [name for name, learner in LEARNERS.items() if learner.extra])
def test_missing_library_names_its_extra(name, monkeypatch):
    learner = LEARNERS[name]
    monkeypatch.setitem(sys.modules, learner.library, None)
    remedy = rf"learner '{name}' needs {learner.library}, .*pip install 'onepath\[{learner.extra}\]'"
    with pytest.raises(MissingExtra, match=remedy):
        learner_named(name)
    with pytest.raises(MissingExtra, match=remedy):
        learner.fit(*planted(name), seed=0)
    assert name not in available()


def test_registry_imports_no_library():
    code = (
        "import sys, research.learning.learners\n"
        "heavy = ('sklearn', 'lightgbm', 'xgboost', 'torch', 'skops')\n"
        "print([m for m in heavy if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_settings_can_be_changed():
    learner = LEARNERS["lightgbm"]
    assert learner.with_params(trees=3.0).params["trees"] == 3
    assert learner.params["trees"] != 3
    with pytest.raises(UnknownName, match="did you mean 'trees'"):
        learner.with_params(tres=3)
    with pytest.raises(BadValue, match="`rate` must be > 0 for lightgbm, was -1"):
        learner.with_params(rate=-1)
    with pytest.raises(BadValue, match=r"`trees` must be a whole number for lightgbm, was 2\.5"):
        learner.with_params(trees=2.5)


# --- same bits ---------------------------------------------------------------------------------


def hashes():
    """Name to the hashes of a model's bytes and of its answers, for every learner there is."""
    out = {}
    for name in available():
        rows = planted(name, rows=120)
        model = small(name).fit(*rows, seed=7)
        parts = (model.to_bytes(), model.predict(rows[0]).tobytes())
        out[name] = [hashlib.sha256(part).hexdigest() for part in parts]
    return out


def test_new_process_trains_the_same_bytes():
    code = "import json; from tests.learning.test_learners import hashes; print(json.dumps(hashes()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == hashes()


def test_forest_is_scikit_learns_own_answer():
    x, _, _ = planted("random_forest", rows=50, seed=1)
    model = fitted("random_forest")
    assert model.predict(x).tolist() == model.model.predict_proba(x[:, 0])[:, 1].tolist()


# --- learning ----------------------------------------------------------------------------------


def test_contributions_add_up_to_the_log_odds():
    x, _, _ = planted("lightgbm", rows=60, seed=1)
    model = fitted("lightgbm")
    p, parts = model.predict(x), model.contributions(x)
    assert parts.shape == (60, x.shape[2] + 1)
    np.testing.assert_allclose(parts.sum(axis=1), np.log(p / (1 - p)), atol=1e-9)
    assert np.abs(parts[:, :-1]).mean(axis=0).argmax() == 0  # the planted feature
    assert model.contributions(x[:1]).tolist() == parts[:1].tolist()


# --- refusals ----------------------------------------------------------------------------------


def refusal(error, match, *, x=None, y=None, weight=None, **options):
    rows = windows(rows=200)
    chosen = [given_ if given_ is not None else row for given_, row in zip((x, y, weight), rows, strict=True)]
    with pytest.raises(error, match=match):
        LEARNERS["lightgbm"].fit(*chosen, **({"seed": 0} | options))


def test_one_class_is_refused():
    refusal(DataError, "needs both classes, all 200 labels were 1", y=np.ones(200))
    weight = np.where(windows(rows=200)[1] == 1, 1.0, 0.0)
    refusal(DataError, "needs both classes", weight=weight)


def test_too_few_rows_are_refused():
    weight = np.zeros(200)
    weight[: MIN_ROWS - 1] = 1.0
    refusal(DataError, f"at least {MIN_ROWS} rows of weight above 0, had {MIN_ROWS - 1}", weight=weight)


def test_feature_without_a_value_is_named():
    x, _, _ = windows(rows=200)
    x[:, :, [2, 5]] = np.nan
    refusal(DataError, "feature number 2 .and 1 more. is NaN in all 200", x=x)
    refusal(DataError, r"feature c .and 1 more. is NaN in all 200", x=x, names="abcdefgh")


@pytest.mark.parametrize(
    ("error", "match", "options"),
    [
        (BadValue, r"`weight` must be finite and ≥ 0, was nan in row 3", {"weight": (3, np.nan)}),
        (BadValue, r"`weight` must be finite and ≥ 0, was inf in row 0", {"weight": (0, np.inf)}),
        (BadValue, r"`weight` must be finite and ≥ 0, was -1\.0 in row 9", {"weight": (9, -1.0)}),
        (BadValue, r"`y` must be 0 or 1, was 2 in row 5", {"y": (5, 2)}),
        (BadValue, r"infinite in row 7, feature 0", {"x": ((7, 0, 0), -np.inf)}),
    ],
)
def test_bad_numbers_are_refused(error, match, options):
    rows = dict(zip(("x", "y", "weight"), windows(rows=200), strict=True))
    for name, (where, value) in options.items():
        rows[name][where] = value
    refusal(error, match, **rows)


def test_bad_shapes_and_settings_are_refused():
    x, y, _ = windows(rows=200)
    refusal(BadValue, r"shape \(rows, 1, 8\), had \(200, 2, 8\)", x=np.repeat(x, 2, axis=1))
    refusal(BadValue, r"had \(200, 8\)", x=x[:, 0])
    refusal(BadValue, r"had \(199,\) and \(200,\)", y=y[1:])
    refusal(BadValue, "name the 8 features of `x`, named 2", names=["a", "b"])
    refusal(BadValue, "`seed` must be between", seed=-1)
    refusal(BadValue, "`threads` must be ≥ 1, was 0", threads=0)


# --- bytes that are not a model's --------------------------------------------------------------


@given(st.sampled_from(["random_forest", "gradient_boosting"]), st.sampled_from([dict, "logistic", "forest"]))
def test_skops_file_of_other_things_is_refused(name, kind):
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from skops.io import dumps

    thing = {dict: {}, "logistic": LogisticRegression(), "forest": RandomForestClassifier()}[kind]
    with pytest.raises(ArtifactError, match=f"model of {name} (holds a|was never fitted)"):
        LEARNERS[name].from_bytes(sealed(name, dumps(thing)))


def test_untrusted_type_is_not_built():
    from functools import partial

    from skops.io import dumps

    # A call packed into a file: skops would build it only if it were trusted.
    data = sealed("random_forest", dumps(partial(hashlib.new, "md5")))
    with pytest.raises(ArtifactError, match="cannot be read"):
        LEARNERS["random_forest"].from_bytes(data)
