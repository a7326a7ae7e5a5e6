"""Keys that are looked for in everything that comes out of the live side's tests."""

KEY, SECRET = "AKCANARY00SONGBIRD01", "canary-secret-f00dfacecafe-0002"

# Tests that let the keys be read in a log, to show that this would be seen.
ON_PURPOSE = {"test_the_library_itself_logs_the_keys"}


def sung(text: str) -> bool:
    """Say whether a key can be read in a text, whole or its greater part."""
    return any(key[at : at + 12] in text for key in (KEY, SECRET) for at in range(0, len(key) - 11, 4))
