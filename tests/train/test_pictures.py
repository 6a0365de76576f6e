"""Pictures of one's own digits: seen the same whatever their colours and margins, or one line that says why not."""

import io
import json
import os
import struct
import sys
import tempfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from gradproof.errors import DataError
from gradproof.problem import starting_parameters
from gradproof.train import mnist, pictures, saved_run
from tests.commands import ended_here

MASKS = arrays.arrays(np.bool_, arrays.array_shapes(min_dims=2, max_dims=2, max_side=12)).filter(np.any)
COLOURS = st.tuples(*[st.integers(0, 255)] * 3)


def seen(image: Image.Image, kind: str = "PNG", **options: Any) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "picture")
        image.save(file, kind, **options)
        return pictures.pixels(pictures.drawing(file))


def painted(mask: Any, paper: Any, ink: Any, margins: Any = (1, 1, 1, 1)) -> Image.Image:
    top, bottom, left, right = margins
    whole = np.pad(mask, ((top, bottom), (left, right)))[..., None]
    return Image.fromarray(np.where(whole, np.array(ink), np.array(paper)).astype(np.uint8))


def plain(mask: Any) -> Any:
    return seen(painted(mask, (255, 255, 255), (0, 0, 0)))


@given(MASKS, COLOURS, COLOURS, st.tuples(*[st.integers(1, 30)] * 4), st.sampled_from(["PNG", "BMP", "TIFF", "PPM"]))
def test_two_colours_are_seen_the_same_whichever_they_are_and_wherever_the_digit_is(
    mask: Any, paper: Any, ink: Any, margins: Any, kind: str
) -> None:
    assume(max(abs(a - b) for a, b in zip(paper, ink, strict=True)) >= pictures.FAINT)
    assert np.array_equal(seen(painted(mask, paper, ink, margins), kind), plain(mask))


@given(MASKS, st.sampled_from(["1", "L", "LA", "P", "RGBA", "CMYK"]))
def test_it_is_seen_the_same_in_every_mode(mask: Any, mode: str) -> None:
    image = painted(mask, (255, 255, 255), (0, 0, 0))
    assert np.array_equal(seen(image.convert(mode), "TIFF"), plain(mask))


@given(arrays.arrays(np.uint8, (5, 6)), st.sampled_from([np.uint16, np.int32, np.float32]))
def test_grey_is_seen_the_same_in_numbers_of_any_kind(grey: Any, kind: Any) -> None:
    grey[:, 0], grey[2, 3] = 255, 0
    wide = np.pad(grey, 1, constant_values=255)
    assert np.array_equal(seen(Image.fromarray(wide.astype(kind) * kind(200)), "TIFF"), seen(Image.fromarray(wide)))


@given(MASKS)
def test_what_is_transparent_is_paper(mask: Any) -> None:
    image = painted(mask, (0, 0, 0), (0, 0, 0)).convert("RGBA")
    image.putalpha(Image.fromarray(np.where(np.pad(mask, 1), 255, 0).astype(np.uint8)))
    assert np.array_equal(seen(image), plain(mask))


@given(MASKS)
def test_it_lies_in_the_middle_and_fills_twenty_of_twenty_eight(mask: Any) -> None:
    got = plain(mask)
    assert got.shape == (28, 28)
    assert got.max() == 255
    rows, columns = np.flatnonzero(got.any(axis=1)), np.flatnonzero(got.any(axis=0))
    assert max(np.ptp(rows), np.ptp(columns)) + 1 in (19, 20)
    for part in (got.sum(axis=1), got.sum(axis=0)):
        extent = np.flatnonzero(part)
        centre = float((part * (np.arange(28) + 0.5)).sum() / part.sum())
        assert abs(centre - 14) <= 1 or extent[0] == 0 or extent[-1] == 27


PNG = io.BytesIO()
painted(np.eye(9, dtype=bool), (250, 240, 230), (20, 30, 90)).save(PNG, "PNG")


@given(st.binary(max_size=40), st.integers(0, len(PNG.getvalue())), st.integers(0, len(PNG.getvalue())))
def test_a_damaged_picture_is_read_or_refused_in_one_line(noise: bytes, start: int, end: int) -> None:
    content = PNG.getvalue()[:start] + noise + PNG.getvalue()[end:]
    with tempfile.NamedTemporaryFile(suffix=".png") as file:
        file.write(content)
        file.flush()
        said = ""
        try:
            assert pictures.pixels(pictures.drawing(file.name)).shape == (28, 28)
        except DataError as error:
            said = str(error)
        assert not said or (said.startswith(f"{file.name}: ") and "\n" not in said)


TEST = mnist.shipped_test()
NUMBERS = st.integers(0, 4999)  # of the other half, four digits with a gap in their stroke are taken for several


def digit(number: int, size: float = 1.0) -> Any:
    """A test image as somebody might write it, cut out: a mask of about 160 · size rows."""
    image = Image.fromarray(TEST.images[number].reshape(28, 28))
    large = np.asarray(image.resize([round(224 * size)] * 2, Image.Resampling.BICUBIC)) > 64
    rows, columns = np.flatnonzero(large.any(axis=1)), np.flatnonzero(large.any(axis=0))
    return large[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


@given(NUMBERS)
def test_one_digit_is_not_taken_for_several(number: int) -> None:
    assert not pictures.several(digit(number))
    rows, columns = digit(number).shape
    dot = np.zeros((rows, columns + 30), bool)
    dot[:, :columns] = digit(number)
    dot[-rows // 4 :, -10:] = True
    assert not pictures.several(dot), "with a blot beside it"


@given(st.lists(NUMBERS, min_size=2, max_size=4), st.lists(st.floats(0.8, 1.2), min_size=4, max_size=4), st.data())
def test_digits_side_by_side_are_several(numbers: list[int], sizes: list[float], data: st.DataObject) -> None:
    masks = [digit(number, size) for number, size in zip(numbers, sizes, strict=False)]
    assume(all(mask.shape[0] > 100 and len(pictures._parts(mask)) == 1 for mask in masks))
    high, row = max(len(mask) for mask in masks), []
    for mask in masks:
        top, gap = data.draw(st.integers(0, high - len(mask))), data.draw(st.integers(60, 120))
        row.append(np.pad(mask, ((top, high - len(mask) - top), (0, gap))))
    assert pictures.several(np.concatenate(row, axis=1)[:, :-60])


@given(MASKS)
def test_pixels_that_touch_at_a_side_or_a_corner_are_one_part(mask: Any) -> None:
    parts = pictures._parts(mask)
    for row, column in np.argwhere(mask):
        around = mask[max(0, row - 1) : row + 2, max(0, column - 1) : column + 2]
        whole = [p for p in parts if p.top <= row < p.bottom and p.left <= column < p.right]
        assert whole
        if around.sum() == 1:
            assert (row, column, row + 1, column + 1) in parts
    assert len(parts) == _spread(mask)


def _spread(mask: Any) -> int:
    """The number of parts, by spreading the largest label until nothing changes."""
    labels = np.where(mask, np.arange(1, mask.size + 1).reshape(mask.shape), 0)
    while True:
        wide = np.pad(labels, 1)
        near = np.lib.stride_tricks.sliding_window_view(wide, (3, 3)).max(axis=(2, 3))
        if np.array_equal(spread := np.where(mask, near, 0), labels):
            return len(np.unique(labels[mask]))
        labels = spread


@pytest.mark.parametrize("size", [(12_000, 10_000), (20_000, 10_000), (2**31 - 1, 2**31 - 1)])
def test_a_huge_picture_is_refused_in_one_plain_line(size: tuple[int, int], tmp_path: Path) -> None:
    content = PNG.getvalue()
    head = b"IHDR" + struct.pack(">2I", *size) + content[24:29]
    (tmp_path / "a.png").write_bytes(content[:12] + head + struct.pack(">I", zlib.crc32(head)) + content[33:])
    with pytest.raises(DataError, match=r"^[^\n]*a\.png: more than 100,000,000 pixels; make it smaller$"):
        pictures.drawing(tmp_path / "a.png")


# ---- the command -----------------------------------------------------------------------------------------------


def read(place: Path, *arguments: str) -> Any:
    return ended_here([sys.executable, "-m", "gradproof", "read", *arguments], place)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Two runs, the later one number 10, and pictures, good and bad."""
    for number in (9, 10):
        (tmp_path / f"runs/{number}").mkdir(parents=True)
        saved_run.save(tmp_path / f"runs/{number}", *starting_parameters((784, 10), number, "normal", "float32"), {})
    (tmp_path / "runs/11").mkdir()
    painted(np.eye(9, dtype=bool), (255, 255, 255), (0, 0, 0)).save(tmp_path / "a [1].png")
    Image.new("RGB", (40, 40), "red").save(tmp_path / "blank.png")
    (tmp_path / "text.png").write_text("no picture")
    os.mkfifo(tmp_path / "pipe.png")
    return tmp_path


def test_what_cannot_be_read_is_one_line_and_the_rest_goes_on(place: Path) -> None:
    ended = read(place, "blank.png", "text.png", "pipe.png", "none.png", ".", "a [1].png")
    assert ended.returncode == 3
    first, *shown = ended.stdout.splitlines()
    assert first.startswith("a [1].png: ")
    assert len(shown) == 14
    assert "text.png: not a picture; give one as PNG" in ended.stderr
    assert [line.partition(": ")[2].partition(":")[0] for line in ended.stderr.splitlines()] == [
        "blank.png",
        "text.png",
        "pipe.png",
        "none.png",
        ".",
    ]


def test_the_latest_network_reads_unless_another_is_named(place: Path) -> None:
    image = pictures.pixels(pictures.drawing(place / "a [1].png")).reshape(1, -1)
    for options, run in (((), 10), (("--run", "runs/9"), 9)):
        (told,) = json.loads(read(place, "a [1].png", "--json", *options).stdout)
        assert told["digit"] == int(saved_run.load(place / f"runs/{run}").classify(image)[0])
        assert told["digit"] == int(np.argmax(told["outputs"]))


@pytest.mark.parametrize(("output", "certain"), [(0.49, False), (0.51, True)])
@pytest.mark.parametrize("several", [False, True])
def test_a_network_that_is_not_certain_and_a_picture_of_several_digits_are_said_to_be_so(
    output: float, certain: bool, several: bool, tmp_path: Path
) -> None:
    biases = np.full((10, 1), -5.0)
    biases[7] = np.log(output / (1 - output))
    (tmp_path / "run").mkdir()
    saved_run.save(tmp_path / "run", [np.zeros((10, 784))], [biases], {})
    mask = np.concatenate([digit(0), np.zeros((digit(0).shape[0], 40), bool), digit(0)][: 3 if several else 1], axis=1)
    painted(mask, (255, 255, 255), (0, 0, 0)).save(tmp_path / "a.png")
    line = read(tmp_path, "a.png", "--run", "run").stdout.splitlines()[0]
    said = "; the network is not certain" * (not certain) + "; the picture seems to hold more than one digit" * several
    assert line == f"a.png: 7 ({output:.2f}), else 0 (0.01){said}"
    (told,) = json.loads(read(tmp_path, "a.png", "--run", "run", "--json").stdout)
    assert (told["digit"], told["certain"], told["several"]) == (7, certain, several)


def test_without_a_network_it_says_how_to_train_one(tmp_path: Path) -> None:
    ended = read(tmp_path, "a.png")
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (2, "", 1)
    assert "gradproof train --backend handcrafted" in ended.stderr
