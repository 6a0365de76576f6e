"""A picture of a digit as those are that a network was trained on: light on black, cut out, in the middle."""

import math
import os
import warnings

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from gradproof import files
from gradproof.errors import DataError
from gradproof.problem import Array

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
LARGEST = 10**8  # pixels of a picture
ENOUGH = 1024  # rows or columns of it that are looked at
FAINT = 32  # of 255: what differs less from its background is none
NOISE = 0.25  # of what differs most: the grain of paper
BOX = 20 / 28  # of a side that the digit itself fills, as in MNIST


def pixels(path: str | os.PathLike[str], side: int = 28) -> Array:
    """The picture as (side, side) uint8, 0 where nothing is drawn, 255 where most is. DataError if it shows nothing."""
    drawn = _drawn(_opened(path))
    if not drawn.any():
        raise DataError(f"{path}: nothing is drawn on it")
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
    """The picture, upright, in red, green and blue on white."""
    try:
        with (
            files.opened(path) as handle,
            open(handle, "rb", closefd=False) as file,
            warnings.catch_warnings(action="ignore"),  # of the size, and of tags that mean nothing
            Image.open(file, formats=FORMATS) as image,
        ):
            if math.prod(image.size) > LARGEST:
                raise DataError(f"{image.width} × {image.height} pixels are too many; make it smaller")
            return _coloured(ImageOps.exif_transpose(image))
    except UnidentifiedImageError:
        raise DataError(f"{path}: no picture; give one as {', '.join(FORMATS)}") from None
    except DataError as error:
        raise DataError(f"{path}: {error}") from None
    except MemoryError:
        raise DataError(f"{path}: too large for this machine's memory") from None
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise DataError(f"{path}: {reason}") from None


def _coloured(image: Image.Image) -> Image.Image:
    """In red, green and blue, on white where it is transparent, and no larger than is looked at."""
    if image.mode[0] in "IF":  # 16 bits, or any numbers
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
    """How much each pixel differs from the background (rows, columns), from 0 to 1, whichever is the lighter."""
    values = np.asarray(image, np.float32)
    border = np.concatenate([values[0], values[-1], values[:, 0], values[:, -1]])
    drawn: Array = np.abs(values - np.median(border, axis=0)).max(axis=2)
    most = float(drawn.max())
    return np.where(drawn < max(FAINT, NOISE * most), 0, drawn / max(most, 1)).astype(np.float32)


def _centre(values: Array) -> tuple[float, float]:
    """The centre of mass, in rows and columns from the first one's edge."""
    row, column = (
        float((values.sum(axis=1 - axis) * (np.arange(values.shape[axis]) + 0.5)).sum() / values.sum())
        for axis in (0, 1)
    )
    return row, column
