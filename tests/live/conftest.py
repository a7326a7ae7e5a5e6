"""Every test of the live side runs with the root logger at DEBUG, and fails if it lets a key be read.

Looked through is what it left: the log records of whatever logger, standard output and error, the reports and
tracebacks of pytest. The keys are those of `tests/live/canary.py`, which the tests give to their accounts.
"""

import logging

import pytest

from tests.live.canary import ON_PURPOSE, sung


@pytest.fixture(autouse=True)
def _everything_is_logged():
    root, compiler = logging.getLogger(), logging.getLogger("numba")
    before = root.level, compiler.level
    root.setLevel(logging.DEBUG)
    compiler.setLevel(logging.INFO)  # it would write every instruction of every kernel
    yield
    root.setLevel(before[0])
    compiler.setLevel(before[1])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    left = "\n".join([str(report.longrepr), report.capstdout, report.capstderr, report.caplog])
    if sung(left) and item.name not in ON_PURPOSE:
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid}: a key can be read in what this test left ({report.when})"
    return report
