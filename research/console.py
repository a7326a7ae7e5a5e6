"""How a command meets its user: one-line errors, an exit status, and progress.

In: a typer application. Out: exit status 0 (done), 1 (failed or interrupted),
2 (misused). A refusal is one line on stderr; a traceback is a bug.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from research.errors import BadValue, OnepathError

if TYPE_CHECKING:
    import typer

_TYPER_INTERRUPTED = 130  # what Typer makes of Ctrl-C

__all__ = ["assignments", "names", "run"]


def run(app: typer.Typer, arguments: Sequence[str] | None = None, *, name: str) -> int:
    """Run a command line and return its exit status."""
    import typer

    # Typer brings its own copy of click in some versions and the real one in others.
    misuses: Any = next(c for c in typer.BadParameter.__mro__ if c.__name__ == "ClickException")
    command: Callable[..., object] = typer.main.get_command(app)
    try:
        outcome = command(
            args=list(sys.argv[1:] if arguments is None else arguments), prog_name=name, standalone_mode=False
        )
    except typer.Exit as left:
        outcome = left.exit_code
    except OnepathError as refusal:
        _say(f"{name}: {refusal}")
        return refusal.exit_status
    except (KeyboardInterrupt, typer.Abort):
        return _interrupted(name)
    except misuses as misuse:
        _say(f"{name}: {misuse.format_message()}; see {name} --help")
        return 2
    except BrokenPipeError:
        # The reader of our output has gone (`… | head`); Python must not complain of it at exit.
        sys.stdout = None
        return 1
    if outcome == _TYPER_INTERRUPTED:
        return _interrupted(name)
    return outcome if isinstance(outcome, int) else 0


def _interrupted(name: str) -> int:
    _say(f"{name}: interrupted; files are written whole or not at all, so none is half-written")
    return 1


def _say(line: str) -> None:
    sys.stderr.write(" ".join(line.split()) + "\n")


def names(text: str | None) -> list[str] | None:
    """Read `AAPL,MSFT`; None stays None."""
    if text is None:
        return None
    found = [part.strip() for part in text.split(",") if part.strip()]
    if not found:
        raise BadValue(f"a list of names must hold one at least, was {text!r}; write it like AAPL,MSFT")
    return found


def assignments(pairs: Sequence[str]) -> dict[str, object]:
    """Read `name=number` pairs."""
    out: dict[str, object] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        try:
            out[name.strip()] = float(text)
        except ValueError:
            equals = ""
        if not equals:
            raise BadValue(f"a parameter must be written name=number, was {pair!r}; for example stop=0.05")
    return out
