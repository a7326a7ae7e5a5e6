"""What every test runs under: property tests draw the same examples each time and are never timed."""

import pytest
from hypothesis import settings

from research.compiling import compile_kernels

settings.register_profile("onepath", derandomize=True, deadline=None, print_blob=True)
settings.load_profile("onepath")


def pytest_sessionstart(session: pytest.Session) -> None:
    """Compile kernels on both cores before workers start, each of which would compile them for itself."""
    if session.config.getoption("numprocesses", None) and not hasattr(session.config, "workerinput"):
        compile_kernels()
