"""Old bars as if they came in now: the pieces of a replay, put together or taken up again.

In: a request, a bar table, and a journal's path. Out: a `Replay`, whose runner
stands before the next bar.

1. `Request.prepare` finds the span and the first bar that may trade, as for a backtest.
2. A new journal: the bars before the span go through the engine as one block (the
   chunk law makes that the same as one by one), and the journal is begun.
3. An old one: its settings and bars must be these, and the engine is its snapshot.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import polars as pl

from live.broker import SimulatedBroker
from live.feed import ReplayFeed
from live.journal import Journal
from live.rows import BAR_FIELDS, Event, text_of
from live.runner import Runner
from research.data.panel import Panel
from research.engine import UnifiedTradingEngine
from research.errors import DataError
from research.kernels.jit import kernel_hash
from research.request import Prepared, Request

__all__ = ["Replay", "open_replay"]


@dataclass(frozen=True)
class Replay:
    """A replay that is ready to run.

    Attributes
    ----------
    runner : Runner
    journal : Journal
    feed : ReplayFeed
    prepared : Prepared
        What was asked, held against the bars there are now.
    continued : bool
        Whether the journal was there before.
    """

    runner: Runner
    journal: Journal
    feed: ReplayFeed
    prepared: Prepared
    continued: bool

    @property
    def span(self) -> int:
        """Bars of the span, taken or not."""
        return len(self.prepared.panel) - self.prepared.first

    @property
    def left(self) -> int:
        """Bars not taken yet."""
        return self.feed.count_after(self.runner.engine.last_bar)


def open_replay(request: Request, bars: pl.DataFrame, journal: str | Path, source: str = "sample") -> Replay:
    """Begin a replay, or take one up where its journal ends.

    Parameters
    ----------
    request : Request
    bars : DataFrame
        A bar table.
    journal : str or Path
        The journal's file; made if it does not exist, never overwritten.
    source : str
        What the bars are called in the journal.

    Raises
    ------
    UsageError
        What `Request.prepare` refuses; a journal of other settings, bars or kernels.
    OutputError
        The journal cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from research.data import load_sample
    >>> request = Request("ma_crossover", ["IBM"], start="2012-01-01")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     replay = open_replay(request, load_sample(), f"{folder}/ibm.sqlite")
    ...     taken = replay.runner.run(most=3)
    ...     replay.journal.close()
    >>> taken
    3
    """
    prepared = request.prepare(bars)
    panel = prepared.panel
    feed = ReplayFeed(bars, panel.symbols, panel.bar_close[-1])
    broker = SimulatedBroker()
    settings = _settings(request, prepared, broker.prefix)
    book = Journal.at(journal)
    continued = not book.is_new
    try:
        if continued:
            book.require(settings)
            engine = UnifiedTradingEngine.restore(book.state(kernel_hash()))
            _same_bars(book, prepared)
        else:
            engine = _begin(book, request, prepared, feed, settings, source)
        return Replay(Runner(engine, broker, feed, book), book, feed, prepared, continued)
    except BaseException:
        book.close()
        raise


def _begin(
    journal: Journal,
    request: Request,
    prepared: Prepared,
    feed: ReplayFeed,
    settings: dict[str, object],
    source: str,
) -> UnifiedTradingEngine:
    """Return an engine that has seen all bars before the span, and begin the journal with it."""
    panel, first = prepared.panel, prepared.first
    engine = UnifiedTradingEngine(
        request.strategy,
        request.initial_capital,
        symbols=panel.symbols,
        params=prepared.params,
        execution=request.execution,
        trade_from=prepared.trade_from_instant,
    )
    if first:
        engine.advance(feed.before(panel.bar_close[first]))
    events = [
        Event(
            "begun",
            f"{request.strategy} over {', '.join(panel.symbols)}: {len(panel) - first} bars of {source} from "
            f"{text_of(panel.bar_close[first])}, entries from {text_of(prepared.trade_from_instant)}",
        ),
        Event("warm-up", f"{first} bars before the span were taken as one block"),
        *(Event("note", note) for note in prepared.notes),
    ]
    journal.begin(
        settings,
        first - 1,
        kernel_hash(),
        engine.snapshot(),
        events,
        source=source,
        trade_from=text_of(prepared.trade_from_instant),
        warmup_sha256=_digest(panel[:first]),
    )
    return engine


def _settings(request: Request, prepared: Prepared, prefix: str) -> dict[str, object]:
    """Return what must be the same when a journal is continued.

    Not the last bar there is: a file of bars may have grown since. Then the year's
    length, which is measured from the bars, and the first tradable bar, a share of
    the span, stay what they were when the journal was begun.
    """
    measured = {"bars_per_year"} - set(request.params)
    return {
        "mode": "replay",
        "prefix": prefix,
        "strategy": request.strategy,
        "symbols": list(prepared.panel.symbols),
        "parameter": {name: value for name, value in prepared.params.items() if name not in measured},
        "start": None if request.start is None else str(request.start),
        "end": None if request.end is None else str(request.end),
        "capital": request.initial_capital,
        "train_fraction": request.train_fraction,
        "execution": asdict(request.execution),
    }


def _digest(panel: Panel) -> str:
    """Return the SHA-256 of every number in a panel."""
    whole = hashlib.sha256(np.ascontiguousarray(panel.bar_close).tobytes())
    for name in BAR_FIELDS:
        whole.update(np.ascontiguousarray(getattr(panel, name).T).tobytes())
    return whole.hexdigest()


def _same_bars(journal: Journal, prepared: Prepared) -> None:
    """Refuse bars that differ from those the journal has seen.

    Raises
    ------
    DataError
        Names the first bar that differs.
    """
    panel, remedy = prepared.panel, "replay the bars it was made with, or begin another with --journal"
    written = journal.rows("SELECT * FROM bars ORDER BY bar, symbol")
    (begun,) = journal.rows("SELECT min(bar), max(bar) FROM equity")
    first, last = prepared.first, prepared.first - 1
    if begun[0] is not None:
        first, last = begun
    if last >= len(panel):
        raise DataError(
            f"journal {journal.path} goes to {written[-1][1]}, these bars to {text_of(panel.bar_close[-1])}; "
            f"{remedy}"
        )
    if first != prepared.first or _digest(panel[:first]) != journal.meta("warmup_sha256"):
        raise DataError(
            f"the bars before the span are not those that journal {journal.path} was begun with; {remedy}"
        )
    now = list(_bar_rows(panel, range(first, last + 1)))
    for old, new in zip(written, now, strict=False):
        if old != new:
            raise DataError(
                f"{new[2]}: the bar of {new[1]} is not that of journal {journal.path} ({_change(old, new)}); "
                f"{remedy}"
            )
    if len(written) != len(now):
        raise DataError(
            f"journal {journal.path} holds {len(written)} bars to {text_of(panel.bar_close[last])}, these "
            f"are {len(now)}; {remedy}"
        )


def _bar_rows(panel: Panel, bars: Sequence[int]) -> list[tuple[object, ...]]:
    """Return bars as the journal's table holds them, by bar and symbol."""
    order = np.argsort(panel.symbols)
    values = [getattr(panel, name) for name in BAR_FIELDS]
    return [
        (t, when, panel.symbols[k], *(float(v[t, k]) for v in values))
        for t in bars
        for when in [text_of(panel.bar_close[t])]
        for k in order
        if not np.isnan(panel.close[t, k])
    ]


def _change(old: tuple[object, ...], new: tuple[object, ...]) -> str:
    for name, was, now in zip(("number", "instant", "symbol", *BAR_FIELDS), old, new, strict=True):
        if was != now:
            return f"{name} {was}, now {now}"
    return "no difference"
