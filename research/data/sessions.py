"""Exchange calendar."""
