"""Merges the parts of the theorem into one summary, in any order and from any number of processes."""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

from numpy.typing import DTypeLike

import handcrafted
import reference
from gradproof import numerics, problem, proof
from gradproof.backends import Backend
from gradproof.errors import DataError
from gradproof.proof import theorem
from gradproof.proof.summary import Fault, Summary, order, summary
from gradproof.proof.theorem import Judged
from gradproof.proof.total import Total, Worst, summed


def sources() -> str:
    """Return the SHA-256 of the code that makes a part: both networks, numerics, proof and problem.py, no other."""
    digest = hashlib.sha256(Path(problem.__file__).read_bytes())
    for package in (handcrafted, reference, numerics, proof):
        for room in sorted(package.__path__):
            for file in sorted(Path(room).rglob("*.py")):
                content = file.read_bytes()
                digest.update(f"{package.__name__} {file.relative_to(room)} {len(content)}\n".encode() + content)
    return digest.hexdigest()


def merged(backend: Backend, total: Total, count: int, seed: int, dtype: DTypeLike) -> Summary:
    """Return the summary of a total, as if all stacks were judged at once; this judges the worst stacks again."""

    def again(worst: Worst) -> Summary:
        return summary(list(theorem.chosen(backend, [-worst[1]], count, seed, dtype)))

    return summed(total, list(_faults(total, again)), again(total.worst).worst if total.worst else None)


def _faults(total: Total, again: Callable[[Worst], Summary]) -> Iterator[Fault]:
    """Yield the faults, with the counts of all parts and the worst network judged again. DataError if it is right."""
    any_alone = any(alone for *_, alone in total.faults)
    for equation, layer, alone in sorted(total.faults, key=lambda key: order(*key[:2])):
        if alone or not any_alone:
            _, worst, networks, elements = total.faults[equation, layer, alone]
            found = [f for f in again(worst).faults if (f.equation, f.layer) == (equation, layer)]
            if not found:
                raise DataError(f"{equation} at layer {layer} was refuted in stack {-worst[1]} and now is not")
            yield found[0]._replace(networks=networks, elements=elements)


def sampled(count: int, networks: int) -> list[int]:
    """Return the numbers of the stacks that are compared with the truth: the digits and random ones, evenly spread."""
    first, last = len(theorem.DIGIT_NETWORKS), theorem.units(count)
    step = max(1, (last - first) // networks)
    return [*range(first), *range(first, last, step)][: first + networks]


def sample(backend: Backend, count: int, seed: int, dtype: DTypeLike, networks: int) -> list[Judged]:
    """Judge the stacks of `sampled` again."""
    return list(theorem.chosen(backend, sampled(count, networks), count, seed, dtype))
