"""Old bars as if they came in now: the pieces of a replay, put together or taken up again.

In: a request, a bar table, and a journal's path. Out: a `Replay`, whose runner
stands before the next bar.

1. `Request.prepare` finds the span and the first bar that may trade, as for a backtest.
2. A new journal: the bars before the span go through the engine as one block (the
   chunk law makes that the same as one by one), and the journal is begun.
3. An old one: its settings and bars must be these, and the engine is its snapshot.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from live.broker import Broker, SimulatedBroker
from live.continuation import digest_of, require_bars, require_settings, settings_of
from live.feed import ReplayFeed
from live.journal import Journal
from live.place import Connect, connect
from live.rows import Event, text_of
from live.runner import Runner
from live.warmup import keep
from research.engine import UnifiedTradingEngine
from research.kernels.jit import kernel_hash
from research.request import Prepared, Request

__all__ = ["Replay", "begin", "fills_frame", "open_replay"]


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


def open_replay(
    request: Request,
    bars: pl.DataFrame,
    journal: str | Path,
    source: str = "sample",
    broker: Broker | None = None,
    connect: Connect = connect,
) -> Replay:
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
    broker : Broker, optional
        Default: the simulated one.
    connect : callable, optional
        Opens the journal's database.

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
    broker = broker or SimulatedBroker()
    settings = settings_of(request, panel.symbols, prepared.params, prepared.model, broker.prefix)
    book = Journal.at(journal, connect)
    continued = not book.is_new
    try:
        if continued:
            require_settings(book, settings)
            engine = UnifiedTradingEngine.restore(book.state(kernel_hash()), jobs=request.cores)
            require_bars(book, prepared)
            engine.reanchor(feed.until(engine.last_bar))
        else:
            engine = begin(book, request, prepared, feed, settings, source)
        return Replay(Runner(engine, broker, feed, book), book, feed, prepared, continued)
    except BaseException:
        book.close()
        raise


def begin(
    journal: Journal,
    request: Request,
    prepared: Prepared,
    feed: ReplayFeed,
    settings: dict[str, object],
    source: str,
    *,
    kept: bool = False,
    **more: str,
) -> UnifiedTradingEngine:
    """Return an engine that has seen all bars before the span, and begin the journal with it.

    With `kept` the journal holds those bars too: nobody can be asked for them later as they are now.
    """
    panel, first = prepared.panel, prepared.first
    engine = UnifiedTradingEngine.of(request, prepared)
    whole = before = feed.before(panel.bar_close[first])
    if first or prepared.model is not None:
        if prepared.model is not None:
            engine.reanchor(feed.until(engine.last_bar))
            before = before[feed.until(engine.last_bar).height :]
        if before.height:
            engine.advance(before)
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
        *([keep(whole)] if kept else []),
        source=source,
        trade_from=text_of(prepared.trade_from_instant),
        warmup_sha256=digest_of(panel[:first]),
        **more,
    )
    return engine


def fills_frame(journal: Journal) -> pl.DataFrame:
    """Return a journal's fills as the backtest's `orders` table has them, and the id of each one's order.

    Returns
    -------
    DataFrame
        order_id, bar_close, symbol, side ("buy", "sell"), quantity (raw shares), price
        (USD, slippage included), fee (USD), reason, ambiguous, decided_at (the close at
        which it was decided), in the order of the fills.
    """
    rows = journal.rows(
        """SELECT f.order_id, f.bar_close, f.symbol, iif(f.side > 0, 'buy', 'sell'), f.quantity, f.price,
           f.fee, f.reason, f.ambiguous = 1, o.bar_close
           FROM fills f JOIN orders o ON o.id = f.order_id ORDER BY f.seq"""
    )
    text, number = pl.String, pl.Float64
    schema = {
        "order_id": text, "bar_close": text, "symbol": text, "side": text, "quantity": number,
        "price": number, "fee": number, "reason": text, "ambiguous": pl.Int64, "decided_at": text,
    }  # fmt: skip
    return pl.DataFrame(rows, schema=schema, orient="row").with_columns(
        pl.col("bar_close", "decided_at").str.to_datetime("%+", time_unit="us", time_zone="UTC"),
        pl.col("ambiguous").cast(pl.Boolean),
    )
