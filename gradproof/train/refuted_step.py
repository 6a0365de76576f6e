"""Save a refuted step in a file, which `gradproof prove STEP.safetensors` judges again.

The safetensors file holds x, y, w1, b1, … where the step was taken, w1_after, b1_after, … where it led, and what the
network computed there: z1, …, a0, a1, …, cost, delta1, …, grad_b1, …, grad_w1, …. The metadata holds eta, the backend
and the number of the step as text.
"""

import json
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as deserialised
from safetensors.numpy import save as serialised

from gradproof import files
from gradproof.backends import NAMES
from gradproof.errors import DataError
from gradproof.problem import Answer, Array, Problem
from gradproof.train.step import Step, StepError

FORMAT = "gradproof step 1"
LARGEST = 2**32  # bytes


def save(error: StepError, place: Path) -> Path:
    """Write the refuted step into a run's folder and return the path. Raises MachineError if that fails."""
    text = {"format": FORMAT, "number": str(error.number), "eta": error.step.eta.hex(), "backend": error.step.backend}
    path = place / f"step-{error.number}.safetensors"
    files.write(path, serialised({name: np.ascontiguousarray(a) for name, a in _named(error.step)}, text))
    return path


def load(path: Path) -> tuple[int, Step]:
    """Return the number of the step and the step. Raises DataError if the file does not hold a sound one."""
    try:
        content = files.read(path, LARGEST)
        return _step(deserialised(content), _metadata(content))
    except OSError as error:
        reason = error.strerror or str(error)
    except (SafetensorError, DataError, ValueError, KeyError, TypeError) as error:
        reason = f"{error.args[0]} is missing" if isinstance(error, KeyError) else str(error)
    except MemoryError:
        reason = "too large for this machine's memory"
    raise DataError(f"{path}: {reason}; give a step that `gradproof train --verify` refuted and saved")


def _named(step: Step) -> Iterator[tuple[str, Array]]:
    yield "x", step.problem.x
    yield "y", step.problem.y
    yield "cost", step.claim.cost
    for name, arrays, first in (
        ("w{}", step.problem.weights, 1),
        ("b{}", step.problem.biases, 1),
        ("w{}_after", step.after[0], 1),
        ("b{}_after", step.after[1], 1),
        ("z{}", step.claim.zs, 1),
        ("a{}", step.claim.activations, 0),
        ("delta{}", step.claim.delta, 1),
        ("grad_b{}", step.claim.grad_b, 1),
        ("grad_w{}", step.claim.grad_w, 1),
    ):
        yield from ((name.format(layer), array) for layer, array in enumerate(arrays, start=first))


def _metadata(content: bytes) -> Mapping[str, str]:
    """Return the text in the header, which is eight bytes of length and then JSON."""
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    text = header.get("__metadata__", {}) if isinstance(header, dict) else {}
    if not isinstance(text, dict) or text.get("format") != FORMAT:
        raise DataError("is not a recorded step")
    return text


def _step(arrays: Mapping[str, Array], text: Mapping[str, str]) -> tuple[int, Step]:
    """Return the step's number and the step. Raises DataError if names, dtypes or shapes do not fit together."""
    depth = sum(name.startswith("w") and name.endswith("_after") for name in arrays)

    def layers(name: str, first: int = 1) -> list[Array]:
        return [arrays[name.format(layer)] for layer in range(first, depth + 1)]

    problem = Problem(layers("w{}"), layers("b{}"), arrays["x"], arrays["y"])
    claim = Answer(
        layers("z{}"), layers("a{}", 0), arrays["cost"], layers("delta{}"), layers("grad_b{}"), layers("grad_w{}")
    )
    step = Step(problem, claim, (layers("w{}_after"), layers("b{}_after")), float.fromhex(text["eta"]), text["backend"])
    if step.backend not in NAMES:
        raise DataError(f"there is no backend {step.backend!r}")
    _fits(step)
    return int(text["number"]), step


def _fits(step: Step) -> None:
    """Raise DataError unless every array has the shape and dtype that x, y and the biases call for."""
    if any(a.ndim != 2 for a in (step.problem.x, step.problem.y, *step.problem.biases)) or not step.problem.weights:
        raise DataError("x, y and the biases must be matrices, of at least one layer")
    sizes, m, dtype = step.problem.sizes, step.problem.x.shape[1], step.problem.x.dtype
    rows: list[tuple[int, ...]] = [(n, m) for n in sizes]
    w = [(n, k) for k, n in pairwise(sizes)]
    b = [(n, 1) for n in sizes[1:]]
    expected: list[Any] = [rows[0], rows[-1], (1,), *w, *b, *w, *b, *rows[1:], *rows, *rows[1:], *b, *w]
    for (name, array), shape in zip(_named(step), expected, strict=True):
        if array.shape != shape or array.dtype != dtype or dtype not in (np.float32, np.float64) or 0 in shape:
            raise DataError(f"{name} is {array.dtype} {array.shape}, which does not fit the other arrays")
