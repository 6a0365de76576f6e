"""The page of the study in a real browser: it opens from a file, offline, and shows what the backends computed."""

import re
from pathlib import Path

import numpy as np
import pytest

from gradproof.pages import study
from gradproof.problem import Problem
from gradproof.study import digits, reader, small_network
from gradproof.study.trial import Court
from gradproof.study.walk import example
from tests.browser import needs_chromium, opened, printed

LINES = ("N3", "N4", "N5", "N7", "N8", "N20", "N21", "N22")
LARGEST = 2_000_000  # bytes


@pytest.fixture(scope="module")
def html() -> str:
    court = Court(reader.load())
    return study.page(court, [t for name in LINES if (line := court.ledger.line(name)) for t in court.trials(line)])


@pytest.fixture(scope="module")
def file(html: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("study") / "study.html"
    path.write_text(html, "utf-8")
    return path


def test_the_page_is_one_small_file_that_asks_for_nothing(html: str) -> None:
    assert len(html.encode()) < LARGEST
    assert not re.findall(r"""(?:src|href)=["'](?!data:|#)""", html)
    assert "NaN" not in html


def test_the_lead_says_whose_mutants_were_tried_and_what_became_of_them(html: str) -> None:
    """Of reference/ there are none."""
    lead = " ".join(html[html.index('<p class="lead">') :].partition("</p>")[0].split())
    assert "<b>the handcrafted function</b> that implements the line, with all its mutants" in lead
    (counts,) = re.findall(r"of the code (\d+) of (\d+) mutants were killed, (\d+) are the same", lead)
    killed, tried, same = map(int, counts)
    assert (killed + same, same) == (tried, 2)


def test_a_line_of_words_wraps_and_its_formulas_stand_in_it(html: str) -> None:
    found = str(study.written("a small $z_j^l$ & <b>"))
    assert found.startswith('<p class="words">a small <math')
    assert found.endswith(" &amp; &lt;b&gt;</p>")
    assert '<p class="words">backpropagate, from layer <math' in html


def test_indices_of_words_are_set_and_nothing_else_becomes_markup() -> None:
    assert study.prose("<i> a_j^L, C_x") == "&lt;i&gt; a<sub>j</sub><sup>L</sup>, C<sub>x</sub>"
    assert study.prose("z_k^{l+1} of w_{k,j}") == "z<sub>k</sub><sup>l+1</sup> of w<sub>k,j</sub>"


def test_each_line_stands_with_its_verdict_and_as_mathml(html: str) -> None:
    for name in LINES:
        article = html[html.index(f'<article id="{name}"') :].partition("</article>")[0]
        assert "<math" in article
        assert 'class="verdict"' in article
        assert f'href="#{name}" class="node' in html


def test_what_a_ledger_says_is_text_and_never_markup() -> None:
    text = reader.NOTES.read_text("utf-8").replace("Hand Written Digits Project", "<script>alert(1)</script>")
    court = Court(reader.read(text, "mine <b>.toml"))
    page = study.page(court, list(court.trials(court.ledger.lines[2])))
    assert "<script>alert(1)" not in page
    assert "mine &lt;b&gt;.toml" in page


@pytest.mark.turns(1)
@needs_chromium
def test_it_opens_without_a_complaint_or_a_request(file: Path) -> None:
    for scheme in ("light", "dark"):
        with opened(file, color_scheme=scheme) as here:
            here.page.wait_for_timeout(200)
            assert here.errors == []
            assert here.requests == []


@pytest.mark.turns(1)
@needs_chromium
def test_arrow_keys_step_through_the_algorithm_and_change_its_numbers(file: Path) -> None:
    numbers = {n.name: n for n in small_network.numbers(example())}
    with opened(file) as here:
        page = here.page
        page.locator("#network").scroll_into_view_if_needed()
        page.evaluate("document.getElementById('network').scrollIntoView()")

        def shown() -> list[str]:
            return page.locator(".net .v").all_text_contents()

        def pressed() -> str:
            return str(page.locator('.steps [aria-pressed="true"]').text_content())

        assert pressed() == "feedforward"
        assert study.shown(numbers["a²₁"].hand) in shown()
        for step in small_network.STEPS[1:]:
            page.keyboard.press("ArrowRight")
            assert pressed() == step
            if step == "BP2":
                assert study.shown(numbers["δ¹₁"].hand) in shown()
            if step == "BP4":
                assert study.shown(numbers["∂C/∂w¹₁₁"].hand) in page.locator(".net .w").all_text_contents()
        page.keyboard.press("ArrowRight")
        assert pressed() == "update"
        page.keyboard.press("ArrowLeft")
        assert pressed() == "BP4"
        assert here.errors == []


@pytest.mark.turns(1)
@needs_chromium
def test_a_mistake_turns_the_right_equation_red_and_the_judge_says_so(file: Path) -> None:
    slips = small_network.slips(example())
    right = {n.name: n.autodiff for n in small_network.numbers(example())}
    with opened(file) as here:
        page = here.page
        for number, slip in enumerate(slips):
            page.select_option("#slip", str(number))
            faulty = page.locator(".step.faulty").evaluate_all("all => all.map(one => one.dataset.step)")
            assert faulty == list(slip.equations)
            assert slip.said in page.locator("#judge").text_content()
            bad = page.locator(".result.bad").evaluate_all("all => all.map(one => one.dataset.of)")
            assert set(bad) == {*slip.values, *slip.missing}
            for name in slip.missing:
                shown = page.locator(f'.result[data-of="{name}"], [data-off="{name}"]').all_text_contents()
                assert shown == ["–", "–"]
            for name, wrong in slip.values.items():
                off = float(page.locator(f'[data-off="{name}"]').text_content())
                assert off == pytest.approx(abs(wrong - right[name]), rel=0.05)
        page.select_option("#slip", "")
        assert page.locator(".bad").count() == 0
        assert here.errors == []


@pytest.mark.turns(1)
@needs_chromium
def test_a_focused_number_lights_up_what_it_came_from(file: Path) -> None:
    with opened(file) as here:
        here.page.locator('.result[data-of="δ¹₁"]').focus()
        lit = here.page.locator(".numbers .lit").evaluate_all("all => all.map(one => one.dataset.of)")
        assert {"δ¹₁", "w²₁₁", "δ²₁", "w²₂₁", "δ²₂", "z¹₁"} == set(lit)


@pytest.mark.turns(1)
@needs_chromium
def test_without_javascript_everything_can_be_read(file: Path) -> None:
    right = {n.name: n.hand for n in small_network.numbers(example())}
    with opened(file, javascript=False) as here:
        page = here.page
        assert page.locator(".step").count() == len(small_network.STEPS)
        for slip in small_network.slips(example()):
            assert page.get_by_text(slip.said).first.is_visible()
            row = page.locator(".mistakes tr", has_text=slip.name).first
            for name, wrong in slip.values.items():
                assert f"{name}: " in row.text_content()
                assert f"→ {study.shown(wrong)}" in row.text_content()
            for name in slip.missing:
                assert f"{name}: {study.shown(right[name])} → –" in row.text_content()
        page.locator('label[for="choose2"]').click()
        assert page.locator("#digit2").is_visible()
        assert not page.locator("#digit0").is_visible()
        assert not page.locator(".controls").is_visible()


@pytest.mark.sample(1)
@pytest.mark.turns(1)
@needs_chromium
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(file: Path, scheme: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    with opened(file, color_scheme=scheme) as here:
        here.page.locator("details").evaluate_all("all => all.forEach(one => { one.open = true; })")
        found = Axe().run(here.page).response["violations"]
        assert [v["id"] for v in found] == []


@pytest.mark.turns(1)
@needs_chromium
def test_a_narrow_page_does_not_scroll_sideways_and_a_printed_one_is_open(file: Path) -> None:
    with opened(file, viewport={"width": 390, "height": 800}) as here:
        assert here.page.evaluate("document.documentElement.scrollWidth") <= 390
        here.page.emulate_media(media="print")
        assert not here.page.locator(".controls").is_visible()
        for number in range(len(digits.SHOWN)):
            assert here.page.locator(f"#digit{number}").is_visible()


@pytest.mark.turns(1)
@needs_chromium
def test_on_paper_nothing_is_cut_and_a_line_takes_half_a_page(file: Path) -> None:
    """All digits, tables and mistakes are there as well; a row of the digits took a page, each mistake another."""
    with opened(file) as here:
        pages, spilled = printed(here.page)
    assert spilled == []
    assert pages <= len(LINES) / 2 + 2 * len(digits.SHOWN)


# ---- the numbers -----------------------------------------------------------------------------------------------


def test_each_number_is_what_its_formula_gives() -> None:
    """The formula of a number names the numbers that it is made of: put in, they give it."""
    import math

    problem = example()
    numbers = small_network.numbers(problem)
    values = small_network.given(problem) | {n.name: n.hand for n in numbers}
    for n in numbers:
        assert n.difference <= n.bound
        text = "".join(part.text or f"({values[part.name]!r})" for part in n.formula)
        for sign, meant in (
            ("−", "-"),
            ("·", "*"),
            ("²", "**2"),
            ("½ (", "0.5*("),
            ("σ′(", "slope("),
            ("σ(", "sigma("),
        ):
            text = text.replace(sign, meant)

        def sigma(z: float) -> float:
            return 1 / (1 + math.exp(-z))

        def slope(z: float) -> float:
            return math.exp(-z) / (1 + math.exp(-z)) ** 2

        found = eval(text, {"sigma": sigma, "slope": slope})
        assert abs(found - n.hand) <= n.bound, n.name


def test_a_slip_changes_the_numbers_that_follow_from_it_and_no_other() -> None:
    slips = {slip.name: slip for slip in small_network.slips(example())}
    assert set(slips) == set(small_network.SLIPS)
    assert all(slip.equations and slip.said for slip in slips.values())
    only = slips["σ′ dropped in BP2"]
    assert only.equations == ("BP2",)
    assert {name[0] for name in only.values} == {"δ", "∂", "w", "b"}
    assert all("¹" in name for name in only.values)


def test_a_backprop_that_does_not_run_has_no_numbers_from_there_on() -> None:
    (stopped,) = [slip for slip in small_network.slips(example()) if slip.missing]
    assert stopped.name == "w not transposed in BP2"
    assert stopped.said.endswith("equally wide it runs, and wrong numbers refute it (N21).")
    assert not stopped.values
    after = [
        n.name for n in small_network.numbers(example()) if n.step in ("BP2", "BP3", "BP4", "update") and "¹" in n.name
    ]
    assert list(stopped.missing) == after
    assert len(after) == 3 + 3 + 6 + 9


def test_between_layers_of_one_width_the_same_slip_runs_and_is_refuted() -> None:
    rng = np.random.default_rng(0)
    weights, biases = [rng.normal(size=(2, 2)) for _ in "12"], [rng.normal(size=(2, 1)) for _ in "12"]
    square = Problem(weights, biases, rng.normal(size=(2, 1)), rng.random((2, 1)))
    (slip,) = [slip for slip in small_network.slips(square) if slip.name == "w not transposed in BP2"]
    assert slip.equations == ("BP2",)
    assert slip.values
    assert not slip.missing


def test_a_comparison_shows_the_element_that_is_worst_by_its_own_bound() -> None:
    """The largest difference may be well within a large bound, and a small one beyond a small bound."""
    hand, autodiff = np.array([1.0, 0.0, 2.0]), np.array([1.5, 1e-9, 2.0])
    found = digits.compared(hand, autodiff, np.array([1.0, 1e-10, 0.0]))
    assert found.worst == 1
    assert found.difference == 1e-9
    assert found.ratio > 1
    assert digits.compared(hand, hand, np.zeros(3)).ratio == 0
    assert digits.compared(hand, hand + np.array([0, np.nan, 0]), np.ones(3)).ratio == np.inf
