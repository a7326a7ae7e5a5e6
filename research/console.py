"""How a command meets its user: one-line errors, an exit status, and progress.

In: a typer application. Out: exit status 0 (done), 1 (failed or interrupted),
2 (misused). A refusal is one line on stderr, and so is a warning of the library; a
traceback is a bug.
"""

from __future__ import annotations

import atexit
import io
import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, NoReturn

from research.errors import BadValue, OnepathError, OutputError

if TYPE_CHECKING:
    import typer

_TYPER_INTERRUPTED = 130  # what Typer makes of Ctrl-C

_WHOLE: Final = "files are written whole or not at all, so none is half-written"

__all__ = ["assignments", "interrupted", "leave", "names", "run", "start"]


def run(
    app: typer.Typer, arguments: Sequence[str] | None = None, *, name: str, after_ctrl_c: str = _WHOLE
) -> int:
    """Run a command line and return its exit status; `after_ctrl_c` is what an interrupt leaves behind."""
    import typer

    # Typer brings its own copy of click in some versions and the real one in others.
    misuses: Any = next(c for c in typer.BadParameter.__mro__ if c.__name__ == "ClickException")
    command: Callable[..., object] = typer.main.get_command(app)
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words and app.info.no_args_is_help:
        words = ["--help"]  # what Typer would raise as an error of many lines
    _print_anything()
    try:
        with _warnings_told(name):
            outcome = command(args=words, prog_name=name, standalone_mode=False)
        if sys.stdout is not None:
            sys.stdout.flush()
    except typer.Exit as left:
        outcome = left.exit_code
    except OnepathError as refusal:
        _say(f"{name}: {refusal}")
        return refusal.exit_status
    except (KeyboardInterrupt, typer.Abort):
        return interrupted(name, after_ctrl_c)
    except misuses as misuse:
        _say(f"{name}: {misuse.format_message()}; see {name} --help")
        return 2
    except BrokenPipeError:
        # The reader of our output has gone (`… | head`); Python must not complain of it at exit.
        sys.stdout = None
        return 1
    except OSError as problem:
        if (
            problem.filename is not None
        ):  # a file of ours, and a bug; what has no name is the terminal or pipe
            raise
        sys.stdout = None
        _say(f"{name}: its output cannot be written ({problem.strerror or problem}); send it elsewhere")
        return OutputError.exit_status
    if outcome == _TYPER_INTERRUPTED:
        return interrupted(name, after_ctrl_c)
    return outcome if isinstance(outcome, int) else 0


def _print_anything() -> None:
    """Let a terminal that knows fewer characters show a question mark for the others."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


@contextmanager
def _warnings_told(name: str) -> Iterator[None]:
    """Say what the library warns of, such as rows it has dropped, on stderr."""
    log, handler = logging.getLogger("research"), logging.StreamHandler()
    handler.setFormatter(logging.Formatter(f"{name}: %(message)s"))
    log.addHandler(handler)
    try:
        yield
    finally:
        log.removeHandler(handler)


def interrupted(name: str, after_ctrl_c: str = _WHOLE) -> int:
    """Say that Ctrl-C was heard and what it leaves behind, and return the exit status."""
    _say(f"{name}: interrupted; {after_ctrl_c}")
    return 1


def start(module: str, *, name: str | None = None, after_ctrl_c: str = _WHOLE) -> NoReturn:
    """Be `python -m` of a module with a `main`: import it, run that, and leave.

    Called at the head of the module's own file: Ctrl-C is one line while the rest of it is loaded, too.
    """
    try:
        import_module(module).main()
    except KeyboardInterrupt:
        leave(interrupted(name or f"python -m {module}", after_ctrl_c))
    except SystemExit as left:
        if isinstance(left.code, int) and left.code:
            leave(left.code)  # it may have been interrupted
        raise
    sys.exit()


def leave(status: int) -> NoReturn:
    """End the process with this status, whatever has happened to it.

    CPython notes an interrupt that passes through `exec` (a dataclass or a named tuple in the making) and at
    its regular end kills itself by SIGINT for it, even where it was caught: about one Ctrl-C in eight.
    """
    atexit._run_exitfuncs()  # noqa: SLF001, the temporary folders of libraries
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            with suppress(OSError):  # nobody left to read
                stream.flush()
    os._exit(status)


def _say(line: str) -> None:
    with suppress(OSError):  # nobody left to tell
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
        name, equals, text = (part.strip() for part in pair.partition("="))
        if name in out:
            raise BadValue(f"parameter {name} is given twice, was {pair!r} the second time; give it once")
        try:
            out[name] = float(text)
        except ValueError:
            equals = ""
        if not equals:
            raise BadValue(f"a parameter must be written name=number, was {pair!r}; for example stop=0.05")
    return out
