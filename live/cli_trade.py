"""`python -m live.runner --paper` and `--live`: trade an account until somebody says stop.

In: options. Out: the account's journal, a line for each thing that must not pass in silence, an exit status
(0 stopped as asked, 1 failed, 2 misused). One process trades an account.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import typer

from live.allowed import said_limits
from live.beginning import begin_with, first_day
from live.costs import at_account, costs_said
from live.findings import Act, Policy
from live.home import LIMITS, only_one
from live.identity import settle
from live.keys import access, limits_told, settings_file
from live.killing import heard_kill
from live.knocking import Knock, Waits
from live.limits import Limits
from live.lines import Lines
from live.rows import Event
from live.schedule import LENGTHS, Hours, Schedule
from live.streams import TradeHints
from live.vendor import FEEDS
from research.errors import BadValue, UnknownName

if TYPE_CHECKING:
    from live.alpaca import BrokerClock
    from live.keys import Access
    from live.killing import Heard
    from live.opening import Opened
    from live.risk_context import Rules
    from live.trader import Trader
    from research.options import RunOptions

__all__ = ["Wish", "trade"]

_DRIFT: Final = {"halt": Act.HALT, "adopt": Act.ADOPT, "flatten": Act.FLATTEN}
# What comes with every order that goes well; --quiet leaves it to the journal.
_ROUTINE: Final = frozenset({"continued", "sent", "order", "executed"})
_FILE_ONLY: Final = ("start", "end", "bars", "interval", "exchange", "timezone", "on_bad", "train_fraction")


@dataclass(frozen=True)
class Wish:
    """What was asked of a run at an account; fields as the options of `live.runner`."""

    live: bool
    host: str | None
    timeframe: str
    feed: str
    history: str | None
    drift: str
    poll: float
    settle: float
    once: bool
    quiet: bool
    journal: Path | None


def trade(
    asked: RunOptions, wish: Wish, stopped: Callable[[], str | None], waits: Waits | None = None
) -> None:
    """Trade until `stopped` names a signal; with `once`, look once, and on while something is half done.

    A start waits for a broker that does not answer (`live.knocking`), with `once` it does not.

    Raises
    ------
    UsageError
        What cannot be done: missing keys, opt-ins that disagree, an unknown symbol, a journal of another
        account.
    OnepathError
        What ends a run: refused credentials, a journal that cannot be written.
    """
    _require(asked, wish)
    asked = at_account(asked)
    known = access(live=wish.live, host=wish.host)
    said = said_limits(limits_told(), settings_file())
    with heard_kill() as kill:
        knock = Knock(known, stopped, kill, Waits(most=0.0) if wish.once else waits or Waits())
        _trade(asked, wish, stopped, known, said, knock, kill)


def _trade(
    asked: RunOptions,
    wish: Wish,
    stopped: Callable[[], str | None],
    known: Access,
    said: Mapping[str, Any],
    knock: Knock,
    kill: Heard,
) -> None:
    from live.in_force import put_in_force

    lines = Lines(known, knock.idle)
    home, moved = knock.answered(lambda: settle(known, lines.patient.account()))
    path = wish.journal or home / f"{asked.strategy}.sqlite"
    with only_one(home), Limits.at(home / LIMITS) as limits:
        if moved:
            typer.echo(f"account   {moved}")
        opened = _opened(asked, wish, known, lines, knock, limits, home, path)
        if moved:
            opened.journal.tell(Event("account", moved))
        hints = TradeHints(known, lambda text: opened.journal.tell(Event("stream", text)))
        try:
            say = _Say(opened, quiet=wish.quiet)
            rules, held = put_in_force(
                opened,
                limits,
                said,
                timeframe=wish.timeframe,
                settle=timedelta(seconds=wish.settle),
                allow_short=asked.allow_short,
            )
            trader = _trader(opened, rules, wish, known, lines, home, limits, kill)
            say.begun(path, held)
            if not wish.once:
                hints.start()
            trader.run(
                stop=lambda: stopped() is not None,
                # A hint that something happened to an order only brings the next look forward.
                wait=lambda seconds: _wait(
                    seconds,
                    lambda: bool(
                        (stopped() and not trader.ending) or hints.drain() or (kill() and not limits.killed)
                    ),
                ),
                poll=wish.poll,
                on_tick=say.news,
                once=wish.once,
            )
            if not wish.once:
                say.ended(stopped())
        finally:
            hints.close()
            opened.journal.close()


def _require(asked: RunOptions, wish: Wish) -> None:
    """Refuse options that mean nothing at an account, and values that are none."""
    from research.options import RunOptions

    plain = RunOptions()
    for name in _FILE_ONLY:
        if getattr(asked, name) != getattr(plain, name):
            raise BadValue(
                f"--{name.replace('_', '-')} is for old bars, was {getattr(asked, name)!r}; leave it out, an "
                "account's bars come from the broker"
            )
    if not asked.symbols:
        raise BadValue("--symbols must name what the account trades, was not given; like AAPL,MSFT")
    if wish.timeframe not in LENGTHS:
        raise UnknownName("timeframe", wish.timeframe, LENGTHS)
    if wish.drift not in _DRIFT:
        raise UnknownName("drift policy", wish.drift, _DRIFT)
    if wish.feed not in FEEDS:
        raise UnknownName("feed", wish.feed, FEEDS)
    first_day(wish.history)


def _opened(
    asked: RunOptions,
    wish: Wish,
    known: Access,
    lines: Lines,
    knock: Knock,
    limits: Limits,
    home: Path,
    path: Path,
) -> Opened:
    """Begin the journal, or take it up."""
    from live.opening import open_account

    request = asked.request()
    return open_account(
        request,
        lambda: knock.answered(
            lambda: begin_with(request, lines, limits, wish.timeframe, wish.feed, wish.history)
        ),
        path,
        mode="live" if known.live else "paper",
        prefix=known.prefix,
        account=home.name,
        timeframe=wish.timeframe,
        feed=wish.feed,
    )


def _trader(
    opened: Opened,
    rules: Rules,
    wish: Wish,
    known: Access,
    lines: Lines,
    home: Path,
    limits: Limits,
    kill: Heard,
) -> Trader:
    from live.actions import splits_on
    from live.arrivals import Arrivals
    from live.trader import Habits, Trader

    host, local = lines.host, lines.local
    limits.at_broker(None)

    def played(broker: BrokerClock) -> datetime:
        # A broker on this machine plays old bars: its time is theirs.
        limits.at_broker(broker.now)
        return broker.now

    hosts = {**rules.hosts, **({"paper": frozenset({host})} if local else {})}
    return Trader(
        opened.runner,
        lines.account,
        Arrivals(
            lines.data,
            opened.runner.engine.symbols,
            wish.timeframe,
            wish.feed,
            opened.journal,
        ),
        opened.tracks,
        limits,
        Habits(
            mode="live" if known.live else "paper",
            host=host,
            timeframe=wish.timeframe,
            settle=timedelta(seconds=wish.settle),
            rules=replace(rules, hosts=hosts),
            policy=Policy(drift=_DRIFT[wish.drift]),
        ),
        home,
        clock=played if local else (lambda broker: datetime.now(UTC)),
        published=None if local else _published(wish.timeframe),
        kill=kill,
        splits=lambda day: splits_on(lines.actions, opened.runner.engine.symbols, day),
    )


def _published(timeframe: str) -> Schedule:
    """Return the exchange's sessions as everybody knows them."""
    import numpy as np

    from research.data.sessions import sessions

    known = sessions("XNYS")
    recent = known.dates > np.datetime64("now", "D") - 30
    pairs = zip(known.opens[recent].tolist(), known.closes[recent].tolist(), strict=True)
    hours = [Hours(o.replace(tzinfo=UTC), c.replace(tzinfo=UTC)) for o, c in pairs]
    return Schedule(hours, LENGTHS[timeframe])


def _wait(seconds: float, woken: Callable[[], bool]) -> None:
    """Sleep, but not through a signal or a hint."""
    until = time.monotonic() + seconds
    while not woken() and (left := until - time.monotonic()) > 0:
        time.sleep(min(left, 0.1))


class _Say:
    """Print what the journal has been told since the last time."""

    def __init__(self, opened: Opened, *, quiet: bool) -> None:
        self._journal, self._runner, self._quiet = opened.journal, opened.runner, quiet
        self._continued = opened.continued
        rows = self._journal.rows("SELECT coalesce(max(seq), 0) FROM events")
        self._seen = int(rows[0][0])

    def begun(self, path: Path, held: str) -> None:
        engine = self._runner.engine
        verb = "goes on" if self._continued else "begins"
        if not self._quiet:
            typer.echo(
                f"{engine.strategy.name} on {', '.join(engine.symbols)} {verb} after {engine.last_bar}"
            )
            typer.echo(f"journal   {path}")
            typer.echo(f"costs     {costs_said(engine.execution)}")
            typer.echo(f"limits    {held}")

    def news(self) -> None:
        rows = self._journal.rows(
            "SELECT seq, at, kind, symbol, text FROM events WHERE seq > ? ORDER BY seq", self._seen
        )
        for seq, at, kind, symbol, text in rows:
            self._seen = seq
            if self._quiet and kind in _ROUTINE:
                continue
            typer.echo(f"{at[:19]}  {kind:<12}  {symbol or '':<6}  {text}")

    def ended(self, signal_name: str | None) -> None:
        if not self._quiet:
            typer.echo(
                f"stopped by {signal_name}; orders at the broker rest, run the same command again to go on"
            )
