"""The LSTM without PyTorch: asked, read without pickle, refused where its arrays mislead."""

import io
import subprocess
import sys

import numpy as np
import pytest

from research.errors import ArtifactError
from research.learning.learners import LEARNERS
from research.learning.lstm import LSTM, SEQUENCE, standard
from research.learning.seal import sealed
from tests.learning.planted import windows


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
