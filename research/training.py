"""Train a strategy's model on bars and keep it: what `python -m research train` does.

In: a request and a bar table. Out: an artifact, promoted: models, weights, calibration and everything else
that the next bar needs, with the facts that whoever uses it must agree with.
"""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
import polars as pl

from research.data.panel import Panel
from research.engine import UnifiedTradingEngine
from research.errors import BadValue
from research.learning.artifact import current_version, promote, write_version
from research.learning.spoken import Spoken
from research.request import TRAIN_FRACTION, Request
from research.saved import pack

__all__ = ["Trained", "train"]

_LIBRARIES = ("lightgbm", "numba", "numpy", "polars", "scikit-learn", "skops")
# Of the span: a run needs a bar that may trade, training does not.
_ALL_BUT_THE_LAST = 1.0 - 1e-9


@dataclass(frozen=True)
class Trained:
    """A model that was trained and kept.

    Attributes
    ----------
    folder : Path
    version : str
    last_bar : numpy.datetime64
        The last bar that it has seen.
    spoken : Spoken
        What the learner did on the way.
    """

    folder: Path
    version: str
    last_bar: np.datetime64
    spoken: Spoken


def train(
    request: Request, bars: pl.DataFrame, folder: str | Path, *, on_bars: Callable[[int], None] | None = None
) -> Trained:
    """Learn from all bars of a request's span, trade none, and promote what came of it.

    Parameters
    ----------
    request : Request
        Of a strategy that has a model.
    bars : DataFrame
        A bar table.
    folder : str or Path
        The artifact's; made if need be. Earlier versions stay, for `rollback`.
    on_bars : callable, optional
        Told how many bars were just gone through.

    Raises
    ------
    UsageError
        What `Request.prepare` refuses; a strategy without a model; a `train_fraction`; bars on which no
        model could be fitted.
    OutputError
        The folder cannot be written.
    """
    if request.rule().model is None:
        raise BadValue(f"{request.strategy} has no model to train; choose a strategy that has one")
    if request.train_fraction != TRAIN_FRACTION:
        raise BadValue(
            f"`train_fraction` is for a run that trades, was {request.train_fraction:g}; training learns "
            "from every bar of the span, so leave it out, and end the span where the model shall end"
        )
    if request.model is None:
        request = replace(request, train_fraction=_ALL_BUT_THE_LAST)
    prepared = request.prepare(bars)
    engine = UnifiedTradingEngine.of(request, prepared, on_bars=on_bars)
    brought = engine.train_models(prepared.panel)
    # Whoever goes on from here lays out later bars: by the closes and factors that these end with.
    engine.intake.builder = prepared.builder
    assert brought.spoken is not None
    assert engine.learning is not None
    saved = pack(engine)
    facts = {
        **saved.facts,
        **request.expects(prepared.panel.symbols),
        "features": list(engine.learning.names),
        "data_sha256": data_hash(prepared.panel),
        "libraries": {"python": platform.python_version(), **{name: version(name) for name in _LIBRARIES}},
    }
    made = write_version(folder, saved.files, facts)
    promote(folder, made)
    return Trained(Path(folder), current_version(folder), prepared.panel.bar_close[-1], brought.spoken)


def data_hash(panel: Panel) -> str:
    """Return the SHA-256 of a panel's raw numbers."""
    whole = hashlib.sha256(np.ascontiguousarray(panel.bar_close).tobytes())
    for name in ("open", "high", "low", "close", "volume", "split", "dividend"):
        whole.update(np.ascontiguousarray(getattr(panel, name).T).tobytes())
    return whole.hexdigest()
