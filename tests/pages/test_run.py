"""The page of a run opens from its file, offline, shows what it should, and is drawn for any network and any images."""

import base64
import io
import json
import re
import shlex
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import handcrafted
from gradproof.commands.train import command
from gradproof.pages import chart, page
from gradproof.pages import run as run_page
from gradproof.pages.page import typed_options
from gradproof.train import loop, mnist, review, run
from gradproof.train.loop import Epoch, Settings
from gradproof.train.mnist import DataSet, Mnist
from tests.browser import needs_chromium, opened, printed
from tests.train.small import SMALL, put_digits, train

LARGEST = 2_000_000  # bytes
BLANK = """images => images.filter(image => {
    const canvas = document.createElement("canvas");
    canvas.width = image.naturalWidth; canvas.height = image.naturalHeight;
    const context = canvas.getContext("2d");
    context.drawImage(image, 0, 0);
    const seen = new Set(new Uint32Array(context.getImageData(0, 0, canvas.width, canvas.height).data.buffer));
    return seen.size < 2;
}).map(image => image.alt)"""


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of a network that has learned MNIST for an epoch, with a curve of each backend."""
    place = tmp_path_factory.mktemp("page") / "run"
    with run.new(Settings("handcrafted", epochs=2), None, place, 999) as trained:
        train(trained)
        history = trained.state.history
        other = tuple(epoch._replace(cost=epoch.cost * 1.1, correct=epoch.correct - 50) for epoch in history)
        curves = {"handcrafted": history, "reference": other}
        text = run_page.page(trained, trained.results(), curves)
    (place / run.PAGE).write_text(text)
    return place / run.PAGE


@pytest.mark.turns(1)
@pytest.mark.sample(1)
@needs_chromium
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1100, 360])
def test_it_opens_from_a_file_without_an_error_a_request_or_a_blank_picture(
    scheme: str, width: int, drawn: Path
) -> None:
    with opened(drawn, color_scheme=scheme, viewport={"width": width, "height": 800}) as shown:
        assert shown.page.title().endswith("handcrafted 784 – 30 – 10")
        assert shown.page.locator("img").count() == run_page.MISREAD + 30 + 10 * (1 + 2 * 4)
        broken = "images => images.filter(image => !(image.complete && image.naturalWidth)).length"
        assert shown.page.eval_on_selector_all("img", broken) == 0
        assert shown.page.eval_on_selector_all("img", BLANK) == []
        assert shown.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert (shown.errors, shown.requests) == ([], [])


@pytest.mark.turns(1)
@pytest.mark.sample(1)
@needs_chromium
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(scheme: str, drawn: Path) -> None:
    from axe_playwright_python.sync_playwright import Axe

    with opened(drawn, color_scheme=scheme) as shown:
        shown.page.locator("summary").click()
        found = Axe().run(shown.page).response["violations"]
    assert [(f["id"], f["nodes"][0]["html"]) for f in found if f["impact"] in ("serious", "critical")] == []


@pytest.mark.turns(1)
@needs_chromium
def test_without_javascript_a_digit_is_chosen_and_both_backends_stand_side_by_side(drawn: Path) -> None:
    with opened(drawn, javascript=False) as shown:
        for digit in (0, 7):
            shown.page.locator(f"label[for=digit-{digit}]").click()
            visible = shown.page.locator(".glance:visible")
            assert visible.count() == 1
            pictures = visible.locator("img.map")
            assert pictures.count() == 8
            assert pictures.first.get_attribute("alt") == f"δ in layer 2, derived by hand, for a {digit}"
            mine, theirs = (pictures.nth(i).bounding_box() for i in (0, 1))
            assert mine["y"] == theirs["y"]
            assert mine["width"] == theirs["width"] > 100
            assert visible.locator("b.verified").count() == 4
        assert shown.page.locator(".line-2 polyline").count() >= 2, "a line for each backend"
        assert shown.errors == []


@pytest.mark.turns(1)
@needs_chromium
def test_the_digit_is_chosen_by_keyboard_too(drawn: Path) -> None:
    with opened(drawn) as shown:
        shown.page.locator("#digit-0").focus()
        shown.page.keyboard.press("ArrowRight")
        assert re.match("a 1( that|$)", shown.page.locator(".glance:visible img").first.get_attribute("alt"))


@pytest.mark.turns(1)
@needs_chromium
def test_the_first_digit_shown_is_the_misread_one_of_which_the_network_is_most_certain(drawn: Path) -> None:
    with opened(drawn, javascript=False) as shown:
        surest = shown.page.locator(".tiles img").first
        said = surest.get_attribute("alt")
        assert re.fullmatch(r"a \d that is read as \d", said)
        glance = shown.page.locator(".glance:visible")
        assert glance.locator("figcaption").first.inner_text() == said
        for name in ("alt", "src"):
            assert glance.locator("img").first.get_attribute(name) == surest.get_attribute(name)


@pytest.mark.turns(1)
@needs_chromium
def test_it_prints_on_white(drawn: Path) -> None:
    with opened(drawn, color_scheme="dark") as shown:
        shown.page.emulate_media(media="print", color_scheme="dark")
        assert shown.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        colour = "getComputedStyle(document.querySelector('{}')).{}"
        assert shown.page.evaluate(colour.format(".verified", "color")) == "rgb(17, 99, 41)"
        assert shown.page.evaluate(colour.format(".line-1", "stroke")) == "rgb(5, 80, 174)"
        pages, spilled = printed(shown.page)
        assert (pages, spilled) == (4, [])
        assert shown.page.evaluate(colour.format(".confusion", "breakInside")) == "avoid", "a matrix on two pages"


def test_it_is_one_file_that_asks_for_nothing(drawn: Path) -> None:
    text = drawn.read_text()
    assert len(text.encode()) <= LARGEST
    assert not re.search(r"https?://|<script|src=\"(?!data:)|url\((?!data:)|@import", text)


def test_it_says_what_the_run_says(drawn: Path) -> None:
    text, results = drawn.read_text(), json.loads((drawn.parent / "run.json").read_text())
    assert results["run_hash"] in text
    last = results["epochs"][-1]
    assert f"{last['test'] - last['correct']} of 10000 misread" in text
    for number in ("correct", "validation", "training"):
        assert f'<td class="number">{last[number]} of 10000</td>' in text
    command = "--backend handcrafted --sizes 784,30,10 --epochs 2 --batch 10 --eta 3.0 --seed 0 --init normal"
    assert command in text


def digits(n: int, rows: int, columns: int, classes: int = 10) -> DataSet:
    rng = np.random.default_rng(n)
    return DataSet(
        rng.integers(0, 256, (n, rows * columns)).astype(np.uint8), (np.arange(n) % classes).astype(np.uint8), rows
    )


# The largest that people train, large pictures, depth, a single pixel, no hidden layer, digits that are missing.
NETWORKS: list[tuple[tuple[int, ...], tuple[int, int], int]] = [
    ((784, 512, 256, 10), (28, 28), 10),
    ((100 * 80, 40, 10), (100, 80), 10),
    ((784, *[60] * 25, 10), (28, 28), 10),
    ((1, 10), (1, 1), 10),
    ((12, 10), (3, 4), 3),
]


@pytest.mark.sample(1)
@pytest.mark.parametrize(("sizes", "shape", "classes"), NETWORKS)
def test_any_network_and_any_images_make_a_page_of_two_megabytes_at_most(
    sizes: tuple[int, ...], shape: tuple[int, int], classes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sets = Mnist(digits(40, *shape, classes), digits(20, *shape, classes), digits(300, *shape, classes))
    monkeypatch.setattr(mnist, "load", lambda _: sets)
    with run.new(Settings("handcrafted", sizes, init="scaled"), None, tmp_path / "run", 999) as small:
        epochs = tuple(Epoch(n, n % 300, 300, 3, 5, 1 / n, 0.1) for n in range(1, 5001))
        small.state = small.state._replace(history=epochs, epoch=5001)
        path = run_page.write(small, small.results(), {SMALL.backend: small.state.history})
    assert path.stat().st_size <= LARGEST


@pytest.mark.sample(1)
@pytest.mark.parametrize(
    ("layers", "said"), [(5, None), (6, "Of 6 layers, 2 is left out."), (9, "Of 9 layers, 2 to 5 are left out.")]
)
def test_of_a_deep_network_the_first_layer_and_the_last_are_drawn_and_the_page_says_so(
    layers: int, said: str | None, tmp_path: Path
) -> None:
    settings = SMALL._replace(sizes=(12, *[4] * (layers - 1), 10))
    with run.new(settings, put_digits(tmp_path), tmp_path / "run", 999) as deep:
        text = run_page.page(deep, deep.results(), {})
    shown = sorted({int(layer) for layer in re.findall(r"δ in layer (\d+), derived by hand", text)})
    assert shown == [1, *range(layers - 3, layers + 1)]
    assert re.findall(r"Of \d+ layers, [^.]*\.", text) == ([said] if said else [])


def test_a_run_without_an_epoch_has_a_page(tmp_path: Path) -> None:
    with run.new(SMALL, put_digits(tmp_path), tmp_path / "run", 999) as small:
        assert (
            "How it learned"
            not in run_page.write(small, small.results(), {SMALL.backend: small.state.history}).read_text()
        )


def test_a_planted_error_in_the_handcrafted_network_shows_in_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = handcrafted.gradients

    def wrong(*problem: Any) -> Any:
        delta, grad_b, grad_w = honest(*problem)
        grad_w[0] = grad_w[0] * 1.001
        return delta, grad_b, grad_w

    monkeypatch.setattr(handcrafted, "gradients", wrong)
    with run.new(SMALL, put_digits(tmp_path), tmp_path / "run", 999) as small:
        text = run_page.page(small, small.results(), {})
    assert text.count('<b class="refuted">refuted</b>') == 10
    assert text.count('<b class="verified">verified</b>') == 30


def test_confusion_counts_every_image_once_and_misread_ones_come_surest_first() -> None:
    test = digits(300, 3, 4)
    state = loop.begin(SMALL)
    read = review.read("handcrafted", state.weights, state.biases, test)
    assert read.confusion.sum(axis=1).tolist() == [30] * 10
    assert np.trace(read.confusion) == (read.digits == test.labels).sum()
    misread = read.misread(test.labels, 1000)
    assert sorted(misread) == np.flatnonzero(read.digits != test.labels).tolist()
    assert all(read.surely[i] >= read.surely[j] for i, j in pairwise(misread))
    assert read.misread(test.labels, 3) == misread[:3]


SEEN = st.tuples(st.integers(0, 9), st.integers(0, 9), st.sampled_from([0.0, 0.25, 0.5, 1.0]))


@given(st.lists(SEEN, min_size=1, max_size=40))
def test_the_example_of_a_digit_is_its_surest_misread_image_or_else_its_first(
    seen: list[tuple[int, int, float]],
) -> None:
    labels, digits, surely = (np.array(column) for column in zip(*seen, strict=True))
    images = review.examples_of(labels, review.Read(digits, surely, np.zeros((10, 10))))
    assert sorted(labels[images]) == sorted(set(labels.tolist()))
    misread = [i for i in images if digits[i] != labels[i]]
    assert images[: len(misread)] == misread, "the misread ones first"
    assert all(surely[i] >= surely[j] for i, j in pairwise(misread))
    for image in images:
        own = np.flatnonzero(labels == labels[image])
        wrong = own[digits[own] != labels[image]]
        assert image == (min(wrong, key=lambda i: -surely[i]) if len(wrong) else own[0])


def test_a_digit_that_is_never_misread_is_shown_without_a_word_about_it(tmp_path: Path) -> None:
    with run.new(SMALL, put_digits(tmp_path), tmp_path / "run", 999) as small:
        labels = small.digits.test.labels
        right = review.Read(labels, np.ones(len(labels)), np.diag(np.bincount(labels, minlength=10)))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(review, "read", lambda *_: right)
            text = run_page.page(small, small.results(), {})
    assert "that is read as" not in text
    assert 'id="digit-0" checked>' in text
    assert text.count(" checked>") == 1


@pytest.mark.parametrize(("low", "high"), [(0, 1), (90.9, 92.3), (0.0621, 0.0719), (1, 30), (5, 5), (-3, 1e9)])
def test_ticks_are_round_and_enclose_the_values(low: float, high: float) -> None:
    ticks = chart.ticks(low, high)
    assert ticks[0] <= low
    assert ticks[-1] >= high
    assert len(ticks) <= 8


@pytest.mark.parametrize("names", [("handcrafted",), ("handcrafted", "reference")])
def test_each_curve_is_of_what_it_says(names: tuple[str, ...]) -> None:
    sets = Mnist(digits(40, 1, 1), digits(20, 1, 1), digits(30, 1, 1))
    epochs = [Epoch(1, 15, 30, 18, 24, 1.0, 1.0), Epoch(2, 30, 30, 20, 30, 0.5, 1.0)]
    shares, costs = run_page.learning(dict.fromkeys(names, epochs), sets)
    whose = [f"{name}, " * (len(names) > 1) for name in names]
    assert [line.label for line in shares.lines] == [
        f"{n}{s}" for n in whose for s in ("test", "validation", "training")
    ]
    heights = {tick.at: tick.text for tick in shares.up}
    for line in shares.lines:
        assert [heights[y] for _, y in line.marks][1] == "100 %"
    assert [heights.get(line.marks[0][1]) for line in shares.lines[:3]] == ["50 %", "90 %", "80 %"]
    assert [line.label for line in costs.lines] == list(names)


def test_a_curve_stays_inside_its_plot() -> None:
    drawn = chart.chart("cost", "", {"a": [(1, 0.5), (2, 0.1)], "b": [(1, 0.7), (2, 0.07)]})
    for line in drawn.lines:
        for x, y in line.marks:
            assert chart.LEFT <= x <= chart.RIGHT
            assert chart.TOP <= y <= chart.BOTTOM
    assert drawn.lines[0].marks[0][1] < drawn.lines[0].marks[1][1], "a cost that falls goes down"


def test_two_values_that_are_nearly_equal_have_short_numbers_beside_them() -> None:
    drawn = chart.chart("cost", "", {"a": [(1, 0.03153726)], "b": [(1, 0.03153794)]})
    assert max(len(tick.text) for tick in drawn.up) <= 6
    assert chart.TOP < drawn.lines[0].marks[0][1] < chart.BOTTOM


@pytest.mark.parametrize("colours", [2, 256, 257])
def test_a_picture_keeps_every_colour(colours: int) -> None:
    pixels = np.random.default_rng(0).permutation(3 * colours).reshape(1, colours, 3).astype(np.uint8)
    data = base64.b64decode(page.picture(pixels).partition(",")[2])
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(data)).convert("RGB")), pixels)


def test_pictures_on_one_scale_have_one_colour_for_one_value() -> None:
    one, other = np.array([[1.0, -2.0, 0.0]]), np.array([[1.0, 4.0, 0.0]])
    assert (page.diverging(one, 4.0)[0, 0] == page.diverging(other, 4.0)[0, 0]).all()
    assert page.diverging(one)[0, 1].tolist() == [33, 102, 172]
    assert page.diverging(one)[0, 2].tolist() == [255, 255, 255]


@pytest.mark.parametrize(("unit", "value"), [("%", 91.0623), ("", 0.07247764), ("%", 0.0), ("", 1e-9)])
def test_a_single_epoch_is_drawn_between_round_numbers_that_fit_beside_it(unit: str, value: float) -> None:
    drawn = chart.chart("a run of one epoch", unit, {"handcrafted": [(1, value)]})
    (_, at), *rest = drawn.lines[0].marks
    assert rest == []
    assert chart.TOP < at < chart.BOTTOM
    assert len(drawn.up) >= 3
    if value >= 1e-3:
        assert max(len(tick.text) for tick in drawn.up) <= 6  # what there is room for


@given(
    st.builds(
        Settings,
        st.sampled_from(["handcrafted", "reference"]),
        st.lists(st.integers(1, 999), min_size=2).map(tuple),
        *(st.integers(1, 10**6),) * 2,
        st.floats(1e-300, 1e300),
        st.integers(0, 10**9),
        *(st.sampled_from(names) for names in (["normal", "scaled"], ["float32", "float64"])),
        st.booleans(),
    )
)
def test_the_command_on_the_page_gives_the_same_settings_again(settings: Settings) -> None:
    context = command.make_context("train", shlex.split(typed_options(settings._asdict())))
    assert Settings(**{name: context.params[name] for name in Settings._fields}) == settings
