"""The repository's own promises: what it installs, what README and lock say, and who may import what."""

import ast
import re
import socket
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

import research
from tests.extras import LIBRARIES, is_left_out, left_out

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]


def as_requirements(lines: list[str]) -> set[str]:
    return {str(Requirement(line)) for line in lines}


# --- requirements ------------------------------------------------------------------------------


def test_environment_yml_equals_pyproject():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    python, pip, through_pip = environment["dependencies"]
    assert environment["name"] == PROJECT["name"]
    assert python.split(maxsplit=1) == ["python", PROJECT["requires-python"]]
    assert pip == "pip"
    wanted = as_requirements(PROJECT["dependencies"] + EXTRAS["notebooks"] + EXTRAS["test"])
    assert as_requirements(through_pip["pip"]) == wanted
    assert len(through_pip["pip"]) == len(wanted)


def test_every_requirement_has_a_lower_bound():
    for line in PROJECT["dependencies"] + [line for extra in EXTRAS.values() for line in extra]:
        assert any(part.operator == ">=" for part in Requirement(line).specifier), line


def test_python_versions_are_those_of_the_classifiers():
    said = [c.rpartition(" ")[2] for c in PROJECT["classifiers"] if "Python :: 3." in c]
    allowed = SpecifierSet(PROJECT["requires-python"])
    assert said == [f"3.{minor}" for minor in range(30) if f"3.{minor}" in allowed]


def locked() -> dict[str, list[Version]]:
    """Name to the versions that the lock pins it to (one per range of Pythons)."""
    pins: dict[str, list[Version]] = {}
    for line in (ROOT / "requirements.lock").read_text().splitlines():
        if match := re.match(r"([A-Za-z0-9._-]+)==(\S+)", line):
            pins.setdefault(canonicalize_name(match[1]), []).append(Version(match[2]))
    return pins


def test_lock_satisfies_pyproject():
    pins = locked()
    for line in PROJECT["dependencies"] + EXTRAS["test"]:
        requirement = Requirement(line)
        versions = pins.get(canonicalize_name(requirement.name), [])
        assert versions, f"{requirement.name} is not locked"
        assert all(version in requirement.specifier for version in versions), (
            f"{line} is locked to {versions}"
        )


def test_lock_hashes_every_entry():
    entries = re.split(r"\n(?=[A-Za-z0-9])", (ROOT / "requirements.lock").read_text())
    entries = [entry for entry in entries if not entry.startswith("#")]
    assert len(entries) == sum(map(len, locked().values()))
    for entry in entries:
        assert re.search(r"\n    --hash=sha256:[0-9a-f]{64}", entry), entry


def test_lock_holds_no_address_and_no_path():
    for line in (ROOT / "requirements.lock").read_text().splitlines():
        assert "/" not in line, line
        assert not re.match(r"\s*--(index-url|extra-index-url|find-links|trusted-host)", line), line


# --- what the papers say -----------------------------------------------------------------------


def test_quick_start_is_exactly_two_commands():
    section = re.search(
        r"^## Quick start\n(.*?)^## ", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL
    )
    assert section
    blocks = re.findall(r"```bash\n(.*?)```", section[1], re.DOTALL)
    assert [line for block in blocks for line in block.splitlines()] == [
        "pip install -e . && python -m research demo",
        'pip install -e ".[test]" && pytest',
    ]


def test_readme_pictures_and_links_exist():
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+)", page.read_text()):
            if not target.startswith("https://"):
                assert (page.parent / target).exists(), f"{page.name} points to {target}"


def test_license_is_mit_and_named():
    assert (ROOT / "LICENSE").read_text().startswith("MIT License\n")
    assert PROJECT["license"] == "MIT"
    assert "Commons Clause" in (ROOT / "README.md").read_text()


def test_version_is_one():
    assert research.__version__ == PROJECT["version"]
    assert f"## {PROJECT['version']}" in (ROOT / "CHANGELOG.md").read_text()


# --- the house ---------------------------------------------------------------------------------

# Who may import what; a path that ends in "/" means the folder. The layers between our own rooms are in
# pyproject.toml.
DOORS = {
    "vectorbt": ("research/simulation/vectorbt_door.py", "research/report/"),
    "alpaca": ("research/data/", "live/talk.py"),
    "pandas": ("research/simulation/vectorbt_door.py", "research/report/", "research/data/sessions.py"),
    "plotly": ("research/report/",),
    "exchange_calendars": ("research/data/sessions.py",),
    "talib": (),
    "requests": ("live/talk.py",),
    "websockets": ("live/stream_line.py",),
}


@cache
def imported(path: Path) -> set[str]:
    """Top-level names of all modules that a file imports, at any depth of its code."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            names |= {str(arg.value) for arg in node.args if isinstance(arg, ast.Constant)}
    return {name.partition(".")[0] for name in names}


def sources() -> list[Path]:
    return [path for room in ("research", "live") for path in sorted((ROOT / room).rglob("*.py"))]


@pytest.mark.parametrize("library", DOORS)
def test_libraries_come_in_by_their_own_doors(library):
    for path in sources():
        inside = path.relative_to(ROOT).as_posix()
        allowed = any(
            inside == door or (door.endswith("/") and inside.startswith(door)) for door in DOORS[library]
        )
        assert allowed or library not in imported(path), f"{inside} imports {library}"


def test_import_contracts_hold():
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_every_room_has_its_layer():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = re.findall(r"[a-z_.]+", " ".join(contracts[0]["layers"]))
    for path in sources():
        room = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        parents = {room} | {room.rsplit(".", depth)[0] for depth in range(1, room.count(".") + 1)}
        package = path.name == "__init__.py" and any(layer.startswith(room) for layer in layers)
        assert package or parents & set(layers), f"{room} is in no layer of pyproject.toml"


GOING_ON = {
    "live/runner.py": "the outermost loop",
    "live/looks.py": "the outermost loop",
    "live/deadline.py": "a thread hands what was raised to its caller",
    "research/simulation/needs.py": "what a strategy raises for a cell is its reason, the others run",
    "research/simulation/chunks.py": "a cell that raises is recorded with its reason, the others run",
}


def catching_everything() -> list[tuple[str, list[str], ast.ExceptHandler]]:
    """Return every broad handler: its file, that file's lines, and itself."""
    return [
        (path.relative_to(ROOT).as_posix(), path.read_text().splitlines(), node)
        for path in sources()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or ast.unparse(node.type) in {"Exception", "BaseException"})
    ]


def test_nothing_swallows_everything():
    """Raising again is fine, in words too; going on is for `GOING_ON` only."""
    for inside, _, node in catching_everything():
        last = node.body[-1]
        again = isinstance(last, ast.Raise) and (not last.exc or last.cause is not None)
        assert again or inside in GOING_ON, f"{inside}:{node.lineno}"


def test_what_catches_everything_says_why():
    """In a comment above it, beside it or as its first line; the bare `raise` of a clean-up needs none."""
    for inside, lines, node in catching_everything():
        last = node.body[-1]
        cleans = isinstance(last, ast.Raise) and last.exc is None and len(node.body) == 2
        near = [
            lines[node.lineno - 2],
            re.sub(r"# noqa: BLE001$", "", lines[node.lineno - 1]),
            lines[node.lineno],
        ]
        assert cleans or any("# " in line for line in near), f"{inside}:{node.lineno}"


# --- the test run itself -----------------------------------------------------------------------


def test_no_test_is_marked_to_be_left_out():
    for path in (ROOT / "tests").rglob("*.py"):
        names = {
            getattr(node, "attr", getattr(node, "id", "")) for node in ast.walk(ast.parse(path.read_text()))
        }
        assert not names & {"skip", "skipif", "importorskip", "xfail", "SkipTest", "skipTest"}, path


def test_extras_that_tests_ask_for_are_those_of_the_project():
    for extra, modules in LIBRARIES.values():
        assert [Requirement(line).name for line in EXTRAS[extra]] == list(modules)


def test_modules_that_need_an_extra_are_left_out_only_without_it(monkeypatch):
    path = ROOT / "tests" / "learning" / "test_lstm_with_torch.py"
    monkeypatch.setattr("tests.extras.find_spec", lambda name: None if name == "torch" else object())
    assert is_left_out(path)
    assert not is_left_out(path.with_name("test_lstm.py"))
    assert not is_left_out(ROOT / "tests" / "simulation" / "test_with_vectorbt.py")
    told = left_out()
    assert "tests/learning/test_lstm_with_torch.py (torch is missing: pip install -e '.[lstm]')" in told
    assert all("_with_torch.py" in line for line in told)
    monkeypatch.setattr("tests.extras.find_spec", lambda name: object())
    assert not is_left_out(path)
    assert left_out() == []


def test_tests_reach_no_network():
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as door:
        door.settimeout(1)
        with pytest.warns(UserWarning, match=r"192\.0\.2\.1"), pytest.raises(RuntimeError, match="allowed"):
            door.connect(("192.0.2.1", 443))


def test_tests_may_speak_to_this_machine():
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as host, socket.socket() as guest:
        host.bind(("127.0.0.1", 0))
        host.listen()
        guest.connect(host.getsockname())
