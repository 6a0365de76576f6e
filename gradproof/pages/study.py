"""The page of the study: the lines with their verdicts, the inside of a small network, and real digits."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup, escape

from gradproof import files
from gradproof.numerics.verdict import Verdict
from gradproof.pages.graph import CLASSES, MARKS, graph
from gradproof.pages.mathml import mathml
from gradproof.pages.page import diverging, picture, rendered
from gradproof.problem import Array
from gradproof.study import digits, small_network
from gradproof.study.reader import NOTES
from gradproof.study.small_network import STEPS, Number
from gradproof.study.summary import conventions, mutants, together
from gradproof.study.trial import Court
from gradproof.study.verdicts import ClaimTried, Ruling, Tried
from gradproof.study.walk import example
from gradproof.text import visible

PLACES = {1: "component {}", 5: "neuron {}", 28: "row {1}, column {2}"}  # by the rows of a picture


def write(out: Path, court: Court, tried: list[Tried], say: Callable[[str], None] = lambda what: None) -> None:
    """Write the page to a file; MachineError if it cannot be written."""
    files.give(out, page(court, tried, say))


def page(court: Court, tried: list[Tried], say: Callable[[str], None] = lambda what: None) -> str:
    """Return the page as HTML; a user's own ledger gets no network and no digits, which belong to the notes."""
    own = court.ledger.source != "the notes"
    network = None if own else _network()
    shown = None if own else [_digit(digit) for digit in digits.digits(say)]
    return rendered(
        "study.html",
        script="study.js",
        title=court.ledger.title,
        source=court.ledger.source if own else NOTES.name,
        counts=[(s.value, CLASSES[s], n) for s in Ruling if (n := sum(t.ruling is s for t in tried))],
        graph=graph(tried),
        sections=_sections(tried),
        network=network,
        digits=shown,
        stages=digits.STAGES,
        unsettled=[t.line.id for t in tried if t.troubles],
        rejected=sum(c.gate.rejected for t in tried for c in t.claims if c.gate),
        mutants=mutants(tried),
        conventions=[
            (prose(said), [(prose(name), ids) for name, ids in held.items()])
            for held in conventions(tried).values()
            if (said := together(held))
        ],
    )


def prose(text: str) -> Markup:
    """Return text as HTML in which z_j^l has a subscript and a superscript."""
    marked = str(escape(visible(text, "\n\t")))
    for sign, tag in (("_", "sub"), (r"\^", "sup")):
        marked = re.sub(rf"(?<=[\w>]){sign}(\w+|\|z\||\{{[^{{}}]*\}})", rf"<{tag}>\1</{tag}>", marked)
    return Markup(re.sub(r"(<su[bp]>)\{(.*?)\}(</su[bp]>)", r"\1\2\3", marked))


def written(line: str) -> Markup:
    """Return a line as HTML, from LaTeX or from text with formulas between dollars."""
    if "$" not in line:
        return mathml(line, display=True)
    parts = [mathml(part) if i % 2 else escape(visible(part, "\n\t")) for i, part in enumerate(line.split("$"))]
    return Markup('<p class="words">{}</p>').format(Markup("").join(parts))


# ---- the lines -------------------------------------------------------------------------------------------------


def _sections(tried: list[Tried]) -> list[dict[str, Any]]:
    sections: dict[str, list[dict[str, Any]]] = {}
    for t in tried:
        sections.setdefault(t.line.section, []).append(_line(t))
    return [{"name": name, "lines": lines} for name, lines in sections.items()]


def _line(t: Tried) -> dict[str, Any]:
    kind = CLASSES[t.ruling]
    return {
        "id": t.line.id,
        "kind": kind,
        "mark": MARKS[kind],
        "verdict": t.ruling.value,
        "rule": t.line.rule,
        "written": written(t.line.written),
        "corrected": [_correction(c) for c in t.claims if c.ruling is Ruling.WRONG and c.claim.corrected],
        "troubles": [prose(trouble) for trouble in t.troubles],
        "why": prose(t.line.why),
        "depends": t.line.depends,
        "claims": [_claim(c) for c in t.claims],
        "facts": t.facts,
        "code": [_code(c) for c in t.code],
        "tests": t.line.tests,
    }


def _correction(c: ClaimTried) -> tuple[str, str, Markup]:
    """Return a correction's CSS class, the label that says how certain it is, and its formula."""
    if c.correction is None:
        kind, label = "unproven", "not proven"
    else:
        kind = c.correction.verdict.value
        label = {"verified": "corrected", "refuted": "wrong as well", "undecided": "undecided"}[kind]
    return kind, label, written(c.claim.corrected)


def _claim(c: Any) -> dict[str, Any]:
    kind = CLASSES[c.ruling]
    heard = [*c.readings, *([c.correction] if c.correction else [])]
    failing = [h for h in c.readings if h.verdict is Verdict.REFUTED]
    return {
        "says": prose(c.claim.says),
        "kind": kind,
        "mark": MARKS[kind],
        "text": str(c.claim.tree),
        "other": prose(failing[-1].name if c.ruling is Ruling.CONVENTION else ""),
        "heard": [(prose(h.name), h is c.correction, str(h.tree), h.verdict.value, h.testimonies) for h in heard],
        "smallest": _smallest(c.smallest) if c.smallest else None,
        "gate": c.gate,
    }


def _smallest(s: Any) -> dict[str, Any]:
    differ = [(f"{one:.6g}", f"{other:.6g}") for one, other in zip(s.left, s.right, strict=True) if one != other]
    numbers = []
    for name, value in s.numbers.items():
        if isinstance(value, dict):
            rows = {sample: f"[{', '.join(f'{v:g}' for v in row)}]" for sample, row in value.items()}
            several = [f"{row} in {sample}" for sample, row in rows.items()]
            numbers.append(f"{name} = {', '.join(several if len(rows) > 1 else rows.values())}")
        else:
            numbers.append(f"{name} = {_plain(value)}")
    return {
        "sizes": "–".join(map(str, s.sizes)),
        "m": s.m,
        "numbers": numbers,
        "differ": differ[:2],
        "misfit": s.misfit,
        "layer": s.layer,
    }


def _plain(value: Any) -> str:
    return f"[{', '.join(map(_plain, value))}]" if isinstance(value, list) else f"{value:g}"


def _code(c: Any) -> dict[str, Any]:
    return {
        "function": c.code.function,
        "where": f"{c.anchored.path}:{c.anchored.line}" if c.anchored.line else "the anchor has moved",
        "text": c.anchored.text or c.code.anchor,
        "run": c.run,
        "sound": c.sound,
        "trouble": c.trouble,
    }


# ---- the network -----------------------------------------------------------------------------------------------


def _network() -> dict[str, Any]:
    problem = example()
    given, numbers, slips = small_network.given(problem), small_network.numbers(problem), small_network.slips(problem)
    values = given | {n.name: n.hand for n in numbers}
    right = {n.name: n.autodiff for n in numbers}
    live = {  # the data that the script steps through
        "values": {name: shown(value) for name, value in values.items()},
        "differences": {n.name: _off(n.difference) for n in numbers},
        "slips": [_slip(s, right) for s in slips],
    }
    places = {
        f"a{layer}{j}": (90 + layer * 250, 170 + (2 * j - n + 1) * 62)
        for layer, n in enumerate(problem.sizes)
        for j in range(n)
    }
    return {
        "given": given,
        "steps": [{"name": step, "numbers": [_number(n, values) for n in numbers if n.step == step]} for step in STEPS],
        "nodes": [
            {"x": places[f"a{layer}{j}"][0], "y": places[f"a{layer}{j}"][1], "names": small_network.of_neuron(layer, j)}
            for layer, n in enumerate(problem.sizes) for j in range(n)
        ],
        "edges": [
            {
                "from": places[f"a{layer - 1}{k}"], "to": places[f"a{layer}{j}"],
                "names": small_network.of_edge(layer, j, k),
            }
            for layer, w in enumerate(problem.weights, start=1) for j, k in np.ndindex(w.shape)
        ],
        "values": live["values"],
        "slips": live["slips"],
        "data": Markup(json.dumps(live, ensure_ascii=False).replace("<", "\\u003c")),
    }  # fmt: skip


def _slip(slip: small_network.Slip, right: dict[str, float]) -> dict[str, Any]:
    """Return a mistake for display; a number that it never computes is a dash."""
    none = dict.fromkeys(slip.missing, "–")
    return slip._asdict() | {
        "values": none | {name: shown(v) for name, v in slip.values.items()},
        "differences": none | {name: _off(abs(v - right[name])) for name, v in slip.values.items()},
    }


def shown(value: float) -> str:
    """Format a number with six decimals, or exactly if that is short."""
    short = f"{value:g}"
    return (short if len(short) <= 6 and float(short) == value else f"{value:.6f}").replace("-", "−")


def _number(n: Number, values: dict[str, float]) -> dict[str, Any]:
    return {
        "name": n.name,
        "letters": "".join(part.text or part.name for part in n.formula),
        "parts": [(part.text, part.name, shown(values[part.name]) if part.name else "") for part in n.formula],
        "hand": shown(n.hand),
        "autodiff": shown(n.autodiff),
        "difference": _off(n.difference),
        "bound": f"{n.bound:.1e}",
    }


def _off(difference: float) -> str:
    return f"{difference:.1e}" if difference else "0"


# ---- the digits ------------------------------------------------------------------------------------------------


def _digit(digit: digits.Digit) -> dict[str, Any]:
    return {
        "label": digit.label,
        "image": picture(255 - digit.image),
        "stages": [
            {
                "steps": seen.steps, "cost": f"{seen.cost:.4f}", "read": seen.read, "right": seen.read == digit.label,
                "hidden": picture(_grey(seen.hidden.reshape(5, 6))),
                "output": [(i, f"{a:.3f}", round(100 * float(a))) for i, a in enumerate(seen.activations)],
                "neuron": seen.neuron + 1,
                "parts": [
                    _compared("δ²", seen.output_delta, (1, 10)),
                    _compared("δ¹", seen.hidden_delta, (5, 6)),
                    _compared("∂C/∂w¹", seen.weights, (28, 28)),
                ],
            }
            for seen in digit.stages
        ],
    }  # fmt: skip


def _compared(name: str, found: digits.Compared, shape: tuple[int, int]) -> dict[str, Any]:
    return {
        "name": name,
        "hand": picture(diverging(found.hand.reshape(shape))),
        "autodiff": picture(diverging(found.autodiff.reshape(shape))),
        "largest": f"{np.abs(found.hand).max():.2g}",
        "difference": _off(found.difference),
        "bound": f"{found.bound:.1e}",
        "ratio": f"{found.ratio:.1g}",
        "within": found.ratio <= 1,
        "place": PLACES[shape[0]].format(found.worst + 1, *(1 + n for n in divmod(found.worst, shape[1]))),
        "shape": shape,
    }


def _grey(activations: Array) -> Array:
    """Return a picture in which 0 is white and 1 is black."""
    return np.asarray(np.rint(255 * (1 - activations)), np.uint8)
