"""Lines of a test file that are marked as wrong, by the comment at their end."""

from pathlib import Path


def marked(file: str, word: str) -> int:
    """Return the number of the line of this file that ends with `# wrong: word`."""
    lines = Path(file).read_text("utf8").splitlines()
    (found,) = (number for number, line in enumerate(lines, 1) if line.endswith(f"# wrong: {word}"))
    return found
