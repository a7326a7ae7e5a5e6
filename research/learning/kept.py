"""An online learner written down, and taken up again: files and facts.

In: a learner. Out: each model in its native format, one archive of arrays, and what JSON can say; from
these a learner of the same settings goes on as if it had never stopped.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from research.kernels.belief import Belief
from research.learning.learner import OnlineLearner

__all__ = ["pack", "unpack"]

_ARRAYS: Final = "state.npz"


def pack(learner: OnlineLearner) -> tuple[dict[str, bytes], dict[str, Any]]:
    """Write down everything that the next block needs.

    Returns
    -------
    dict of str to bytes, dict
        Files, and facts as JSON holds them.
    """
    arrays = {f"belief.{name}": x for name, x in learner.belief._asdict().items()}
    arrays |= {f"shadows.{name}": x for name, x in learner.shadows.state().items()}
    arrays |= {f"history.{name}": x for name, x in learner.history.state().items()}
    buffer = io.BytesIO()
    np.savez(buffer, own=learner.own, bar=np.array([learner.bar]), **arrays)
    facts = {
        "settings": learner.settings.facts(),
        "horizon": learner.horizon,
        "bars": learner.bar,
        "dropped": learner.ensemble.dropped,
        **learner.ensemble.describe(),
    }
    return {**learner.ensemble.files(), _ARRAYS: buffer.getvalue()}, facts


def unpack(learner: OnlineLearner, files: Mapping[str, bytes], facts: Mapping[str, Any]) -> None:
    """Let a learner that has seen nothing go on where one of the same settings was written down.

    Raises
    ------
    ArtifactError
        A model that cannot be read.
    """
    with np.load(io.BytesIO(files[_ARRAYS]), allow_pickle=False) as saved:
        parts = {name: saved[name] for name in saved.files}

    def group(of: str) -> dict[str, NDArray[Any]]:
        return {name.removeprefix(of): x for name, x in parts.items() if name.startswith(of)}

    learner.belief = Belief(**group("belief."))
    learner.shadows.load(group("shadows."))
    learner.history.load(group("history."))
    learner.own, learner.bar = parts["own"], int(parts["bar"][0])
    learner.ensemble.dropped = dict(facts["dropped"])
    learner.ensemble.load(facts, files)
