"""Begin to trade an account, or go on where its journal ends.

In: a request, bars up to now, the account's journal. Out: a runner whose engine stands at the last bar that
was decided, and what is known of our orders.

Beginning, the bars before the last complete one are taken as one block, as a backtest over the same bars
would; the last complete one is the first of the journal, and its decision may still reach the next open.
Going on, settings must be those of the journal; what happened meanwhile is told by the broker and by bars,
and `Trader.tick` takes both.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from live.continuation import require_settings, settings_of
from live.feed import ReplayFeed
from live.foreseen import ASKED, asked_of
from live.journal import Journal
from live.place import Connect, connect
from live.replay import begin
from live.rows import Event
from live.runner import Runner
from live.told import ToldBroker
from live.tracks import Tracks
from research.engine import UnifiedTradingEngine
from research.errors import BadValue, NotEnoughHistory
from research.kernels.jit import kernel_hash
from research.request import TRAIN_FRACTION
from research.saved import read_models
from research.simulation.backtest import backtest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np
    import polars as pl

    from research.request import Request

__all__ = ["Opened", "open_account"]


class Opened:
    """What a trader begins with: `runner`, `tracks`, `journal`, and whether the journal was `continued`."""

    def __init__(self, runner: Runner, tracks: Tracks, journal: Journal, *, continued: bool) -> None:
        self.runner, self.tracks, self.journal, self.continued = runner, tracks, journal, continued


def open_account(
    request: Request,
    history: Callable[[], pl.DataFrame],
    journal: str | Path,
    *,
    mode: str,
    prefix: str,
    account: str,
    timeframe: str = "1Day",
    feed: str = "iex",
    connect: Connect = connect,
) -> Opened:
    """Begin, or take up, the journal of an account.

    Parameters
    ----------
    request : Request
        Strategy, symbols, parameters, capital, learning or model; its span is none: it begins now.
    history : callable
        Asked for complete bars, up to now, when the journal is new.
    journal : str or Path
    mode : str
        "paper" or "live".
    prefix : str
        "PP-" or "LV-".
    account : str
        Which account it is, by the name of its folder.
    timeframe, feed : str
        Length of a bar, and whose trades; kept in the settings.
    connect : callable, optional
        Opens the journal's database.

    Returns
    -------
    Opened

    Raises
    ------
    UsageError
        What `Request.prepare` refuses; a journal of another account, settings or kernels; fractions of a
        share.
    OutputError
        The journal cannot be written.
    """
    request.resolve(len(request.symbols or ()))
    _require_whole(request)
    book = Journal.at(journal, connect)
    continued = not book.is_new
    try:
        wanted = {"account": account, "timeframe": timeframe, "feed": feed}
        if continued:
            settings = _as_begun(request, mode, prefix) | wanted
            require_settings(book, settings)
            engine = UnifiedTradingEngine.restore(book.state(kernel_hash()), jobs=request.cores)
        else:
            engine = _begun(book, request, history(), mode, prefix, wanted)
        tracks = Tracks.of(book)
        runner = Runner(engine, ToldBroker(prefix, tracks), _Nothing(), book)
        if continued:
            book.tell(Event("continued", f"at bar {engine.last_bar}"), bar=runner.bar)
        return Opened(runner, tracks, book, continued=continued)
    except BaseException:
        book.close()
        raise


def _require_whole(request: Request) -> None:
    """Refuse fractions of a share: a backtest of them trades, and an account never would."""
    if request.execution.fractional:
        raise BadValue(
            "`fractional` must be off at an account, was on: neither an opening auction nor a resting stop "
            "takes a fraction of a share, so none would be entered; leave --fractional out, or use --replay"
        )


class _Nothing:
    """A trader hands its bars to the runner one by one; there is no feed to run through."""

    def after(self, last: np.datetime64 | None) -> Iterator[pl.DataFrame]:
        return iter(())


def _begun(
    journal: Journal, request: Request, bars: pl.DataFrame, mode: str, prefix: str, wanted: dict[str, str]
) -> UnifiedTradingEngine:
    """Return an engine that has decided at the last complete bar, and begin the journal with it."""
    if bars.is_empty():
        raise NotEnoughHistory("the vendor has no bar of these symbols; choose others, or an earlier start")
    closes = bars["bar_close"].max()
    assert isinstance(closes, datetime)
    fraction = TRAIN_FRACTION if request.model is not None else 0.0  # a trained model reserves none anyway
    asked = replace(request, start=closes.astimezone(UTC), end=None, train_fraction=fraction)
    prepared = asked.prepare(bars, least=1)
    symbols, last = prepared.panel.symbols, prepared.panel.bar_close[-1]
    settings = settings_of(_endless(asked), symbols, prepared.params, prepared.model, prefix, mode) | wanted
    feed = ReplayFeed(bars, symbols, last)
    more = _expected(request, bars)
    engine = begin(journal, asked, prepared, feed, settings, "the vendor's bars", kept=True, **more)
    runner = Runner(engine, ToldBroker(prefix, Tracks(journal)), _Nothing(), journal)
    for block in feed.after(engine.last_bar):
        runner.step(block)
    return engine


def _expected(request: Request, bars: pl.DataFrame) -> dict[str, str]:
    """Return how often the backtest over the same history traded, and what it asked of the risk door.

    Silence is measured against it.
    """
    if request.model is not None:
        return {}  # it has learned from that history, which so says nothing of the time after
    try:
        result = backtest(replace(request, start=None, end=None), bars)
    except NotEnoughHistory:
        return {}  # enough to begin, not enough to hold a part of it back
    assert result.run is not None  # a backtest that was just made has what it was taken from
    rate = repr(float(result.stats["trades_per_month"]))
    return {"expected_trades_per_month": rate, ASKED: asked_of(result.run)}


def _as_begun(request: Request, mode: str, prefix: str) -> dict[str, object]:
    """Return the settings of a request, as those of a journal are held against it."""
    assert request.symbols is not None  # the command asks for them
    params = request.resolve(len(request.symbols))
    model = None if request.model is None else read_models(request.model, request.expects(request.symbols))
    return settings_of(_endless(request), request.symbols, params, model, prefix, mode)


def _endless(request: Request) -> Request:
    """Return a request as a live run means it: from now on, every bar to be traded."""
    return replace(request, start=None, end=None, train_fraction=0.0)
