"""Some 300 ways to damage, forge or mistake a store of models. Data for `test_artifact`.

Each damage is a name and a function of the store and the id of its promoted version, which returns the
facts that its reader shall expect.
"""

import itertools
import os
import random
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from research.learning.artifact import promote, write_version
from tests.learning.forgeries import forgeries, notes, point

FACTS: dict[str, Any] = {
    "features": ["rsi_14", "ret_1", "ret_2", "z_20"],
    "kernels": "0b5c6a",
    "cutoff": "2024-03-01",
    "libraries": {"lightgbm": "4.6.0", "numpy": "2.4.6"},
    "settings": {"leaves": 31, "rate": 0.05, "balanced": True, "depth": None},
}
FILES = {
    "lightgbm.txt": b"tree\nversion=v4\n" * 20,
    "weights.npz": random.Random(1).randbytes(400),
    "empty.bin": b"",
}
Damage = Callable[[Path, str], dict[str, Any] | None]


def store_in(folder: Path) -> tuple[Path, str]:
    """A store whose promoted version is FILES and FACTS, after an older one."""
    store = folder / "models"
    promote(store, write_version(store, {"lightgbm.txt": b"old"}, FACTS))
    version = write_version(store, FILES, FACTS)
    promote(store, version)
    return store, version


def description(store: Path) -> dict[str, tuple[str, Any]]:
    """What a store holds: kind and bytes of everything in it, to see that a damage is one."""
    told: dict[str, tuple[str, Any]] = {}
    for path in sorted(store.rglob("*")):
        name = str(path.relative_to(store))
        if path.is_symlink():
            told[name] = ("link", str(path.readlink()))
        elif path.is_file():
            told[name] = ("file", path.read_bytes())
        else:
            told[name] = ("other", path.stat().st_mode)
    return told


def damages() -> Iterator[tuple[str, Damage]]:
    rng = random.Random(20261122)
    sizes = {"current": 3 * 65 + 7, "manifest.json": 1000} | {k: len(v) for k, v in FILES.items() if v}
    for name, size in sizes.items():
        for k in range(25):
            yield f"bit flipped in {name}, {k}", partial(flip, name, rng.randrange(8 * size))
        for k in range(12):
            yield f"{name} cut short, {k}", partial(cut, name, k / 12 if k else 0.0)
    for name in (*sizes, "empty.bin"):
        yield f"{name} deleted", partial(on_file, name, Path.unlink)
        yield f"{name} a folder", partial(on_file, name, as_folder)
        yield f"{name} a link", partial(on_file, name, as_link)
        yield f"{name} a pipe", partial(on_file, name, as_pipe)
        yield f"{name} a link to nothing", partial(on_file, name, as_dangling)
        for tail in (b"\0", b"\n", b"x", b"{}"):
            yield f"{name} with {tail!r} appended", partial(append, name, tail)
    for name in ("extra", ".hidden", "lightgbm.txt~", "manifest.json.bak", "LIGHTGBM.TXT", "mød.txt"):
        yield f"{name} added", partial(add, name)
    yield "folder added", lambda s, v: (s / "versions" / v / "more").mkdir()
    yield "link added", lambda s, v: (s / "versions" / v / "more").symlink_to("manifest.json")
    for a, b in itertools.combinations((*FILES, "manifest.json"), 2):
        yield f"{a} and {b} swapped", partial(swap, a, b)
    yield from places()
    yield from other_facts(rng)
    yield from notes()
    yield from forgeries()


# --- bytes and kinds ---------------------------------------------------------------------------


def path_of(store: Path, version: str, name: str) -> Path:
    return store / name if name == "current" else store / "versions" / version / name


def on_file(name: str, act: Callable[[Path], None], store: Path, version: str) -> None:
    act(path_of(store, version, name))


def flip(name: str, bit: int, store: Path, version: str) -> None:
    path = path_of(store, version, name)
    data = bytearray(path.read_bytes())
    data[bit // 8 % len(data)] ^= 1 << bit % 8
    path.write_bytes(data)


def cut(name: str, part: float, store: Path, version: str) -> None:
    path = path_of(store, version, name)
    data = path.read_bytes()
    path.write_bytes(data[: int(part * len(data))])


def append(name: str, tail: bytes, store: Path, version: str) -> None:
    path = path_of(store, version, name)
    path.write_bytes(path.read_bytes() + tail)


def add(name: str, store: Path, version: str) -> None:
    path_of(store, version, name).write_bytes(b"more")


def as_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def as_link(path: Path) -> None:
    """The very same bytes, but elsewhere."""
    elsewhere = path.parent.parent / f"copy of {path.name}"
    path.rename(elsewhere)
    path.symlink_to(elsewhere)


def as_dangling(path: Path) -> None:
    path.unlink()
    path.symlink_to("nowhere")


def as_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def swap(a: str, b: str, store: Path, version: str) -> None:
    first, second = path_of(store, version, a), path_of(store, version, b)
    one, two = first.read_bytes(), second.read_bytes()
    first.write_bytes(two)
    second.write_bytes(one)


# --- versions under other names ----------------------------------------------------------------


def places() -> Iterator[tuple[str, Damage]]:
    def older(store: Path, version: str) -> Path:
        return next(p for p in (store / "versions").iterdir() if p.name != version)

    def renamed(name: Callable[[str], str], note: bool, store: Path, version: str) -> None:
        place = store / "versions" / version
        place.rename(place.with_name(name(version)))
        if note:
            point(store, name(version))

    def swapped(store: Path, version: str) -> None:
        place, other, aside = store / "versions" / version, older(store, version), store / "aside"
        for source, target in ((place, aside), (other, place), (aside, other)):
            source.rename(target)

    def replaced(name: str, store: Path, version: str) -> None:
        shutil.copy(older(store, version) / name, store / "versions" / version / name)

    def linked(path: Callable[[Path, str], Path], store: Path, version: str) -> None:
        place = path(store, version)
        place.rename(store.parent / "elsewhere")
        place.symlink_to(store.parent / "elsewhere")

    def emptied(store: Path, version: str) -> None:
        shutil.rmtree(store / "versions" / version)

    def only_empty(store: Path, version: str) -> None:
        emptied(store, version)
        (store / "versions" / version).mkdir()

    def a_file(store: Path, version: str) -> None:
        emptied(store, version)
        (store / "versions" / version).write_bytes(b"")

    names: dict[str, Callable[[str], str]] = {
        "zeros": lambda v: "0" * 64,
        "upper case": lambda v: v.upper(),
        "shorter": lambda v: v[:-1],
        "longer": lambda v: f"{v}0",
        "reversed": lambda v: v[::-1],
        "dotted": lambda v: f".{v}",
        "one digit off": lambda v: v[:-1] + ("0" if v[-1] != "0" else "1"),
    }
    for name, act in names.items():
        yield f"version renamed: {name}", partial(renamed, act, False)
        yield f"version renamed, and promoted so: {name}", partial(renamed, act, True)
    yield "two versions swapped", swapped
    yield "manifest of another version", partial(replaced, "manifest.json")
    yield "file of another version", partial(replaced, "lightgbm.txt")
    yield "version a link", partial(linked, lambda s, v: s / "versions" / v)
    yield "versions a link", partial(linked, lambda s, v: s / "versions")
    yield "version gone", emptied
    yield "version empty", only_empty
    yield "version a file", a_file
    yield "versions gone", lambda s, v: shutil.rmtree(s / "versions")


# --- sound, but of other make ------------------------------------------------------------------


def other_facts(rng: random.Random) -> Iterator[tuple[str, Damage]]:
    def make(facts: dict[str, Any], store: Path, version: str) -> dict[str, Any]:
        promote(store, write_version(store, FILES, facts))
        return FACTS

    features: list[str] = FACTS["features"]
    orders = [list(p) for p in itertools.permutations(features) if list(p) != features]
    for order in rng.sample(orders, 15):
        yield f"features reordered: {order}", partial(make, FACTS | {"features": order})
    for k, name in enumerate(features):
        without = features[:k] + features[k + 1 :]
        yield f"feature {name} left out", partial(make, FACTS | {"features": without})
        yield f"feature {name} twice", partial(make, FACTS | {"features": [*features, name]})
    yield "no feature", partial(make, FACTS | {"features": []})
    for name in FACTS:
        yield f"{name} not told", partial(make, {k: v for k, v in FACTS.items() if k != name})
        yield f"{name} null", partial(make, FACTS | {name: None})
    yield "other kernels", partial(make, FACTS | {"kernels": "0b5c6b"})
    yield "other cutoff", partial(make, FACTS | {"cutoff": "2024-03-02"})
    yield "other library", partial(make, FACTS | {"libraries": {"lightgbm": "4.6.1", "numpy": "2.4.6"}})
    yield "library more", partial(make, FACTS | {"libraries": FACTS["libraries"] | {"torch": "2.8"}})
    for name, value in {"leaves": 32, "rate": 0.050000000000000003 * 1.1, "balanced": 1, "depth": 0}.items():
        yield f"other {name}", partial(make, FACTS | {"settings": FACTS["settings"] | {name: value}})
