"""The LSTM's forward pass: the definition's numbers, and one row like many."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.kernels.networks import forward, history, network


def by_definition(window, mean, scale, clip, w_input, w_hidden, bias, w_out, b_out):
    """The equations of Hochreiter and Schmidhuber with a forget gate, one number at a time."""

    def logistic(a):
        return 0.5 * (1.0 + math.tanh(0.5 * a))

    n = len(w_out)
    hidden, cell = [0.0] * n, [0.0] * n
    for row in window:
        z = [0.0 if math.isnan(v) else (float(v) - m) / s for v, m, s in zip(row, mean, scale, strict=True)]
        z = [max(-clip, min(clip, v)) for v in z]
        a = [
            bias[g]
            + math.fsum(w_input[k][g] * z[k] for k in range(len(z)))
            + math.fsum(w_hidden[h][g] * hidden[h] for h in range(n))
            for g in range(4 * n)
        ]
        kept = [logistic(a[n + h]) * cell[h] for h in range(n)]
        cell = [kept[h] + logistic(a[h]) * math.tanh(a[2 * n + h]) for h in range(n)]
        hidden = [logistic(a[3 * n + h]) * math.tanh(cell[h]) for h in range(n)]
    return logistic(b_out + math.fsum(w * h for w, h in zip(w_out, hidden, strict=True)))


def test_one_unit_by_hand():
    # Bias of the cell gate atanh(1/2), all else 0: the gates are 1/2, the cell 1/4, the state tanh(1/4)/2.
    zero = np.zeros((1, 4))
    bias = np.array([0.0, 0.0, math.atanh(0.5), 0.0])
    x = np.zeros((1, 1, 1), dtype=np.float32)
    out = forward(x, (np.zeros(1), np.ones(1), 5.0, zero, zero, bias, np.ones(1), 0.0))
    assert out[0] == pytest.approx(1 / (1 + math.exp(-math.tanh(0.25) / 2)), abs=1e-15)


@pytest.mark.parametrize(("n_features", "n_hidden", "sequence"), [(1, 1, 1), (3, 2, 5), (11, 7, 20)])
def test_agrees_with_its_definition(n_features, n_hidden, sequence):
    arrays, x = network(n_features, n_hidden), history(20, sequence, n_features)
    expected = [by_definition(window, *arrays) for window in x]
    np.testing.assert_allclose(forward(x, arrays), expected, rtol=0, atol=1e-13)


@given(
    st.integers(1, 13),
    st.integers(1, 9),
    st.lists(st.integers(0, 40), max_size=4),
    st.integers(0, 2**16),
)
def test_row_has_the_same_bits_alone_and_in_any_batch(n_features, n_hidden, cuts, seed):
    arrays, x = network(n_features, n_hidden, seed), history(40, 6, n_features, seed + 1)
    whole = forward(x, arrays).tolist()
    assert [forward(x[i : i + 1], arrays)[0] for i in range(40)] == whole
    assert np.concatenate([forward(part, arrays) for part in np.split(x, sorted(cuts))]).tolist() == whole
    assert forward(np.ascontiguousarray(x[::-1]), arrays).tolist() == whole[::-1]


def test_wild_weights_saturate_without_overflow():
    x = history(50, 20, 4) * np.float32(1e30)
    out = forward(x, network(4, 3, size=1e4))
    assert np.all((out >= 0.0) & (out <= 1.0))


def test_unknown_value_is_the_mean():
    arrays = network(4, 3)
    x = history(10, 5, 4, holes=0.0)
    holed, filled = x.copy(), x.copy()
    holed[:, 2, 1] = np.nan
    filled[:, 2, 1] = 0.0
    zero_mean = (np.zeros(4), *arrays[1:])
    assert forward(holed, zero_mean).tolist() == forward(filled, zero_mean).tolist()
