"""A store of models gives back exactly what was written, or refuses; over 200 damaged ones are refused."""

import shutil
from pathlib import Path

import pytest

from research.errors import ArtifactError, BadValue
from research.learning.artifact import (
    current_version,
    promote,
    prune,
    read_version,
    rollback,
    versions,
    write_version,
)
from tests.learning.damages import FACTS, FILES, damages, description, store_in


@pytest.fixture
def made(tmp_path):
    return store_in(tmp_path)


# --- what it gives back ------------------------------------------------------------------------


def test_reads_what_was_written(made):
    store, version = made
    for chosen in (None, version):
        facts, files = read_version(store, chosen, expect=FACTS)
        assert facts == FACTS
        assert files == FILES
    assert current_version(store) == version


def test_tuples_come_back_as_lists_and_expect_may_be_tuples(tmp_path):
    version = write_version(tmp_path, {}, {"features": ("a", "b")})
    assert read_version(tmp_path, version, expect={"features": ("a", "b")}) == ({"features": ["a", "b"]}, {})


def test_same_content_has_the_same_id_and_is_stored_once(made):
    store, version = made
    place = store / "versions" / version
    before = {path: path.stat().st_mtime_ns for path in [place, *place.iterdir()]}
    shuffled = {name: FILES[name] for name in reversed(FILES)}
    assert write_version(store, shuffled, {k: FACTS[k] for k in reversed(FACTS)}) == version
    assert {path: path.stat().st_mtime_ns for path in [place, *place.iterdir()]} == before
    assert len(versions(store)) == 2
    assert write_version(store, FILES, FACTS | {"cutoff": "2024-03-02"}) != version


def test_version_is_as_readable_as_any_new_file(tmp_path):
    version = write_version(tmp_path / "a", FILES, {})
    plain = tmp_path / "plain"
    plain.write_bytes(b"")
    (tmp_path / "b").mkdir()
    place = tmp_path / "a" / "versions" / version
    assert place.stat().st_mode == (tmp_path / "b").stat().st_mode
    assert (place / "weights.npz").stat().st_mode == plain.stat().st_mode


# --- promotion ---------------------------------------------------------------------------------


def three(store: Path) -> list[str]:
    return [write_version(store, {"model": bytes([i])}, {}) for i in range(3)]


def test_rollback_goes_back_one_at_a_time(tmp_path):
    a, b, c = three(tmp_path)
    for version in (a, b, c, c):
        promote(tmp_path, version)
    assert [rollback(tmp_path), rollback(tmp_path)] == [b, a]
    with pytest.raises(ArtifactError, match="earlier promoted version"):
        rollback(tmp_path)
    assert current_version(tmp_path) == a
    assert set(versions(tmp_path)) == {a, b, c}


def test_promoting_an_old_one_again_makes_the_current_its_previous(tmp_path):
    a, b, c = three(tmp_path)
    for version in (a, b, c, a):
        promote(tmp_path, version)
    assert rollback(tmp_path) == c


def test_damaged_version_is_not_promoted(made):
    store, version = made
    old = next(v for v in versions(store) if v != version)
    (store / "versions" / old / "lightgbm.txt").write_bytes(b"olD")
    for act in (lambda: promote(store, old), lambda: rollback(store)):
        with pytest.raises(ArtifactError, match="SHA-256"):
            act()
    assert current_version(store) == version


def test_prune_keeps_current_previous_and_named(tmp_path):
    made = [write_version(tmp_path, {"model": bytes([i])}, {}) for i in range(6)]
    for version in made[:4]:
        promote(tmp_path, version)
    assert prune(tmp_path, [made[5]]) == tuple(sorted([made[0], made[1], made[4]]))
    assert versions(tmp_path) == tuple(sorted([made[2], made[3], made[5]]))
    assert prune(tmp_path, [made[5]]) == ()
    assert rollback(tmp_path) == made[2]
    with pytest.raises(ArtifactError, match="earlier promoted"):
        rollback(tmp_path)


def test_prune_deletes_nothing_on_a_mistake(tmp_path):
    a, b, c = three(tmp_path)
    with pytest.raises(ArtifactError, match="promoted model"):
        prune(tmp_path)
    for version in (a, b, c):
        promote(tmp_path, version)
    with pytest.raises(ArtifactError, match="`keep` must name versions"):
        prune(tmp_path, ["f" * 64])
    with pytest.raises(BadValue, match="wrap it in a list"):
        prune(tmp_path, a)
    assert set(versions(tmp_path)) == {a, b, c}


# --- what is not there -------------------------------------------------------------------------


def test_missing_and_empty_stores_say_how_to_train(tmp_path):
    absent = tmp_path / "absent"
    (tmp_path / "empty").mkdir()
    assert versions(absent) == versions(tmp_path / "empty") == ()
    for store in (absent, tmp_path / "empty"):
        for act in (
            lambda s=store: read_version(s),
            lambda s=store: read_version(s, "0" * 64),
            lambda s=store: promote(s, "0" * 64),
            lambda s=store: rollback(s),
            lambda s=store: prune(s),
            lambda s=store: current_version(s),
        ):
            with pytest.raises(ArtifactError, match=r"python -m research train --out \S+") as caught:
                act()
            assert "\n" not in str(caught.value)
    assert not absent.exists()


# --- what is damaged ---------------------------------------------------------------------------


def test_every_damaged_store_is_refused(tmp_path):
    """In one process: none of them kills it, and none gives a byte to a parser."""
    pristine, version = store_in(tmp_path / "pristine")
    before = description(pristine)
    refused, read = {}, []
    for k, (name, damage) in enumerate(damages()):
        store = tmp_path / str(k) / "models"
        shutil.copytree(pristine, store)
        expect = damage(store, version) or FACTS
        if description(store) == before:
            continue
        try:
            read_version(store, expect=expect)
            read.append(name)
        except ArtifactError as problem:
            refused[name] = str(problem).replace(str(store), "STORE")
        shutil.rmtree(store.parent)
    assert read == []
    assert len(refused) >= 300
    assert [m for m in refused.values() if not m.isprintable() or "STORE" not in m] == []
    assert read_version(pristine, expect=FACTS) == (FACTS, FILES)  # the positive control


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (
            {"features": ["rsi_14", "ret_1", "ret_5", "z_20"]},
            "`features` at place 3 is 'ret_2', must be 'ret_5'",
        ),
        ({"features": ["rsi_14", "ret_1", "ret_2"]}, "`features` has 4 places, must have 3"),
        ({"cutoff": "2024-03-01", "kernels": "1c"}, "`kernels` is '0b5c6a', must be '1c'"),
        ({"data": "77"}, "`data` is missing, must be '77'"),
        ({"libraries": {"numpy": "2.4.6"}}, "`libraries` of 'lightgbm' is '4.6.0', must not be there"),
        ({"settings": {**FACTS["settings"], "balanced": 1}}, "`settings` of 'balanced' is True, must be 1"),
    ],
)
def test_first_fact_that_differs_is_named(made, changed, said):
    store, version = made
    with pytest.raises(ArtifactError) as caught:
        read_version(store, expect=changed)
    place = store / "versions" / version
    assert str(caught.value) == f"{place}: {said}; train one: python -m research train --out {store}"


@pytest.mark.parametrize(
    ("files", "facts", "said"),
    [
        ({"a/b": b""}, {}, "plain name"),
        ({"..": b""}, {}, "plain name"),
        ({"manifest.json": b""}, {}, "plain name"),
        ({"Manifest.JSON": b""}, {}, "plain name"),
        ({"a": b"", "A": b""}, {}, "plain name"),
        ({"a": "text"}, {}, "must be bytes, 'a' is str"),
        ({}, {"x": float("nan")}, "facts.x must be a JSON value"),
        ({}, {"x": [1, {2}]}, r"facts.x\[1\] must be a JSON value"),
        ({}, {"x": b"1"}, "facts.x must be a JSON value"),
        ({}, {"x": {1: 2}}, "facts.x must have text as keys, has 1"),
        ({}, {"x": 2**64}, "facts.x must be a JSON value"),
        ({}, {"x": "y" * 2**24}, "must fit 16,777,216 bytes"),
    ],
)
def test_what_cannot_be_stored_is_refused_before_anything_is_made(tmp_path, files, facts, said):
    with pytest.raises(BadValue, match=said):
        write_version(tmp_path / "models", files, facts)
    assert not (tmp_path / "models").exists()


def test_content_that_is_there_but_damaged_is_not_taken_for_stored(made):
    store, version = made
    (store / "versions" / version / "empty.bin").write_bytes(b"x")
    with pytest.raises(ArtifactError, match=r"empty\.bin must have 0 bytes at most, has 1"):
        write_version(store, FILES, FACTS)
