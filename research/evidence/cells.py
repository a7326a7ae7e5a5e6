"""Cells as the trial ledger takes them: what they have in common, their parameters, moments and sketches.

In: the returns of a sweep, or what a scan made of them in its own pass. Out: rows, each under a key that is a
hash of the cell's content.

Of a large batch only some cells need a sketch: those whose key begins with enough zero bits (`sketch_level`).
Keys are hashes, so this is a random sample; it is nested, and it depends on the cell alone, so a ledger
reads the same sample however the cells were cut into batches.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from research.errors import BadValue
from research.evidence.moments import Moments, moments
from research.evidence.trials import SKETCH, sketches

__all__ = ["Cells", "Origin", "keys_of", "sketch_level", "sketched"]

F64 = NDArray[np.float64]
_SKETCHES = 512  # of a batch at most: enough for the rank of what trades one market, and soon made
_ZEROS = np.array([8 - int(byte).bit_length() for byte in range(256)])


def sketch_level(cells: int) -> int:
    """Return how many zero bits a key must begin with to have a sketch, in a batch of so many cells.

    Examples
    --------
    >>> [sketch_level(n) for n in (1, 512, 513, 1_000_000)]
    [0, 0, 1, 11]
    """
    return max(0, math.ceil(math.log2(max(cells, 1) / _SKETCHES)))


def sketched(keys: Sequence[bytes], level: int) -> NDArray[np.bool_]:
    """Return which cells have a sketch at a level, (N,)."""
    if not level or not len(keys):
        return np.ones(len(keys), dtype=np.bool_)
    heads = np.frombuffer(b"".join(key[:4] for key in keys), dtype=np.uint8).reshape(-1, 4)
    zeros, going = np.zeros(len(heads), dtype=np.int64), np.ones(len(heads), dtype=np.bool_)
    for column in heads.T:
        zeros += np.where(going, _ZEROS[column], 0)
        going &= column == 0
    return np.asarray(zeros >= level)


class _Texts(NamedTuple):
    """Parameters as JSON: all of each cell, those that not all cells share, those that all share."""

    whole: list[str]
    own: list[str]
    shared: str


def _texts(params: Sequence[Mapping[str, float]]) -> _Texts:
    """Write parameters down, column by column: a sweep's few distinct values are formatted once."""
    names = sorted(params[0]) if params else []
    if any(cell.keys() != params[0].keys() for cell in params):
        alone = [_texts([cell]) for cell in params]
        return _Texts([text.whole[0] for text in alone], [text.whole[0] for text in alone], "{}")
    columns, own, shared = [], [], []
    for name in names:
        values = [cell[name] + 0.0 for cell in params]  # -0.0 is 0.0
        said = {
            value: f"{json.dumps(name)}: {json.dumps(float(value), allow_nan=False)}" for value in set(values)
        }
        columns.append([said[value] for value in values])
        if len(said) > 1:
            own.append(columns[-1])
        else:
            shared.append(columns[-1][0])
    return _Texts(_joined(columns, len(params)), _joined(own, len(params)), f"{{{', '.join(shared)}}}")


def _joined(columns: Sequence[Sequence[str]], count: int) -> list[str]:
    return [f"{{{', '.join(row)}}}" for row in zip(*columns, strict=True)] if columns else ["{}"] * count


def _keys(origin: Origin, whole: Sequence[str]) -> list[bytes]:
    of_all = origin.hash()
    return [hashlib.sha256(of_all + text.encode()).digest()[:16] for text in whole]


def keys_of(origin: Origin, params: Sequence[Mapping[str, float]]) -> list[bytes]:
    """Return the key of each cell: 16 bytes of SHA-256 over its origin and all of its parameters."""
    return _keys(origin, _texts(params).whole)


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
        Rows of cells whose key has no sketch at `level` are not read.
    level : int
        `sketch_level` of the whole batch; 0: every cell has a sketch.
    """

    origin: Origin
    params: Sequence[Mapping[str, float]]
    moments: Moments
    sketches: NDArray[np.float16]
    level: int = 0

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

    @cached_property
    def _written(self) -> _Texts:
        return _texts(self.params)

    @property
    def shared(self) -> str:
        """The parameters that all cells have in common, JSON."""
        return self._written.shared

    def rows(self) -> Iterator[tuple[object, ...]]:
        """Yield key, parameters that are not `shared`, moments and sketch of each cell."""
        keys = _keys(self.origin, self._written.whole)
        kept = sketched(keys, self.level)
        columns = [np.asarray(column).tolist() for column in self.moments[:4]]
        for i, (key, text) in enumerate(zip(keys, self._written.own, strict=True)):
            figures = (None if math.isnan(column[i]) else column[i] for column in columns)
            yield key, text, *figures, self.sketches[i].astype("<f2").tobytes() if kept[i] else None
