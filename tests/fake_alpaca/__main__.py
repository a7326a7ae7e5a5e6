"""A broker on this machine to paper trade against, without an account: `python -m tests.fake_alpaca`.

It prints the addresses that alpaca-py takes as `url_override`, and trades the bars of a file.
"""

from __future__ import annotations

import json
import sys
import time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from research.console import names, run
from research.errors import BadValue, Interrupted

if TYPE_CHECKING:
    from tests.fake_alpaca.server import FakeAlpaca

NAME = "python -m tests.fake_alpaca"
app = typer.Typer(name=NAME, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


class Pace(StrEnum):
    """How the fake's time goes."""

    STEPPED = "stepped"
    INSTANT = "instant"
    REAL = "real"


@app.command()
def serve(
    bars: Annotated[
        Path | None,
        typer.Option(help="CSV or Parquet of bars; the embedded sample by default.", metavar="FILE"),
    ] = None,
    symbols: Annotated[str | None, typer.Option(help="Which symbols, A,B,C; all by default.")] = None,
    start: Annotated[
        str | None, typer.Option(help="First instant, ISO, UTC; the end of the first bar by default.")
    ] = None,
    clock: Annotated[
        Pace,
        typer.Option(
            help="stepped: time moves by the control port only; instant: from event to event, with --pause "
            "between; real: --speed fake seconds per second."
        ),
    ] = Pace.REAL,
    speed: Annotated[float, typer.Option(min=0.001, help="Fake seconds per second under real.")] = 1.0,
    pause: Annotated[float, typer.Option(min=0.0, help="Real seconds between events under instant.")] = 0.5,
    cash: Annotated[float, typer.Option(min=0.0, help="USD at the start.")] = 100_000.0,
    slippage: Annotated[
        float, typer.Option(min=0.0, help="Fraction that market and stop orders give up.")
    ] = 0.0,
    commission: Annotated[float, typer.Option(min=0.0, help="Fraction of the value of a fill.")] = 0.0,
    margin: Annotated[
        float, typer.Option(min=1.0, help="Buying power over equity; above 1 may short.")
    ] = 1.0,
    extended: Annotated[
        bool, typer.Option("--extended", help="Show intraday bars outside the sessions too.")
    ] = False,
    keys: Annotated[
        str | None, typer.Option(help="The one good pair, ID:SECRET; any pair by default.", metavar="PAIR")
    ] = None,
    faults: Annotated[
        Path | None, typer.Option(help="JSON list of faults, see docs/fake_alpaca.md.", metavar="FILE")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of ids, and of the chances of faults.")] = 0,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 0,
    control_port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 0,
    limit: Annotated[int, typer.Option(min=1, help="Requests a minute before 429.")] = 200,
) -> None:
    """Trade bars from a file as Alpaca would, on a port of this machine. Ctrl-C ends it."""
    from tests.fake_alpaca.control import Control
    from tests.fake_alpaca.server import FakeAlpaca
    from tests.fake_alpaca.settings import Settings

    script = _script(faults)
    settings = Settings(
        cash=cash,
        slippage=slippage,
        commission=commission,
        multiplier=margin,
        keys=_pair(keys),
        rate_limit=limit,
        extended=extended,
    )
    table = _bars(bars, names(symbols))
    fake = FakeAlpaca(
        table,
        start=_instant(start),
        settings=settings,
        seed=seed,
        speed=speed if clock is Pace.REAL else 0.0,
        port=port,
    )
    control = Control(fake, control_port)
    try:
        _add(fake, script)
        for name, address in (
            ("trading and data", fake.url),
            ("trade updates", fake.stream_url),
            ("data stream", fake.data_stream_url),
            ("control", control.url),
        ):
            typer.echo(f"{name:16} {address}")
        typer.echo(f"{'time':16} {fake.now.isoformat()}")
        sys.stdout.flush()
        _pass_time(fake, clock, pause)
    except KeyboardInterrupt:
        raise Interrupted(
            f"stopped at {fake.now.isoformat()}, equity {fake.exchange.account.equity:.2f}"
        ) from None
    finally:
        control.close()
        fake.stop()


def _pass_time(fake: FakeAlpaca, clock: Pace, pause: float) -> None:
    """Let time pass until the bars are over; stepped time passes through the control port."""
    while not fake.over:
        if clock is Pace.INSTANT:
            time.sleep(pause)
            fake.step()
        else:
            time.sleep(0.05)
    # A moment for those who watch to see the end.
    time.sleep(pause)
    typer.echo(f"the bars are over at {fake.now.isoformat()}, equity {fake.exchange.account.equity:.2f}")


def _bars(path: Path | None, symbols: list[str] | None) -> Any:
    import polars as pl

    from research.data import load_sample
    from research.data.source import bars_at
    from research.errors import UnknownName

    table = load_sample() if path is None else bars_at(path, symbols)
    known = table["symbol"].unique().to_list()
    for name in symbols or ():
        if name not in known:
            raise UnknownName("symbol", name, known)
    return table.filter(pl.col("symbol").is_in(symbols)) if symbols else table


def _instant(text: str | None) -> Any:
    from tests.fake_alpaca.clock import utc

    try:
        return None if text is None else utc(text)
    except ValueError:
        raise BadValue(f"--start must be an ISO instant, was {text!r}; say 2012-06-01T22:00") from None


def _pair(text: str | None) -> dict[str, str] | None:
    if text is None:
        return None
    key, colon, secret = text.partition(":")
    if not (key and colon and secret):
        raise BadValue("--keys must be ID:SECRET, was something else; leave it out to take any pair")
    return {key: secret}


def _script(path: Path | None) -> list[dict[str, Any]]:
    if path is None:
        return []
    try:
        said = json.loads(path.read_text())
    except OSError as problem:
        raise BadValue(f"--faults {path} cannot be read: {problem.strerror}; name a JSON file") from None
    except ValueError as problem:
        raise BadValue(f"--faults {path} must be JSON: {problem}; see docs/fake_alpaca.md") from None
    if not isinstance(said, list) or not all(isinstance(one, dict) for one in said):
        raise BadValue(f"--faults {path} must be a list of objects; see docs/fake_alpaca.md")
    return said


def _add(fake: FakeAlpaca, script: list[dict[str, Any]]) -> None:
    for number, said in enumerate(script, 1):
        try:
            fake.fault(**said)
        except (TypeError, ValueError, KeyError) as problem:
            raise BadValue(f"fault {number} of --faults: {problem}; see docs/fake_alpaca.md") from None


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    return run(app, arguments, name=NAME)


if __name__ == "__main__":
    sys.exit(main())
