"""A certificate is checked again by a script that knows neither package; a forged one is noticed."""

import ast
import copy
import hashlib
import json
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

from gradproof.judge.float64 import certificate
from gradproof.judge.float64.diagnosis import judgement
from gradproof.judge.isolation.submission import Function
from tests.judge.catalogue import RIGHT_ONES, backprop

pytestmark = pytest.mark.usefixtures("few_edits")

SCRIPT = Path(__file__).parents[2] / "docs" / "verify_certificate.py"


def verified(folder, document, *code):
    path = folder / "certificate.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document), "utf8")
    return subprocess.run([sys.executable, str(SCRIPT), str(path), *code], capture_output=True, text=True, timeout=60)


def made(submission):
    judged = judgement(Function(submission), 40, certified=True)
    assert judged.verdict == "verified"
    return certificate.document(judged.certified, "mine", 0, judged.conventions)


@pytest.fixture(scope="module")
def document():
    return made(backprop())


@pytest.mark.turns(1)
@pytest.mark.sample(2)
@pytest.mark.parametrize("name", ["ours", "y − a, sum", "σ by tanh", "one example per call", "float32"])
def test_the_certificate_of_a_correct_backprop_holds(name, tmp_path):
    result = verified(tmp_path, made(RIGHT_ONES[name][0]))
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("holds: ")


@pytest.mark.sample(4)
@pytest.mark.parametrize("part", ["delta", "grad_b", "grad_w"])
@pytest.mark.parametrize("kind", ["claims", "enclosures", "bounds"])
def test_a_forged_number_is_noticed(part, kind, document, tmp_path):
    forged = copy.deepcopy(document)
    row = forged["networks"][0][kind][part][0][0]
    row[0] = {"claims": lambda v: v * (1 + 1e-9), "enclosures": lambda v: ["0.5", "0.6"], "bounds": lambda v: 0.0}[
        kind
    ](row[0])
    result = verified(tmp_path, forged)
    assert result.returncode == 1
    assert part in result.stdout


def test_a_wrong_claim_is_not_saved_by_a_wide_bound(document, tmp_path):
    forged = copy.deepcopy(document)
    for part in ("claims", "bounds"):
        forged["networks"][0][part]["grad_w"][0][0][0] = {"claims": 9.0, "bounds": 10.0}[part]
    result = verified(tmp_path, forged)
    assert result.returncode == 1
    assert "so wide that it says nothing" in result.stdout


@pytest.mark.parametrize("digits", [-4000, 0, 1, 10**9, 53.0, "53", None])
def test_another_number_of_digits_would_let_any_bound_pass_and_is_refused(digits, document, tmp_path):
    forged = copy.deepcopy(document)
    network = forged["networks"][0]
    network["digits"] = digits
    network["claims"]["grad_w"][0][0][0], network["bounds"]["grad_w"][0][0][0] = 9.0, 10.0
    result = verified(tmp_path, forged)
    assert (result.returncode, result.stdout) == (3, "")
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("ball", [["-1e9", "1e9"], ["1e9", "-1e9"]])
def test_a_ball_that_is_wider_than_its_bound_or_empty_is_noticed(ball, document, tmp_path):
    forged = copy.deepcopy(document)
    forged["networks"][0]["enclosures"]["delta"][0][0][0] = ball
    result = verified(tmp_path, forged)
    assert result.returncode == 1
    assert "the ball" in result.stdout


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "x", None])
def test_what_is_no_number_is_noticed(value, document, tmp_path):
    forged = copy.deepcopy(document)
    forged["networks"][0]["bounds"]["delta"][0][0][0] = value
    assert verified(tmp_path, forged).returncode in (1, 3)


def test_a_row_or_a_network_left_out_is_noticed(document, tmp_path):
    forged = copy.deepcopy(document)
    del forged["networks"][0]["claims"]["grad_b"][0][0]
    assert verified(tmp_path, forged).returncode in (1, 3)
    forged["networks"] = []
    result = verified(tmp_path, forged)
    assert (result.returncode, result.stdout) == (3, "")
    assert result.stderr.endswith("holds no network\n")


def test_another_input_is_noticed(document, tmp_path):
    forged = copy.deepcopy(document)
    forged["networks"][0]["weights"][0][0][0] += 1e-9
    assert verified(tmp_path, forged).returncode == 1


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"networks": [1]}', '{"networks": []}', '{"networks": [{"x": [[]]}]}']
)
def test_what_is_no_certificate_is_one_line(text, tmp_path):
    result = verified(tmp_path, text)
    assert result.returncode in (1, 3)
    assert "Traceback" not in result.stderr


def refused(result):
    assert (result.returncode, result.stdout) == (3, "")
    assert len(result.stderr.splitlines()) == 1
    assert "is no certificate" in result.stderr


@pytest.mark.parametrize("text", ["[" * 100_000, '{"networks": ' * 100_000, '{"networks": [{"x": NaN}]}'])
def test_brackets_without_end_and_numbers_that_are_none_are_one_line(text, tmp_path):
    refused(verified(tmp_path, text))


def test_a_network_without_layers_is_refused(document, tmp_path):
    forged = copy.deepcopy(document)
    network = forged["networks"][0]
    network["weights"], network["biases"] = [], []
    for kind in ("claims", "enclosures", "bounds"):
        network[kind] = {part: [] for part in network[kind]}
    refused(verified(tmp_path, forged))


@pytest.mark.sample(8)
@pytest.mark.parametrize("kind", ["claims", "enclosures", "bounds", "weights", "biases", "x", "y"])
@pytest.mark.parametrize("where", ["layer", "row", "number"])
def test_what_is_too_many_is_refused(kind, where, document, tmp_path):
    forged = copy.deepcopy(document)
    network = forged["networks"][0]
    layers = network[kind]["grad_w"] if isinstance(network[kind], dict) else network[kind]
    layers = [layers] if kind in ("x", "y") else layers
    place = {"layer": layers, "row": layers[0], "number": layers[0][0]}[where]
    if where == "layer" and kind in ("x", "y"):
        network["z"] = network[kind]
    else:
        place.append(copy.deepcopy(place[-1]))
    refused(verified(tmp_path, forged))


def test_a_name_that_stands_twice_is_refused(document, tmp_path):
    text = json.dumps(document)
    assert text.count('"digits": 53') == len(document["networks"])
    refused(verified(tmp_path, text.replace('"digits": 53', '"digits": 53, "digits": 53', 1)))


def test_fewer_digits_than_the_claim_has_are_refused(document, tmp_path):
    """Else bounds would pass that are 10⁴ times as wide."""
    forged = copy.deepcopy(document)
    forged["networks"][0]["digits"] = 24
    refused(verified(tmp_path, forged))


def test_the_certificate_says_of_what_and_with_what_and_when(document, tmp_path):
    code = tmp_path / "mine.py"
    code.write_text("x = 1\n", "utf8")
    document = document | {"sha256": hashlib.sha256(code.read_bytes()).hexdigest()}
    assert set(document["versions"]) == {"gradproof", "python", "numpy", "jax"}
    assert datetime.fromisoformat(document["date"]).tzinfo is not None
    assert verified(tmp_path, document, str(code)).returncode == 0
    code.write_text("x = 2\n", "utf8")
    other = verified(tmp_path, document, str(code))
    assert (other.returncode, "is not the code that was judged" in other.stdout) == (1, True)


@pytest.mark.turns(1)
def test_the_command_writes_the_sha256_of_the_file_it_judged(tmp_path):
    path, written = tmp_path / "mine.py", tmp_path / "c.json"
    path.write_bytes((Path(__file__).parent / "submissions" / "book.py").read_bytes())
    line = [sys.executable, "-m", "gradproof", "check", str(path), "--architectures", "20", "--certificate", written]
    environment = os.environ | {"PYTHONPATH": str(SCRIPT.parents[1])}
    result = subprocess.run(line, capture_output=True, text=True, timeout=120, env=environment)
    assert result.returncode == 0, result.stderr
    assert json.loads(written.read_text())["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_script_is_short_and_imports_neither_package():
    source = SCRIPT.read_text("utf8")
    assert len(source.splitlines()) <= 220
    tree = ast.walk(ast.parse(source))
    modules = {name.name for node in tree if isinstance(node, ast.Import) for name in node.names}
    assert modules == {"hashlib", "json", "struct", "sys"}
    assert "gradproof" not in source.replace("certificate of gradproof", "")
