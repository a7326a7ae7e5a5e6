"""The future-replacement audit: what was known at t may not change with what comes after t.

1. A pipeline (features, candidates, settled labels, fits, calibration, weights, predictions, signals,
   intents, orders, equity) runs over the bars in one block, as a backtest does.
2. For each of some instants t, retraining bars and bars beside entries and exits among them, everything
   after t is replaced (`research.evidence.futures`) and everything runs again from the first bar on.
3. What each stage knew at t is compared by SHA-256. A difference is named: stage, bar, symbol.
4. The same is done with leaks planted on purpose (`research.evidence.leaks`). One that shows no difference
   means that this audit is blind, so both counts belong together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any

import numpy as np
import polars as pl

from research.data.bars import conform
from research.errors import NotEnoughHistory, UnknownName
from research.evidence.audit_setup import AFTER, audit_settings
from research.evidence.futures import KINDS, replace_future
from research.evidence.instants import choose_instants, require_asked, telling_instants
from research.evidence.leaks import Leak, planted_leaks
from research.evidence.traces import Difference, Pipeline, Trace, compare
from research.learning.settings import LearningSettings
from research.strategies import strategy_named

__all__ = ["AuditResult", "audit", "catch_leaks", "plantable_leaks"]

_INSTANT_COLUMNS: Mapping[str, type[pl.DataType]] = {
    "t": pl.Int64,
    "beside": pl.String,
    "future": pl.String,
    "stage": pl.String,
    "bar": pl.Int64,
    "symbol": pl.String,
}
_LEAK_COLUMNS: Mapping[str, type[pl.DataType]] = {
    "leak": pl.String,
    "what": pl.String,
    "strategy": pl.String,
    "caught": pl.Boolean,
    "future": pl.String,
    "t": pl.Int64,
    "stage": pl.String,
    "bar": pl.Int64,
    "symbol": pl.String,
    "reaches": pl.String,
}


@dataclass(frozen=True)
class AuditResult:
    """What an audit of one strategy found.

    Attributes
    ----------
    strategy : str
    instants : DataFrame
        One row per instant: t, bar_close, beside (what happens there: "retraining", "entry", "exit" or
        ""), future (kind), stage, bar and symbol of the first difference (null where there is none).
    """

    strategy: str
    instants: pl.DataFrame

    @property
    def differences(self) -> int:
        """Instants at which something that was known changed."""
        return self.instants["stage"].count()

    @property
    def retrainings(self) -> int:
        """Instants at which models were fitted."""
        return int((self.instants["beside"] == "retraining").sum())


def audit(
    bars: pl.DataFrame,
    strategy: str,
    *,
    instants: int = 32,
    seed: int = 7,
    jobs: int = 1,
    learning: LearningSettings | None = None,
    params: Mapping[str, object] | None = None,
    on_step: Callable[[], None] | None = None,
) -> AuditResult:
    """Replace the future at some instants, rerun everything, and compare what was known.

    Parameters
    ----------
    bars : DataFrame
        A bar table; every run begins at its first bar, so `audit_bars` keeps it short.
    strategy : str
        A name in `STRATEGIES`.
    instants : int
        How many; the kinds of `futures.KINDS` take turns.
    seed : int
        Of the instants, and of the noise.
    jobs : int
        Processes; does not change a bit.
    learning : LearningSettings, optional
        Of a strategy with a model; default: `audit_settings()`.
    params : mapping, optional
        Of the strategy.
    on_step : callable, optional
        Called after each instant.

    Returns
    -------
    AuditResult

    Raises
    ------
    BadValue
        Fewer than 1 instant, or fewer bars than that asks for; a negative seed.
    NotEnoughHistory
        No order is made in these bars, or no model is fitted: nothing could have leaked, so no difference
        would say nothing.

    Examples
    --------
    >>> from research.data import load_sample
    >>> bars = load_sample(["IBM", "MSFT"]).filter(pl.col("bar_close").dt.year() < 2003)
    >>> audit(bars, "ma_crossover", instants=4).differences
    0
    """
    require_asked(instants, bars["bar_close"].n_unique(), seed)
    bars = conform(bars).sort("symbol", "bar_close")
    pipeline = _pipeline(bars, strategy, learning, params)
    base = pipeline.trace(bars)
    _require_work(strategy, base)
    chosen, beside = choose_instants(base, instants, seed)
    kinds = [list(KINDS)[k % len(KINDS)] for k in range(len(chosen))]
    calls = [
        (_replaced, (pipeline, base, bars, t, kind, seed)) for t, kind in zip(chosen, kinds, strict=True)
    ]
    found: dict[int, Difference | None] = {}
    for k, difference in _run(calls, jobs):
        found[k] = difference
        if on_step is not None:
            on_step()
    table = pl.DataFrame(
        [
            {"t": t, "beside": what, "future": kind, **_row(found[k])}
            for k, (t, what, kind) in enumerate(zip(chosen, beside, kinds, strict=True))
        ],
        _INSTANT_COLUMNS,
    )
    when = pl.Series("bar_close", base.bar_close[chosen]).dt.replace_time_zone("UTC")
    return AuditResult(strategy, table.insert_column(1, when))


def catch_leaks(
    bars: pl.DataFrame,
    leaks: Sequence[str] | None = None,
    *,
    seed: int = 7,
    jobs: int = 1,
    learning: LearningSettings | None = None,
    on_step: Callable[[], None] | None = None,
) -> pl.DataFrame:
    """Plant each leak in its pipeline and look for it as `audit` does, until a future shows it.

    Parameters
    ----------
    bars : DataFrame
    leaks : sequence of str, optional
        Names of `planted_leaks`; default: all that so many symbols can have.
    seed, jobs, learning, on_step
        As for `audit`.

    Returns
    -------
    DataFrame
        leak, what, strategy, caught, future (kind that showed it), t, stage, bar, symbol of the first
        difference at or before t, reaches (the last stage that differs); null where it was not caught.

    Raises
    ------
    UnknownName
        No such leak.
    BadValue
        A negative seed, or fewer than three bars.
    """
    require_asked(1, bars["bar_close"].n_unique(), seed)
    known = planted_leaks()
    names = list(plantable_leaks(bars) if leaks is None else leaks)
    for name in names:
        if name not in known:
            raise UnknownName("leak", name, known)
    bars = conform(bars).sort("symbol", "bar_close")
    calls = [
        (_caught, (name, _pipeline(bars, known[name].strategy, learning, None), bars, k, seed))
        for k, name in enumerate(names)
    ]
    rows: dict[int, dict[str, object]] = {}
    for k, row in _run(calls, jobs):
        rows[k] = {**_told(known[names[k]]), **row}
        if on_step is not None:
            on_step()
    return pl.DataFrame([rows[k] for k in sorted(rows)], _LEAK_COLUMNS)


def plantable_leaks(bars: pl.DataFrame) -> tuple[str, ...]:
    """Return the names of the leaks that the symbols of these bars can have: some are between symbols."""
    symbols = bars["symbol"].n_unique()
    return tuple(name for name, leak in planted_leaks().items() if leak.symbols <= symbols)


def _pipeline(
    bars: pl.DataFrame,
    strategy: str,
    learning: LearningSettings | None,
    params: Mapping[str, object] | None,
) -> Pipeline:
    symbols = tuple(bars["symbol"].unique().sort().to_list())
    learns = strategy_named(strategy).model is not None
    return Pipeline(strategy, symbols, (learning or audit_settings()) if learns else None, params or {})


def _require_work(strategy: str, base: Trace) -> None:
    """Refuse a run in which nothing happens: it would pass whatever the code did."""
    for stage, what in (("fits", "fits no model"), ("orders", "makes no order")):
        if stage in base.stages and base.stages[stage].bar.size == 0:
            raise NotEnoughHistory(
                f"{strategy} {what} in these {len(base.bar_close)} bars of {', '.join(base.symbols)}, so an "
                "audit of it would say nothing; bring more bars or symbols"
            )


def _replaced(
    pipeline: Pipeline, base: Trace, bars: pl.DataFrame, t: int, kind: str, seed: int
) -> Difference | None:
    """Run again with another future after `t`, and compare."""
    return compare(base, pipeline.trace(_future(base, bars, t, kind, seed)), t)


def _future(base: Trace, bars: pl.DataFrame, t: int, kind: str, seed: int) -> pl.DataFrame:
    """Return the bars of another future after `t`; noise depends on the seed and `t` alone."""
    until = min(t + AFTER, len(base.bar_close) - 1)
    instant, last = (base.bar_close[k].item().replace(tzinfo=UTC) for k in (t, until))
    return replace_future(bars, instant, last, kind, np.random.default_rng((seed, t)))


def _caught(name: str, pipeline: Pipeline, bars: pl.DataFrame, turn: int, seed: int) -> dict[str, object]:
    """Run with a leak until another future shows it."""
    planted = planted_leaks()[name].seams
    base = pipeline.trace(bars, planted)
    kinds = list(KINDS)
    for t in telling_instants(base):
        for k in range(len(kinds)):
            kind = kinds[(turn + k) % len(kinds)]
            difference = compare(base, pipeline.trace(_future(base, bars, t, kind, seed), planted), t)
            if difference is not None:
                reaches = difference.stages[-1]
                return {"caught": True, "future": kind, "t": t, **_row(difference), "reaches": reaches}
    return {"caught": False}


def _told(leak: Leak) -> dict[str, object]:
    return {"leak": leak.name, "what": leak.what, "strategy": leak.strategy}


def _row(difference: Difference | None) -> dict[str, object]:
    if difference is None:
        return {"stage": None, "bar": None, "symbol": None}
    return {"stage": difference.stage, "bar": difference.bar, "symbol": difference.symbol}


def _run(calls: Iterable[tuple[Callable[..., Any], tuple[Any, ...]]], jobs: int) -> Iterator[tuple[int, Any]]:
    """Call, in so many processes, and give each result with its place as it comes."""
    calls = list(calls)
    if jobs == 1:
        yield from ((k, call(*given)) for k, (call, given) in enumerate(calls))
        return
    from joblib import Parallel, delayed

    work = Parallel(n_jobs=jobs, return_as="generator_unordered")
    yield from work(delayed(_placed)(k, call, given) for k, (call, given) in enumerate(calls))


def _placed(k: int, call: Callable[..., Any], given: tuple[Any, ...]) -> tuple[int, Any]:
    return k, call(*given)
