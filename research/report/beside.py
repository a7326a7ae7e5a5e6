"""What stands beside a backtest of a strategy with a model, as the page shows it.

In: figures that `research.evidence` has computed. Out: HTML. Nothing is computed here.
"""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from research.evidence.baselines import Null
from research.evidence.influence import Influence
from research.report.terminal import BESIDE, ROWS, figure, null_told, share
from research.simulation.backtest import BacktestResult

__all__ = ["Evidence", "evidence_html"]


@dataclass(frozen=True)
class Evidence:
    """What was asked of a backtest of a strategy with a model.

    Attributes
    ----------
    baselines : mapping of str to mapping
        `research.evidence.baselines.baselines`.
    null : Null
    influence : Influence
    """

    baselines: Mapping[str, Mapping[str, float]]
    null: Null
    influence: Influence


def evidence_html(result: BacktestResult, found: Evidence) -> str:
    """Return the tables of baselines and of influence, and the verdict of each, as HTML."""
    name = result.request.strategy
    beside = {name: result.stats, **found.baselines}
    rows = [[run, *(figure(key, stats) for key in BESIDE)] for run, stats in beside.items()]
    changes = [
        [
            label,
            share(one.entries),
            "–" if math.isnan(one.sizes) else share(one.sizes),
            f"{one.before:,}",
            f"{one.after:,}",
        ]
        for label, one in found.influence.changes.items()
    ]
    parts = [
        f"<h2>{html.escape(name)} beside simpler ways</h2>",
        "<p>The same bars, account and costs.</p>",
        _rows(["", *(ROWS[key][0] for key in BESIDE)], rows),
        f"<p>Null: {html.escape(null_told(found.null))}.</p>",
        f"<h2>Does {html.escape(name)} listen to its model?</h2>",
        "<p>What changes when the model's words are replaced: share of the entries, and share of the",
        "sizes among the entries in common.</p>",
        _rows(["predictions", "entries changed", "sizes changed", "entries before", "after"], changes),
        f"<p>Model-influence gate: {html.escape(name)} {html.escape(found.influence.verdict)}.</p>",
    ]
    return "\n".join(parts)


def _rows(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table with a heading per column."""
    top = "".join(f"<th>{html.escape(cell)}</th>" for cell in head)
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"
