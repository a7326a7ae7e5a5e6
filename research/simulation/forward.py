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
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from research.errors import BadValue, NotEnoughHistory
from research.evidence.metrics import equity_figures
from research.evidence.moments import moments
from research.evidence.overfitting import CONVENTIONS
from research.evidence.sharpe import probabilistic_sharpe
from research.kernels import signals as sg
from research.simulation.equity import chunks, returns_from, runnable, settled
from research.simulation.executors import settle
from research.simulation.fused import FusedExecutor
from research.simulation.lanes import Cells, Lane
from research.simulation.scores import check_metric, lane_of, scores

if TYPE_CHECKING:
    from research.simulation.swept import SweepResult

__all__ = ["Fold", "WalkForward", "cut", "walk_forward"]

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
SHORTEST_TRAIN, SHORTEST_TEST = 20, 5
_AT_ONCE = 256  # cells whose features are held at once
SPANS = ("train_first", "train_last", "test_first", "test_last")


@dataclass(frozen=True)
class Fold:
    """Bars of the lane: train from `begin` to `split`, test from there to `end`, the last exclusive."""

    begin: int
    split: int
    end: int


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


def cut(
    bars: int, n_splits: int = 5, train_bars: int | None = None, test_bars: int | None = None
) -> list[Fold]:
    """Cut bars into folds.

    Parameters
    ----------
    bars : int
        T.
    n_splits : int
        Folds of equal test spans, ⌊T / (n_splits + 1)⌋ bars; every train span begins at the first bar.
    train_bars, test_bars : int, optional
        Both instead of `n_splits`: train spans of one length, each test span after its train span; the next
        fold begins `test_bars` later. A last test span may be shorter.

    Examples
    --------
    >>> cut(100, 3)
    [Fold(begin=0, split=25, end=50), Fold(begin=0, split=50, end=75), Fold(begin=0, split=75, end=100)]
    >>> cut(100, train_bars=40, test_bars=35)
    [Fold(begin=0, split=40, end=75), Fold(begin=35, split=75, end=100)]
    """
    if (train_bars is None) != (test_bars is None):
        raise BadValue("`train_bars` and `test_bars` go together, had one; give both, or `n_splits` alone")
    if train_bars is None or test_bars is None:
        if n_splits < 2:
            raise BadValue(f"`n_splits` must be ≥ 2 folds, was {n_splits}; the default is 5")
        train_bars = test_bars = bars // (n_splits + 1)
        first = bars - n_splits * test_bars
        edges = [*range(first, bars, test_bars), bars][: n_splits + 1]
        folds = [Fold(0, a, b) for a, b in pairwise(edges)]
    else:
        starts = range(0, bars - train_bars - SHORTEST_TEST + 1, max(test_bars, 1))
        folds = [
            Fold(a, a + train_bars, min(a + train_bars + test_bars, bars)) for a in starts if test_bars > 0
        ]
    if train_bars < SHORTEST_TRAIN or test_bars < SHORTEST_TEST:
        raise BadValue(
            f"a fold needs {SHORTEST_TRAIN} bars to train and {SHORTEST_TEST} to test, had {train_bars} and "
            f"{test_bars} of {bars}; take fewer splits or longer spans"
        )
    if not folds:
        raise NotEnoughHistory(
            f"{bars} bars hold no fold of {train_bars} to train and {test_bars} to test; bring more bars, or "
            "take shorter spans"
        )
    return folds


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
        equity, told = np.full(until - fold.split, money), {"score": np.nan, "trades": 0}
        if pick is not None:
            equity, told = _run(
                swept, _Part, lane, (fold.split, until, until > fold.end), pick, money, metric
            )
        stitched[fold.split - first : until - first] = equity
        at = dict(zip(SPANS, (fold.begin, fold.split - 1, fold.split, fold.end - 1), strict=True))
        rows.append(
            {
                "fold": number,
                **at,
                **(dict.fromkeys(swept.grid.names) if pick is None else _varied(swept, pick)),
                "train_score": np.nan if pick is None else float(np.nanmax(found)),
                "test_score": told["score"],
                "test_return": float(equity[-1] / money - 1.0) if money > 0.0 else 0.0,
                "trades": int(told["trades"]),
            }
        )
        money = float(equity[-1])
    best = int(np.nanargmax(whole))
    curves = {
        "walk_forward": stitched,
        "in_sample": _run(swept, _Part, lane, (first, last, False), best, capital, metric)[0],
        "buy_and_hold": _run(swept, _Held, lane, (first, last, False), best, capital, metric)[0],
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
            part = _Part.of(lane, fold.begin, fold.split)
            figures = executor.figures(part, study.cells(lane, chunk))
            found[done : done + chunk.size] = figures[metric]
        done += chunk.size
    return out


def _varied(swept: SweepResult, cell: int) -> dict[str, float]:
    """Return the varied parameters of a cell."""
    return dict(zip(swept.grid.names, swept.grid.cells[cell].tolist(), strict=True))


def _run(
    swept: SweepResult, kind: type[_Part], lane: Lane, span: tuple[int, int, bool], cell: int, money: float,
    metric: str,
) -> tuple[F64, dict[str, float]]:  # fmt: skip
    """Return the equity of one cell on a piece of its lane, its figure there and the trades it opened."""
    study, rules = swept.study, swept.study.request.execution
    study.lanes.hold(study.reads[cell])
    part = kind.of(lane, *span)
    orders = FusedExecutor(rules, money).orders(part, study.cells(lane, np.array([cell])))
    score = settle(part, orders, rules, money)[metric][0]
    # Entries and exits take turns.
    return settled(orders, part, rules, money)[:, 0], {"score": score, "trades": (len(orders.rows) + 1) // 2}


@dataclass(frozen=True, eq=False)
class _Part(Lane):
    """A piece of a lane; where it is `closing`, what is open at its last bar leaves at that bar's open."""

    closing: bool = False

    @classmethod
    def of(cls, lane: Lane, begin: int, end: int, closing: bool = False) -> _Part:
        """Cut bars begin … end − 1, with the features that the lane holds now."""
        known = {field.name: getattr(lane, field.name) for field in fields(Lane)}
        known["bar_close"] = lane.bar_close[begin:end]
        known["bars"] = {key: values[begin:end] for key, values in lane.bars.items()}
        known["features"] = lane.features.cut(begin, end)
        return cls(**known, closing=closing)

    def signals(self, cells: Cells) -> F64:
        """Return the signal rows of some cells, (S, C, T)."""
        out = super().signals(cells)
        if self.closing:
            out[sg.ENTRY, :, -2:] = 0.0
            out[sg.EXIT, :, -2] = 2.0  # either side, at the next open
        return out


class _Held(_Part):
    """A piece of a lane in which all cells buy at once and hold."""

    def signals(self, cells: Cells) -> F64:
        """Return the signal rows of some cells, (S, C, T)."""
        out = np.zeros((sg.N_SIGNALS, len(cells), len(self)))
        out[[sg.STOP, sg.TARGET, sg.TRAIL, sg.LIMIT]] = np.nan
        out[[sg.ENTRY, sg.WEIGHT]] = 1.0
        return out
