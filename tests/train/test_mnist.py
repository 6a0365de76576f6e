"""MNIST is read exactly, and whatever is wrong with a file ends in one line that names it."""

import gzip
import os
import shutil
import struct
import tempfile
import tracemalloc
import zlib
from collections.abc import Callable
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gradproof import files
from gradproof.errors import DataError
from gradproof.train import mnist

IMAGES, LABELS, TEST_IMAGES, TEST_LABELS = FILES = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)
MIB = 2**20


def idx(shape: tuple[int, ...], content: bytes, magic: int | None = None) -> bytes:
    words = (0x0800 + len(shape) if magic is None else magic, *shape)
    return struct.pack(f">{len(words)}I", *words) + content


def a_valid_set() -> dict[str, bytes]:
    """Twelve training and three test images of 2 × 3 pixels, before compression."""
    return {
        IMAGES: idx((12, 2, 3), bytes(range(72))),
        LABELS: idx((12,), bytes([5, 0, 4, 1, 9, 2, 1, 3, 1, 4, 3, 5])),
        TEST_IMAGES: idx((3, 2, 3), bytes(range(200, 218))),
        TEST_LABELS: idx((3,), bytes([7, 2, 1])),
    }


def write(folder: Path, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        (folder / name).write_bytes(gzip.compress(content, mtime=0))


def zipped_zeros(head: bytes, count: int) -> bytes:
    """The gzip of `head` and `count` zeros, made without holding them."""
    stream = zlib.compressobj(wbits=31)
    zeros = bytes(MIB)
    pieces = [stream.compress(head), *(stream.compress(zeros) for _ in range(count // MIB)), stream.flush()]
    return b"".join(pieces)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, a_valid_set())
    return tmp_path


@pytest.fixture(scope="module")
def shipped() -> mnist.Mnist:
    return mnist.load()


def assert_refused(folder: Path, name: str, reason: str) -> None:
    """The error is one printable line; it names the file, the reason and what to do next."""
    with pytest.raises(DataError) as caught:
        mnist.load(folder)
    line = str(caught.value)
    assert line.isprintable(), line
    assert line.startswith(f"{folder / name}: "), line
    assert reason in line.split("; ")[0], line
    assert "; the folder must hold train-images-idx3-ubyte.gz, " in line, line


def test_shipped_sets_hold_50000_10000_and_10000_images_of_784_pixels(shipped: mnist.Mnist) -> None:
    assert [part.images.shape for part in shipped] == [(50_000, 784), (10_000, 784), (10_000, 784)]
    assert [part.labels.shape for part in shipped] == [(50_000,), (10_000,), (10_000,)]
    assert {array.dtype for part in shipped for array in (part.images, part.labels)} == {np.dtype(np.uint8)}


def test_shipped_label_counts_are_mnists(shipped: mnist.Mnist) -> None:
    train, validation, test = (np.bincount(part.labels, minlength=10) for part in shipped)
    assert test.tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert (train + validation).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]


def test_first_shipped_labels_are_mnists(shipped: mnist.Mnist) -> None:
    assert shipped.train.labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert shipped.test.labels[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]


@pytest.mark.sample(1)
@pytest.mark.parametrize("name", FILES)
def test_changed_shipped_file_is_refused(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for file in FILES:
        shutil.copy(mnist.SHIPPED / file, tmp_path)
    changed = bytearray((tmp_path / name).read_bytes())
    changed[4] ^= 1  # the time in the gzip header: the content stays what it was
    (tmp_path / name).write_bytes(changed)
    assert len(mnist.load(tmp_path).test.labels) == 10_000
    monkeypatch.setattr(mnist, "SHIPPED", tmp_path)
    with pytest.raises(DataError) as caught:
        mnist.load()
    reason = "is not the file gradproof was shipped with (SHA-256 differs)"
    assert str(caught.value) == f"{tmp_path / name}: {reason}; reinstall gradproof"


def test_changed_shipped_file_is_not_decompressed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / LABELS).write_bytes(b"not even gzip")
    monkeypatch.setattr(mnist, "SHIPPED", folder)
    with pytest.raises(DataError, match="SHA-256 differs"):
        mnist.load()


def test_missing_shipped_file_asks_for_a_new_installation(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / TEST_LABELS).unlink()
    monkeypatch.setattr(mnist, "SHIPPED", folder)
    with pytest.raises(DataError, match=r"^[^\n]+; reinstall gradproof$"):
        mnist.load()


def test_folder_is_read_in_order_and_its_last_sixth_validates(folder: Path) -> None:
    train, validation, test = mnist.load(folder)
    assert train.images.tolist() == np.arange(60).reshape(10, 6).tolist()
    assert validation.images.tolist() == np.arange(60, 72).reshape(2, 6).tolist()
    assert test.images.tolist() == np.arange(200, 218).reshape(3, 6).tolist()
    assert train.labels.tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert validation.labels.tolist() == [3, 5]
    assert test.labels.tolist() == [7, 2, 1]


def test_content_of_more_than_one_piece_is_read_exactly(folder: Path) -> None:
    content = np.random.default_rng(0).integers(0, 256, 3 * MIB + 12, np.uint8)
    shape = (6, 2, len(content) // 12)
    test = {TEST_IMAGES: idx((3, *shape[1:]), bytes(3 * shape[1] * shape[2]))}
    write(folder, {IMAGES: idx(shape, content.tobytes()), LABELS: idx((6,), bytes(6))} | test)
    train, validation, _ = mnist.load(folder)
    assert np.array_equal(np.concatenate([train.images.ravel(), validation.images.ravel()]), content)


def cut(kept: int) -> Callable[[bytes], bytes]:
    return lambda data: data[:kept]


def zipped(shape: tuple[int, ...], size: int, magic: int | None = None) -> Callable[[bytes], bytes]:
    return lambda _: gzip.compress(idx(shape, bytes(size), magic))


# What is done to one good .gz file, by the name of the fault, and what the error then has to say.
FAULTS: dict[str, tuple[str, Callable[[bytes], bytes], str]] = {
    "empty": (IMAGES, cut(0), "empty file"),
    "not_gzip": (LABELS, lambda _: idx((12,), bytes(12)), "not a gzip file"),
    "text": (TEST_LABELS, lambda _: b"<!DOCTYPE html>", "not a gzip file"),
    "one_byte": (TEST_LABELS, cut(1), "not a gzip file"),
    "gzip_magic_alone": (IMAGES, cut(2), "gzip stream is cut short"),
    "gzip_header_alone": (IMAGES, cut(10), "gzip stream is cut short"),
    "truncated_gzip": (TEST_IMAGES, cut(-20), "gzip stream is cut short"),
    "last_byte_missing": (TEST_LABELS, cut(-1), "gzip stream is cut short"),
    "unknown_compression": (IMAGES, lambda data: data[:2] + b"\x07" + data[3:], "unknown compression method"),
    "crc_mismatch": (IMAGES, lambda data: data[:-8] + bytes(4) + data[-4:], "incorrect data check"),
    "length_mismatch": (IMAGES, lambda data: data[:-1] + b"\x01", "incorrect length check"),
    "bytes_after_gzip": (LABELS, lambda data: data + b"\0", "bytes left over after the gzip stream"),
    "far_bytes_after_gzip": (LABELS, lambda data: data + bytes(2 * MIB), "bytes left over after the gzip"),
    "second_gzip_stream": (LABELS, lambda data: data + data, "bytes left over after the gzip stream"),
    "empty_content": (IMAGES, lambda _: gzip.compress(b""), "ends inside the header, after 0 of 16 bytes"),
    "header_truncated": (IMAGES, lambda _: gzip.compress(bytes(15)), "after 15 of 16 bytes"),
    "labels_header_truncated": (LABELS, lambda _: gzip.compress(bytes(7)), "after 7 of 8 bytes"),
    "magic_of_labels": (
        IMAGES,
        zipped((12, 2, 3), 72, 0x0801),
        "magic number 0x00000801, expected 0x00000803",
    ),
    "magic_of_images": (LABELS, zipped((12,), 12, 0x0803), "magic number 0x00000803, expected 0x00000801"),
    "magic_of_floats": (IMAGES, zipped((12, 2, 3), 72, 0x0D03), "magic number 0x00000d03"),
    "byte_missing": (IMAGES, zipped((12, 2, 3), 71), "promises (12, 2, 3) bytes, only 71 follow"),
    "header_alone": (TEST_LABELS, zipped((3,), 0), "promises (3,) bytes, only 0 follow"),
    "byte_too_many": (IMAGES, zipped((12, 2, 3), 73), "holds more than the (12, 2, 3) bytes"),
    "label_too_many": (LABELS, zipped((12,), 13), "holds more than the (12,) bytes"),
    "no_images": (IMAGES, zipped((0, 2, 3), 0), "promises (0, 2, 3) bytes, expected at least 1"),
    "no_rows": (IMAGES, zipped((12, 0, 3), 0), "promises (12, 0, 3) bytes, expected at least 1"),
    "no_columns": (TEST_IMAGES, zipped((3, 2, 0), 0), "promises (3, 2, 0) bytes, expected at least 1"),
    "no_labels": (TEST_LABELS, zipped((0,), 0), "promises (0,) bytes, expected at least 1"),
    "one_byte_more_than_1_GiB": (LABELS, zipped((2**30 + 1,), 9), "promises (1073741825,) bytes, expected"),
    "largest_dimensions": (IMAGES, zipped((2**32 - 1,) * 3, 9), "at most 1 GiB"),
    "product_that_wraps_to_0": (IMAGES, zipped((2**31, 2**31, 4), 0), "at most 1 GiB"),
    "fewer_labels_than_images": (LABELS, zipped((11,), 11), "11 labels for 12 images"),
    "fewer_images_than_labels": (IMAGES, zipped((11, 2, 3), 66), "12 labels for 11 images"),
    "label_10": (
        LABELS,
        lambda _: gzip.compress(idx((12,), bytes([*range(11), 9]))),
        "label 10 at index 10,",
    ),
    "label_255": (TEST_LABELS, lambda _: gzip.compress(idx((3,), b"\0\xff\0")), "label 255 at index 1,"),
    "other_columns_to_test": (TEST_IMAGES, zipped((3, 2, 4), 24), "(2, 3) to train, (2, 4) to test"),
    "transposed_to_test": (TEST_IMAGES, zipped((3, 3, 2), 18), "(2, 3) to train, (3, 2) to test"),
}
# Faults between two files are told of the labels' file or of the folder.
TOLD_OF = {
    "fewer_images_than_labels": LABELS,
    "other_columns_to_test": "",
    "transposed_to_test": "",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_bad_file_is_refused_in_one_line(fault: str, folder: Path) -> None:
    mnist.load(folder)
    name, spoil, reason = FAULTS[fault]
    (folder / name).write_bytes(spoil((folder / name).read_bytes()))
    assert_refused(folder, TOLD_OF.get(fault, name), reason)


def test_bytes_after_a_stream_that_fills_one_read_are_refused(folder: Path) -> None:
    data = (folder / LABELS).read_bytes()
    name = b"n" * (mnist.PIECE - len(data) - 1) + b"\0"
    named = data[:3] + b"\x08" + data[4:10] + name + data[10:]  # flag 8: a file name follows the gzip header
    (folder / LABELS).write_bytes(named)
    assert len(named) == mnist.PIECE
    mnist.load(folder)
    (folder / LABELS).write_bytes(named + b"\0")
    assert_refused(folder, LABELS, "bytes left over after the gzip stream")


@pytest.mark.parametrize("name", FILES)
def test_missing_file_is_named(name: str, folder: Path) -> None:
    (folder / name).unlink()
    assert_refused(folder, name, "No such file or directory")


@pytest.mark.parametrize("name", FILES)
def test_folder_in_place_of_a_file_is_refused(name: str, folder: Path) -> None:
    (folder / name).unlink()
    (folder / name).mkdir()
    assert_refused(folder, name, "is a folder, a pipe or a device, not a file")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes on this system")
def test_pipe_in_place_of_a_file_is_refused_without_waiting(folder: Path) -> None:
    (folder / LABELS).unlink()
    os.mkfifo(folder / LABELS)
    assert_refused(folder, LABELS, "is a folder, a pipe or a device, not a file")


def test_link_to_itself_is_refused(folder: Path) -> None:
    (folder / LABELS).unlink()
    (folder / LABELS).symlink_to(folder / LABELS)
    assert_refused(folder, LABELS, "Too many levels of symbolic links")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_unreadable_file_is_refused(folder: Path) -> None:
    (folder / IMAGES).chmod(0)
    assert_refused(folder, IMAGES, "Permission denied")


# What opening a file may raise, and what the error then has to say.
FAILURES = [
    (PermissionError(13, "Permission denied"), "Permission denied"),
    (OSError(5, "Input/output error"), "Input/output error"),
    (OSError("no number"), "no number"),
    (MemoryError(), "too large for this machine's memory"),
]


@pytest.mark.parametrize(("error", "reason"), FAILURES)
def test_failing_read_is_refused(error: Exception, reason: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(files, "opened", fail)
    assert_refused(folder, LABELS, reason)


def test_missing_folder_is_refused(tmp_path: Path) -> None:
    assert_refused(tmp_path / "absent", "", "no such folder")


def test_file_in_place_of_the_folder_is_refused(folder: Path) -> None:
    assert_refused(folder / IMAGES, "", "no such folder")


def test_path_that_would_break_the_line_is_escaped(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        mnist.load(tmp_path / "a\nb\x1b[31m\udcff")
    assert str(caught.value).startswith(rf"{tmp_path}/a\nb\x1b[31m\udcff: no such folder; ")


@pytest.mark.parametrize("count", range(1, 6))
def test_fewer_than_6_training_images_are_refused(count: int, folder: Path) -> None:
    write(folder, {IMAGES: idx((count, 2, 3), bytes(6 * count)), LABELS: idx((count,), bytes(count))})
    assert_refused(folder, "", f"{count} training images, too few")


def test_6_training_images_are_enough(folder: Path) -> None:
    write(folder, {IMAGES: idx((6, 2, 3), bytes(36)), LABELS: idx((6,), bytes(6))})
    assert [len(part.labels) for part in mnist.load(folder)] == [5, 1, 3]


@pytest.mark.parametrize("raw", [FILES, (IMAGES,), (TEST_LABELS, LABELS)])
def test_files_may_be_uncompressed(raw: tuple[str, ...], folder: Path) -> None:
    expected = mnist.load(folder)
    for name in raw:
        (folder / name.removesuffix(".gz")).write_bytes(gzip.decompress((folder / name).read_bytes()))
        (folder / name).unlink()
    for part, found in zip(expected, mnist.load(folder), strict=True):
        assert np.array_equal(part.images, found.images)
        assert np.array_equal(part.labels, found.labels)
        assert part.rows == found.rows == 2


# What stands in an uncompressed file of labels, and what the error then has to say.
RAW_FAULTS: list[tuple[bytes, str]] = [
    (b"", "ends inside the header, after 0 of 8 bytes"),
    (gzip.compress(idx((12,), bytes(12)), mtime=0), "magic number 0x1f8b0800, expected 0x00000801"),
    (idx((12,), bytes(11)), "promises (12,) bytes, only 11 follow"),
    (idx((12,), bytes(13)), "holds more than the (12,) bytes"),
    (idx((2**31,), bytes(9)), "at most 1 GiB"),
    (idx((12,), b"\x0a" * 12), "label 10 at index 0"),
]


@pytest.mark.parametrize(("content", "reason"), RAW_FAULTS, ids=[reason for _, reason in RAW_FAULTS])
def test_bad_uncompressed_file_is_refused_in_one_line(content: bytes, reason: str, folder: Path) -> None:
    (folder / LABELS).unlink()
    (folder / LABELS.removesuffix(".gz")).write_bytes(content)
    assert_refused(folder, LABELS.removesuffix(".gz"), reason)


# name of the forged file, its header, the zeros behind it, what the error says
BOMBS: dict[str, tuple[str, bytes, int, str]] = {
    "small_promise": (IMAGES, idx((12, 2, 3), b""), 128 * MIB, "holds more than the (12, 2, 3) bytes"),
    "wrong_magic": (LABELS, idx((12,), b"", magic=0), 128 * MIB, "magic number 0x00000000"),
    "great_promise_kept_by_nobody": (IMAGES, idx((12, 2**13, 2**13), b""), 0, "only 0 follow"),
    "promise_beyond_1_GiB": (IMAGES, idx((12, 2**14, 2**14), b""), 128 * MIB, "at most 1 GiB"),
}


@pytest.mark.sample(2)
@pytest.mark.parametrize("bomb", BOMBS)
def test_memory_stays_bounded_on_a_bomb(bomb: str, folder: Path) -> None:
    name, head, zeros, reason = BOMBS[bomb]
    (folder / name).write_bytes(zipped_zeros(head, zeros))
    assert peak(lambda: assert_refused(folder, name, reason)) < 8 * MIB


def test_memory_stays_bounded_on_a_long_file(folder: Path) -> None:
    os.truncate(folder / LABELS, 128 * MIB)
    assert peak(lambda: assert_refused(folder, LABELS, "bytes left over after the gzip stream")) < 8 * MIB


def test_memory_stays_near_the_content_of_a_forged_file(folder: Path) -> None:
    head = idx((12, 2**13, 2**13), b"")
    (folder / IMAGES).write_bytes(zipped_zeros(head, 128 * MIB))
    reason = f"only {128 * MIB} follow"
    assert peak(lambda: assert_refused(folder, IMAGES, reason)) < (128 + 16) * MIB


def peak(action: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        action()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@st.composite
def mutations(draw: st.DrawFn, data: bytes) -> bytes:
    """`data` with up to three bytes replaced, then cut or prolonged or neither."""
    mutant = bytearray(data)
    for at, byte in draw(st.lists(st.tuples(st.integers(0, len(data) - 1), st.integers(0, 255)), max_size=3)):
        mutant[at] = byte
    kept = draw(st.one_of(st.just(len(data)), st.integers(0, len(data))))
    return bytes(mutant[:kept]) + draw(st.one_of(st.just(b""), st.binary(max_size=4)))


@st.composite
def mutated_sets(draw: st.DrawFn) -> dict[str, bytes]:
    """Four .gz files, one of them mutated either before or after compression."""
    contents = a_valid_set()
    name = draw(st.sampled_from(FILES))
    if inside := draw(st.booleans()):
        contents[name] = draw(mutations(contents[name]))
    files = {file: gzip.compress(content, mtime=0) for file, content in contents.items()}
    return files if inside else files | {name: draw(mutations(files[name]))}


@settings(max_examples=300, deadline=None)
@given(mutated_sets())
@example({name: gzip.compress(content, mtime=0) for name, content in a_valid_set().items()})
def test_mutated_files_give_a_valid_mnist_or_a_data_error(files: dict[str, bytes]) -> None:
    outcome = outcome_of(files)
    if isinstance(outcome, DataError):
        assert str(outcome).isprintable()
    else:
        assert_valid(outcome)


def test_mutations_meet_both_outcomes() -> None:
    """A fuzz whose every example is refused, or none, would show nothing."""
    outcomes = set()

    @settings(max_examples=100, deadline=None, derandomize=True, database=None)
    @given(mutated_sets())
    def observe(files: dict[str, bytes]) -> None:
        outcomes.add(type(outcome_of(files)).__name__)

    observe()
    assert outcomes == {"Mnist", "DataError"}


def outcome_of(files: dict[str, bytes]) -> mnist.Mnist | DataError:
    with tempfile.TemporaryDirectory() as place:
        for name, data in files.items():
            (Path(place) / name).write_bytes(data)
        try:
            return mnist.load(Path(place))
        except DataError as error:
            return error


def assert_valid(loaded: mnist.Mnist) -> None:
    assert len({part.images.shape[1] for part in loaded}) == 1
    for images, labels, rows in loaded:
        assert images.shape[1] % rows == 0
        assert images.dtype == labels.dtype == np.uint8
        assert images.shape == (len(labels), images.shape[1])
        assert images.size > 0
        assert labels.max() <= 9


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_pixels_are_the_nearest_numbers_to_k_over_255(dtype: type[np.floating]) -> None:
    images = np.arange(256, dtype=np.uint8).reshape(64, 4)
    got = mnist.pixels(images, dtype)
    assert got.dtype == dtype
    assert got.shape == images.shape
    assert got.ravel().tolist() == [float(dtype(k) / dtype(255)) for k in range(256)]
    assert (got.min(), got.max()) == (0, 1)


def test_pixels_in_float32_need_no_float64_copy() -> None:
    images = np.full((1000, 4000), 7, np.uint8)
    assert peak(lambda: mnist.pixels(images, np.float32)) < 1.1 * 4 * images.size


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_one_hot_row_is_1_at_its_label_and_0_elsewhere(dtype: str) -> None:
    got = mnist.one_hot(np.array([3, 0, 9, 3], np.uint8), dtype)
    assert got.dtype == dtype
    assert got.shape == (4, 10)
    assert all(got[row, k] == (k == label) for (row, label), k in product(enumerate([3, 0, 9, 3]), range(10)))


def test_one_hot_has_as_many_columns_as_classes() -> None:
    assert mnist.one_hot(np.array([2, 0], np.uint8), "float64", classes=3).tolist() == [[0, 0, 1], [1, 0, 0]]
