"""Cells as the trial ledger takes them: what they have in common, their parameters, moments and sketches.

In: the returns of a sweep, or what a scan made of them in its own pass. Out: rows, each under a key that is a
hash of the cell's content.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from research.errors import BadValue
from research.evidence.moments import Moments, moments
from research.evidence.trials import SKETCH, sketches

__all__ = ["Cells", "Origin"]

F64 = NDArray[np.float64]


@dataclass(frozen=True)
class Origin:
    """What the cells of one sweep have in common.

    Attributes
    ----------
    strategy : str
    code : str
        Version of the code that decides, such as `research.kernels.jit.kernel_hash()`.
    data : str
        Hash of the bars.
    symbols : tuple of str
        Whose returns these are; several are one portfolio.
    first, last : str
        Span of the returns, ISO.
    execution : str
        Costs and rules of a fill, such as `str` of an `Execution`.
    periods_per_year : float
    """

    strategy: str
    code: str
    data: str
    symbols: tuple[str, ...]
    first: str
    last: str
    execution: str
    periods_per_year: float

    def hash(self) -> bytes:
        """Return 16 bytes of SHA-256 over all fields."""
        text = json.dumps(asdict(self), sort_keys=True, allow_nan=False)
        return hashlib.sha256(text.encode()).digest()[:16]


@dataclass(frozen=True, eq=False)
class Cells:
    """Cells to record: `Cells.of` makes them from returns; a scan may bring moments and sketches itself.

    Attributes
    ----------
    origin : Origin
    params : sequence of mapping
        All parameters of each cell, defaults included.
    moments : Moments
    sketches : (N, 128) float16
    """

    origin: Origin
    params: Sequence[Mapping[str, float]]
    moments: Moments
    sketches: NDArray[np.float16]

    def __post_init__(self) -> None:
        wanted = len(self.params)
        if self.sketches.shape != (wanted, SKETCH) or len(self.moments.sharpe) != wanted:
            raise BadValue(
                f"cells must have one row each, had {wanted} params, {len(self.moments.sharpe)} moments and "
                f"sketches of shape {self.sketches.shape}"
            )

    @classmethod
    def of(
        cls, origin: Origin, params: Sequence[Mapping[str, float]], returns: F64, instants: ArrayLike
    ) -> Cells:
        """Make cells from their returns.

        Parameters
        ----------
        origin : Origin
        params : sequence of mapping
            Of each column.
        returns : (T, N) float64
            NaN is refused.
        instants : (T,) datetime64
            When each period ends.

        Examples
        --------
        >>> origin = Origin("rule", "v1", "d0", ("A",), "2000-01-03", "2000-01-05", "no costs", 252.0)
        >>> cells = Cells.of(origin, [{"n": 1}, {"n": 2}], np.eye(3, 2), np.arange(3))
        >>> [len(row[0]) for row in cells.rows()]
        [16, 16]
        """
        return cls(origin, params, moments(returns), sketches(returns, instants))

    def rows(self) -> Iterator[tuple[object, ...]]:
        """Yield key, parameters, periods, moments and sketch of each cell."""
        origin = self.origin.hash()
        columns = [np.asarray(column).tolist() for column in self.moments[:4]]
        for i, params in enumerate(self.params):
            text = json.dumps({k: float(v) for k, v in params.items()}, sort_keys=True, allow_nan=False)
            key = hashlib.sha256(origin + text.encode()).digest()[:16]
            figures = (None if math.isnan(column[i]) else column[i] for column in columns)
            yield key, text, self.moments.periods, *figures, self.sketches[i].astype("<f2").tobytes()
