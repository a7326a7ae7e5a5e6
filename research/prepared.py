"""A request held against bars: what a run starts from.

In: a request and bars that it has checked. Out: a `Prepared`, laid out from the first bar there is
(`research.request`), or after the last one that a trained model has seen (here).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from research.data.panel import Panel, PanelBuilder
from research.errors import ArtifactError, BadValue, NotEnoughHistory
from research.learning.manifest import first_difference
from research.saved import Saved, read_models

if TYPE_CHECKING:
    from research.request import Request

__all__ = ["Prepared", "after_training"]


@dataclass(frozen=True)
class Prepared:
    """A request held against bars.

    Attributes
    ----------
    panel : Panel
        Every bar from the first known one to the end of the span. Features are
        always computed from here, so a later start does not change a bit.
    first : int
        Row of the first bar in the span.
    trade_from : int
        Row of the first bar whose close may decide a trade; the bars of the span
        before it are reserved for training.
    params : dict
        All of the strategy's parameters, defaults filled in.
    bars_per_year : float
        Measured on the bars before the first that may trade.
    notes : tuple of str
        What the user must be told about these bars.
    builder : PanelBuilder
        What laid out the panel: later bars continue it.
    model : Saved, optional
        A trained model that the run begins with; the panel then begins after the last bar it has seen.
    """

    panel: Panel
    first: int
    trade_from: int
    params: dict[str, float]
    bars_per_year: float
    notes: tuple[str, ...]
    builder: PanelBuilder
    model: Saved | None = None

    @property
    def trade_from_instant(self) -> np.datetime64:
        """`bar_close` of the first bar that may decide a trade."""
        instant: np.datetime64 = self.panel.bar_close[self.trade_from]
        return instant


def after_training(
    request: Request,
    bars: pl.DataFrame,
    symbols: Sequence[str],
    start: datetime | None,
    least: int = 2,
) -> Prepared:
    """Lay out the bars after those that a trained model has seen.

    Parameters
    ----------
    request : Request
        With a `model`.
    bars : DataFrame
        Of the symbols, to the end of the span; those that the model has seen anchor `adj_factor`.
    symbols : sequence of str
    start : datetime, optional
        Of the span.
    least : int
        Bars that the span must hold.

    Raises
    ------
    ArtifactError
        The model is damaged, or of another strategy, symbols, costs, label parameters or kernels.
    BadValue
        Other learning settings than the model's, or a start that it has seen.
    DataError
        Bars that do not continue those that the model has seen.
    NotEnoughHistory
        Fewer bars than `least` after its last one.
    """
    assert request.model is not None
    saved = read_models(request.model, request.expects(symbols))
    kept = saved.facts["learner"]["settings"]
    if request.learning is not None and (differs := first_difference(kept, request.learning.facts())):
        raise BadValue(
            f"a trained model keeps the learning settings it was trained with, and of those in "
            f"{request.model} {differs} as asked for; leave the settings out, or train anew"
        )
    last = saved.last_bar
    builder = saved.builder()
    assert last is not None, "a trained model has seen bars"
    if builder.last_bar != last:
        raise ArtifactError(
            f"{request.model}: the model must hold closes and factors of its last bar, {last!s:.10}, holds "
            f"those of {builder.last_bar}; train it again"
        )
    seen = pl.col("bar_close") <= pl.lit(last).dt.replace_time_zone("UTC")
    notes = [
        f"the model in {request.model} has seen bars to {last!s:.10}; none after is reserved for training"
    ]
    if "adj_factor" in bars.columns:
        builder.reanchor(bars.filter(seen))
        if bars.filter(seen).is_empty():
            notes.append(
                f"no bar to {last!s:.10} is given, so `adj_factor` is taken to go on from the column trained "
                "on; bring that bar as well if the vendor re-bases it"
            )
    panel = builder.push(bars.filter(~seen))
    first = 0
    if start is not None:
        begin = np.datetime64(start.replace(tzinfo=None), "us")
        if begin <= last:
            raise BadValue(
                f"`start` must be after {last!s:.10}, the last bar that the model in {request.model} has "
                f"seen, was {request.start}; start later, or train on earlier bars"
            )
        first = int(np.searchsorted(panel.bar_close, begin))
    if len(panel) - first < least:
        raise NotEnoughHistory(
            f"the span after the model's last bar, {last!s:.10}, holds {max(len(panel) - first, 0)} bars "
            f"and a run needs {least}; bring later bars, or train on fewer"
        )
    bars_per_year = saved.facts["params"]["bars_per_year"]
    params = request.resolve(len(symbols), bars_per_year)
    return Prepared(panel, first, first, params, bars_per_year, tuple(notes), builder, saved)
