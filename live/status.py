"""`python -m live.status`: what runs, where it stands, and what needs a look. No network, nothing written.

In: options. Out: a page of text, or JSON; an exit status (0 healthy, 1 something needs a look, 2 misused).
"""

from __future__ import annotations

if __name__ == "__main__":
    # Before the imports below, so that Ctrl-C is one line while they are loaded; the file is imported anew.
    from research.console import start

    start("live.status")

import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from research.console import run
from research.errors import UsageError

__all__ = ["app", "main"]

NAME = "python -m live.status"
_PLAIN = 120  # characters of a line where no terminal says how many it has
app = typer.Typer(name=NAME, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@app.command()
def status(
    paper: Annotated[bool, typer.Option("--paper", help="The paper account (default).")] = False,
    live: Annotated[bool, typer.Option("--live", help="The live account.")] = False,
    journal: Annotated[
        Path | None, typer.Option(help="One run's SQLite file; needs no keys.", metavar="FILE")
    ] = None,
    mute: Annotated[float, typer.Option(help="Seconds after which a heartbeat is old.", min=0.0)] = 15.0,
    machine: Annotated[bool, typer.Option("--json", help="Everything, as JSON.")] = False,
) -> None:
    """Say what runs, what it decided last and why, what is held and protected, and what needs a look."""
    from live.glance import glance_at, glance_of_account
    from live.status_view import as_json, as_text

    if paper + live + (journal is not None) > 1:
        raise UsageError("one thing is looked at, more were named; give --paper, --live or --journal FILE")
    now, mute_after = datetime.now(UTC), timedelta(seconds=mute)
    if journal is not None:
        seen = glance_at(journal, now, mute_after)
    else:
        from live.home import home_of
        from live.keys import access

        seen = glance_of_account(home_of(access(live=live)), now, mute_after)
    if machine:
        typer.echo(as_json(seen))
    else:
        from rich.console import Console

        plain = not sys.stdout.isatty() and "COLUMNS" not in os.environ
        Console(width=_PLAIN if plain else None, highlight=False).print(as_text(seen))
    if seen.looks:
        raise typer.Exit(1)


def main() -> None:
    """Run the command line and leave with its exit status."""
    raise SystemExit(run(app, name=NAME))
