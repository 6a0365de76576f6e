"""Finds the documents that help texts and messages refer to."""

from pathlib import Path


def named(name: str) -> Path:
    """Return the path of a file of docs/: inside the package in a wheel, beside the package in a clone."""
    package = Path(__file__).parent
    inside = package / "docs" / name
    return inside if inside.exists() else package.parent / "docs" / name
