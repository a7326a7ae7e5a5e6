"""One fitted learner: its name, what it answers, and how it fails.

In: rows to speak of. Out: probabilities, or why there are none, in one line. What counts as a failure
of a library, after which the others go on, is listed here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from lightgbm.basic import LightGBMError
from numpy.typing import NDArray

from research.errors import OnepathError
from research.learning.contract import Fitted

__all__ = ["FAILURES", "Failure", "Model", "in_one_line"]

F64 = NDArray[np.float64]
# What libraries raise when they cannot go on; anything else is a fault of ours and must not be passed over.
FAILURES = (OnepathError, ValueError, RuntimeError, ArithmeticError, MemoryError, LightGBMError)


@dataclass(frozen=True)
class Model:
    """One fitted learner.

    Attributes
    ----------
    learner : str
    cutoff : int
        The bar at whose close it was fitted: every label it saw had settled by then.
    stamp : str
        That close, as text.
    fitted : Fitted
    """

    learner: str
    cutoff: int
    stamp: str
    fitted: Fitted

    @property
    def id(self) -> str:
        """Learner and training cutoff."""
        return f"{self.learner}@{self.stamp}"

    def answer(self, x: NDArray[np.float32], out: F64) -> str | None:
        """Fill `out` with what it says of some rows; return why it could not, if so."""
        try:
            out[:] = self.fitted.predict(x)
        except FAILURES as failure:
            return in_one_line(failure)
        return None if ((out >= 0.0) & (out <= 1.0)).all() else "it answered with what is no probability"


class Failure(NamedTuple):
    """Where a learner could not answer, and why."""

    bar: int
    why: str


def in_one_line(failure: BaseException) -> str:
    """Return a failure in one line."""
    return f"{type(failure).__name__}: {' '.join(str(failure).split())}"
