"""Small LSTMs and histories for them, shared by the tests of the forward pass."""

import numpy as np

from research.kernels.recurrent import lstm_probability_nb


def network(n_features, n_hidden, seed=0, size=0.6):
    """Random arrays in the kernel's order of arguments after `x`."""
    rng = np.random.default_rng(seed)
    return (
        rng.normal(size=n_features),
        rng.uniform(0.5, 2.0, n_features),
        5.0,
        rng.normal(0, size, (n_features, 4 * n_hidden)),
        rng.normal(0, size, (n_hidden, 4 * n_hidden)),
        rng.normal(0, size, 4 * n_hidden),
        rng.normal(0, size, n_hidden),
        0.3,
    )


def history(rows, sequence, n_features, seed=1, holes=0.05):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((rows, sequence, n_features)).astype(np.float32)
    x[rng.random(x.shape) < holes] = np.nan
    return x


def forward(x, arrays):
    out = np.full(len(x), np.nan)
    lstm_probability_nb(*(x, *arrays, out))
    return out
