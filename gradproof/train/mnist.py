"""Read MNIST, or any four IDX files with its names, gzipped or not, into three sets of examples.

An IDX file has a header of big-endian 32-bit words: the magic number 0x0800 + rank, then `rank` dimensions. The bytes
of the array follow, as many as the product of the dimensions. An example is a row here, a column in the networks.
"""

import hashlib
import math
import os
import struct
import zlib
from array import array
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from gradproof import files
from gradproof.errors import DataError

SHIPPED = Path(__file__).parent / "mnist_data"
SHA256 = {
    "train-images-idx3-ubyte.gz": "0b367032e93c5d0cea0925647cfdb18614af8ee15f83e6f2fc2ad904a6835971",
    "train-labels-idx1-ubyte.gz": "1787548bbe0bff1ec2ecdc0ef292b02df999e2d1a6002d27500982c652b17203",
    "t10k-images-idx3-ubyte.gz": "1a1a05eab793c14bb050b398624a11b0ffd1a2953baed553b1b9bd079e2a20be",
    "t10k-labels-idx1-ubyte.gz": "b91679a0acfe4ba0e50a2437a903084cba1f5f92592b016a25a7dfd00455798b",
}
PIECE = 2**20  # bytes read or decompressed at a time
LARGEST = 2**30  # bytes a header may promise

Bytes = NDArray[np.uint8]


class DataSet(NamedTuple):
    images: Bytes  # (n, pixels)
    labels: Bytes  # (n,)
    rows: int = 1  # rows of pixels in an image

    def __repr__(self) -> str:
        return f"DataSet(images {self.images.shape}, labels {self.labels.shape})"


class Mnist(NamedTuple):
    """The three sets of handwritten digits."""

    train: DataSet
    validation: DataSet
    test: DataSet


def load(folder: Path | None = None) -> Mnist:
    """Return the sets in a folder's four files, or without a folder those in the shipped files, verified by SHA-256.

    Validation is the last sixth of the training file. Any fault in the files raises DataError.
    """
    source = SHIPPED if folder is None else folder
    try:
        return _load(source, shipped=folder is None)
    except DataError as error:
        names = f"{', '.join(SHA256)}, each with or without .gz"
        needed = f"the folder must hold {names} (without --data, the shipped digits are used)"
        raise DataError(f"{error}; {'reinstall gradproof' if folder is None else needed}") from None


@cache
def shipped_test() -> DataSet:
    """Return only the shipped test set, which is read much faster than all three; cached for repeated use."""
    images, labels = _examples(SHIPPED, "t10k", shipped=True)
    images.flags.writeable = labels.flags.writeable = False
    return DataSet(images.reshape(len(images), -1), labels, images.shape[1])


def pixels(images: Bytes, dtype: DTypeLike) -> NDArray[np.floating[Any]]:
    """Return images / 255, of the same shape: 0.0 is white, 1.0 is black.

    The array starts at a multiple of 64 bytes, because JAX takes such an array over and would copy any other.
    """
    dtype = np.dtype(dtype)
    room = np.empty(images.size * dtype.itemsize + 64, np.uint8)
    start = -room.ctypes.data % 64
    whole = room[start : start + images.size * dtype.itemsize].view(dtype).reshape(images.shape)
    return np.divide(images, 255, out=whole, dtype=dtype)


def one_hot(labels: Bytes, dtype: DTypeLike, classes: int = 10) -> NDArray[np.floating[Any]]:
    """Return y (n, classes), where y[k, i] is 1 if label k is i, else 0."""
    return np.eye(classes, dtype=dtype)[labels]


def _load(folder: Path, shipped: bool) -> Mnist:
    if not os.path.isdir(folder):
        raise DataError(f"{folder}: no such folder")
    images, labels = _examples(folder, "train", shipped)
    test_images, test_labels = _examples(folder, "t10k", shipped)
    if images.shape[1:] != test_images.shape[1:]:
        raise DataError(f"{folder}: images are {images.shape[1:]} to train, {test_images.shape[1:]} to test")
    if len(images) < 6:
        raise DataError(f"{folder}: {len(images)} training images, too few to keep a sixth for validation")
    flat, split, rows = images.reshape(len(images), -1), len(images) - len(images) // 6, images.shape[1]
    return Mnist(
        DataSet(flat[:split], labels[:split], rows),
        DataSet(flat[split:], labels[split:], rows),
        DataSet(test_images.reshape(len(test_images), -1), test_labels, rows),
    )


def _examples(folder: Path, part: str, shipped: bool) -> tuple[Bytes, Bytes]:
    """Return the images (n, rows, columns) and labels (n,) of one part, "train" or "t10k"."""
    path = _found(folder / f"{part}-labels-idx1-ubyte.gz")
    labels = _read(path, rank=1, shipped=shipped)
    images = _read(_found(folder / f"{part}-images-idx3-ubyte.gz"), rank=3, shipped=shipped)
    if len(images) != len(labels):
        raise DataError(f"{path}: {len(labels)} labels for {len(images)} images")
    if labels.max() > 9:
        raise DataError(f"{path}: label {labels.max()} at index {labels.argmax()}, labels are 0 to 9")
    return images, labels


def _found(path: Path) -> Path:
    """Return the path itself or, if only the file without .gz exists, that one."""
    raw = path.with_suffix("")
    return raw if os.path.lexists(raw) and not os.path.lexists(path) else path


def _read(path: Path, rank: int, shipped: bool) -> Bytes:
    """Return the array in one file, in the shape that its header gives."""
    try:
        with files.opened(path) as handle, open(handle, "rb", closefd=False) as file:
            if shipped and hashlib.file_digest(file, "sha256").hexdigest() != SHA256[path.name]:
                raise DataError("is not the file gradproof was shipped with (SHA-256 differs)")
            file.seek(0)
            return _array(_unzipped(file) if path.suffix == ".gz" else iter(lambda: file.read(PIECE), b""), rank)
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from None
    except MemoryError:
        raise DataError(f"{path}: too large for this machine's memory") from None
    except (DataError, zlib.error) as error:
        raise DataError(f"{path}: {error}") from None


def _array(pieces: Iterator[bytes], rank: int) -> Bytes:
    """Parse header and content, reading at most one piece beyond what the header promises."""
    header = 4 + 4 * rank
    content = array("B")  # over-allocates by a sixteenth as it grows, a bytearray by an eighth
    for piece in pieces:
        content.frombytes(piece)
        if len(content) >= header and len(content) - header > math.prod(_shape(content, rank)):
            raise DataError(f"holds more than the {_shape(content, rank)} bytes its header promises")
    if len(content) < header:
        raise DataError(f"ends inside the header, after {len(content)} of {header} bytes")
    shape = _shape(content, rank)
    if len(content) - header < math.prod(shape):
        raise DataError(f"header promises {shape} bytes, only {len(content) - header} follow")
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)


def _shape(content: "array[int]", rank: int) -> tuple[int, ...]:
    """Return the dimensions that the header promises."""
    magic, *shape = struct.unpack_from(f">{1 + rank}I", content)
    if magic != 0x0800 + rank:
        raise DataError(f"magic number {magic:#010x}, expected {0x0800 + rank:#010x}")
    if 0 in shape or math.prod(shape) > LARGEST:
        raise DataError(f"header promises {tuple(shape)} bytes, expected at least 1 and at most 1 GiB")
    return tuple(shape)


def _unzipped(file: BinaryIO) -> Iterator[bytes]:
    """Yield the content in pieces of at most PIECE bytes. Raises DataError unless stream and file end together."""
    stream, fed = zlib.decompressobj(wbits=31), file.read(PIECE)  # 31: gzip only, with its CRC verified
    if not fed.startswith(b"\x1f\x8b"):
        raise DataError("not a gzip file" if fed else "empty file")
    while not stream.eof:
        piece = stream.decompress(fed, PIECE)
        if not (fed or piece or stream.eof):
            raise DataError("gzip stream is cut short")
        yield piece
        fed = stream.unconsumed_tail or file.read(PIECE)
    if fed or stream.unused_data:
        raise DataError("bytes left over after the gzip stream")
