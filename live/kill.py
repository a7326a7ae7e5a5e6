"""`python -m live.kill`: stop everything now. Latch first, then cancel, then, if asked, close what is held.

In: options. Out: the latch, the broker's orders cancelled, a line for each thing done, an exit status (0 all
confirmed, 1 something could not be confirmed, 2 misused). The latch is on this machine's disk before the
network is touched, so that a runner stops even if the broker cannot be reached; run the command again to go
on where it ended.
"""

from __future__ import annotations

if __name__ == "__main__":
    # Before the imports below, so that Ctrl-C is one line while they are loaded; the file is imported anew.
    from research.console import start

    start("live.kill", after_ctrl_c="NOT confirmed that anything is latched or cancelled; run it again")

import getpass
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from research.console import run
from research.errors import BadValue, KeysRefused, OnepathError, OutputError, UsageError

if TYPE_CHECKING:
    from live.alpaca import AlpacaAccount
    from live.keys import Access
    from live.payloads import BrokerPosition

__all__ = ["app", "main"]

NAME = "python -m live.kill"
_AFTER_CTRL_C = "NOT confirmed that anything is latched or cancelled; run it again"
_BY_HAND = "latched by file either: stop the runner by hand"
app = typer.Typer(name=NAME, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@dataclass(frozen=True)
class Latched:
    """What became of the latch: when it was thrown first, and whether that is on disk."""

    since: datetime
    kept: bool


@app.command()
def kill(
    flatten: Annotated[bool, typer.Option("--flatten", help="Close every position as well.")] = False,
    others: Annotated[
        bool, typer.Option("--all", help="Cancel orders that are not onepath's as well.")
    ] = False,
    reset: Annotated[
        str | None,
        typer.Option(help="Unlatch a limit, such as 'kill switch'; needs --why.", metavar="NAME"),
    ] = None,
    why: Annotated[str, typer.Option(help="The reason, which is kept.", metavar="TEXT")] = "",
    paper: Annotated[bool, typer.Option("--paper", help="The paper account (default).")] = False,
    live: Annotated[bool, typer.Option("--live", help="The live account.")] = False,
    host: Annotated[str | None, typer.Option(help="A broker on this machine.", metavar="URL")] = None,
    patience: Annotated[
        float, typer.Option(help="Seconds after which to give up waiting for the broker.", min=0.0)
    ] = 120.0,
) -> None:
    """Latch the kill switch, then cancel every open order of the account until the broker confirms it.

    A latched account sends no order until `--reset 'kill switch' --why TEXT`.
    """
    from live.home import home_of
    from live.keys import access, access_to_kill

    if paper and live:
        raise UsageError("an account is paper or live, was both; give --paper or --live")
    if reset is not None and (flatten or others):
        raise UsageError("--reset unlatches and does nothing else; leave --flatten and --all out")
    if reset is not None:
        _reset(home_of(access(live=live, host=host)), reset, why)
        return
    who, fault = access_to_kill(live=live, host=host)
    why = why or f"by hand, {_login()}"
    if who is None:
        _latch_all(why, live=live)
        raise KeysRefused(fault)
    _say("account", f"{'live' if who.live else 'paper'}, at {who.trading}")
    if fault:
        _say("settings", f"{fault}; the kill switch goes on")
    latched = None
    try:
        latched = _latch(who, why)
        left = _wind_down(who, latched.since, flatten=flatten, others=others, patience=patience)
    except KeyboardInterrupt:
        holds = "the latch holds" if latched and latched.kept else "it may not be latched"
        _say("NOT", f"confirmed: interrupted, orders may still be open; {holds}; run this again")
        raise typer.Exit(1) from None
    if left or not latched.kept:
        raise typer.Exit(1)


def _say(word: str, line: str) -> None:
    # In one piece: who watches sees each line as it happens, even through a pipe.
    typer.echo(f"{word:<10}{' '.join(line.split())}")


def _login() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # no name for this user: which of them depends on the Python
        return "a user without a name"


def _latch(who: Access, why: str) -> Latched:
    """Latch the switch of the account that the keys lead to."""
    from live.home import home_of

    try:
        home = home_of(who)
    except OutputError as problem:
        _say("NOT", f"latched: {problem}")
        _say("NOT", _BY_HAND)
        return Latched(datetime.now(UTC), kept=False)
    return _latch_in(home, why, winding=True)


def _latch_in(home: Path, why: str, *, winding: bool) -> Latched:
    """Latch the switch in a folder; if that cannot be written, leave the file that means the same."""
    from live.home import KILL_FILE, LIMITS
    from live.killing import latch_kill
    from live.limits import KILL, Limits

    now = datetime.now(UTC)
    try:
        with Limits.at(home / LIMITS) as limits:
            new = latch_kill(limits, why, now)
            if winding:
                limits.wind(_login(), now)
            latch = limits.latched()[KILL]
    except OutputError as problem:
        _say("NOT", f"latched: {problem}")
        if not _left_file(home / KILL_FILE, why):
            _say("NOT", _BY_HAND)
        return Latched(now, kept=False)
    since = datetime.fromisoformat(latch.at)
    _say("latched", f"{KILL}{'' if new else ', was so'} since {since:%Y-%m-%d %H:%M:%S} UTC: {latch.text}")
    return Latched(since, kept=True)


def _latch_all(why: str, *, live: bool) -> None:
    """Latch every account of the mode: without keys nobody knows which one is meant."""
    from live.home import homes_there

    mode = "live" if live else "paper"
    try:
        homes = homes_there(live=live)
    except OutputError as problem:
        _say("NOT", f"latched: {problem}")
    else:
        for home in homes:
            _say("account", f"{mode}, keys not known, folder {home}")
            # Who cancels nothing does not wind down: protection stays, and a runner may put it back.
            _latch_in(home, why, winding=False)
        if not homes:
            _say("NOT", f"latched: no {mode} account has a folder here")
    _say("NOT", "cancelled: without keys the broker cannot be asked, so what is open there may stay open")


def _left_file(path: Path, why: str) -> bool:
    try:
        path.write_text(why + "\n", encoding="utf-8")
    except OSError:
        return False
    _say("latched", f"by the file {path} instead")
    return True


def _wind_down(who: Access, since: datetime, *, flatten: bool, others: bool, patience: float) -> list[str]:
    """Cancel, close, and tell; return what could not be confirmed gone."""
    import stamina.instrumentation

    from live.alpaca import AlpacaAccount
    from live.flattening import Closing
    from live.line import Line
    from live.sending import send_admitted
    from live.talk import DEADLINE, trading_talk
    from live.winding import Winding

    stamina.instrumentation.set_on_retry_hooks(())  # what is waited for is told here, once
    # A single answer may take no longer than all of them together.
    seconds = min(DEADLINE, max(patience, 1.0))
    talk = trading_talk(who, deadline=seconds)
    asking = Line(talk, patience=seconds)
    asking.remedy = "it is asked again while --patience lasts, after that run this again"
    account = AlpacaAccount(asking)
    closing = Closing(account, who, since, send_admitted, _say) if flatten else None
    winding = Winding(account, who.prefix, _say, closing, others=others, patience=patience)
    try:
        left = winding.run()
        _latch_account(who, account)
    except KeysRefused as problem:
        left = [str(problem)]
    finally:
        talk.close()
    for position in winding.held or ():
        _say("held", _in_words(position))
    for line in left:
        _say("LEFT", line)
    if left:
        _say("NOT", "confirmed: run this again, it goes on where it ended")
    else:
        what = "no order is open" if others else "no order of ours is open"
        _say("confirmed", f"{what}{', nothing is held' if flatten else ''}")
    return left


def _latch_account(who: Access, account: AlpacaAccount) -> None:
    """Let the latch hold in the account's own folder, if these keys are new and other ones traded it."""
    from live.identity import settle

    try:
        note = settle(who, account.account()).note
    except KeysRefused:
        raise
    except OnepathError as problem:
        _say("NOT", f"known whether other keys traded this account: {problem}")
        return
    if note:
        _say("account", note)


def _in_words(position: BrokerPosition) -> str:
    shares = "an unknown number of" if position.quantity is None else f"{position.quantity:f}"
    return f"{shares} {position.symbol or 'shares of no symbol'}, without protection of ours"


def _reset(home: Path, name: str, why: str) -> None:
    """Unlatch one limit, and take the file away if it is the switch's."""
    from live.home import LIMITS
    from live.killing import kill_asked, latch_kill, lift_file
    from live.limits import KILL, Limits

    name = KILL if name == "kill" else name
    if not why.strip():
        raise BadValue(f"resetting {name!r} must say why, was {why!r}; add --why TEXT")
    asked = kill_asked(home)
    if asked is None and not (home / LIMITS).exists():
        raise _idle(home, name)
    now = datetime.now(UTC)
    with Limits.at(home / LIMITS) as limits:
        if name == KILL and asked is not None:
            latch_kill(limits, asked, now)  # so that both, the throwing and the reset, are kept
            _lift(home, lift_file)
        if not limits.latched():
            raise _idle(home, name)
        before = limits.latched()
        limits.reset(name, by=_login(), why=why, at=now)
        _say("reset", f"{name}, was latched {before[name].at}: {before[name].text}")
        for other in limits.latched().values():
            _say("latched", f"still: {other.name}, {other.at}: {other.text}")


def _idle(home: Path, name: str) -> UsageError:
    return UsageError(f"nothing is latched in {home}, {name!r} was to be reset; there is nothing to do")


def _lift(home: Path, lift_file: Callable[[Path], bool]) -> None:
    from live.home import KILL_FILE

    try:
        lift_file(home)
    except OSError as problem:
        raise OutputError(
            f"file {home / KILL_FILE} cannot be taken away ({problem.strerror}); remove it, then reset again"
        ) from problem
    _say("reset", f"file {home / KILL_FILE} taken away")


def main() -> None:
    """Run the command line and leave with its exit status."""
    raise SystemExit(run(app, name=NAME, after_ctrl_c=_AFTER_CTRL_C))
