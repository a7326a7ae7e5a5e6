"""Leaks to plant on purpose, one small mistake each: an audit that misses one of them proves nothing.

In: nothing. Out: by name, the seam that spoils the pipeline. All of them are mistakes that people make;
each looks harmless, improves a backtest, and cannot be traded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from research.evidence import hindsight, lookahead, unsettled
from research.learning.seams import Seams

__all__ = ["Leak", "planted_leaks"]


@dataclass(frozen=True)
class Leak:
    """A mistake, and where it is made.

    Attributes
    ----------
    name : str
    what : str
        What it does, in words.
    strategy : str
        In whose pipeline it is planted.
    seams : Seams
    symbols : int
        Fewest symbols among which there is anything to leak.
    """

    name: str
    what: str
    strategy: str
    seams: Seams
    symbols: int = 1


_BETWEEN_SYMBOLS = frozenset({"survivors_only", "best_symbols"})


def planted_leaks() -> Mapping[str, Leak]:
    """Return every leak by its name: of inputs, of learning, of choice.

    Returns
    -------
    mapping of str to Leak

    Examples
    --------
    >>> planted_leaks()["next_bar"].what
    'a feature shifted by −1'
    """
    rows = {**lookahead.PLANTED, **unsettled.PLANTED, **hindsight.PLANTED}
    return MappingProxyType(
        {name: Leak(name, *row, symbols=2 if name in _BETWEEN_SYMBOLS else 1) for name, row in rows.items()}
    )
