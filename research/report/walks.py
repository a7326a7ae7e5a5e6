"""The figure of a walk-forward: what picking again and again brought, beside the pick of hindsight.

In: a `WalkForward`. Out: a Plotly figure: three curves, the folds as bands, and their table.
"""

from __future__ import annotations

import math
import textwrap
from itertools import pairwise
from typing import TYPE_CHECKING

import polars as pl

from research.report.looks import LOOKS

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from research.simulation.forward import WalkForward

__all__ = ["walk_figure"]

_CURVES = {
    "walk_forward": ("walk-forward, out of sample", "#1f5fa8", "solid"),
    "in_sample": ("in-sample winner, picked on these bars", "#d1751b", "dash"),
    "buy_and_hold": ("buy and hold", "#8a8a8a", "dot"),
}
_ROW, _HEAD = 49, 70  # pixels of a row of the table, and of its head


def walk_figure(walk: WalkForward) -> go.Figure:
    """Return the equity curves over the folds, and the table of the folds below."""
    from plotly.subplots import make_subplots

    look = LOOKS[walk.metric]
    table = _HEAD + _ROW * walk.folds.height
    height = 580 + table
    sheet = make_subplots(
        rows=2, cols=1, row_heights=[400, table + 10], vertical_spacing=80 / (height - 160),
        specs=[[{"type": "xy"}], [{"type": "table"}]],
    )  # fmt: skip
    instants = walk.equity["bar_close"].to_list()
    for name, (said, colour, dash) in _CURVES.items():
        sheet.add_scatter(
            x=instants, y=walk.equity[name].to_list(), name=f"{said} (Sharpe {_ratio(walk, name)})",
            line={"color": colour, "dash": dash, "width": 2.2 if name == "walk_forward" else 1.5},
            hovertemplate="%{y:,.0f} USD", row=1, col=1,
        )  # fmt: skip
    ends = [*walk.folds["test_first"].to_list(), instants[-1]]
    for number, (begin, end) in enumerate(pairwise(ends)):
        sheet.add_vrect(
            x0=begin, x1=end, fillcolor="#1f5fa8", opacity=0.07 if number % 2 else 0.0, line_width=0,
            layer="below", annotation_text=f"fold {number + 1}", annotation_position="bottom left",
            annotation_font={"size": 11, "color": "#777"}, row=1, col=1,
        )  # fmt: skip
    head, columns = _columns(walk)
    sheet.add_table(
        header={"values": head, "align": "left", "fill_color": "#e8edf4", "height": _HEAD - 6},
        cells={"values": columns, "align": "left", "fill_color": "white", "height": _ROW},
        row=2, col=1,
    )  # fmt: skip
    chosen = ", ".join(f"{name} = {value:g}" for name, value in walk.in_sample.items())
    below = (
        f"picked by {look.name} on each train span, traded on the next, no trade across a boundary<br>"
        f"the in-sample winner, which nobody knew then: {textwrap.shorten(chosen, 110, placeholder=' …')}"
    )
    sheet.update_yaxes(title_text="equity, USD", tickformat="~s", row=1, col=1)
    sheet.update_xaxes(title_text="close of the bar (UTC)", row=1, col=1)
    sheet.update_layout(
        template="plotly_white", height=height, hovermode="x unified",
        font={"family": "system-ui, sans-serif", "size": 13},
        title={
            "text": f"Walk-forward, {walk.strategy} on {walk.symbol}<br><sup>{below}</sup>",
            "x": 0.02, "xanchor": "left", "y": 0.98, "yanchor": "top",
        },
        margin={"l": 80, "r": 30, "t": 130, "b": 20},
        legend={"orientation": "h", "y": 1.01, "yanchor": "bottom", "x": 0},
    )  # fmt: skip
    return sheet


def _ratio(walk: WalkForward, name: str) -> str:
    return f"{walk.stats[name]['sharpe_ratio']:.2f}"


def _columns(walk: WalkForward) -> tuple[list[str], list[list[str]]]:
    """Return the table of the folds as text, column by column."""
    look, folds = LOOKS[walk.metric], walk.folds
    spans = {
        name: [
            f"{a:%Y-%m-%d}<br>{b:%Y-%m-%d}" for a, b in folds.select(f"{part}_first", f"{part}_last").rows()
        ]
        for name, part in (("train", "train"), ("test", "test"))
    }
    scores = {
        name: [
            "–" if math.isnan(value) else f"{value * look.scale:.{look.digits}f}{look.unit}"
            for value in folds[column].to_list()
        ]
        for name, column in ((f"{look.name}, train", "train_score"), (f"{look.name}, test", "test_score"))
    }
    picks = {
        name: ["none" if value is None else f"{value:g}" for value in folds[name].to_list()]
        for name in walk.in_sample
    }
    earned = [f"{100.0 * value:.1f} %" for value in folds["test_return"].to_list()]
    rest = {
        **({} if walk.metric == "total_return" else {"test return": earned}),
        "trades": [str(value) for value in folds["trades"].cast(pl.Int64).to_list()],
    }
    whole = {"fold": [str(n) for n in folds["fold"].to_list()], **spans, **picks, **scores, **rest}
    return [f"<b>{name}</b>" for name in whole], list(whole.values())
