"""What every test runs under: property tests draw the same examples each time and are never timed.

Sweeps write their trials into a ledger of this run, never into the user's. Test modules that need an extra
are collected where it is installed, and named where it is not (`tests.extras`). No key may be read in what
tests leave (`tests.canaries`).
"""

import os
from pathlib import Path

import pytest
from hypothesis import settings

from research.compiling import compile_kernels
from tests import canaries
from tests.extras import is_left_out, left_out

pytest.register_assert_rewrite("tests.learning.learner_contract")

settings.register_profile("onepath", derandomize=True, deadline=None, print_blob=True)
settings.load_profile("onepath")


def pytest_configure(config: pytest.Config) -> None:
    """Look for keys in everything."""
    config.pluginmanager.register(canaries, "canaries")


def pytest_sessionstart(session: pytest.Session) -> None:
    """Compile kernels on both cores before workers start, each of which would compile them for itself."""
    if session.config.getoption("numprocesses", None) and not hasattr(session.config, "workerinput"):
        compile_kernels()


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Leave out a test module whose extra is not installed."""
    return True if is_left_out(collection_path) else None


def pytest_report_header() -> str:
    """Name the test modules that are left out, at the head of the run."""
    return f"tests left out for lack of an extra: {', '.join(left_out()) or 'none'}"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name them again at its end, where a quiet run is read."""
    for line in left_out():
        terminalreporter.write_line(f"left out: {line}", yellow=True)


@pytest.fixture(scope="session", autouse=True)
def _ledger_of_this_run(tmp_path_factory):
    before = os.environ.get("ONEPATH_LEDGER")
    os.environ["ONEPATH_LEDGER"] = str(tmp_path_factory.mktemp("ledger") / "ledger.sqlite")
    yield
    if before is None:
        del os.environ["ONEPATH_LEDGER"]
    else:
        os.environ["ONEPATH_LEDGER"] = before
