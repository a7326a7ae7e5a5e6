"""The LSTM: trained by PyTorch and leaving it as it was, asked without it, read without pickle."""

import io
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from importlib.util import find_spec

import numpy as np
import pytest

from research.errors import ArtifactError
from research.learning.learners import LEARNERS, learner_named
from research.learning.lstm import LSTM, SEQUENCE, standard
from research.learning.seal import sealed, unsealed
from tests.learning.planted import area_under_curve, windows

needs_torch = pytest.mark.skipif(find_spec("torch") is None, reason="extra lstm is not installed")


def arrays(n_features=3, n_hidden=2, seed=0):
    rng = np.random.default_rng(seed)
    return {
        "mean": rng.normal(size=n_features),
        "scale": rng.uniform(1, 2, n_features),
        "clip": np.asarray(5.0),
        "w_input": rng.normal(size=(n_features, 4 * n_hidden)),
        "w_hidden": rng.normal(size=(n_hidden, 4 * n_hidden)),
        "bias": rng.normal(size=4 * n_hidden),
        "w_out": rng.normal(size=n_hidden),
        "b_out": np.asarray(0.1),
    }


def written(content):
    file = io.BytesIO()
    np.savez(file, **content)
    return sealed("lstm", file.getvalue())


# --- without PyTorch ---------------------------------------------------------------------------


def test_standard_leaves_out_nan_and_keeps_a_flat_feature():
    x = np.array([[[1, 7, np.nan], [3, 7, 2]], [[5, 7, 6], [np.nan, 7, np.nan]]], dtype=np.float64)
    mean, scale = standard(x)
    assert mean.tolist() == [3.0, 7.0, 4.0]
    assert scale.tolist() == [pytest.approx((8 / 3) ** 0.5), 1.0, 2.0]


def test_arrays_come_back_from_bytes():
    model = LSTM(arrays())
    restored = LEARNERS["lstm"].from_bytes(model.to_bytes())
    x = windows(40, 3, sequence=SEQUENCE)[0]
    assert restored.predict(x).tolist() == model.predict(x).tolist()
    assert restored.to_bytes() == model.to_bytes()


def test_model_is_read_and_asked_without_torch(tmp_path):
    (tmp_path / "model").write_bytes(LSTM(arrays()).to_bytes())
    code = (
        "import sys, pathlib, numpy as np\n"
        "sys.modules['torch'] = None\n"
        "from research.learning.learners import LEARNERS\n"
        f"model = LEARNERS['lstm'].from_bytes(pathlib.Path({str(tmp_path / 'model')!r}).read_bytes())\n"
        f"print(model.predict(np.zeros((1, {SEQUENCE}, 3), np.float32))[0].hex())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    expected = LSTM(arrays()).predict(np.zeros((1, SEQUENCE, 3), np.float32))[0].hex()
    assert done.stdout.strip() == expected


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"w_input": np.zeros((3, 9))}, "do not fit each other"),
        ({"mean": np.zeros(2)}, "do not fit each other"),
        ({"w_hidden": np.zeros((3, 8))}, "do not fit each other"),
        ({"bias": np.zeros((8, 1))}, "of another kind"),
        ({"w_out": np.zeros(2, dtype=np.float32)}, "of another kind"),
        ({"b_out": np.asarray(np.nan)}, "not finite"),
        ({"scale": np.zeros(3)}, "not finite"),
        ({"scale": np.array([1.0, None, 1.0])}, "ValueError"),  # would need pickle
    ],
)
def test_arrays_that_would_mislead_the_kernel_are_refused(change, why):
    with pytest.raises(ArtifactError, match=f"model of lstm cannot be read .*{why}"):
        LEARNERS["lstm"].from_bytes(written(arrays() | change))


def test_missing_array_is_refused():
    content = arrays()
    del content["bias"]
    with pytest.raises(ArtifactError, match=r"cannot be read \(KeyError"):
        LEARNERS["lstm"].from_bytes(written(content))


# --- with PyTorch ------------------------------------------------------------------------------


@needs_torch
def test_what_happened_before_the_last_bar_is_learned():
    def remembered(rows, seed):
        x, _, weight = windows(rows, 2, sequence=SEQUENCE, seed=seed, holes=0.0)
        return x, (x[:, -4, 0] > 0).astype(np.int64), weight

    learner = learner_named("lstm").with_params(epochs=25, rate=0.01, batch=64)
    x, y, _ = remembered(400, 1)
    assert area_under_curve(learner.fit(*remembered(800, 0), seed=0).predict(x), y) > 0.9


@needs_torch
def test_prediction_is_torchs_own():
    torch = import_module("torch")
    x, y, weight = windows(200, 5, sequence=SEQUENCE)
    model = learner_named("lstm").fit(x, y, weight, seed=2)
    with np.load(io.BytesIO(unsealed("lstm", model.to_bytes()))) as file:
        a = {name: torch.from_numpy(np.asarray(file[name], dtype=np.float32)) for name in file.files}
        z = np.nan_to_num(np.clip((x - file["mean"]) / file["scale"], -file["clip"], file["clip"]), nan=0.0)
    layer = torch.nn.LSTM(5, len(a["w_out"]), batch_first=True)
    with torch.no_grad():
        layer.weight_ih_l0.copy_(a["w_input"].T)
        layer.weight_hh_l0.copy_(a["w_hidden"].T)
        layer.bias_ih_l0.copy_(a["bias"])
        layer.bias_hh_l0.zero_()
        states, _ = layer(torch.from_numpy(z.astype(np.float32)))
        expected = torch.sigmoid(states[:, -1] @ a["w_out"] + a["b_out"]).numpy()
    np.testing.assert_allclose(model.predict(x), expected, rtol=0, atol=1e-6)


@needs_torch
def test_training_leaves_torch_as_it_was():
    torch = import_module("torch")
    rows = windows(100, 3, sequence=SEQUENCE)
    torch.manual_seed(5)
    before = torch.get_rng_state(), torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    learner_named("lstm").fit(*rows, seed=0, threads=2)
    assert torch.equal(before[0], torch.get_rng_state())
    assert before[1:] == (torch.get_num_threads(), torch.are_deterministic_algorithms_enabled())


@needs_torch
def test_trainings_side_by_side_give_the_same_bytes():
    rows = windows(100, 3, sequence=SEQUENCE)
    learner = learner_named("lstm")
    alone = [learner.fit(*rows, seed=seed).to_bytes() for seed in (0, 1, 2)]
    with ThreadPoolExecutor(3) as pool:
        beside = list(pool.map(lambda seed: learner.fit(*rows, seed=seed).to_bytes(), (0, 1, 2)))
    assert beside == alone
    assert len(set(alone)) == 3
