"""Figures of sweeps: a metric over two parameters, everything else on a slider.

In: a `SweepResult`. Out: a Plotly figure with titled axes, units, and one colour scale for all
positions of the slider, so that two of them can be compared by eye.
"""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from research.errors import BadValue, UnknownName
from research.report.looks import LOOKS, Look

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from research.simulation.swept import SweepResult

__all__ = ["colours_of", "heatmap", "said_of", "sheet_of", "stops_of"]

F64 = NDArray[np.float64]
MEAN = "mean"  # of all symbols


# Red, white, blue: told apart by colour-blind eyes as well.
_COLOURS = "RdBu"
_SHOWN_IN_CELLS = 150  # with more cells than this the numbers would overlap; the hover text has them
_SHOWN_ON_SLIDER = 8  # with more positions than this their labels would overlap


def heatmap(
    swept: SweepResult, x: str, y: str, metric: str = "sharpe_ratio", symbol: str | None = None
) -> go.Figure:
    """Draw a metric over two parameters; a slider goes through the other parameters and the symbols.

    Parameters
    ----------
    swept : SweepResult
    x, y : str
        Varied parameters, not the same one. One with a single value is a single column or row.
    metric : str
        A figure of `swept.metrics`.
    symbol : str, optional
        One symbol, or "mean" for the mean over those that have a figure; default: each on the slider.

    Returns
    -------
    plotly.graph_objects.Figure
        Cells without a figure (left out, not finished, or no data) are grey.

    Raises
    ------
    UnknownName
        A parameter that was not varied, a metric or a symbol that does not exist.
    BadValue
        x and y are the same, or no cell is finished.
    """
    import plotly.graph_objects as go

    _check(swept, x, y, metric, symbol)
    look = LOOKS[metric]
    stops = stops_of(swept, x, y, symbol)
    sheets = [sheet_of(swept, x, y, metric, stop) * look.scale for stop in stops]
    xs, ys = _labels(swept, x), _labels(swept, y)
    dense = len(xs) * len(ys) > _SHOWN_IN_CELLS
    figure = go.Figure(
        go.Heatmap(
            x=xs,
            y=ys,
            z=sheets[0],
            **colours_of(sheets, look),
            xgap=1,
            ygap=1,
            texttemplate="" if dense else f"%{{z:.{look.digits}f}}",
            hovertemplate=f"{x} = %{{x}}<br>{y} = %{{y}}<br>"
            f"{look.name} = <b>%{{z:.{look.digits}f}}{look.unit}</b><extra></extra>",
            hoverongaps=False,
            colorbar={"title": {"text": look.title, "side": "right"}, "thickness": 16, "outlinewidth": 0},
        )
    )
    axis = {"type": "category", "showgrid": False, "zeroline": False, "ticks": "outside", "automargin": True}
    figure.update_xaxes(**axis, title=_axis_title(swept, x, 90), nticks=30)
    figure.update_yaxes(**axis, title=_axis_title(swept, y, 40), nticks=25)
    heading = f"{look.heading}, {swept.strategy}"
    gaps = any(np.isnan(sheet).any() for sheet in sheets)
    below = _subtitle(swept, look, symbol, stops) + (" · grey has no figure" if gaps else "")
    figure.update_layout(
        template="plotly_white",
        font={"family": "system-ui, sans-serif", "size": 13},
        title={"text": f"{heading}<br><sup>{below}</sup>", "x": 0.02, "xanchor": "left", "y": 0.97},
        plot_bgcolor="#d9d9d9",
        margin={"l": 80, "r": 30, "t": 90, "b": 80},
        height=560 + (110 if len(stops) > 1 else 0),
    )  # fmt: skip
    if len(stops) > 1:
        figure.update_layout(sliders=[_slider(stops, sheets)], margin_b=190)
    return figure


def _check(swept: SweepResult, x: str, y: str, metric: str, symbol: str | None) -> None:
    for name in (x, y):
        if name not in swept.grid.axes:
            raise UnknownName("swept parameter", name, swept.grid.axes)
    if x == y:
        raise BadValue(f"`x` and `y` must be two parameters, were both {x!r}; choose another for one of them")
    if metric not in LOOKS:
        raise UnknownName("metric", metric, LOOKS)
    if symbol not in {None, MEAN, *swept.symbols}:
        raise UnknownName("symbol", str(symbol), (*swept.symbols, MEAN))
    if not swept.metrics.height:
        raise BadValue(
            "a heatmap needs a finished cell, was interrupted before the first; run the sweep again"
        )


def stops_of(swept: SweepResult, x: str, y: str, symbol: str | None) -> list[dict[str, float | str]]:
    """Return what the slider stops at: every combination of the other parameters, and the symbols."""
    others: dict[str, Sequence[float | str]] = {
        name: values.tolist()
        for name, values in swept.grid.axes.items()
        if name not in {x, y} and len(values) > 1
    }
    if symbol is None and len(swept.symbols) > 1:
        others["symbol"] = _known(swept) or list(swept.symbols)
    elif symbol is not None and symbol != MEAN:
        others["symbol"] = [symbol]
    return [dict(zip(others, stop, strict=True)) for stop in itertools.product(*others.values())]


def _known(swept: SweepResult) -> list[str]:
    """Return the symbols that have figures in any cell."""
    found = set(swept.metrics.filter(pl.col("total_return").is_not_nan())["symbol"])
    return [symbol for symbol in swept.symbols if symbol in found]


def sheet_of(swept: SweepResult, x: str, y: str, metric: str, stop: Mapping[str, float | str]) -> F64:
    """Return the metric at one stop of the slider, (rows of y, columns of x); NaN where there is none."""
    rows = swept.metrics.filter(*(pl.col(name) == value for name, value in stop.items()))
    at = [
        np.searchsorted(np.sort(swept.grid.axes[name]), rows[name].to_numpy().astype(np.float64))
        for name in (y, x)
    ]
    values = rows[metric].to_numpy()
    known = ~np.isnan(values)
    shape = (len(swept.grid.axes[y]), len(swept.grid.axes[x]))
    total, count = np.zeros(shape), np.zeros(shape)
    np.add.at(total, (at[0][known], at[1][known]), values[known])
    np.add.at(count, (at[0][known], at[1][known]), 1.0)
    out = np.full(shape, np.nan)
    np.divide(total, count, out=out, where=count > 0)
    return out


def colours_of(sheets: Sequence[F64], look: Look) -> dict[str, Any]:
    """Return the colour scale of all sheets: white is the centre, and equal distances from it are as strong.

    It ends where the values end, but for the outermost hundredth, so the bar beside the figure
    shows no value that there is not.
    """
    from plotly.colors import sample_colorscale

    values = np.concatenate([sheet[~np.isnan(sheet)] for sheet in sheets])
    if not values.size:
        values = np.zeros(1)
    centre = float(np.median(values)) if look.centre is None else look.centre * look.scale
    low, high = (float(end) for end in np.quantile(values, (0.005, 0.995)))
    low, high = min(low, centre), max(high, centre)
    reach = max(centre - low, high - centre) or 1.0
    if low == high:
        low, high = low - reach, high + reach
    at = np.linspace(low, high, 21)
    tones = sample_colorscale(_COLOURS, (0.5 + (at - centre) / (2.0 * reach)).clip(0.0, 1.0).tolist())
    return {"zmin": low, "zmax": high, "colorscale": list(zip(np.linspace(0.0, 1.0, 21), tones, strict=True))}


def _labels(swept: SweepResult, name: str) -> list[str]:
    return [f"{value:g}" for value in np.sort(swept.grid.axes[name])]


def _axis_title(swept: SweepResult, name: str, width: int) -> str:
    meaning = f"{name}: {swept.study.rule.parameters[name].meaning}"
    return "<br>".join(textwrap.wrap(meaning, width)).replace(name, f"<b>{name}</b>", 1)


def _said(stop: Mapping[str, float | str]) -> str:
    return ", ".join(
        value if isinstance(value, str) else f"{name} = {value:g}"
        for name, value in reversed(list(stop.items()))
    )


def _subtitle(
    swept: SweepResult, look: Look, symbol: str | None, stops: Sequence[Mapping[str, float | str]]
) -> str:
    """Say whose figures these are, over which span, at what costs."""
    if symbol == MEAN and len(swept.symbols) > 1:
        who = f"mean of {', '.join(_known(swept)[:6])}{' …' if len(_known(swept)) > 6 else ''}"
    elif len(stops) == 1 and stops[0]:
        who = _said(stops[0])
    else:
        who = swept.symbols[0] if len(swept.symbols) == 1 else ""
    white = "the median" if look.centre is None else f"{look.centre * look.scale:g}{look.unit}"
    return " · ".join(part for part in (who, said_of(swept, symbol), f"white is {white}") if part)


def said_of(swept: SweepResult, symbol: str | None) -> str:
    """Say over which span a symbol was swept, in how many cells, at what costs."""
    lanes = swept.study.lanes.lanes
    own = [lane for lane in lanes if lane.symbol == (symbol if len(swept.symbols) > 1 else swept.symbols[0])]
    span = max((lane.bar_close for lane in own or lanes), key=len)
    execution = swept.study.request.execution
    parts = (
        f"{str(span[0])[:10]} to {str(span[-1])[:10]}",
        f"{len(swept.grid):,} cells{'' if swept.complete else ', interrupted'}",
        f"costs per side {1e4 * (execution.slippage + execution.commission):g} bp",
    )
    return " · ".join(parts)


def _slider(stops: Sequence[Mapping[str, float | str]], sheets: Sequence[F64]) -> dict[str, Any]:
    """Return a slider that puts another sheet into the figure."""
    crowded = len(stops) > _SHOWN_ON_SLIDER
    return {
        "active": 0,
        "x": 0.0,
        "len": 1.0,
        "y": 0.0,
        "yanchor": "top",
        "pad": {"t": 90, "b": 10},
        "currentvalue": {"prefix": "", "font": {"size": 15, "color": "#222"}, "xanchor": "left"},
        # The position is named above the slider; where there are many, labels below it would overlap.
        "font": {"size": 11, "color": "rgba(0,0,0,0)" if crowded else "#444"},
        "ticklen": 5,
        "tickwidth": 0 if crowded else 1,
        "steps": [
            {"method": "restyle", "label": _said(stop), "args": [{"z": [sheet]}, [0]]}
            for stop, sheet in zip(stops, sheets, strict=True)
        ],
    }
