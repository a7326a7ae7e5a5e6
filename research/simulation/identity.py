"""What a sweep is, as facts that can be compared: two sweeps with equal facts find the same figures.

In: a study. Out: facts for a JSON manifest. Large ones (bars, cells) are given as SHA-256.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, fields
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from research.simulation.figures import FIGURES
from research.simulation.grid import Grid
from research.simulation.lanes import Lane
from research.simulation.sources import code_of
from research.simulation.study import Study

__all__ = ["differing", "identity"]

_LIBRARIES = ("numpy", "numba", "vectorbt")
_LEARNERS = ("scikit-learn", "lightgbm", "xgboost", "torch")


def identity(study: Study) -> dict[str, Any]:
    """Return the facts that a sweep's figures follow from.

    Returns
    -------
    dict
        strategy, symbols, data (bars and their lanes), span, grid, params, execution, capital, engine,
        learning (of a strategy with a model), code (kernels, strategies and, of a model, learners), versions,
        figures: plain JSON values.
    """
    panel, request = study.lanes.panel, study.request
    data = hashlib.sha256()
    for field in fields(panel):
        if field.name != "symbols":
            _feed(data, getattr(panel, field.name))
    span = []
    for lane in study.lanes.lanes:
        for name in sorted(lane.bars):
            _feed(data, lane.bars[name])
        span.append([lane.symbol, str(lane.bar_close[0]), str(lane.bar_close[-1]), lane.own_bars])
    grid = hashlib.sha256()
    for values in study.grid.axes.values():
        _feed(grid, values)
    _feed(grid, study.grid.index)
    libraries = _LIBRARIES if study.lessons is None else (*_LIBRARIES, *_LEARNERS)
    return {
        "strategy": request.strategy,
        "symbols": list(study.symbols),
        "data": data.hexdigest(),
        "span": span,
        "grid": {"parameters": list(study.grid.names), "cells": len(study.grid), "hash": grid.hexdigest()},
        "params": {lane.symbol: _fixed(lane, study.grid) for lane in study.lanes.lanes},
        "execution": asdict(request.execution),
        "capital": float(request.initial_capital),
        "engine": study.executor.engine,
        "learning": None if study.lessons is None else study.lessons.settings.facts(),
        "code": code_of(study),
        "versions": {name: _version(name) for name in ("onepath", *libraries)},
        "figures": list(FIGURES),
    }


def differing(mine: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Return the names of the facts that differ."""
    return [name for name in mine if other.get(name) != mine[name]]


def _fixed(lane: Lane, grid: Grid) -> dict[str, float]:
    """Return the parameters that all cells of a lane have in common."""
    params = {**lane.base, **grid.fixed}
    return {name: float(params[name]) for name in sorted(params) if name not in grid.axes}


def _feed(digest: Any, values: NDArray[Any]) -> None:
    if values.dtype.kind == "M":
        values = values.astype("<M8[us]").view(np.int64)
    digest.update(f"{values.dtype.str}{values.shape}".encode())
    digest.update(np.ascontiguousarray(values).tobytes())


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:  # run from a folder that is not installed
        return "not installed"
