"""Figures of what a model did during a backtest: whom it heard, what it leaned on, where it was right.

In: results whose strategy has a model. Out: Plotly figures with titled axes and units, in the style of
`research.report.curves`. They read what the run holds; nothing is run again.
"""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import polars as pl
from plotly.subplots import make_subplots

from research.advance import Advance
from research.errors import BadValue
from research.evidence.coverage import coverage_curve
from research.learning.spoken import Spoken
from research.report.curves import COLOURS, GREY, LAYOUT
from research.simulation.backtest import BacktestResult

__all__ = ["coverage_figure", "importance_figure", "learning_figures", "weights_figure"]

# Features in the figure of importance: more rows than this are noise beside noise.
SHOWN = 8
# Two standard errors: an accuracy outside of them is worth a look.
_ERRORS = 2.0
# The last experts are the base rate and the plain mean.
_NO_LEARNERS = 2
_MARKED = "#555"


_WEIGHTS = (
    "Weight of each expert in the mixture, moved by every label that settles. The base rate and the plain "
    "mean of the learners are experts too: where the base rate leads, the learners knew no better than the "
    "share of wins."
)
_IMPORTANCE = (
    "Rise of the log loss when a feature's values change owners, on labels that settled since the last "
    f"retraining. The {SHOWN} features with the largest mean, given in brackets. Blue: the feature helped; "
    "red: without it the model would have been less wrong."
)
_COVERAGE = (
    "Labels that settled in the traded span. A threshold on confidence is worth its price in trades only "
    "where the accuracy rises along the curve, and above “always yes”."
)


def learning_figures(result: BacktestResult) -> list[tuple[str, str, go.Figure]]:
    """Return heading, caption and figure of all that a result has; none where no model spoke."""
    spoken, name = result.spoken, result.request.strategy
    if spoken is None or not any(spoken.models):
        return []
    figures = [(f"Whom {name} listened to", _WEIGHTS, weights_figure(result))]
    if spoken.importance.width:
        figures.append((f"What the model of {name} leaned on", _IMPORTANCE, importance_figure(result)))
    figures.append((f"Accuracy of {name} where its model is surer", _COVERAGE, coverage_figure(result)))
    return figures


def weights_figure(result: BacktestResult) -> go.Figure:
    """Return each expert's weight in the mixture over time, from the first fit on: a pane per expert.

    Raises
    ------
    BadValue
        The strategy has no model.
    """
    spoken, run = _heard(result)
    first = next((i for i, model in enumerate(spoken.models) if model), len(spoken.models))
    instants = run.panel.bar_close[first:].tolist()
    count = len(spoken.experts)
    sheet = make_subplots(
        rows=count, cols=1, shared_xaxes=True, vertical_spacing=0.28 / count,
        subplot_titles=[name.replace("_", " ") for name in spoken.experts],
    )  # fmt: skip
    for row, weights in enumerate(100.0 * spoken.weights[:, first:], start=1):
        colour = COLOURS[0] if row <= count - _NO_LEARNERS else GREY
        sheet.add_scatter(
            x=instants, y=weights.tolist(), mode="lines", line={"color": colour, "width": 1}, fill="tozeroy",
            name=spoken.experts[row - 1].replace("_", " "), showlegend=False, row=row, col=1,
        )  # fmt: skip
    sheet.update_annotations(x=0, xanchor="left", font_size=13)
    _mark(sheet, run.panel.bar_close[result.prepared.trade_from].item(), "trades from here")
    sheet.update_yaxes(range=[0, 100], tickvals=[0, 50, 100], ticktext=["0", "50", "100"], hoverformat=".1f")
    sheet.update_yaxes(title_text="weight, %", row=(count + 1) // 2, col=1)
    sheet.update_xaxes(title_text="close of the bar (UTC)", row=count, col=1)
    sheet.update_layout(**LAYOUT, height=110 + 100 * count)
    return sheet


def importance_figure(result: BacktestResult, shown: int = SHOWN) -> go.Figure:
    """Return permutation importance at each retraining, of the features with the largest mean.

    Raises
    ------
    BadValue
        The strategy has no model, or its importance was not taken.
    """
    spoken, run = _heard(result)
    if not spoken.importance.width:
        raise BadValue("this run holds no importance; run it with LearningSettings(importance=True)")
    means = (
        spoken.importance.group_by("feature")
        .agg(pl.col("importance").mean())
        .sort(["importance", "feature"], descending=[True, False])
        .head(shown)
    )
    instants = spoken.importance["bar_close"].unique().sort()
    grid = spoken.importance.pivot("feature", index="bar_close", values="importance").sort("bar_close")
    # In thousandths of a nat: the log loss of such labels is about 0.69 and moves in its third digit.
    z = 1000.0 * np.array([grid[name].to_list() for name in means["feature"]], dtype=np.float64)
    reach = float(np.nanquantile(np.abs(z), 0.98)) or 1.0
    sheet = go.Figure(
        go.Heatmap(
            x=instants.dt.replace_time_zone(None).to_list(),
            y=[f"{name} ({1000.0 * mean:+.1f})" for name, mean in means.iter_rows()],
            z=z,
            zmin=-reach,
            zmax=reach,
            colorscale="RdBu",
            colorbar={"title": {"text": "10⁻³ nats", "side": "right"}, "thickness": 14},
            ygap=2,
            hovertemplate="%{y}<br>%{x|%Y-%m-%d}: %{z:.2f} · 10⁻³ nats<extra></extra>",
        )
    )
    _mark(sheet, run.panel.bar_close[result.prepared.trade_from].item(), "trades from here")
    sheet.update_layout(
        **{**LAYOUT, "hovermode": "closest", "margin": {**LAYOUT["margin"], "l": 190, "t": 40}},
        height=130 + 34 * means.height,
        xaxis_title="close of the bar at which the model was retrained (UTC)",
        yaxis={"autorange": "reversed"},
    )
    return sheet


def coverage_figure(result: BacktestResult) -> go.Figure:
    """Return accuracy, and coverage below it, over the threshold on confidence, for the traded span.

    Raises
    ------
    BadValue
        The strategy has no model.
    """
    spoken, _ = _heard(result)
    curve = coverage_curve(spoken, first=result.prepared.trade_from).filter(pl.col("n") > 0)
    sheet = make_subplots(rows=2, cols=1, shared_xaxes=True, row_heights=[0.65, 0.35], vertical_spacing=0.06)
    x = curve["threshold"].to_list()
    accuracy = 100.0 * curve["accuracy"].to_numpy()
    rate = curve["accuracy"].to_numpy()
    error = 100.0 * _ERRORS * np.sqrt(rate * (1.0 - rate) / np.maximum(curve["effective_n"].to_numpy(), 1.0))
    sheet.add_scatter(
        x=x, y=accuracy.tolist(), name="accuracy", mode="lines+markers",
        line={"color": COLOURS[0], "width": 1.8}, row=1, col=1,
    )  # fmt: skip
    sheet.add_scatter(
        x=x, y=(100.0 * curve["won"].to_numpy()).tolist(), name="always yes", mode="lines",
        line={"color": GREY, "width": 1.6, "dash": "dash"}, row=1, col=1,
    )  # fmt: skip
    for edge, fill in ((accuracy + error, None), (accuracy - error, "tonexty")):
        sheet.add_scatter(
            x=x, y=edge.tolist(), mode="lines", line={"width": 0}, fill=fill, hoverinfo="skip",
            fillcolor="rgba(31, 95, 168, 0.13)", name="accuracy ± 2 standard errors, overlap counted",
            showlegend=fill is not None, row=1, col=1,
        )  # fmt: skip
    sheet.add_bar(
        x=x, y=(100.0 * curve["coverage"].to_numpy()).tolist(), name="coverage", marker_color=COLOURS[1],
        customdata=curve["n"].to_list(), hovertemplate="%{y:.1f} %, %{customdata} labels", row=2, col=1,
    )  # fmt: skip
    asked = result.prepared.params.get("min_confidence")
    if asked is not None:
        _mark(sheet, asked, f"asked: {asked:g}", inside=True)
    sheet.update_yaxes(title_text="% of labels told rightly", hoverformat=".1f", row=1, col=1)
    sheet.update_yaxes(title_text="% of labels kept", rangemode="tozero", row=2, col=1)
    sheet.update_xaxes(title_text="confidence above", row=2, col=1)
    legend = {**LAYOUT["legend"], "traceorder": "normal"}
    sheet.update_layout(**{**LAYOUT, "height": 560, "legend": legend})
    return sheet


def _heard(result: BacktestResult) -> tuple[Spoken, Advance]:
    """Return what the model of a backtest said, and the run that it was said in."""
    if result.run is None or result.run.spoken is None:
        raise BadValue(
            f"{result.request.strategy} has no model whose words could be drawn; choose one that has"
        )
    return result.run.spoken, result.run


def _mark(sheet: go.Figure, at: object, text: str, *, inside: bool = False) -> None:
    """Draw a dotted line upright through all panes, its words above the first one or inside of it."""
    sheet.add_shape(
        type="line", x0=at, x1=at, y0=0, y1=1, xref="x", yref="paper",
        line={"color": _MARKED, "width": 1, "dash": "dot"},
    )  # fmt: skip
    sheet.add_annotation(
        x=at, y=1, xref="x", yref="paper", text=text, showarrow=False, xanchor="left",
        yanchor="top" if inside else "bottom", xshift=4, font={"size": 12, "color": _MARKED},
    )  # fmt: skip
