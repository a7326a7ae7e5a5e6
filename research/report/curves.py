"""Figures of backtests over time: equity, trades, and what blocked entries.

In: results over the same span. Out: Plotly figures with titled axes and units.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go
import polars as pl
from plotly.subplots import make_subplots

from research.simulation.backtest import BacktestResult

__all__ = ["COLOURS", "GREY", "LAYOUT", "equity_figure", "funnel_figure", "trades_figure"]

COLOURS = ("#1f5fa8", "#d1751b", "#2e8b57", "#8a4fa3", "#b03a48")
GREY = "#8a8a8a"
LAYOUT: dict[str, Any] = {
    "template": "plotly_white",
    "font": {"family": "system-ui, sans-serif", "size": 13},
    "margin": {"l": 80, "r": 30, "t": 60, "b": 60},
    "legend": {"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0},
    "hovermode": "x unified",
}


def equity_figure(results: Sequence[BacktestResult]) -> go.Figure:
    """Return equity (log axis), drawdown and exposure over time, buy and hold in grey."""
    titles = ("Equity", "Drawdown", "Exposure")
    sheet = make_subplots(
        rows=3, cols=1, shared_xaxes=True, row_heights=[0.55, 0.25, 0.2], vertical_spacing=0.05,
        subplot_titles=titles,
    )  # fmt: skip
    for colour, result in zip(COLOURS, results, strict=False):
        name, equity = result.request.strategy, result.equity
        instants = equity["bar_close"].to_list()
        for row, column, scale in ((1, "equity", 1.0), (2, "drawdown", 100.0), (3, "exposure", 100.0)):
            sheet.add_scatter(
                x=instants, y=(equity[column] * scale).to_list(), name=name, legendgroup=name,
                showlegend=row == 1, line={"color": colour, "width": 1.6}, row=row, col=1,
            )  # fmt: skip
    held = results[0].equity
    peak = held["buy_and_hold"].cum_max()
    for row, values in ((1, held["buy_and_hold"]), (2, (held["buy_and_hold"] / peak - 1.0) * 100.0)):
        sheet.add_scatter(
            x=held["bar_close"].to_list(), y=values.to_list(), name="buy and hold", legendgroup="held",
            showlegend=row == 1, line={"color": GREY, "width": 1.2, "dash": "dot"}, row=row, col=1,
        )  # fmt: skip
    sheet.update_yaxes(title_text="USD, log scale", type="log", dtick="D2", tickformat="~s", row=1, col=1)
    sheet.update_yaxes(title_text="% below peak", row=2, col=1)
    sheet.update_yaxes(title_text="% of equity", row=3, col=1)
    sheet.update_xaxes(title_text="close of the bar (UTC)", row=3, col=1)
    sheet.update_annotations(x=0.5, font_size=13)
    sheet.update_layout(**{**LAYOUT, "height": 820, "legend": {**LAYOUT["legend"], "y": 1.04}})
    return sheet


def trades_figure(results: Sequence[BacktestResult]) -> go.Figure:
    """Return the distribution of the closed trades' returns."""
    sheet = go.Figure()
    for colour, result in zip(COLOURS, results, strict=False):
        closed = result.trades.filter(pl.col("status") == "closed")
        sheet.add_histogram(
            x=(closed["return"] * 100.0).to_list(),
            name=f"{result.request.strategy} ({closed.height} trades)",
            marker_color=colour, opacity=0.6, xbins={"size": 2.0},
        )  # fmt: skip
    sheet.update_layout(
        **{**LAYOUT, "hovermode": "closest"}, barmode="overlay", height=380, showlegend=True,
        xaxis_title="return of the trade after all costs, % of its entry value", yaxis_title="closed trades",
    )  # fmt: skip
    return sheet


def funnel_figure(results: Sequence[BacktestResult]) -> go.Figure:
    """Return what became of each symbol and bar of the traded span: the gate that blocked, or the entry."""
    sheet = go.Figure()
    for colour, result in zip(COLOURS, results, strict=False):
        counts = {("entry intended" if gate == "" else gate): n for gate, n in result.funnel.items()}
        total = sum(counts.values())
        sheet.add_bar(
            y=list(counts), x=list(counts.values()), orientation="h", name=result.request.strategy,
            marker_color=colour, text=[f"{n:,} ({100 * n / total:.1f} %)" for n in counts.values()],
            textposition="outside", cliponaxis=False, constraintext="none", textfont={"size": 11},
        )  # fmt: skip
    gates = {gate for result in results for gate in result.funnel}
    height = max(430, 130 + 16 * len(gates) * len(results))  # a line of text per bar
    layout = {**LAYOUT, "hovermode": "closest", "margin": {**LAYOUT["margin"], "l": 190, "r": 130}}
    sheet.update_layout(
        **layout, height=height, barmode="group", xaxis_title="symbol-bars of the traded span",
        yaxis={"autorange": "reversed", "ticks": "outside", "ticklen": 6, "tickcolor": "white"},
    )  # fmt: skip
    return sheet
