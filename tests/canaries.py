"""Keys are found nowhere in what the whole suite leaves: a plugin of pytest, in each of its processes.

While tests run, the environment carries a pair of keys (`tests/live/canary.py`), which every process that a
test starts inherits, and the root logger is at DEBUG. Looked through is

1. every record of a log that reaches the root logger, as it is written, in whatever thread;
2. what each test leaves: captured output of itself and of its processes, log, report and traceback;
3. at the end every file under pytest's folder for temporary files: journals, limits, reports, ledgers. Zip
   archives are opened; the compressed columns of Parquet, which hold bars, are not. Settings files, in which
   keys belong, may have them.

What is found in 2 fails that test; what is found in 1 or 3 is named at the end and fails the session.
"""

import logging
import os
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest

from tests.live.canary import AT_HOME, NAMES, ON_PURPOSE, sung, sung_in

# At DEBUG numba writes every instruction of every kernel that it compiles: gigabytes, and no key comes near.
HELD = {"numba": logging.INFO}

_LEAKS = pytest.StashKey[list[str]]()
_LOOKED = pytest.StashKey[list[int]]()  # log records, reports, files
_EAR = pytest.StashKey["Ear"]()
_BEFORE = pytest.StashKey[dict[str, str | None]]()


class Ear(logging.Handler):
    """Hear the records of all loggers, with their arguments undigested.

    Parameters
    ----------
    leaks : list of str
        Where a key was heard; added to.
    """

    def __init__(self, leaks: list[str]) -> None:
        super().__init__(logging.DEBUG)
        self.leaks, self.test, self.heard = leaks, "", 0

    def emit(self, record: logging.LogRecord) -> None:
        """Look through one record."""
        self.heard += 1
        try:
            told = f"{record.getMessage()} {record.args!r} {record.exc_info!r}"
        except Exception:  # noqa: BLE001 - a record that cannot be told is its test's to see to
            told = f"{record.msg!r}"
        if sung(told) and self.test.rpartition("::")[2] not in ON_PURPOSE:
            self.leaks.append(f"log `{record.name}` during {self.test or 'no test'}")


# --- a session ---------------------------------------------------------------------------------


def pytest_configure(config: pytest.Config) -> None:
    """Put the keys where whoever prints an environment would print them, and listen."""
    config.stash[_BEFORE] = {name: os.environ.get(name) for name in NAMES}
    os.environ.update(NAMES)
    leaks: list[str] = []
    config.stash[_LEAKS], config.stash[_EAR], config.stash[_LOOKED] = leaks, Ear(leaks), [0, 0, 0]
    logging.getLogger().addHandler(config.stash[_EAR])


def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave the environment and the loggers as they were."""
    logging.getLogger().removeHandler(config.stash[_EAR])
    for name, value in config.stash[_BEFORE].items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item):
    """Let everything be logged while a test runs."""
    item.config.stash[_EAR].test = item.nodeid
    levels = {"": logging.DEBUG, **HELD}
    before = {name: logging.getLogger(name).level for name in levels}
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
    try:
        return (yield)
    finally:
        item.config.stash[_EAR].test = ""
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item):
    """Look through what a test left."""
    report = yield
    item.config.stash[_LOOKED][1] += 1
    left = "\n".join([str(report.longrepr), report.capstdout, report.capstderr, report.caplog])
    if sung(left) and item.name not in ON_PURPOSE:
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid}: a key can be read in what this test left ({report.when})"
        report.sections = item._report_sections = []  # else this report would show it, and the next one again
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Look through the files of this process; a worker tells the one that started it."""
    config = session.config
    leaks, looked = config.stash[_LEAKS], config.stash[_LOOKED]
    looked[0] += config.stash[_EAR].heard
    worker = hasattr(config, "workeroutput")
    if worker or not config.getoption("numprocesses", None):  # else its workers have looked
        paths = files(getattr(getattr(config, "_tmp_path_factory", None), "_basetemp", None))
        looked[2] += len(paths)
        leaks += [f"file {path}" for path in paths if leaks_from(path)]
    if worker:
        config.workeroutput["canaries"] = (leaks, looked)  # type: ignore[attr-defined]
    elif leaks and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node) -> None:
    """Take what a worker found; one that crashed has failed the session already."""
    leaks, looked = getattr(node, "workeroutput", {}).get("canaries", ([], [0, 0, 0]))
    node.config.stash[_LEAKS].extend(leaks)
    node.config.stash[_LOOKED] = [a + b for a, b in zip(node.config.stash[_LOOKED], looked, strict=True)]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name what was found."""
    config = terminalreporter.config
    for leak in config.stash[_LEAKS]:
        terminalreporter.write_line(f"a key can be read in {leak}", red=True)
    records, reports, count = config.stash[_LOOKED]
    said = f"{records} log records, {reports} reports and {count} files were looked through for keys"
    terminalreporter.write_line(f"{said}, {len(config.stash[_LEAKS])} found in records and files")


# --- files -------------------------------------------------------------------------------------


def files(folder: Path | None) -> list[Path]:
    """Return all plain files below a folder."""
    walk = os.walk(folder) if folder is not None else ()
    paths = (Path(here, name) for here, _, names in walk for name in names)
    return [path for path in paths if path.is_file() and not path.is_symlink()]


def leaks_from(path: Path) -> bool:
    """Say whether a key can be read in a file in which none belongs, or in its path."""
    return sung(str(path)) or (path.name not in AT_HOME and sung_in(_bytes(path)))


def _bytes(path: Path) -> bytes:
    """Return a file's bytes, and those of what is in it if it is an archive."""
    try:
        data = path.read_bytes()
    except OSError:  # locked, as some tests want it
        return b""
    if data[:4] == b"PK\x03\x04":
        # Archives damaged on purpose fail in many ways; what was read of them is looked at.
        with suppress(Exception), zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                data += archive.read(name)
    return data
