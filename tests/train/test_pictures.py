"""Pictures of one's own digits: seen the same whatever their colours and margins, or one line that says why not."""

import io
import json
import os
import sys
import tempfile
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
from gradproof.train import pictures, saved
from tests.commands import ended_here

MASKS = arrays.arrays(np.bool_, arrays.array_shapes(min_dims=2, max_dims=2, max_side=12)).filter(np.any)
COLOURS = st.tuples(*[st.integers(0, 255)] * 3)


def seen(image: Image.Image, kind: str = "PNG", **options: Any) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "picture")
        image.save(file, kind, **options)
        return pictures.pixels(file)


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
            assert pictures.pixels(file.name).shape == (28, 28)
        except DataError as error:
            said = str(error)
        assert not said or (said.startswith(f"{file.name}: ") and "\n" not in said)


# ---- the command -----------------------------------------------------------------------------------------------


def read(place: Path, *arguments: str) -> Any:
    return ended_here([sys.executable, "-m", "gradproof", "read", *arguments], place)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Two runs, the later one number 10, and pictures, good and bad."""
    for number in (9, 10):
        (tmp_path / f"runs/{number}").mkdir(parents=True)
        saved.save(tmp_path / f"runs/{number}", *starting_parameters((784, 10), number, "normal", "float32"), {})
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
    image = pictures.pixels(place / "a [1].png").reshape(1, -1)
    for options, run in (((), 10), (("--run", "runs/9"), 9)):
        (told,) = json.loads(read(place, "a [1].png", "--json", *options).stdout)
        assert told["digit"] == int(saved.load(place / f"runs/{run}").classify(image)[0])
        assert told["digit"] == int(np.argmax(told["outputs"]))


def test_without_a_network_it_says_how_to_train_one(tmp_path: Path) -> None:
    ended = read(tmp_path, "a.png")
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (2, "", 1)
    assert "gradproof train --backend handcrafted" in ended.stderr
