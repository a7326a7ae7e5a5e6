"""One self-contained HTML page that shows backtests side by side.

In: results over the same span. Out: `report.html` (figures drawn by Plotly, whose
script is inside the page: it opens without a network) and the tables beside it.
"""

from __future__ import annotations

import html
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import polars as pl

from research.files import replacing
from research.report.beside import Evidence, evidence_html
from research.report.curves import equity_figure, funnel_figure, trades_figure
from research.report.export import write_table
from research.report.learning import learning_figures
from research.report.terminal import ROWS, figure, notes_of
from research.simulation.backtest import BacktestResult

__all__ = ["report_html", "summary", "write_report", "write_text"]


def _table(columns: Mapping[str, Mapping[str, float]]) -> str:
    head = "".join(f"<th>{html.escape(name)}</th>" for name in columns)
    rows = "".join(
        f"<tr><td>{html.escape(label)}</td>"
        + "".join(f"<td>{html.escape(figure(key, stats))}</td>" for stats in columns.values())
        + "</tr>"
        for key, (label, _) in ROWS.items()
    )
    return f"<table><thead><tr><th></th>{head}</tr></thead><tbody>{rows}</tbody></table>"


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title><style>
body {{ font: 15px/1.5 system-ui, sans-serif; color: #222 }}
body {{ max-width: 1080px; margin: 2rem auto; padding: 0 1rem }}
h1 {{ font-size: 1.6rem; margin-bottom: .2rem }} h2 {{ font-size: 1.15rem; margin: 2.2rem 0 .4rem }}
p {{ margin: .3rem 0; max-width: 75ch }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums }}
th, td {{ padding: .25rem 1.2rem .25rem 0; border-bottom: 1px solid #e4e4e4; text-align: right }}
th:first-child, td:first-child {{ text-align: left }}
li {{ max-width: 75ch }} code {{ background: #f3f3f3; padding: 0 .25em }}
</style></head><body>
{body}
</body></html>
"""


def report_html(
    results: Sequence[BacktestResult],
    extra: str = "",
    *,
    evidence: Mapping[str, Evidence] = MappingProxyType({}),
) -> str:
    """Return the whole page as text.

    Parameters
    ----------
    results : sequence of BacktestResult
        At least one, all over the same symbols and span.
    extra : str
        HTML put before the notes.
    evidence : mapping of str to Evidence
        By strategy; nothing is computed that is not given.
    """
    first = results[0]
    panel, begin = first.prepared.panel, first.prepared.trade_from
    traded = f"{str(panel.bar_close[begin])[:10]} to {str(panel.bar_close[-1])[:10]}"
    execution = first.request.execution
    columns = {r.request.strategy: r.stats for r in results} | {"buy and hold": first.benchmark}
    notes = notes_of(results)
    settings = "".join(
        f"<li><b>{html.escape(r.request.strategy)}</b>: "
        + ", ".join(f"<code>{html.escape(k)}={v:g}</code>" for k, v in r.prepared.params.items())
        + "</li>"
        for r in results
    )
    drawn = [
        ("Equity, drawdown, exposure", "", equity_figure(results)),
        ("Closed trades", "", trades_figure(results)),
        ("What blocked entries", "", funnel_figure(results)),
    ]
    for r in results:
        drawn += learning_figures(r)
    rules = (
        f"{', '.join(panel.symbols)} on one account of {first.request.initial_capital:,.0f} USD. Traded "
        f"{traded}; the bars of the span before that are reserved for training. Decided at the close, filled "
        "at the next open; "
        f"slippage {execution.slippage * 1e4:g} bp and commission {execution.commission * 1e4:g} bp a side; "
        f"{'fractional' if execution.fractional else 'whole'} shares, raw prices, splits applied, dividends "
        f"{'paid in cash' if execution.dividends else 'left out'}."
    )
    parts = [
        f"<h1>{html.escape(', '.join(r.request.strategy for r in results))}</h1>",
        f"<p>{html.escape(rules)}</p>",
        "<h2>Figures</h2>",
        _table(columns),
    ]
    for i, (title, caption, drawing) in enumerate(drawn):
        script = "inline" if i == 0 else False
        parts += [
            f"<h2>{html.escape(title)}</h2>",
            f"<p>{html.escape(caption)}</p>" if caption else "",
            drawing.to_html(full_html=False, include_plotlyjs=script, config={"displaylogo": False}),
        ]
    parts += [
        evidence_html(r, evidence[r.request.strategy]) for r in results if r.request.strategy in evidence
    ]
    parts += [
        extra,
        "<h2>Notes</h2><ul>" + "".join(f"<li>{html.escape(n)}</li>" for n in notes) + "</ul>",
        f"<h2>Settings</h2><ul>{settings}</ul>",
        "<p>Past prices, simulated fills. Nothing here is a promise or advice.</p>",
    ]
    return _PAGE.format(title="onepath backtest", body="\n".join(parts))


def write_text(text: str, path: Path) -> Path:
    """Write text whole or not at all; return the path."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return path


def write_report(
    results: Sequence[BacktestResult],
    folder: Path,
    *,
    evidence: Mapping[str, Evidence] = MappingProxyType({}),
) -> list[Path]:
    """Write report.html, trades.csv, orders.csv, decisions.parquet and summary.json; return their paths."""
    named = [(r.request.strategy, r) for r in results]
    trades = pl.concat([r.trades.select(pl.lit(name).alias("strategy"), pl.all()) for name, r in named])
    orders = pl.concat([r.orders.select(pl.lit(name).alias("strategy"), pl.all()) for name, r in named])
    written = [
        write_text(report_html(results, evidence=evidence), folder / "report.html"),
        write_table(trades, folder / "trades.csv"),
        write_table(orders, folder / "orders.csv"),
        write_text(json.dumps(summary(results), indent=2) + "\n", folder / "summary.json"),
    ]
    written += [write_table(r.decisions, folder / f"decisions_{name}.parquet") for name, r in named]
    return written


def summary(results: Sequence[BacktestResult]) -> dict[str, object]:
    """Return every figure as plain JSON values; NaN becomes null."""
    first = results[0]
    panel = first.prepared.panel
    return {
        "symbols": list(panel.symbols),
        "traded_from": str(panel.bar_close[first.prepared.trade_from]),
        "traded_to": str(panel.bar_close[-1]),
        "strategies": {
            r.request.strategy: {
                "params": r.prepared.params,
                "stats": _plain(r.stats),
                "blocked_by": r.funnel,
                "notes": list(r.notes),
            }
            for r in results
        },
        "buy_and_hold": _plain(first.benchmark),
    }


def _plain(stats: Mapping[str, float]) -> dict[str, float | None]:
    return {name: None if not math.isfinite(value) else value for name, value in stats.items()}
