"""The LSTM's forward pass gives PyTorch's numbers."""

from importlib import import_module

import numpy as np

from tests.kernels.networks import forward, history, network

# Not by name: types must be checked alike with and without it.
torch = import_module("torch")


def test_agrees_with_torch():
    mean, scale, clip, w_input, w_hidden, bias, w_out, b_out = arrays = network(9, 6)
    x = history(30, 12, 9)
    layer = torch.nn.LSTM(9, 6, batch_first=True, dtype=torch.float64)
    with torch.no_grad():
        layer.weight_ih_l0.copy_(torch.from_numpy(w_input.T.copy()))
        layer.weight_hh_l0.copy_(torch.from_numpy(w_hidden.T.copy()))
        layer.bias_ih_l0.copy_(torch.from_numpy(bias))
        layer.bias_hh_l0.zero_()
        z = np.nan_to_num(np.clip((x.astype(np.float64) - mean) / scale, -clip, clip), nan=0.0)
        states, _ = layer(torch.from_numpy(z))
        expected = torch.sigmoid(states[:, -1] @ torch.from_numpy(w_out) + b_out).numpy()
    np.testing.assert_allclose(forward(x, arrays), expected, rtol=0, atol=1e-12)
