"""Where bars come in: blocks of any length, each laid out so that it continues those before.

In: a bar table, or a panel. Out: a panel of the new bars, or the one line that says why they are not the
next ones. What is carried is the adjustment: the closes and factors that the last bars ended with.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from research.data.panel import Panel, PanelBuilder
from research.errors import BadValue, DataError

__all__ = ["Intake"]


class Intake:
    """Take the bars of some symbols, block by block.

    Parameters
    ----------
    symbols : sequence of str

    Attributes
    ----------
    builder : PanelBuilder
        What lays out bar tables.
    last_bar : numpy.datetime64, optional
        `bar_close` of the last bar taken.
    """

    def __init__(self, symbols: Sequence[str]) -> None:
        self.symbols = tuple(symbols)
        self.builder = PanelBuilder(self.symbols)
        self.last_bar: np.datetime64 | None = None

    def take(self, block: Panel | pl.DataFrame) -> Panel:
        """Return the next block as a panel.

        Raises
        ------
        BadValue
            A panel of other symbols, or a table after panels.
        DataError
            Bars that are not later than the last ones, or break a rule of the table.
        """
        panel = block if isinstance(block, Panel) else self._laid_out(block)
        if panel.symbols != self.symbols:
            raise BadValue(
                f"a block must hold the engine's symbols {', '.join(self.symbols)}, was "
                f"{', '.join(panel.symbols)}; build it with the same `symbols`"
            )
        if len(panel):
            if self.last_bar is not None and panel.bar_close[0] <= self.last_bar:
                raise DataError(
                    f"bars must be later than {self.last_bar}, the last one advanced over, was "
                    f"{panel.bar_close[0]}; give each bar once"
                )
            self.last_bar = panel.bar_close[-1]
        return panel

    def _laid_out(self, bars: pl.DataFrame) -> Panel:
        """Return a table's bars as a panel that continues those before it."""
        if self.builder.last_bar != self.last_bar:
            raise BadValue(
                f"a bar table must continue another, and the bars to {self.last_bar} came as a panel, which "
                "says nothing of the adjustment after it; give panels on, or tables from the first bar"
            )
        return self.builder.push(bars)

    def reanchor(self, bars: pl.DataFrame) -> None:
        """Tell that bars come from a newer delivery, whose `adj_factor` may have been re-based since.

        Parameters
        ----------
        bars : DataFrame
            That delivery's bars up to the last one taken; see `PanelBuilder.reanchor`.
        """
        if "adj_factor" in bars.columns and bars.height:
            self.builder.reanchor(bars)
