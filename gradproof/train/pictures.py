"""Turn a picture of a digit into the form that networks are trained on: light on black, cropped and centred."""

import math
import os
import warnings
from itertools import combinations
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from gradproof import files
from gradproof.errors import DataError
from gradproof.problem import Array

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
LARGEST = 10**8  # pixels of a picture
TOO_LARGE = f"more than {LARGEST:,} pixels; make it smaller"
ENOUGH = 1024  # rows or columns; larger pictures are scaled down to this
FAINT = 32  # of 255; a pixel that differs less from the background counts as background …
NOISE = 0.25  # … and so does one below this share of the largest difference, such as the grain of paper
CELLS = 48  # rows or columns into which a drawing is divided to find its parts; a gap within a cell is none
BOX = 20 / 28  # the share of a side that the digit fills, as in MNIST


class Part(NamedTuple):
    """The rows and columns that a part of a drawing takes up, in cells."""

    top: int
    left: int
    bottom: int
    right: int

    def beside(self, other: "Part") -> bool:
        """Whether the two share at least half of the rows and at most half of the columns of the smaller one."""
        rows = min(self.bottom, other.bottom) - max(self.top, other.top)
        columns = min(self.right, other.right) - max(self.left, other.left)
        shorter = min(self.bottom - self.top, other.bottom - other.top)
        return 2 * rows >= shorter and 2 * columns <= min(self.right - self.left, other.right - other.left)


def drawing(path: str | os.PathLike[str]) -> Array:
    """Return how strongly each pixel of a picture is drawn, from 0 (background) to 1 (rows, columns).

    Raises DataError if the file cannot be read as a picture or nothing is drawn on it.
    """
    drawn = _drawn(_opened(path))
    if not drawn.any():
        raise DataError(f"{path}: nothing is drawn on it")
    return drawn


def several(drawn: Array) -> bool:
    """Whether a drawing seems to hold several digits: separate parts of about the same height side by side."""
    parts = _parts(drawn > 0)
    tallest = max(part.bottom - part.top for part in parts)
    large = [part for part in parts if part.bottom - part.top >= tallest / 2]
    return any(one.beside(other) for one, other in combinations(large, 2))


def pixels(drawn: Array, side: int = 28) -> Array:
    """Return a drawing as (side, side) uint8, from 0 where nothing is drawn to 255 for the strongest pixel."""
    rows, columns = np.flatnonzero(drawn.any(axis=1)), np.flatnonzero(drawn.any(axis=0))
    cut = Image.fromarray(drawn[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])
    scale = max(1, round(BOX * side)) / max(cut.size)
    wide, high = (max(1, round(scale * n)) for n in cut.size)
    small = np.asarray(cut.resize((wide, high), Image.Resampling.BILINEAR), np.float64)
    small = np.clip(small / small.max(), 0, 1)
    whole = np.zeros((side, side), np.uint8)
    top, left = (
        min(max(0, round(side / 2 - centre)), side - extent)
        for centre, extent in zip(_centre(small), small.shape, strict=True)
    )
    whole[top : top + high, left : left + wide] = np.rint(255 * small)
    return whole


def _opened(path: str | os.PathLike[str]) -> Image.Image:
    """Return the picture, upright, as RGB on white."""
    try:
        with (
            files.opened(path) as handle,
            open(handle, "rb", closefd=False) as file,
            warnings.catch_warnings(action="ignore"),  # about its size and invalid tags
            Image.open(file, formats=FORMATS) as image,
        ):
            if math.prod(image.size) > LARGEST:
                raise DataError(TOO_LARGE)
            return _coloured(ImageOps.exif_transpose(image))
    except UnidentifiedImageError:
        raise DataError(f"{path}: not a picture; give one as {', '.join(FORMATS)}") from None
    except DataError as error:
        raise DataError(f"{path}: {error}") from None
    except MemoryError:
        raise DataError(f"{path}: too large for this machine's memory") from None
    except Image.DecompressionBombError:  # Pillow's own limit, which is higher
        raise DataError(f"{path}: {TOO_LARGE}") from None
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise DataError(f"{path}: {reason}") from None


def _coloured(image: Image.Image) -> Image.Image:
    """Return the picture as RGB, on white where it is transparent, scaled down to at most ENOUGH pixels a side."""
    if image.mode[0] in "IF":  # integers or floats of any range, such as 16 bits
        values = np.asarray(image, np.float64)
        low, high = float(values.min()), float(values.max())
        if not math.isfinite(high - low):
            raise DataError("has numbers that are not finite")
        scaled = 255 * (values - low) / (high - low) if high > low else 0 * values
        image = Image.fromarray(scaled.astype(np.uint8))
    image = image.convert("RGBA")
    image.thumbnail((ENOUGH, ENOUGH))
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")


def _drawn(image: Image.Image) -> Array:
    """Return how much each pixel differs from the background, from 0 to 1 (rows, columns), in either direction.

    The background is the median colour of the border.
    """
    values = np.asarray(image, np.float32)
    border = np.concatenate([values[0], values[-1], values[:, 0], values[:, -1]])
    drawn: Array = np.abs(values - np.median(border, axis=0)).max(axis=2)
    most = float(drawn.max())
    return np.where(drawn < max(FAINT, NOISE * most), 0, drawn / max(most, 1)).astype(np.float32)


def _parts(drawn: Array) -> list[Part]:
    """Return the parts of a drawing, bool (rows, columns), that no cell joins, not even at a corner."""
    step = -(-max(drawn.shape) // CELLS)
    across, down = (np.arange(0, n, step) for n in drawn.shape)
    cells = np.logical_or.reduceat(np.logical_or.reduceat(drawn, across, axis=0), down, axis=1)
    left = {(row, column) for row, column in np.argwhere(cells).tolist()}
    parts = []
    while left:
        found, todo = [], [left.pop()]
        while todo:
            row, column = todo.pop()
            found.append((row, column))
            near = {(row + i, column + j) for i in (-1, 0, 1) for j in (-1, 0, 1)} & left
            left -= near
            todo += near
        rows, columns = zip(*found, strict=True)
        parts.append(Part(min(rows), min(columns), max(rows) + 1, max(columns) + 1))
    return parts


def _centre(values: Array) -> tuple[float, float]:
    """Return the centre of mass, in rows and columns from the outer edge of the first."""
    row, column = (
        float((values.sum(axis=1 - axis) * (np.arange(values.shape[axis]) + 0.5)).sum() / values.sum())
        for axis in (0, 1)
    )
    return row, column
