"""Which tests need an extra, and which of them are left out here because it is missing.

`pip install -e ".[test]"` brings none of the library's extras: torch and xgboost come with gigabytes for
graphics cards. What is tested without them, such as how their lack is refused, is in the ordinary test
modules. A module whose name ends in ``_with_<library>.py`` is collected only where that library is installed.
Which are not is told in the head and in the last lines of every run; `.ci/run` installs all and fails if any
is left out.
"""

import re
from importlib.util import find_spec
from pathlib import Path

TESTS = Path(__file__).parent

# Library, as file names have it, to the extra that brings it and what must be importable.
LIBRARIES = {
    "dask": ("dask", ("dask", "distributed")),
    "ray": ("ray", ("ray",)),
    "torch": ("lstm", ("torch",)),
    "xgboost": ("xgboost", ("xgboost",)),
}


def library_of(path: Path) -> str:
    """Return the library of an extra that a test module needs; "" for none."""
    match = re.search(r"^test_\w+_with_([a-z]+)$", path.stem)
    return match[1] if match and match[1] in LIBRARIES else ""


def lacks(library: str) -> bool:
    """Whether a library is not installed here."""
    return any(find_spec(module) is None for module in LIBRARIES[library][1])


def is_left_out(path: Path) -> bool:
    """Whether a test module cannot run here."""
    library = library_of(path)
    return bool(library) and lacks(library)


def left_out() -> list[str]:
    """Return a line for each test module that cannot run here."""
    lines = []
    for path in sorted(TESTS.rglob("test_*_with_*.py")):
        if is_left_out(path):
            library = library_of(path)
            remedy = f"pip install -e '.[{LIBRARIES[library][0]}]'"
            lines.append(f"{path.relative_to(TESTS.parent)} ({library} is missing: {remedy})")
    return lines
