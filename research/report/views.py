"""Figures of sweeps over many parameters: all cells at once, and lines through the winner.

In: a `SweepResult`. Out: Plotly figures with titled axes and units.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from research.errors import BadValue, UnknownName
from research.report.figures import colours_of, said_of
from research.report.looks import LOOKS, Look
from research.simulation.scores import lane_of, scores

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from research.simulation.swept import SweepResult
    from research.simulation.winner import Winner

__all__ = ["parallel", "slices"]

F64 = NDArray[np.float64]
_LINES = 4000  # more are no more to be told apart, and a browser is slow with them
_FONT = {"family": "system-ui, sans-serif", "size": 13}


def parallel(swept: SweepResult, metric: str = "sharpe_ratio", symbol: str | None = None) -> go.Figure:
    """Draw every cell as a line through its parameters to its score.

    Parameters
    ----------
    swept : SweepResult
    metric : str
        A figure of `swept.metrics`.
    symbol : str, optional
        Needed where there are several.

    Returns
    -------
    plotly.graph_objects.Figure
        Drag along an axis to keep only the lines through that part of it. Of more than 4,000 cells every n-th
        is drawn, and the title says so.

    Raises
    ------
    UnknownName, BadValue
        A metric or symbol that does not exist, fewer than two varied parameters, no cell with the figure.
    """
    import plotly.graph_objects as go

    names = _varied(swept, 2)
    look, lane = _look(metric), lane_of(swept, symbol)
    score = scores(swept, metric, lane.symbol) * look.scale
    known = np.flatnonzero(np.isfinite(score))
    if not known.size:
        raise BadValue(
            f"no finished cell of {lane.symbol} has a {metric}; widen the grid until some cells trade"
        )
    drawn = known[:: math.ceil(known.size / _LINES)]
    drawn = drawn[np.argsort(score[drawn], kind="stable")]  # the best are drawn last, on top
    tones = colours_of([score[drawn]], look)
    # Lines through the same value would cover each other; they are spread by score, the best on top.
    spread = 0.7 * (np.arange(drawn.size) / max(drawn.size - 1, 1) - 0.5)
    axes: list[dict[str, Any]] = []
    for name in names:
        values = np.sort(swept.grid.axes[name])
        own = swept.grid.cells[drawn, swept.grid.names.index(name)]
        # By rank: every value has its room, whatever the steps between them.
        shown = np.unique(np.linspace(0, values.size - 1, min(values.size, 12)).round().astype(int))
        axes.append(
            {
                "label": name, "values": np.searchsorted(values, own) + spread,
                "range": [-0.5, values.size - 0.5] if values.size > 1 else [-1, 1],
                "tickvals": shown, "ticktext": [f"{values[k]:g}" for k in shown],
            }
        )  # fmt: skip
    axes.append({"label": look.title, "values": score[drawn], "tickformat": f".{look.digits}f"})
    figure = go.Figure(
        go.Parcoords(
            dimensions=axes,
            line={
                "color": score[drawn], "colorscale": tones["colorscale"], "cmin": tones["zmin"],
                "cmax": tones["zmax"], "showscale": True,
                "colorbar": {"title": {"text": look.title, "side": "right"}, "thickness": 16},
            },
            unselected={"line": {"color": "#d9d9d9", "opacity": 0.15}},
            labelfont={"size": 14},
        )
    )  # fmt: skip
    every = "every cell" if drawn.size == known.size else f"each of {drawn.size:,} of {known.size:,} cells"
    _title(
        figure, f"{look.heading}, {swept.strategy} on {lane.symbol}",
        f"{every} is a line to its score; at each value the better cells lie higher · drag along an axis to "
        f"choose<br>{said_of(swept, lane.symbol)}",
    )  # fmt: skip
    # Light lines would vanish on white.
    figure.update_layout(paper_bgcolor="#f2f2f2", height=560, margin={"l": 70, "r": 60, "t": 130, "b": 40})
    return figure


def slices(
    swept: SweepResult,
    metric: str = "sharpe_ratio",
    symbol: str | None = None,
    *,
    winner: Winner | None = None,
) -> go.Figure:
    """Draw the score along each parameter through the winner, which is marked, with its verdict.

    Parameters
    ----------
    swept : SweepResult
    metric : str
        A figure of which more is better.
    symbol : str, optional
        Needed where there are several.
    winner : Winner, optional
        If `swept.best` was asked before; it then says metric and symbol.

    Returns
    -------
    plotly.graph_objects.Figure
        One panel per varied parameter: the cells on that line through the winner, and behind them the median
        and the middle 80 % of all cells with that value: what it does whatever the others are.

    Raises
    ------
    UnknownName, BadValue
        As `SweepResult.best` says; no varied parameter.
    """
    from plotly.subplots import make_subplots

    names = _varied(swept, 1)
    found = swept.best(metric, symbol) if winner is None else winner
    look = LOOKS[found.metric]
    score = scores(swept, found.metric, found.symbol) * look.scale
    columns = min(len(names), 3)
    rows = math.ceil(len(names) / columns)
    sheet = make_subplots(rows=rows, cols=columns, shared_yaxes="all", horizontal_spacing=0.04,
                          vertical_spacing=110 / (330 * rows) if rows > 1 else 0.0)  # fmt: skip
    own = swept.grid.cells[found.cell]
    for k, name in enumerate(names):
        at = {"row": k // columns + 1, "col": k % columns + 1}
        p = swept.grid.names.index(name)
        values = np.sort(swept.grid.axes[name])
        column = swept.grid.cells[:, p]
        line = np.all(np.delete(swept.grid.cells, p, axis=1) == np.delete(own, p), axis=1)
        of = [_known(score[column == value]) for value in values]
        low, middle, high = (
            [float(np.quantile(part, q)) if part.size else math.nan for part in of] for q in (0.1, 0.5, 0.9)
        )
        through = [_known(score[line & (column == value)]) for value in values]
        first = {"showlegend": k == 0}
        sheet.add_scatter(
            x=values, y=high, mode="lines", line_width=0, hoverinfo="skip", showlegend=False, **at
        )
        sheet.add_scatter(
            x=values, y=low, mode="lines", line_width=0, fill="tonexty", fillcolor="rgba(31,95,168,0.13)",
            name="middle 80 % of all cells", legendgroup="all", hoverinfo="skip", **first, **at,
        )  # fmt: skip
        sheet.add_scatter(
            x=values, y=middle, mode="lines", line={"color": "#7f9fc4", "dash": "dot"},
            name="median of all cells", legendgroup="median",
            hovertemplate=f"%{{y:.{look.digits}f}}{look.unit}", **first, **at,
        )  # fmt: skip
        sheet.add_scatter(
            x=values, y=[float(part[0]) if part.size else None for part in through], mode="lines+markers",
            line_color="#1f5fa8", name="through the winner", legendgroup="line", connectgaps=False,
            hovertemplate=f"%{{y:.{look.digits}f}}{look.unit}", **first, **at,
        )  # fmt: skip
        sheet.add_scatter(
            x=[own[p]], y=[found.score * look.scale], mode="markers", name="the winner", legendgroup="winner",
            marker={"symbol": "star", "size": 15, "color": "#d1751b", "line": {"color": "white", "width": 1}},
            hovertemplate=f"{name} = {own[p]:g}", **first, **at,
        )  # fmt: skip
        sheet.update_xaxes(title_text=f"<b>{name}</b>", **at)
        if at["col"] == 1:
            sheet.update_yaxes(title_text=look.title, **at)
    chosen = ", ".join(f"{name} = {value:g}" for name, value in found.params.items())
    v = found.verdict
    pbo = "not known" if math.isnan(v.pbo) else f"{100.0 * v.pbo:.0f} %"
    _title(
        sheet, f"{look.heading} around the winner, {found.strategy} on {found.symbol}",
        f"best of {found.cells:,} cells: {chosen}<br>probabilistic Sharpe ratio {v.psr:.3f}, deflated "
        f"{v.dsr:.3f}, PBO {pbo}, SPA p = {v.spa_p:.3f} · neighbours: {found.neighbours.shape} · "
        f"{found.conclusion}",
    )  # fmt: skip
    sheet.update_layout(
        height=190 + 330 * rows, margin={"l": 80, "r": 30, "t": 150, "b": 70}, hovermode="x",
        legend={"orientation": "h", "y": 1.02 if rows == 1 else 1.01, "yanchor": "bottom", "x": 0},
    )  # fmt: skip
    return sheet


def _known(values: F64) -> F64:
    return values[np.isfinite(values)]


def _look(metric: str) -> Look:
    if metric not in LOOKS:
        raise UnknownName("metric", metric, LOOKS)
    return LOOKS[metric]


def _varied(swept: SweepResult, least: int) -> list[str]:
    """Return the parameters with more than one value."""
    names = [name for name, values in swept.grid.axes.items() if len(values) > 1]
    if len(names) < least:
        raise BadValue(
            f"this figure needs {least} parameters of more than one value, had {len(names)}; vary another one"
        )
    return names


def _title(figure: Any, heading: str, below: str) -> None:
    figure.update_layout(
        template="plotly_white",
        font=_FONT,
        title={
            "text": f"{heading}<br><sup>{below}</sup>",
            "x": 0.02, "xanchor": "left", "y": 0.97, "yanchor": "top",
        },
    )  # fmt: skip
