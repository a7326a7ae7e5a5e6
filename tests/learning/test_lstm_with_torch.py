"""The LSTM, trained by PyTorch and leaving it as it was."""

import io
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module

import numpy as np

from research.learning.learners import learner_named
from research.learning.lstm import SEQUENCE
from research.learning.seal import unsealed
from tests.learning.planted import area_under_curve, windows

# Not by name: types must be checked alike with and without it.
torch = import_module("torch")


def test_what_happened_before_the_last_bar_is_learned():
    def remembered(rows, seed):
        x, _, weight = windows(rows, 2, sequence=SEQUENCE, seed=seed, holes=0.0)
        return x, (x[:, -4, 0] > 0).astype(np.int64), weight

    learner = learner_named("lstm").with_params(epochs=25, rate=0.01, batch=64)
    x, y, _ = remembered(400, 1)
    assert area_under_curve(learner.fit(*remembered(800, 0), seed=0).predict(x), y) > 0.9


def test_prediction_is_torchs_own():
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


def test_training_leaves_torch_as_it_was():
    rows = windows(100, 3, sequence=SEQUENCE)
    torch.manual_seed(5)
    before = torch.get_rng_state(), torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    learner_named("lstm").fit(*rows, seed=0, threads=2)
    assert torch.equal(before[0], torch.get_rng_state())
    assert before[1:] == (torch.get_num_threads(), torch.are_deterministic_algorithms_enabled())


def test_trainings_side_by_side_give_the_same_bytes():
    rows = windows(100, 3, sequence=SEQUENCE)
    learner = learner_named("lstm")
    alone = [learner.fit(*rows, seed=seed).to_bytes() for seed in (0, 1, 2)]
    with ThreadPoolExecutor(3) as pool:
        beside = list(pool.map(lambda seed: learner.fit(*rows, seed=seed).to_bytes(), (0, 1, 2)))
    assert beside == alone
    assert len(set(alone)) == 3
