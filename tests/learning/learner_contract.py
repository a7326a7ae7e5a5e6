"""What every learner keeps: same bits for a row and a batch, safe bytes, clear refusals.

A test module has one class per learner, with its name. Learners whose libraries are extras have modules of
their own, `test_learners_with_<library>.py` (see `tests.extras`).
"""

import numpy as np
import pytest

from research.errors import ArtifactError, BadValue
from research.learning.learners import LEARNERS, Fitted, learner_named
from research.learning.seal import sealed
from tests.learning.planted import area_under_curve, windows


def small(name):
    """The learner with few trees or passes, where only its bytes matter."""
    learner = learner_named(name)
    less = {"trees": 4, "epochs": 1}
    return learner.with_params(**{name: less[name] for name in learner.params if name in less})


def thorough(name):
    """The learner as it is; an LSTM with as many passes as so few rows need."""
    learner = learner_named(name)
    return learner.with_params(epochs=10, rate=0.01, batch=64) if name == "lstm" else learner


def planted(name, **options):
    return windows(sequence=LEARNERS[name].sequence, **options)


_fitted: dict[str, Fitted] = {}


def fitted(name):
    """A model trained once for all tests that only ask it."""
    if name not in _fitted:
        _fitted[name] = thorough(name).fit(*planted(name), seed=7)
    return _fitted[name]


class LearnerContract:
    """The contract, kept by the learner called `name`."""

    name: str

    # --- same bits ---

    def test_one_row_and_any_split_give_the_same_bits(self):
        model = fitted(self.name)
        x, _, _ = planted(self.name, rows=97, seed=1, holes=0.1)
        whole = model.predict(x)
        assert whole.dtype == np.float64
        assert np.all((whole >= 0) & (whole <= 1))
        assert [float(model.predict(x[i : i + 1])[0]) for i in range(len(x))] == whole.tolist()
        rng = np.random.default_rng(2)
        for _ in range(5):
            parts = np.split(x, np.sort(rng.integers(0, len(x) + 1, 6)))
            assert np.concatenate([model.predict(part) for part in parts]).tolist() == whole.tolist()
        shuffled = rng.permutation(len(x))
        assert model.predict(x[shuffled]).tolist() == whole[shuffled].tolist()

    def test_all_nan_row_is_answered(self):
        x, _, _ = planted(self.name, rows=1)
        p = fitted(self.name).predict(np.full_like(x, np.nan))
        assert p.shape == (1,)
        assert 0.0 <= p[0] <= 1.0

    def test_bytes_give_the_same_model(self):
        model = fitted(self.name)
        x, _, _ = planted(self.name, rows=100, seed=1)
        data = model.to_bytes()
        restored = LEARNERS[self.name].from_bytes(data)
        assert restored.predict(x).tolist() == model.predict(x).tolist()
        assert restored.n_features == model.n_features == x.shape[2]
        assert restored.to_bytes() == data

    def test_same_seed_same_bytes_whatever_the_threads(self):
        x, y, weight = planted(self.name, rows=300)
        learner = small(self.name)
        first, again, wide = (learner.fit(x, y, weight, seed=3, threads=threads) for threads in (1, 1, 2))
        assert first.to_bytes() == again.to_bytes() == wide.to_bytes()
        draws = self.name != "logistic_regression"
        assert (learner.fit(x, y, weight, seed=4).to_bytes() != first.to_bytes()) == draws

    # --- learning ---

    def test_planted_feature_is_learned(self):
        x, y, _ = planted(self.name, rows=1500, seed=5)
        # The label's own score with this noise ranks 0.86 of the pairs rightly; a coin 0.50.
        assert area_under_curve(fitted(self.name).predict(x), y) > 0.75

    def test_weights_decide_which_rows_are_learned(self):
        x, y, _ = planted(self.name, rows=800, holes=0.0)
        contrary = np.arange(len(y)) % 2 == 0
        y[contrary] = 1 - y[contrary]
        tests, truth, _ = planted(self.name, rows=800, seed=6, holes=0.0)
        learner = thorough(self.name)
        for loud, rises in ((~contrary, True), (contrary, False)):
            model = learner.fit(x, y, np.where(loud, 1.0, 0.01), seed=1)
            assert (area_under_curve(model.predict(tests), truth) > 0.6) is rises

    def test_scale_of_weights_and_rows_of_weight_zero_change_nothing(self):
        x, y, weight = planted(self.name, rows=300)
        learner = small(self.name)
        model = learner.fit(x, y, weight, seed=1)
        assert learner.fit(x, y, weight * 1024.0, seed=1).to_bytes() == model.to_bytes()
        more = (
            np.concatenate([x, x[:50]]),
            np.concatenate([y, 1 - y[:50]]),
            np.concatenate([weight, np.zeros(50)]),
        )
        assert learner.fit(*more, seed=1).to_bytes() == model.to_bytes()

    def test_balance_makes_the_classes_weigh_the_same(self):
        x, y, _ = planted(self.name, rows=2000, strength=0.0)
        rare = (y == 1) & (np.arange(len(y)) % 4 > 0)
        x, y = x[~rare], y[~rare]
        weight = np.ones(len(y))
        learner = learner_named(self.name)
        base = y.mean()
        assert base < 0.25
        assert abs(learner.fit(x, y, weight, seed=1).predict(x).mean() - base) < 0.06
        assert abs(learner.fit(x, y, weight, seed=1, balanced=True).predict(x).mean() - 0.5) < 0.06

    def test_features_that_say_nothing_give_the_base_rate(self):
        y = (np.arange(90) % 3 == 0).astype(np.int64)
        x = np.ones((90, LEARNERS[self.name].sequence, 2), dtype=np.float32)
        p = learner_named(self.name).fit(x, y, np.ones(90), seed=0).predict(x)
        assert len(set(p.tolist())) == 1
        assert abs(p[0] - 1 / 3) < 0.06

    def test_enormous_numbers_and_weights_are_borne(self):
        x, y, weight = planted(self.name, rows=90)
        scale = np.where(np.arange(90) % 2 == 0, 1e150, 1e-150)
        p = (
            small(self.name)
            .fit(x * np.float32(1e37), y, weight * scale, seed=0)
            .predict(x * np.float32(1e37))
        )
        assert np.all((p >= 0) & (p <= 1))

    # --- refusals ---

    def test_prediction_refuses_other_shapes_and_infinity(self):
        model = fitted(self.name)
        x, _, _ = planted(self.name, rows=3)
        with pytest.raises(BadValue, match="must have shape"):
            model.predict(x[:, :, 1:])
        with pytest.raises(BadValue, match="must have shape"):
            model.predict(x[:, -1])
        x[1, -1, 4] = np.inf
        with pytest.raises(BadValue, match="infinite in row 1, feature 4"):
            model.predict(x)
        assert model.predict(x[:0]).shape == (0,)

    # --- bytes that are not a model's ---

    def test_damaged_bytes_are_refused_before_any_parser(self):
        data = fitted(self.name).to_bytes()
        rng = np.random.default_rng(11)
        learner = LEARNERS[self.name]
        for end in [0, 1, len(data) - 1, *rng.integers(0, len(data), 20).tolist()]:
            with pytest.raises(ArtifactError, match=f"model of {self.name} is incomplete"):
                learner.from_bytes(data[:end])
        for at in rng.integers(0, len(data), 60).tolist():
            flipped = bytearray(data)
            flipped[at] ^= 1 << int(rng.integers(8))
            with pytest.raises(ArtifactError, match=f"model of {self.name} (is|holds)"):
                learner.from_bytes(bytes(flipped))

    def test_model_of_another_learner_is_refused(self):
        other = "lightgbm" if self.name != "lightgbm" else "random_forest"
        with pytest.raises(ArtifactError, match=f"model of {self.name} holds one of {other}"):
            LEARNERS[self.name].from_bytes(fitted(other).to_bytes())

    def test_whole_bytes_of_nonsense_are_refused(self):
        for body in (b"", b"PK\x03\x04", b"tree\n", b"{}", b"{L}", bytes(500)):
            with pytest.raises(ArtifactError, match=f"model of {self.name} cannot be read"):
                LEARNERS[self.name].from_bytes(sealed(self.name, body))
