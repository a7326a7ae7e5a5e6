"""Keys that are looked for in everything that comes out of the tests (`tests/canaries.py` looks)."""

KEY, SECRET = "AKCANARY00SONGBIRD01", "canary-secret-f00dfacecafe-0002"
NAMES = {"APCA_API_KEY_ID": KEY, "APCA_API_SECRET_KEY": SECRET}

# Tests that let the keys be read in a log, to show that this would be seen.
ON_PURPOSE = {"test_the_library_itself_logs_the_keys"}
# The settings file is where keys belong; tests write such files.
AT_HOME = {"alpaca.toml"}

_NOTES = tuple(key[at : at + 12] for key in (KEY, SECRET) for at in range(0, len(key) - 11, 4))
_RAW = tuple(note.encode() for note in _NOTES)


def sung(text: str) -> bool:
    """Say whether a key can be read in a text, whole or its greater part."""
    return any(note in text for note in _NOTES)


def sung_in(data: bytes) -> bool:
    """Say it of a file's bytes."""
    return any(note in data for note in _RAW)
