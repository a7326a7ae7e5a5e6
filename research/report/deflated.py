"""The deflated heatmap: cells that are not distinguishable from luck fade.

In: a sweep. Out: the heatmap of its Sharpe ratios, under a veil that is thick where a cell's deflated Sharpe
ratio is low. Each cell is held against the best that all trials are expected to show, as a winner is.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from research.errors import BadValue
from research.evidence.moments import moments
from research.evidence.sharpe import deflated_sharpe
from research.report.figures import heatmap, sheet_of, stops_of
from research.simulation.equity import returns_of, runnable
from research.simulation.scores import finished_cells, lane_of, scores
from research.simulation.winner import SAMPLE, deflation_of

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from research.simulation.swept import SweepResult

__all__ = ["STANDS_OUT", "deflated_heatmap", "deflated_ratios"]

F64 = NDArray[np.float64]
STANDS_OUT = 0.95
_GONE = 0.5  # a deflated Sharpe ratio from which nothing is seen any more: as likely luck as not
_THICK, _FADED = 0.95, 0.5  # of the thickest veil, and the most colour that a cell below 0.95 keeps
_MOST = 50_000  # cells whose returns are made again
_BATCH = 512


def deflated_ratios(swept: SweepResult, symbol: str | None = None) -> F64:
    """Return the deflated Sharpe ratio of every cell.

    Parameters
    ----------
    swept : SweepResult
    symbol : str, optional
        Needed where there are several.

    Returns
    -------
    (C,) float64
        Probability, convention "2014": against the expected best of all trials, by each cell's own skewness
        and kurtosis. NaN where a cell is not finished or never traded.
    """
    lane = lane_of(swept, symbol)
    ratio = scores(swept, "sharpe_ratio", lane.symbol) / math.sqrt(lane.bars_per_year)
    cells = runnable(swept.study, lane)
    cells = cells[np.isfinite(ratio[cells])]
    if not cells.size:
        raise BadValue(f"no finished cell of {lane.symbol} traded; widen the grid until some do")
    if cells.size > _MOST:
        raise BadValue(
            f"a deflated heatmap makes the returns of at most {_MOST:,} cells again, this sweep has "
            f"{cells.size:,}; sweep a narrower grid, or use `heatmap`"
        )
    some = cells[:: max(1, math.ceil(cells.size / SAMPLE))]
    found = deflation_of(swept, lane, some)
    out = np.full(len(swept.grid), np.nan)
    for start in range(0, cells.size, _BATCH):
        batch = cells[start : start + _BATCH]
        own = moments(returns_of(swept.study, lane, batch))
        for i, cell in enumerate(batch.tolist()):
            if np.isfinite(own.sharpe[i]):
                out[cell] = deflated_sharpe(
                    float(own.sharpe[i]), found.variance, found.effective, own.periods,
                    skewness=float(own.skewness[i]), kurtosis=float(own.kurtosis[i]),
                ).probability  # fmt: skip
    return out


def deflated_heatmap(swept: SweepResult, x: str, y: str, symbol: str | None = None) -> go.Figure:
    """Draw the Sharpe ratio over two parameters; what luck explains fades, a slider goes through the others.

    Parameters
    ----------
    swept : SweepResult
    x, y : str
        Varied parameters, not the same one.
    symbol : str, optional
        Needed where there are several.

    Returns
    -------
    plotly.graph_objects.Figure
        In full colour above a deflated Sharpe ratio of 0.95, pale below, white at 0.5.

    Raises
    ------
    UnknownName, BadValue
        As `heatmap` says; a sweep of more than 50,000 cells.
    """
    import plotly.graph_objects as go

    symbol = lane_of(swept, symbol).symbol
    figure = heatmap(swept, x, y, "sharpe_ratio", symbol)
    ratios = deflated_ratios(swept, symbol)
    column = np.full((swept.metrics.height // len(swept.symbols), len(swept.symbols)), np.nan)
    column[:, swept.symbols.index(symbol)] = ratios[finished_cells(swept)]
    faded = replace(swept, metrics=swept.metrics.with_columns(pl.Series("dsr", column.ravel())))
    stops = stops_of(swept, x, y, symbol)
    sheets = [sheet_of(faded, x, y, "dsr", stop) for stop in stops]
    veils = [_veil(sheet) for sheet in sheets]
    main = figure.data[0]
    main.customdata = sheets[0]
    main.hovertemplate = main.hovertemplate.replace(
        "<extra>", "<br>deflated Sharpe ratio = <b>%{customdata:.3f}</b><extra>"
    )
    figure.add_trace(
        go.Heatmap(
            x=main.x, y=main.y, z=veils[0], zmin=0.0, zmax=1.0, xgap=1, ygap=1, showscale=False,
            hoverinfo="skip", colorscale=[[0.0, "rgba(255,255,255,0)"], [1.0, "rgba(255,255,255,1)"]],
        )
    )  # fmt: skip
    if figure.layout.sliders:
        for step, sheet, veil in zip(figure.layout.sliders[0].steps, sheets, veils, strict=True):
            step.args = [{"z": [step.args[0]["z"][0], veil], "customdata": [sheet, None]}, [0, 1]]
    count, known = int(np.sum(ratios > STANDS_OUT)), int(np.sum(~np.isnan(ratios)))
    title = figure.layout.title.text
    heading, below = title.split("<br><sup>")
    found = (
        f"what luck explains fades: full colour above a deflated Sharpe ratio of {STANDS_OUT:g}, pale below, "
        f"white at {_GONE:g} · {count:,} of {known:,} cells stand out"
    )
    heading = heading.replace("Sharpe ratio", "Sharpe ratio, deflated", 1)
    figure.update_layout(title_text=f"{heading}<br><sup>{found}<br>{below}", margin_t=115)
    return figure


def _veil(sheet: F64) -> F64:
    """Return how thick the veil is, 0 to 1; NaN where there is no cell."""
    fading = _FADED * np.clip((sheet - _GONE) / (STANDS_OUT - _GONE), 0.0, 1.0) ** 2
    return _THICK * (1.0 - np.where(sheet > STANDS_OUT, 1.0, fading))
