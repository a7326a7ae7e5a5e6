"""A small LSTM: PyTorch trains it, a kernel predicts.

In: checked windows of `sequence` feature rows. Out: a `Fitted` model that is eight arrays, written as
npz without pickle. PyTorch is needed to train, never to predict.

Features are standardised by mean and deviation of the training windows, and cut at ±`clip`
deviations, since one wild day would otherwise own the sums; NaN becomes the mean.
"""

from __future__ import annotations

import io
import math
import threading
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from research.kernels.recurrent import lstm_probability_nb
from research.learning.contract import Params, checked_windows
from research.learning.seal import sealed, unreadable

__all__ = ["LSTM", "SEQUENCE", "read_lstm", "train_lstm"]

SEQUENCE: Final = 20  # a month of daily bars

# Name to the number of dimensions.
_ARRAYS: Final = {
    "mean": 1,
    "scale": 1,
    "clip": 0,
    "w_input": 2,
    "w_hidden": 2,
    "bias": 1,
    "w_out": 1,
    "b_out": 0,
}

# Threads and determinism are settings of the whole process in PyTorch: one training at a time.
_torch_lock = threading.Lock()


class LSTM:
    """A fitted LSTM: its arrays.

    Parameters
    ----------
    arrays : Mapping
        ``mean``, ``scale`` (K,), ``clip`` (), ``w_input`` (K, 4H), ``w_hidden`` (H, 4H), ``bias`` (4H,),
        ``w_out`` (H,), ``b_out`` (), all float64, as `lstm_probability_nb` reads them.
    """

    def __init__(self, arrays: Mapping[str, NDArray[np.float64]]) -> None:
        self.arrays = {name: np.ascontiguousarray(arrays[name], dtype=np.float64) for name in _ARRAYS}
        self.arrays |= {name: array.reshape(()) for name, array in self.arrays.items() if not _ARRAYS[name]}
        self.n_features: int = len(self.arrays["mean"])

    def predict(self, x: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return P(y = 1) of each window by the jitted forward pass."""
        rows = checked_windows(x, SEQUENCE, self.n_features)
        out = np.empty(len(rows))
        a = self.arrays
        lstm_probability_nb(
            rows,
            a["mean"],
            a["scale"],
            float(a["clip"]),
            a["w_input"],
            a["w_hidden"],
            a["bias"],
            a["w_out"],
            float(a["b_out"]),
            out,
        )
        return out

    def to_bytes(self) -> bytes:
        """Return the arrays as npz, sealed."""
        file = io.BytesIO()
        # By keyword of a plain dict: the names are those of `_ARRAYS`, none of them an option of savez.
        np.savez(file, **self.arrays)  # type: ignore[arg-type]
        return sealed("lstm", file.getvalue())


def read_lstm(data: bytes) -> LSTM:
    """Read an LSTM from its npz file, or refuse it with `ArtifactError`."""
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            arrays = {name: file[name] for name in _ARRAYS}
    except (
        zipfile.BadZipFile,
        LookupError,
        ValueError,
        TypeError,
        AttributeError,
        OSError,
        EOFError,
    ) as problem:
        raise unreadable("lstm", type(problem).__name__) from problem
    if any(array.dtype != np.float64 or array.ndim != _ARRAYS[name] for name, array in arrays.items()):
        raise unreadable("lstm", "arrays of another kind")
    # The kernel checks no bounds: these shapes are what keeps it inside its arrays.
    n_features, n_hidden = len(arrays["mean"]), len(arrays["w_out"])
    shapes = {
        "mean": (n_features,),
        "scale": (n_features,),
        "w_input": (n_features, 4 * n_hidden),
        "w_hidden": (n_hidden, 4 * n_hidden),
        "bias": (4 * n_hidden,),
    }
    if any(arrays[name].shape != shape for name, shape in shapes.items()):
        raise unreadable("lstm", "arrays that do not fit each other")
    if not all(np.isfinite(array).all() for array in arrays.values()) or not (arrays["scale"] > 0.0).all():
        raise unreadable("lstm", "arrays that are not finite")
    return LSTM(arrays)


def train_lstm(
    x: NDArray[np.float32],
    y: NDArray[np.int64],
    weight: NDArray[np.float64],
    params: Params,
    *,
    seed: int,
    threads: int,
) -> LSTM:
    """Fit an LSTM by Adam on weighted log loss, in float32; uses one thread, whatever `threads` says.

    Sums split over threads would depend on how many there are, and at 16 units they cost more to
    split than to do.
    """
    torch: Any = import_module("torch")  # as Any: it may not be installed where the types are checked
    wide = x.astype(np.float64)
    mean, scale = standard(wide)
    clip = float(params["clip"])
    z = np.nan_to_num(np.clip((wide - mean) / scale, -clip, clip), nan=0.0)
    base = float(np.clip(np.average(y, weights=weight), 0.01, 0.99))
    rows, n_features, n_hidden = len(y), x.shape[2], int(params["hidden"])
    with _torch_lock, _alone(torch):
        draw = torch.Generator().manual_seed(seed)
        inputs = torch.from_numpy(z.astype(np.float32))
        labels = torch.from_numpy(y.astype(np.float32))
        weights = torch.from_numpy(weight.astype(np.float32))
        with torch.random.fork_rng(devices=[]):  # layers draw from the global generator, which is not ours
            layer = torch.nn.LSTM(n_features, n_hidden, batch_first=True)
            head = torch.nn.Linear(n_hidden, 1)
        values = [*layer.parameters(), *head.parameters()]
        with torch.no_grad():
            for value in values:
                value.uniform_(-(n_hidden**-0.5), n_hidden**-0.5, generator=draw)
            head.bias.fill_(math.log(base / (1.0 - base)))  # a few passes would not get there by themselves
        adam = torch.optim.AdamW(values, lr=params["rate"], weight_decay=params["decay"], foreach=False)
        loss = torch.nn.BCEWithLogitsLoss(reduction="none")
        for _ in range(int(params["epochs"])):
            order = torch.randperm(rows, generator=draw)
            for part in order.split(int(params["batch"])):
                adam.zero_grad()
                states, _last = layer(inputs[part])
                each = loss(head(states[:, -1])[:, 0], labels[part])
                # Over the batch's size, not its weight: a batch of light rows pulls lightly.
                (each * weights[part]).mean().backward()
                torch.nn.utils.clip_grad_norm_(values, 1.0, foreach=False)
                adam.step()
        trained = {
            name: value.detach().numpy().astype(np.float64) for name, value in layer.named_parameters()
        }
        w_out, b_out = (value.detach().numpy().astype(np.float64) for value in head.parameters())
    return LSTM(
        {
            "mean": mean,
            "scale": scale,
            "clip": np.asarray(clip),
            "w_input": trained["weight_ih_l0"].T,
            "w_hidden": trained["weight_hh_l0"].T,
            "bias": trained["bias_ih_l0"] + trained["bias_hh_l0"],
            "w_out": w_out[0],
            "b_out": b_out[0],
        }
    )


def standard(x: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean and standard deviation of each feature over all rows of all windows.

    Parameters
    ----------
    x : (R, sequence, K) float64
        Each feature has a value somewhere; in float32 the squares of large values would overflow.

    Returns
    -------
    mean, scale : (K,) float64
        NaN left out; a feature that never moves has scale 1.
    """
    mean = np.asarray(np.nanmean(x, axis=(0, 1)))
    scale = np.asarray(np.nanstd(x, axis=(0, 1)))
    return mean, np.where(scale > 0.0, scale, 1.0)


@contextmanager
def _alone(torch: Any) -> Iterator[None]:
    """Train on one thread with deterministic algorithms, and leave PyTorch as it was found."""
    threads, strict = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(mode=True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(mode=strict)
        torch.set_num_threads(threads)
