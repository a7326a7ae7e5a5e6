"""Permutation importance finds planted features, and agrees with its closed form and with scikit-learn."""

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray
from sklearn import inspection
from sklearn.linear_model import LogisticRegression

from research.errors import BadValue, UnknownName
from research.learning import importance
from research.learning.importance import permutation_importance

NAMES = ["strong", "weak", "idle", "flat"]


def expit(z) -> NDArray[np.float64]:
    return 1.0 / (1.0 + np.exp(-z))


def rows(n, seed=5):
    """x (n, 1, 4), y from the first two features, unequal weights."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 1, 4)).astype(np.float32)
    x[:, :, 3] = np.nan
    y = rng.random(n) < expit(2.0 * x[:, 0, 0] + 0.7 * x[:, 0, 1])
    return x, y.astype(int), rng.uniform(0.2, 2.0, n)


def truth(x) -> NDArray[np.float64]:
    return expit(2.0 * x[:, 0, 0].astype(float) + 0.7 * x[:, 0, 1])


def test_planted_features_come_out_in_their_order():
    x, y, weight = rows(3000)
    found = permutation_importance(truth, x, y, weight, NAMES, seed=1, repeats=8)
    assert found.schema == {"feature": pl.String, "importance": pl.Float64, "spread": pl.Float64}
    assert found["feature"].to_list() == NAMES
    strong, weak, idle, flat = found["importance"]
    assert strong > 5 * weak > 0.1
    assert idle == flat == 0.0
    assert found["spread"].to_list()[2:] == [0.0, 0.0]
    assert found["importance"][1] > 4 * found["spread"][1]


@pytest.mark.parametrize("column", [0, 1])
def test_mean_tends_to_the_loss_over_all_pairs(column):
    """Fisher, Rudin and Dominici: every row with every row's value, whose mean is exact."""
    x, y, weight = rows(60)

    def loss(p):
        return -np.average(np.where(y == 1, np.log(p), np.log(1.0 - p)), weights=weight)

    switched = []
    for other in range(60):
        changed = x.copy()
        changed[:, 0, column] = x[other, 0, column]
        switched.append(loss(truth(changed)))
    found = permutation_importance(truth, x, y, weight, NAMES, seed=2, repeats=1000).row(column, named=True)
    error = found["spread"] / np.sqrt(1000)
    assert abs(found["importance"] - (np.mean(switched) - loss(truth(x)))) < 4 * error


def test_agrees_with_scikit_learn():
    x, y, weight = rows(400)
    flat = x[:, 0, :3].astype(float)
    model = LogisticRegression().fit(flat, y, sample_weight=weight)
    theirs = inspection.permutation_importance(
        model, flat, y, scoring="neg_log_loss", n_repeats=60, random_state=4, sample_weight=weight
    )

    def predict(some):
        return model.predict_proba(some[:, 0].astype(float))[:, 1]

    ours = permutation_importance(predict, x[:, :, :3], y, weight, NAMES[:3], seed=4, repeats=60)
    error = np.hypot(ours["spread"].to_numpy(), theirs.importances_std) / np.sqrt(60)
    assert np.all(np.abs(ours["importance"].to_numpy() - theirs.importances_mean) < 4 * error)
    assert ours["spread"].to_numpy() == pytest.approx(theirs.importances_std, rel=0.4)


def test_a_sequence_moves_as_one():
    """A model that reads the change within a row sees none as long as rows swap whole sequences."""
    rng = np.random.default_rng(6)
    x = np.repeat(rng.normal(size=(300, 1, 2)), 5, axis=1).astype(np.float32)
    x[:, :, 1] = rng.normal(size=(300, 5))
    y = (x[:, 4, 1] > x[:, 0, 1]).astype(int)

    def predict(some):
        level = np.abs(some[:, 4, 0] - some[:, 0, 0]).astype(float)
        return np.clip(expit(3.0 * (some[:, 4, 1] - some[:, 0, 1]) + level), 0.01, 0.99)

    found = permutation_importance(predict, x, y, np.ones(300), ["level", "change"], seed=1)
    assert found["importance"][0] == 0.0
    assert found["importance"][1] > 0.5


def test_a_family_is_permuted_together():
    rng = np.random.default_rng(7)
    x = rng.normal(size=(2000, 1, 3)).astype(np.float32)
    x[:, :, 1] = x[:, :, 0]
    y = (rng.random(2000) < expit(2.0 * x[:, 0, 0])).astype(int)
    names = ["one", "copy", "other"]

    def twins(some):
        return expit((some[:, 0, 0] + some[:, 0, 1]).astype(float))

    def apart(some):
        return np.where(some[:, 0, 0] == some[:, 0, 1], 0.6, 0.01)

    families = {"twins": ["copy", "one"], "rest": ["other"]}
    each = permutation_importance(twins, x, y, np.ones(2000), names, seed=1)
    both = permutation_importance(twins, x, y, np.ones(2000), names, seed=1, families=families)
    assert both["feature"].to_list() == ["twins", "rest"]
    assert both["importance"][0] > each["importance"][0] + each["importance"][1]
    together = permutation_importance(apart, x, y, np.ones(2000), names, seed=1, families=families)
    assert together["importance"].to_list() == [0.0, 0.0]
    assert permutation_importance(apart, x, y, np.ones(2000), names, seed=1)["importance"][0] > 0.5


def test_bits_depend_on_seed_alone():
    x, y, weight = rows(200)
    before = x.copy()
    first = permutation_importance(truth, x, y, weight, NAMES, seed=3)
    assert first.equals(permutation_importance(truth, x, y, weight, NAMES, seed=3))
    assert not first.equals(permutation_importance(truth, x, y, weight, NAMES, seed=4))
    assert np.array_equal(x, before, equal_nan=True)
    x.flags.writeable = False

    turned = permutation_importance(
        lambda some: truth(some[:, :, ::-1]), x[:, :, ::-1], y, weight, NAMES[::-1], seed=3
    )
    assert turned.reverse().equals(first)


def test_bits_do_not_depend_on_how_many_are_asked_at_once(monkeypatch):
    x, y, weight = rows(200)
    at_once = permutation_importance(truth, x, y, weight, NAMES, seed=3)
    calls: list[int] = []

    def counted(some):
        calls.append(len(some))
        return truth(some)

    monkeypatch.setattr(importance, "_ROWS_AT_ONCE", 700)
    assert permutation_importance(counted, x, y, weight, NAMES, seed=3).equals(at_once)
    assert calls == [600] * 5 + [200], "16 copies of 200 rows, 3 at a time"


def test_certain_predictions_have_a_finite_loss():
    x, _, weight = rows(50)
    y = (x[:, 0, 0] > 0).astype(int)
    found = permutation_importance(lambda s: (s[:, 0, 0] > 0).astype(np.float64), x, y, weight, NAMES, seed=1)
    assert 5.0 < found["importance"][0] < 36.1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"x": np.zeros((4, 4), np.float32)}, r"`x` must be \(R, L, 4\)"),
        ({"names": ["a", "b", "c"]}, r"`x` must be \(R, L, 3\) for 3 names, was \(10, 1, 4\)"),
        ({"names": ["a", "b", "a", "c"]}, "'a' is there twice"),
        ({"x": np.zeros((1, 1, 4), np.float32)}, "must be ≥ 2, were 1 and 5"),
        ({"repeats": 1}, "must be ≥ 2, were 10 and 1"),
        ({"y": np.zeros(9)}, r"must be \(10,\) as `x`, were \(9,\)"),
        ({"y": np.r_[np.zeros(9), np.nan]}, "`y` must be 0 or 1, was nan in row 9"),
        ({"weight": -np.ones(10)}, "`weight` must be finite"),
        ({"weight": np.zeros(10)}, "`weight` must be finite"),
        ({"predict": lambda s: np.full(len(s), np.nan)}, "must return probabilities, returned nan for row 0"),
        (
            {"predict": lambda s: np.full((len(s), 2), 0.5)},
            r"must return shape \(160,\), returned \(160, 2\)",
        ),
        ({"families": {"all": "strong"}}, "family 'all' must list features"),
        ({"families": {"all": []}}, "family 'all' must list features"),
    ],
)
def test_what_does_not_fit_is_refused(change, said):
    x, y, weight = rows(10)
    given = {"predict": truth, "x": x, "y": y, "weight": weight, "names": NAMES, "seed": 1} | change
    with pytest.raises(BadValue, match=said):
        permutation_importance(**given)


def test_unknown_feature_of_a_family_is_named():
    x, y, weight = rows(10)
    with pytest.raises(UnknownName, match="did you mean 'strong'"):
        permutation_importance(truth, x, y, weight, NAMES, seed=1, families={"all": ["stron"]})
