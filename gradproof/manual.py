"""What help and messages refer the reader to."""

from pathlib import Path


def named(name: str) -> Path:
    """Where a file of docs/ lies: a wheel has it inside the package, a checkout beside the package."""
    package = Path(__file__).parent
    inside = package / "docs" / name
    return inside if inside.exists() else package.parent / "docs" / name
