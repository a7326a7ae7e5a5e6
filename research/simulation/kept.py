"""A sweep's result in a folder, and back: figures, grid, bars and what was asked.

In: a sweep's outcome. Out: ``metrics.parquet`` (the figures), ``cells.parquet`` (each cell's place in the
product of the axes), ``bars.parquet`` (what was swept, so that orders and portfolios of any cell can be made
again), and ``manifest.json`` (what was asked, what is to be said, and the SHA-256 of the others). All are
written before the first takes its name, the manifest takes it last, and nothing is read that the manifest
does not vouch for.
"""

from __future__ import annotations

import hashlib
import json
import math
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import polars as pl

from research.errors import BadValue, OutputError
from research.execution import Execution
from research.files import output_folder, replacing
from research.request import Request
from research.simulation.executors import executor_named
from research.simulation.grid import Grid, decode
from research.simulation.identity import differing, identity
from research.simulation.study import Study

if TYPE_CHECKING:
    from research.learning.settings import LearningSettings
    from research.simulation.outcome import Outcome

__all__ = ["load", "save"]

O = TypeVar("O", bound="Outcome")

FORMAT = "onepath sweep 1"
_TABLES = ("metrics.parquet", "cells.parquet", "bars.parquet")


def save(swept: Outcome, folder: str | Path) -> Path:
    """Write a result, as `SweepResult.save` says."""
    place = output_folder(folder)
    manifest = place / "manifest.json"
    if manifest.exists() and not _ours(manifest):
        raise BadValue(f"{manifest} is of something else than a sweep's result; choose another folder")
    study = swept.study
    tables = (
        swept.metrics,
        pl.DataFrame({"place": swept.grid.index}),
        study.bars.filter(pl.col("symbol").is_in(swept.symbols)),
    )
    with ExitStack() as files:
        told = files.enter_context(replacing(manifest))  # renamed last
        hashes = {}
        for name, table in zip(_TABLES, tables, strict=True):
            path = files.enter_context(replacing(place / name))
            table.write_parquet(path)
            hashes[name] = _hash(path)
        facts = {"format": FORMAT, "files": hashes, **_facts(swept)}
        told.write_text(json.dumps(facts, indent=1, sort_keys=True, allow_nan=False) + "\n", encoding="utf-8")
    return place


def load(cls: type[O], folder: str | Path) -> O:
    """Read a result, as `SweepResult.load` says."""
    place = Path(folder)
    facts = _read(place / "manifest.json")
    for name in _TABLES:
        try:
            found = _hash(place / name)
        except OSError as problem:
            raise BadValue(
                f"{place / name} cannot be read ({problem.strerror}); save the sweep anew"
            ) from problem
        if found != facts["files"].get(name):
            raise BadValue(f"{place / name} is damaged, or of another result; save the sweep anew")
    metrics, cells, bars = (pl.read_parquet(place / name) for name in _TABLES)
    asked, told = facts["request"], facts["grid_of"]
    axes = {name: np.array(values) for name, values in told["axes"]}
    index = cells["place"].to_numpy()
    grid = Grid(
        axes, decode(axes, index), told["fixed"], told["left_out"], told["complaint"], index, told["subset"]
    )
    execution = Execution(**facts["identity"]["execution"])
    request = Request(
        strategy=asked["strategy"],
        symbols=facts["identity"]["symbols"],
        start=asked["start"],
        end=asked["end"],
        initial_capital=asked["initial_capital"],
        train_fraction=asked["train_fraction"],
        execution=execution,
        learning=_learning(asked["learning"]),
    )
    executor = executor_named(asked["engine"], execution, asked["initial_capital"])
    study = Study.of(request, grid, executor, bars)
    notes = tuple(facts["notes"])
    changed = [name for name in differing(facts["identity"], identity(study)) if name != "engine"]
    if changed:
        other = f"saved by another onepath ({', '.join(changed)} differ)"
        notes = (*notes, f"{other}: its figures are those of then, orders and portfolios are made now")
    return cls(
        strategy=asked["strategy"],
        grid=grid,
        symbols=study.symbols,
        metrics=metrics,
        complete=facts["complete"],
        notes=notes,
        engine=facts["engine"],
        seconds=facts["seconds"],
        peak_mb=math.nan if facts["peak_mb"] is None else facts["peak_mb"],
        study=study,
        ledger=None if facts["ledger"] is None else Path(facts["ledger"]),
    )


def _learning(facts: dict[str, Any] | None) -> LearningSettings | None:
    if facts is None:
        return None
    from research.learning.settings import LearningSettings

    return LearningSettings.from_facts(facts)


def _facts(swept: Outcome) -> dict[str, Any]:
    study, grid, request = swept.study, swept.grid, swept.study.request
    learning = None if request.learning is None else request.learning.facts()
    return {
        "identity": identity(study),
        "request": {
            "strategy": request.strategy,
            "start": None if request.start is None else str(request.start),
            "end": None if request.end is None else str(request.end),
            "initial_capital": float(request.initial_capital),
            "train_fraction": float(request.train_fraction),
            "engine": swept.engine.partition(",")[0],
            "learning": learning,
        },
        "grid_of": {
            "axes": [[name, values.tolist()] for name, values in grid.axes.items()],
            "fixed": grid.fixed,
            "left_out": grid.left_out,
            "complaint": grid.complaint,
            "subset": grid.subset,
        },
        "complete": swept.complete,
        "notes": list(swept.notes),
        "engine": swept.engine,
        "seconds": swept.seconds,
        "peak_mb": None if math.isnan(swept.peak_mb) else swept.peak_mb,
        "ledger": None if swept.ledger is None else str(swept.ledger),
    }


def _read(manifest: Path) -> dict[str, Any]:
    try:
        facts = json.loads(manifest.read_text(encoding="utf-8"))
    except OSError as problem:
        raise BadValue(
            f"there is no saved sweep in {manifest.parent} ({problem.strerror}); name one that `save` made"
        ) from problem
    except ValueError as problem:
        raise BadValue(f"{manifest} is damaged ({problem}); save the sweep anew") from problem
    if not isinstance(facts, dict) or facts.get("format") != FORMAT:
        raise BadValue(f"{manifest} is no sweep's result of this version; name a folder that `save` made")
    return facts


def _ours(manifest: Path) -> bool:
    try:
        return str(json.loads(manifest.read_text(encoding="utf-8"))["format"]).startswith("onepath sweep 1")
    except (ValueError, KeyError, TypeError):
        return False
    except OSError as problem:
        raise OutputError(
            f"{manifest} cannot be read ({problem.strerror}); choose another folder"
        ) from problem


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
