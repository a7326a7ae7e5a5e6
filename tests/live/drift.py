"""What an answer may turn into when the broker changes its contract: one change at a time.

A mutant is the true answer with one place changed: a field removed, set to null, to text that is no word of
theirs, to another type; or a field added that is not known. `STRANGE` cannot be mistaken for a true value of
any field but a flag; `NUMBERS` can, and are there for what they break further on.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

GONE = object()
NEST: list[Any] = []
for _ in range(100):
    NEST = [NEST]
STRANGE: list[Any] = [
    GONE,
    None,
    "",
    "moonlit",
    "NaN",
    True,
    False,
    [],
    ["moonlit"],
    {},
    {"moonlit": 1},
    NEST,
]
NUMBERS: list[Any] = [
    0, -1, 7, 0.1, 1e-300, 10**400, float("nan"), float("inf"), "0", "-1", "Infinity", "1e999999999",
    "1e-999999999", "9" * 5000,
]  # fmt: skip

Path = tuple[Any, ...]


def places(value: Any, at: Path = ()) -> Iterator[Path]:
    """Yield every place below an answer's top: its fields, and those of what is inside them."""
    items: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, list):
        items = list(enumerate(value))
    for key, inner in items:
        yield (*at, key)
        yield from places(inner, (*at, key))


def mappings(value: Any, at: Path = ()) -> Iterator[Path]:
    """Yield the places of all JSON objects, the top among them."""
    if isinstance(value, dict):
        yield at
    for place in places(value):
        if isinstance(found(value, place), dict):
            yield (*at, *place)


def found(value: Any, place: Path) -> Any:
    """Return what is at a place."""
    for key in place:
        value = value[key]
    return value


def with_change(value: Any, place: Path, new: Any) -> Any:
    """Return an answer with one place changed, or taken away."""
    if not place:
        return new
    value = copy.deepcopy(value)
    holder = found(value, place[:-1])
    if new is GONE:
        del holder[place[-1]]
    else:
        holder[place[-1]] = new
    return value


def told(place: Path, new: Any) -> str:
    """Return a change in words."""
    shown = "gone" if new is GONE else json.dumps(new)[:40]
    return f"{'.'.join(map(str, place)) or 'all of it'} = {shown}"


def mutants(true: Any, values: list[Any]) -> Iterator[tuple[Path, Any, Any]]:
    """Yield (place, value, mutant) for each place and value; never the true answer itself."""
    for place in places(true):
        was = found(true, place)
        for new in values:
            # True and 1 are not the same to JSON, so types are compared as well.
            if new is GONE or type(new) is not type(was) or new != was:
                yield place, new, with_change(true, place, new)


def tops(true: Any) -> Iterator[tuple[Path, Any, Any]]:
    """Yield whole answers that are something else; an empty list is none, it may be the truth."""
    new: Any
    for new in [*STRANGE[2:], *NUMBERS]:
        if type(new) is not type(true):
            yield (), new, new


def additions(true: Any) -> Iterator[tuple[Path, Any, Any]]:
    """Yield answers with one field more, anywhere."""
    new: Any
    for place in mappings(true):
        for new in ("moonlit", 7, None, [], {"moonlit": 1}):
            yield (*place, "novelty"), new, with_change(true, (*place, "novelty"), new)
