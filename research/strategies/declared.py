"""What a strategy reads and forbids, said as data: a sweep asks it of all its cells at once.

In: names of parameters. Out: `Names` and `Below`, which are called with one set of parameters like any other
function of a `Strategy`, and also tell what they look at.
"""

from __future__ import annotations

import string
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Below", "Names"]


@dataclass(frozen=True)
class Names:
    """Names of features with parameters in them, for `Strategy.reads`.

    Attributes
    ----------
    patterns : tuple of str
        As `str.format` reads them.

    Examples
    --------
    >>> Names(("sma_cross_{fast:.0f}_{slow:.0f}",))({"fast": 5.0, "slow": 20.0})
    ('sma_cross_5_20',)
    """

    patterns: tuple[str, ...]

    def __call__(self, params: Mapping[str, float]) -> tuple[str, ...]:
        """Return the names for one set of parameters."""
        return tuple(pattern.format_map(params) for pattern in self.patterns)

    @staticmethod
    def fields(pattern: str) -> tuple[str, ...]:
        """Return the parameters in a pattern, in their order."""
        return tuple(name for _, name, _, _ in string.Formatter().parse(pattern) if name is not None)


@dataclass(frozen=True)
class Below:
    """The rule that one parameter is below another, for `Strategy.rule`.

    Examples
    --------
    >>> Below("fast", "slow")({"fast": 50.0, "slow": 20.0})
    '`fast` must be below `slow`, was 50 and 20; swap or change them'
    """

    lower: str
    upper: str

    def holds(self, params: Mapping[str, Any]) -> Any:
        """Say whether it holds: of numbers, or of arrays number by number."""
        return params[self.lower] < params[self.upper]

    def __call__(self, params: Mapping[str, float]) -> str | None:
        """Return what is wrong with one set of parameters, or None."""
        if self.holds(params):
            return None
        return (
            f"`{self.lower}` must be below `{self.upper}`, was {params[self.lower]:g} and "
            f"{params[self.upper]:g}; swap or change them"
        )
