"""`python -m live.runner`: what a command line says to a run, and what it hears back.

In: options. Out: a journal, a few lines about it, an exit status (0 done, 1 stopped
or failed, 2 misused). Heavy imports wait until the options are understood.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from research.console import leave, run
from research.errors import Interrupted, UsageError
from research.options import RunOptions, takes_run_options

if TYPE_CHECKING:
    from collections.abc import Callable

    from live.funnel import Funnel
    from live.replay import Replay

__all__ = ["app", "main"]

NAME = "python -m live.runner"
app = typer.Typer(name=NAME, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@app.command()
@takes_run_options
def runner(
    asked: RunOptions,
    replay: Annotated[
        bool, typer.Option("--replay", help="Run over old bars with the simulated broker.")
    ] = False,
    journal: Annotated[
        Path | None,
        typer.Option(
            help="The run's SQLite file, begun or continued; onepath-replay-STRATEGY.sqlite by default, "
            "of an account STRATEGY.sqlite in its folder.",
            metavar="FILE",
        ),
    ] = None,
    paper: Annotated[
        bool, typer.Option("--paper", help="Trade Alpaca's paper account, or a broker at --host.")
    ] = False,
    live: Annotated[
        bool, typer.Option("--live", help="Real money; ONEPATH_LIVE=yes and live = true must agree.")
    ] = False,
    host: Annotated[
        str | None, typer.Option(help="A broker on this machine in Alpaca's place.", metavar="URL")
    ] = None,
    timeframe: Annotated[
        str, typer.Option(help="Length of a bar: 1Min, 5Min, 15Min, 30Min, 1Hour or 1Day.")
    ] = "1Day",
    feed: Annotated[
        str, typer.Option(help="Whose trades bars are of: iex (one exchange) or sip (all).")
    ] = "iex",
    history: Annotated[
        str | None,
        typer.Option(
            help="First day of the bars before the run; ten years back if they are daily.",
            metavar="DATE",
        ),
    ] = None,
    drift: Annotated[
        str, typer.Option(help="What to do with shares nobody here can explain: halt, adopt or flatten.")
    ] = "halt",
    poll: Annotated[float, typer.Option(min=0.05, help="Seconds between two looks at the account.")] = 5.0,
    settle: Annotated[
        float, typer.Option(min=0.0, help="Seconds after a close until its bar is asked for.")
    ] = 30.0,
    once: Annotated[
        bool, typer.Option("--once", help="Take the next bar, or look at the account once, and stop.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Say only what must not pass unnoticed.")] = False,
) -> None:
    """Drive the trading engine bar by bar and keep a journal of decisions, orders and fills.

    Over old bars (--replay), at a paper account (--paper), or with real money (--live).

    Run the same command again to continue where the journal ends.
    """
    if replay + paper + live != 1:
        raise UsageError(
            f"one of --replay, --paper and --live must be given, was {replay + paper + live} of them; "
            "--replay runs over old bars and needs no account"
        )
    if not replay:
        from live.cli_trade import Wish, trade

        wish = Wish(live, host, timeframe, feed, history, drift, poll, settle, once, quiet, journal)
        with _stopping() as stopped:
            trade(asked, wish, stopped)
        return
    path = journal or Path(f"onepath-replay-{asked.strategy}.sqlite")
    with _stopping() as stopped:
        _replay(_open(asked, path), once=once, quiet=quiet, stopped=stopped)


def _open(asked: RunOptions, path: Path) -> Replay:
    """Check what was asked and put the replay together."""
    from live.replay import open_replay

    source = "sample" if asked.bars is None else asked.bars.name
    return open_replay(asked.request(), asked.read(), path, source=source)


def _replay(replay: Replay, *, once: bool, quiet: bool, stopped: Callable[[], str | None]) -> None:
    """Run, and say how it went."""
    from live.rows import Event

    journal, left = replay.journal, replay.left
    try:
        if not left:
            _tell(replay, f"nothing to do: all {replay.span} bars are in the journal", quiet=quiet)
            return
        if replay.continued:
            journal.tell(Event("continued", f"{left} bars left"), bar=replay.runner.bar)
        with _progress(replay, shown=not (quiet or once) and sys.stderr.isatty()) as on_bar:
            taken = replay.runner.run(
                most=1 if once else None, stop=lambda: stopped() is not None, on_bar=on_bar
            )
        signal_name = stopped()
        rest = replay.left
        kind = "finished" if not rest else "interrupted" if signal_name else "stopped"
        journal.tell(Event(kind, f"{taken} bars taken, {rest} left"), bar=replay.runner.bar)
        if kind == "interrupted":
            raise Interrupted(
                f"stopped by {signal_name} {_day(replay)}, {rest} of {replay.span} "
                f"bars left; all before are in {journal.path}, run the same command again to continue"
            )
        _tell(replay, f"{taken} bar{'s' * (taken != 1)} taken, {rest} left", quiet=quiet)
    finally:
        journal.close()


@contextmanager
def _stopping() -> Iterator[Callable[[], str | None]]:
    """Turn the first SIGINT or SIGTERM into a question to be asked between bars; a second one interrupts."""
    # Imported later, it would put a handler of its own before ours, which breaks off whatever it is at.
    import polars  # noqa: F401, ICN001

    caught: list[str] = []
    before: dict[signal.Signals, Any] = {}

    def on_signal(number: int, _frame: object) -> None:
        caught.append(signal.Signals(number).name)
        for again in before:
            signal.signal(again, signal.default_int_handler)

    for number in (signal.SIGINT, signal.SIGTERM):
        before[number] = signal.signal(number, on_signal)
    try:
        yield lambda: caught[0] if caught else None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _progress(replay: Replay, *, shown: bool) -> Iterator[Callable[[], None]]:
    """Show a bar on a terminal while bars are taken."""
    if not shown:
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    name, bar, count = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    columns = (name, bar, count, TextColumn("bars"), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("loading kernels", total=replay.span, completed=replay.span - replay.left)

        def on_bar() -> None:
            progress.update(task, advance=1, description=str(replay.runner.engine.last_bar)[:10])

        yield on_bar


def _day(replay: Replay) -> str:
    """Return where a replay stands, in words."""
    last = replay.runner.engine.last_bar
    return "before the first bar" if last is None else f"after the bar of {str(last)[:10]}"


def _tell(replay: Replay, outcome: str, *, quiet: bool) -> None:
    """Print what the journal holds; with `quiet` only what must not pass unnoticed."""
    from live.funnel import funnel

    journal = replay.journal
    counts = funnel(journal)
    silence = counts.silence()
    notes = [text for (text,) in journal.rows("SELECT text FROM events WHERE kind = 'note' ORDER BY seq")]
    lines = [] if quiet else _summary(replay, outcome, counts)
    lines += [f"note      {text}" for text in notes]
    if silence is not None:
        lines.append(f"note      {silence}")
    for line in lines:
        typer.echo(line)


def _summary(replay: Replay, outcome: str, counts: Funnel) -> list[str]:
    journal, engine = replay.journal, replay.runner.engine
    ((bars, first, last),) = journal.rows("SELECT count(*), min(bar_close), max(bar_close) FROM equity")
    ((fills, fees),) = journal.rows("SELECT count(*), coalesce(sum(fee), 0) FROM fills")
    legs = dict(journal.rows("SELECT leg, count(*) FROM orders GROUP BY leg"))
    guards = legs.get("stop", 0) + legs.get("target", 0)
    worth = journal.rows("SELECT equity FROM equity ORDER BY bar DESC LIMIT 1")
    equity = worth[0][0] if worth else engine.initial_capital
    blocked = " · ".join(f"{name} {n:,}" for name, n in counts.blocked.items())
    became = " · ".join(f"{name} {n:,}" for name, n in counts.became.items())
    return [
        f"{engine.strategy.name} on {', '.join(engine.symbols)}: {outcome}",
        f"bars      {bars:,} of {replay.span:,}" + (f", {first[:10]} to {last[:10]}" if bars else ""),
        f"decisions {counts.decisions:,}",
        f"blocked   {blocked or 'none'}",
        f"entries   {counts.entries:,}" + (f": {became}" if became else ""),
        f"orders    {counts.entries:,} entries, {legs.get('exit', 0):,} exits, {guards:,} protective",
        f"fills     {fills:,}, commission {fees:,.2f} USD",
        f"equity    {equity:,.2f} USD ({equity / engine.initial_capital - 1.0:+.2%})",
        f"journal   {journal.path}",
    ]


def main() -> None:
    """Run the command line and leave with its exit status, after a Ctrl-C too (see `leave`)."""
    status = run(app, name=NAME)
    if status:
        leave(status)
    raise SystemExit
