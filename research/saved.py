"""An engine written down: named files and JSON facts, in one container or in a folder of models.

In: an engine. Out: files (features' and bars' carried state, the account, each model in its native
format) and facts (strategy, parameters, symbols, kernels, what the learner is told). A journal keeps them
as one string of bytes with a digest; `python -m research train` keeps them as an artifact
(`research.learning.artifact`). Either way every digest is compared before any parser sees a byte, and
nothing is ever unpickled.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from research.data.panel import PanelBuilder
from research.errors import ArtifactError, SnapshotMismatch
from research.execution import Execution
from research.features.matrix import FeatureStream
from research.kernels.account import Account, copy_account
from research.kernels.jit import kernel_hash

if TYPE_CHECKING:
    from research.engine import UnifiedTradingEngine
    from research.learning.settings import LearningSettings

__all__ = [
    "Saved",
    "arguments_in",
    "learning_in",
    "load_all",
    "load_models",
    "pack",
    "read_container",
    "read_models",
    "snapshot_of",
]

_MAGIC: Final = b"onepath engine 2\n"
_DIGEST: Final = 32
_BUILDER, _STREAM, _ACCOUNT = "bars.state", "features.state", "account.npz"
_AGAIN = "start anew from the bars"


@dataclass(frozen=True)
class Saved:
    """An engine written down.

    Attributes
    ----------
    files : dict of str to bytes
    facts : dict
        What JSON can say.
    """

    files: dict[str, bytes]
    facts: dict[str, Any]

    @property
    def last_bar(self) -> np.datetime64 | None:
        """The last bar that the engine had seen."""
        told = self.facts["last_bar"]
        return None if told is None else np.datetime64(told, "us")

    def builder(self) -> PanelBuilder:
        """Return what lays out the bars after that one."""
        return PanelBuilder.restore(self.files[_BUILDER])


def pack(engine: UnifiedTradingEngine) -> Saved:
    """Write down everything that an engine carries between blocks."""
    buffer = io.BytesIO()
    np.savez(buffer, **engine.account._asdict())
    facts: dict[str, Any] = {
        "kernels": kernel_hash(),
        "strategy": engine.strategy.name,
        "symbols": list(engine.symbols),
        "params": dict(engine.params),
        "execution": asdict(engine.execution),
        "initial_capital": engine.initial_capital,
        "trade_from": str(engine.trade_from),
        "last_bar": None if engine.last_bar is None else str(engine.last_bar),
    }
    files = {
        _BUILDER: engine.intake.builder.snapshot(),
        _STREAM: engine.reader.stream.snapshot(),
        _ACCOUNT: buffer.getvalue(),
    }
    if engine.learner is not None:
        from research.learning import kept

        models, facts["learner"] = kept.pack(engine.learner)
        files |= models
    return Saved(files, facts)


def load_models(engine: UnifiedTradingEngine, saved: Saved) -> None:
    """Let an engine that has seen no bar go on where another one stood; the account stays as it is."""
    engine.intake.builder = saved.builder()
    engine.reader.stream = FeatureStream.restore(saved.files[_STREAM])
    engine.intake.last_bar = saved.last_bar
    if engine.learner is not None:
        from research.learning import kept

        kept.unpack(engine.learner, saved.files, saved.facts["learner"])


def arguments_in(saved: Saved) -> dict[str, Any]:
    """Return what an engine of the same kind is made with."""
    facts = saved.facts
    return {
        "strategy": facts["strategy"],
        "initial_capital": facts["initial_capital"],
        "symbols": facts["symbols"],
        "params": facts["params"],
        "execution": Execution(**facts["execution"]),
        "trade_from": np.datetime64(facts["trade_from"], "us"),
        "learning": learning_in(facts),
    }


def load_all(engine: UnifiedTradingEngine, saved: Saved) -> None:
    """Let an engine that has seen no bar go on where another one stood, its account included."""
    load_models(engine, saved)
    with np.load(io.BytesIO(saved.files[_ACCOUNT]), allow_pickle=False) as parts:
        engine.account = copy_account(Account(*(parts[name] for name in Account._fields)))


def read_models(folder: Path, expect: Mapping[str, Any]) -> Saved:
    """Read an artifact whose facts must be as expected.

    Parameters
    ----------
    folder : Path
    expect : mapping
        Facts of `pack` that must agree.

    Raises
    ------
    ArtifactError
        It is damaged, or was made by other kernels, for another strategy, symbols or settings.
    """
    from research.learning.artifact import read_version

    facts, files = read_version(folder, expect={"kernels": kernel_hash(), **expect})
    if facts.get("learner") is None:
        raise ArtifactError(
            f"{folder}: the artifact holds no model; train one of a strategy that has a model"
        )
    _require_features(folder, facts)
    return Saved(files, facts)


def _require_features(folder: Path, facts: Mapping[str, Any]) -> None:
    """Refuse models that were fitted to other features, or in another order, than a run would give them.

    Settings may leave them to a default, and the default may change.
    """
    settings, fitted = learning_in(facts), facts.get("features")
    read = [] if settings is None else list(settings.names)
    if fitted == read:
        return
    told = fitted if isinstance(fitted, list) else []
    differs = next((k for k, (was, now) in enumerate(zip(told, read, strict=False)) if was != now), None)
    number = "" if differs is None else f": number {differs + 1} was {told[differs]}, is {read[differs]}"
    raise ArtifactError(
        f"{folder}: the models were fitted to {len(told)} features, a run would read {len(read)}{number}; "
        "train it again"
    )


def learning_in(facts: Mapping[str, Any]) -> LearningSettings | None:
    """Return what the learner was told; None where there is none."""
    if facts.get("learner") is None:
        return None
    from research.learning.settings import LearningSettings

    return LearningSettings.from_facts(facts["learner"]["settings"])


def snapshot_of(engine: UnifiedTradingEngine) -> bytes:
    """Return an engine as one string of bytes: facts as a line of JSON, the files, a digest over all."""
    saved = pack(engine)
    head = {"facts": saved.facts, "files": {name: len(data) for name, data in saved.files.items()}}
    text = _MAGIC + json.dumps(head).encode() + b"\n" + b"".join(saved.files.values())
    return text + hashlib.sha256(text).digest()


def read_container(data: bytes) -> Saved:
    """Return the files and facts in what `snapshot_of` gave.

    Raises
    ------
    SnapshotMismatch
        The bytes are no engine snapshot of this version, are damaged, or other kernels made them.
    """
    text = bytes(data[:-_DIGEST])
    if not text.startswith(_MAGIC):
        raise SnapshotMismatch(f"these bytes are no engine snapshot of this version; {_AGAIN}")
    if hashlib.sha256(text).digest() != data[-_DIGEST:]:
        raise SnapshotMismatch(f"the engine's snapshot is damaged or cut short; {_AGAIN}")
    line, _, body = text[len(_MAGIC) :].partition(b"\n")
    head = json.loads(line)
    files: dict[str, bytes] = {}
    at = 0
    for name, size in head["files"].items():
        files[name] = body[at : at + size]
        at += size
    kernels = head["facts"]["kernels"]
    if kernels != kernel_hash():
        raise SnapshotMismatch(
            f"the snapshot was made by kernels {kernels}, these are {kernel_hash()}; {_AGAIN}, which takes "
            "seconds"
        )
    return Saved(files, head["facts"])
