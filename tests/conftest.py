"""What every test runs under: property tests draw the same examples each time and are never timed.

Sweeps write their trials into a ledger of this run, never into the user's.
"""

import os

import pytest
from hypothesis import settings

from research.compiling import compile_kernels

settings.register_profile("onepath", derandomize=True, deadline=None, print_blob=True)
settings.load_profile("onepath")


def pytest_sessionstart(session: pytest.Session) -> None:
    """Compile kernels on both cores before workers start, each of which would compile them for itself."""
    if session.config.getoption("numprocesses", None) and not hasattr(session.config, "workerinput"):
        compile_kernels()


@pytest.fixture(scope="session", autouse=True)
def _ledger_of_this_run(tmp_path_factory):
    before = os.environ.get("ONEPATH_LEDGER")
    os.environ["ONEPATH_LEDGER"] = str(tmp_path_factory.mktemp("ledger") / "ledger.sqlite")
    yield
    if before is None:
        del os.environ["ONEPATH_LEDGER"]
    else:
        os.environ["ONEPATH_LEDGER"] = before
