"""Results for people: figures, the tear sheet, and files."""
