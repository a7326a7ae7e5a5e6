"""Which symbols a bar that is due is waited for, and until when.

In: what came, what is missing. Out: the symbols that are still worth waiting for.

A symbol whose bar is late is waited for once, `Habits.wait` long; then the others go on without it, and while
it is absent they go on at once. Until its bars come in time again, no bar is held up for it: a symbol that
does not trade, or is halted, costs nothing. One whose bars do come, but after their time, would then never be
met again, though a little patience would do; so it is waited for again at the next bar, and if that is in
vain after 1, 2, 4, … bars, an hour's minutes at most. What is known here is forgotten at a restart: at worst
a symbol is waited for once more.
"""

from __future__ import annotations

from collections.abc import Set
from typing import Final

__all__ = ["Waiting"]

_LONGEST: Final = 60  # bars


class Waiting:
    """Who is waited for.

    Examples
    --------
    >>> waiting = Waiting()
    >>> waiting.gave_up({"AAA"}, bar=7)
    >>> waiting.lacking({"AAA", "BBB"}, {"BBB"}, absent={"AAA"}, behind=set(), bar=8)
    set()
    >>> waiting.lacking({"AAA", "BBB"}, {"BBB"}, absent={"AAA"}, behind={"AAA"}, bar=8)
    {'AAA'}
    """

    def __init__(self) -> None:
        # Of symbols that were waited for in vain: the bar from which they are again, and the pause after it.
        self._again: dict[str, tuple[int, int]] = {}

    def lacking(
        self, symbols: Set[str], there: Set[str], *, absent: Set[str], behind: Set[str], bar: int
    ) -> set[str]:
        """Return the symbols without whose bars the others do not go on yet.

        Parameters
        ----------
        symbols : set of str
            All that are traded.
        there : set of str
            Those whose bar has come.
        absent : set of str
            Those that had no bar in the last one taken.
        behind : set of str
            Those of which the vendor has bars that came after their time.
        bar : int
            Index of the bar in question.
        """
        gone = absent | self._again.keys()
        quiet = {s for s in gone if s not in behind or bar < self._again.get(s, (bar, 1))[0]}
        return set(symbols - quiet - there)

    def gave_up(self, lacking: Set[str], bar: int) -> None:
        """Take note of a bar that is taken without symbols it was waited for in vain."""
        for symbol in lacking:
            _, pause = self._again.get(symbol, (bar, 1))
            self._again[symbol] = bar + pause, min(2 * pause, _LONGEST)

    def came(self, symbols: Set[str]) -> None:
        """Take note of the symbols of a bar that is taken."""
        for symbol in symbols:
            self._again.pop(symbol, None)
