"""The forward pass of a small LSTM, row by row: what PyTorch has trained, without PyTorch.

In: windows of feature rows and the trained arrays. Out: P(y = 1) of each window.

A matrix product sums in another order for one row than for many, so a model asked bar by bar would
not answer as it did over a whole history. Here each gate's sum runs over the inputs in their order,
one row after the other: a window's bits depend on that window alone. The inner loop runs over the
gates, whose sums are independent of each other, so it still vectorises.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from research.kernels.jit import njit

__all__ = ["lstm_probability_nb"]


@njit
def logistic_nb(x: float) -> float:
    """Return 1/(1 + e⁻ˣ) without overflow."""
    if x >= 0.0:
        return 1.0 / (1.0 + math.exp(-x))
    e = math.exp(x)
    return e / (1.0 + e)


@njit
def lstm_probability_nb(
    x: NDArray[np.float32],
    mean: NDArray[np.float64],
    scale: NDArray[np.float64],
    clip: float,
    w_input: NDArray[np.float64],
    w_hidden: NDArray[np.float64],
    bias: NDArray[np.float64],
    w_out: NDArray[np.float64],
    b_out: float,
    out: NDArray[np.float64],
) -> None:
    """Write P(y = 1) of each window: standardise, one LSTM layer, one logistic unit on its last state.

    Parameters
    ----------
    x : (R, sequence, K) float32
        NaN is 0 after standardising: the training rows' mean.
    mean, scale : (K,) float64
        Of the training rows; `scale` > 0.
    clip : float
        Deviations from the mean at which a value is cut.
    w_input : (K, 4H) float64
        PyTorch's ``weight_ih_l0`` transposed; gates in the order input, forget, cell, output.
    w_hidden : (H, 4H) float64
        PyTorch's ``weight_hh_l0`` transposed.
    bias : (4H,) float64
        The sum of PyTorch's two.
    w_out : (H,) float64
    b_out : float
    out : (R,) float64
        Written.

    Notes
    -----
    Source: Hochreiter and Schmidhuber, "Long short-term memory", 1997, with the forget gate of Gers,
    Schmidhuber and Cummins, 2000; the equations are those of ``torch.nn.LSTM``.
    """
    n_hidden = w_hidden.shape[0]
    n_gates = 4 * n_hidden
    gates = np.empty(n_gates)
    hidden = np.empty(n_hidden)
    cell = np.empty(n_hidden)
    for r in range(x.shape[0]):
        hidden[:] = 0.0
        cell[:] = 0.0
        for t in range(x.shape[1]):
            for g in range(n_gates):
                gates[g] = bias[g]
            for k in range(x.shape[2]):
                value = x[r, t, k]
                if value == value:
                    z = min(max((np.float64(value) - mean[k]) / scale[k], -clip), clip)
                    for g in range(n_gates):
                        gates[g] += w_input[k, g] * z
            for h in range(n_hidden):
                state = hidden[h]
                for g in range(n_gates):
                    gates[g] += w_hidden[h, g] * state
            for h in range(n_hidden):
                kept = logistic_nb(gates[n_hidden + h]) * cell[h]
                cell[h] = kept + logistic_nb(gates[h]) * math.tanh(gates[2 * n_hidden + h])
                hidden[h] = logistic_nb(gates[3 * n_hidden + h]) * math.tanh(cell[h])
        score = b_out
        for h in range(n_hidden):
            score += w_out[h] * hidden[h]
        out[r] = logistic_nb(score)
