"""Notes and manifests that fit their checksums, but that `research.learning.artifact` never wrote."""

import hashlib
import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

EMPTY = hashlib.sha256(b"").hexdigest()


# --- `current`, well sealed or not -------------------------------------------------------------


def point(store: Path, *lines: str) -> None:
    text = "".join(f"{line}\n" for line in lines).encode()
    (store / "current").write_bytes(text + f"sha256 {hashlib.sha256(text).hexdigest()}\n".encode())


def naming(lines: Callable[[str], tuple[str, ...]], store: Path, version: str) -> None:
    point(store, *lines(version))


def unsealed(text: str, store: Path, version: str) -> None:
    (store / "current").write_text(text.format(version))


def notes() -> Iterator[tuple[str, Callable[[Path, str], None]]]:
    sealed: dict[str, Callable[[str], tuple[str, ...]]] = {
        "nothing": lambda v: (),
        "an empty line": lambda v: ("",),
        "a way out": lambda v: (f"../versions/{v}",),
        "a far way out": lambda v: ("../../../../etc",),
        "an absolute path": lambda v: ("/etc",),
        "a dot": lambda v: (".",),
        "a version not there": lambda v: ("a" * 64,),
        "spaces": lambda v: (f" {v}",),
        "a carriage return": lambda v: (f"{v}\r",),
        "another alphabet": lambda v: ("\N{FULLWIDTH DIGIT ONE}" * 64,),
        "a broken past": lambda v: (v, "x"),
        "a NUL": lambda v: (f"{v}\0",),
    }
    for name, lines in sealed.items():
        yield f"current names {name}", partial(naming, lines)
    for name, text in {"bare": "{}\n", "bare without end": "{}", "quoted": '"{}"'}.items():
        yield f"current unsealed: {name}", partial(unsealed, text)


# --- manifests that fit their name, but were not written by `write_version` --------------------


def forged(change: Callable[[str], str | bytes], store: Path, version: str) -> None:
    """Change the manifest's text, and name the version and promote it as that text demands."""
    place = store / "versions" / version
    text = change((place / "manifest.json").read_text())
    data = text if isinstance(text, bytes) else text.encode()
    (place / "manifest.json").write_bytes(data)
    name = hashlib.sha256(data).hexdigest()
    if name != version:
        place.rename(place.with_name(name))
        point(store, name)


def edited(act: Callable[[dict[str, Any]], Any], text: str) -> str:
    told = json.loads(text)
    act(told)
    return json.dumps(told, sort_keys=True, indent=1) + "\n"


def listing(path: str, manifest: dict[str, Any]) -> None:
    manifest["files"][path] = {"sha256": EMPTY, "size": 0}


def forgeries() -> Iterator[tuple[str, Callable[[Path, str], None]]]:
    texts: dict[str, Callable[[str], str | bytes]] = {
        "a key twice": lambda t: t.replace('"format": 1', '"format": 1,\n "format": 1'),
        "a fact twice": lambda t: t.replace('"kernels"', '"kernels": "0b5c6a",\n  "kernels"'),
        "NaN": lambda t: t.replace("0.05", "NaN"),
        "infinity": lambda t: t.replace("0.05", "-Infinity"),
        "beyond floats": lambda t: t.replace("0.05", "1e999"),
        "a long number": lambda t: t.replace("31", "3" * 5000),
        "a large number": lambda t: t.replace("31", str(2**64)),
        "another spelling of a number": lambda t: t.replace("0.05", "5e-2"),
        "other spacing": lambda t: t.replace(": ", ":"),
        "no last newline": str.rstrip,
        "deep lists": lambda t: t.replace("31", "[" * 100_000 + "]" * 100_000),
        "lists a little too deep": lambda t: t.replace("31", "[" * 40 + "]" * 40),
        "deep objects": lambda t: t.replace("31", '{"a":' * 50_000 + "1" + "}" * 50_000),
        "open lists": lambda t: "[" * 200_000,
        "a byte order mark": lambda t: b"\xef\xbb\xbf" + t.encode(),
        "UTF-16": lambda t: t.encode("utf-16"),
        "no JSON": lambda t: "tree",
        "nothing": lambda t: "",
        "a list": lambda t: "[]\n",
        "a comment": lambda t: f"// {t}",
        "two values": lambda t: t + t,
    }
    for name, change in texts.items():
        yield f"manifest forged: {name}", partial(forged, change)
    record = {"sha256": EMPTY, "size": 0}
    edits: dict[str, Callable[[dict[str, Any]], Any]] = {
        "format 2": lambda m: m.update(format=2),
        "format true": lambda m: m.update(format=True),
        "format 1.0": lambda m: m.update(format=1.0),
        "no format": lambda m: m.pop("format"),
        "no facts": lambda m: m.pop("facts"),
        "facts a list": lambda m: m.update(facts=[]),
        "files a list": lambda m: m.update(files=[]),
        "one key more": lambda m: m.update(more=1),
        "a file less": lambda m: m["files"].pop("empty.bin"),
        "a file more": lambda m: m["files"].update(more=record),
        "itself": lambda m: m["files"].update({"manifest.json": record}),
        "size as text": lambda m: m["files"]["empty.bin"].update(size="0"),
        "negative size": lambda m: m["files"]["empty.bin"].update(size=-1),
        "vast size": lambda m: m["files"]["empty.bin"].update(size=2**62),
        "size false": lambda m: m["files"]["empty.bin"].update(size=False),
        "digest in capitals": lambda m: m["files"]["empty.bin"].update(sha256=EMPTY.upper()),
        "no digest": lambda m: m["files"]["empty.bin"].pop("sha256"),
        "digest of other bytes": lambda m: m["files"]["empty.bin"].update(sha256="0" * 64),
        "record a list": lambda m: m["files"].update({"empty.bin": [0]}),
    }
    for path in ("../current", "/etc/hostname", "a/b", "..", "", ".hidden", "a\\b", "a\0b", "c" * 200):
        edits[f"path {path[:20]!r}"] = partial(listing, path)
    for name, act in edits.items():
        yield f"manifest forged: {name}", partial(forged, partial(edited, act))
