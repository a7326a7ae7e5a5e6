"""Walk-forward: parameters picked on each train span and traded on the next, beside the pick of hindsight.

In: a sweep, a figure to pick by, the spans. Out: a `WalkForward`.

1. The traded span of one symbol is cut into folds, a train span and the test span that follows it.
2. Every cell runs on the train span with an account of its own, flat at its first bar; a trade that is open
   at its last close is marked there. The best cell is the pick; nothing after that close was seen.
3. The pick runs on the test span with the money that the folds before have left. Its features are those of
   the whole history, as always.
4. *Purged*: no entry is decided at the last close of a test span, and what is then open leaves at the next
   open, at the usual costs; the next fold decides first at the close after. So no trade of one fold is open
   beside a trade of another, and a train span has no trade that reaches into its test span.
5. The stitched equity stands beside that of the in-sample winner, which was picked on all bars, the test
   spans among them, and of buying and holding.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from research.errors import BadValue
from research.evidence.metrics import equity_figures
from research.evidence.moments import moments
from research.evidence.overfitting import CONVENTIONS
from research.evidence.sharpe import probabilistic_sharpe
from research.simulation.equity import chunks, returns_from, runnable
from research.simulation.folds import Fold, cut
from research.simulation.fused import FusedExecutor
from research.simulation.lanes import Lane
from research.simulation.pieces import Bought, Outcome, Piece, run_piece
from research.simulation.scores import check_metric, lane_of, scores

if TYPE_CHECKING:
    from research.simulation.swept import SweepResult

__all__ = ["WalkForward", "walk_forward"]

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
_AT_ONCE = 256  # cells whose features are held at once
SPANS = ("train_first", "train_last", "test_first", "test_last")


@dataclass(frozen=True, eq=False)
class WalkForward:
    """What picking again and again would have brought.

    Attributes
    ----------
    strategy, symbol, metric : str
    folds : DataFrame
        One row per fold: fold, train_first, train_last, test_first, test_last (bar_close), the picked
        parameters (null where no cell had the figure: the fold stood aside), train_score and test_score (the
        pick's figure; NaN where a span has none), test_return (fraction), trades (opened in the fold).
    equity : DataFrame
        bar_close of every test bar; walk_forward, in_sample, buy_and_hold: USD at the close, each from the
        same capital.
    in_sample : dict
        The parameters that did best on all bars.
    stats : dict of str to dict
        Figures of each curve of `equity`: total_return, annual_return, sharpe_ratio, max_drawdown …
    psr : float
        Probability that the true Sharpe ratio of the stitched equity is above 0, convention "2014".
    """

    strategy: str
    symbol: str
    metric: str
    folds: pl.DataFrame
    equity: pl.DataFrame
    in_sample: dict[str, float]
    stats: dict[str, dict[str, float]]
    psr: float

    def figure(self) -> Any:
        """Draw the stitched equity beside the in-sample winner's, and the table of the folds.

        Returns
        -------
        plotly.graph_objects.Figure
        """
        from research.report.walks import walk_figure

        return walk_figure(self)

    def lines(self) -> tuple[str, ...]:
        """Return it in words."""
        first, last = (str(self.equity["bar_close"][k])[:10] for k in (0, -1))
        told = [
            (
                f"walk-forward of {self.strategy} on {self.symbol}, picked by {self.metric}: "
                f"{self.folds.height} folds from {first} to {last}"
            )
        ]
        words = {
            "walk_forward": "picked on each train span, traded on the next",
            "in_sample": "the in-sample winner, picked on these very bars",
            "buy_and_hold": "buy and hold",
        }
        for name, said in words.items():
            s = self.stats[name]
            told.append(
                f"{said}: Sharpe ratio {s['sharpe_ratio']:.2f} a year, total return "
                f"{100 * s['total_return']:.1f} %, maximum drawdown {100 * s['max_drawdown']:.1f} %"
            )
        both = self.folds.select("train_score", "test_score").to_numpy()
        both = both[~np.isnan(both).any(axis=1)]
        if len(both):
            train, test = both.mean(axis=0)
            told.append(
                f"mean {self.metric} of the picks: {train:.3g} where they were picked, {test:.3g} where they "
                "were traded"
            )
        told.append(f"probabilistic Sharpe ratio out of sample {self.psr:.3f} ({CONVENTIONS['2014']})")
        told.append(
            "purged: each fold begins flat, and what an earlier one still held left at the open before"
        )
        told.append("folds and figure were choices as well; trying several walk-forwards is a search again")
        return tuple(told)

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def _repr_html_(self) -> str:
        first, *rest = (html.escape(line) for line in self.lines())
        return f"<b>{first}</b><ul>{''.join(f'<li>{line}</li>' for line in rest)}</ul>"


def walk_forward(
    swept: SweepResult,
    metric: str = "sharpe_ratio",
    symbol: str | None = None,
    *,
    n_splits: int = 5,
    train_bars: int | None = None,
    test_bars: int | None = None,
) -> WalkForward:
    """Pick on each train span and trade the next, as `SweepResult.walk_forward` says."""
    check_metric(metric)
    study, lane = swept.study, lane_of(swept, symbol)
    folds = cut(len(lane), n_splits, train_bars, test_bars)
    whole = scores(swept, metric, lane.symbol)
    if np.isnan(whole).all():
        raise BadValue(
            f"no finished cell of {lane.symbol} has a {metric}; widen the grid until some cells trade"
        )
    cells = runnable(study, lane)
    cells = cells[~np.isnan(whole[cells])]
    train = _train_scores(swept, lane, cells, folds, metric)
    capital = study.request.initial_capital
    first, last = folds[0].split, folds[-1].end
    money, rows = capital, []
    stitched = np.empty(last - first)
    for number, (fold, found) in enumerate(zip(folds, train, strict=True), start=1):
        pick = None if np.isnan(found).all() or money <= 0.0 else int(cells[np.nanargmax(found)])
        until = min(fold.end + 1, last)
        did = Outcome(np.full(until - fold.split, money), np.nan, 0)
        if pick is not None:
            did = run_piece(study, lane, pick, (fold.split, until, until > fold.end), money, metric)
        equity = did.equity
        stitched[fold.split - first : until - first] = equity
        at = dict(zip(SPANS, (fold.begin, fold.split - 1, fold.split, fold.end - 1), strict=True))
        rows.append(
            {
                "fold": number,
                **at,
                **(dict.fromkeys(swept.grid.names) if pick is None else _varied(swept, pick)),
                "train_score": np.nan if pick is None else float(np.nanmax(found)),
                "test_score": did.score,
                "test_return": float(equity[-1] / money - 1.0) if money > 0.0 else 0.0,
                "trades": did.trades,
            }
        )
        money = float(equity[-1])
    best = int(np.nanargmax(whole))
    curves = {
        "walk_forward": stitched,
        "in_sample": run_piece(study, lane, best, (first, last, False), capital, metric).equity,
        "buy_and_hold": run_piece(study, lane, best, (first, last, False), capital, metric, Bought).equity,
    }
    stats = {
        name: {k: float(v) for k, v in equity_figures(curve, capital, lane.bars_per_year).items()}
        for name, curve in curves.items()
    }
    own = moments(returns_from(stitched[:, None], capital))
    psr = probabilistic_sharpe(
        float(own.sharpe[0]),
        0.0,
        own.periods,
        skewness=float(own.skewness[0]),
        kurtosis=float(own.kurtosis[0]),
    )
    return WalkForward(
        strategy=swept.strategy,
        symbol=lane.symbol,
        metric=metric,
        folds=_typed(swept, lane, rows),
        equity=pl.DataFrame({"bar_close": lane.bar_close[first:last], **curves}).with_columns(_UTC),
        in_sample=_varied(swept, best),
        stats=stats,
        psr=psr.probability,
    )


_UTC = pl.col(pl.Datetime).dt.replace_time_zone("UTC")


def _typed(swept: SweepResult, lane: Lane, rows: Sequence[dict[str, Any]]) -> pl.DataFrame:
    """Return the table of the folds: bars as instants, whole parameters as whole numbers."""
    known = swept.study.rule.parameters
    types = {name: pl.Int64 if known[name].integer else pl.Float64 for name in swept.grid.names}
    instants = {name: pl.Series(lane.bar_close[[row[name] for row in rows]]) for name in SPANS}
    table = pl.DataFrame(rows).with_columns(**instants).with_columns(_UTC)
    return table.with_columns(pl.col(name).cast(kind) for name, kind in types.items())


def _train_scores(
    swept: SweepResult, lane: Lane, cells: I64, folds: Sequence[Fold], metric: str
) -> list[F64]:
    """Return the figure of each cell on each train span, (C,) each; NaN where it has none."""
    study = swept.study
    executor = FusedExecutor(study.request.execution, study.request.initial_capital)
    out = [np.full(cells.size, np.nan) for _ in folds]
    done = 0
    for chunk in chunks(study, cells, _AT_ONCE):
        for fold, found in zip(folds, out, strict=True):
            part = Piece.of(lane, fold.begin, fold.split)
            figures = executor.figures(part, study.cells(lane, chunk))
            found[done : done + chunk.size] = figures[metric]
        done += chunk.size
    return out


def _varied(swept: SweepResult, cell: int) -> dict[str, float]:
    """Return the varied parameters of a cell."""
    return dict(zip(swept.grid.names, swept.grid.cells[cell].tolist(), strict=True))
