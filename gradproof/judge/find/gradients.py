"""Match gradients that are returned or stored with their parameters: by name, by size, by position."""

import re
from collections.abc import Mapping, Sequence

from gradproof.exact.numbers import source
from gradproof.judge.find.dependence import Held, Moment, changed, feeding
from gradproof.judge.find.roles import named_as_parameter, role_of, stem

_LAST = re.compile(r"\['?([^'\]]*)'?\]$|\.?([^.\[\]]+)$")
DATA = ("x", "y", "pairs", "_turns")
LEAVES = ("data", "value", "val", "item", "v")  # attributes in which a scalar of an engine holds its number


def paired(before: Moment, after: Moment, data: Sequence[str] = DATA) -> dict[str, str] | None:
    """Map the path of each parameter to that of its gradient; {} unless every parameter with an effect has one.

    Return None if some gradients fit and another has a parameter's name and another size. `data`: names of variables
    that are no parameters, and of attributes, such as `.beta`.
    """
    known = {x.index for held in before.values() for x in held.numbers}
    fresh = [
        path
        for path, held in after.items()
        if (path not in before or path in changed(before, after) or held.shape != before[path].shape)
        and root(path) not in data
        and any(x.varies for x in held.numbers)
        and not all(source(x).index in known for x in held.numbers)  # a cache, such as self.x = x
    ]
    named = {stem(last(path)) for path in fresh}
    returned = any(path.startswith("_result") and len(after[path].numbers) == 1 for path in fresh)
    candidates = {
        path: held
        for path, held in before.items()
        if root(path) not in data
        and f".{last(path)}" not in data
        and (
            len(held.numbers) > 1
            or named_as_parameter(path)
            or last(path) in LEAVES
            or last(path).lower() in named
            or returned
        )
        and path not in fresh
    }
    results = [x for path in fresh for x in after[path].numbers]
    fresh = [path for path in fresh if path != "_cost"]
    parameters = [path for path in feeding(candidates, results) if not _is_state(path)]
    idle = {path: held for path, held in candidates.items() if path not in parameters}
    if not parameters or _by_name(idle, {path: after[path] for path in fresh}):
        return {}  # something without an effect has a gradient, as with a softmax of one class
    own = {path: before[path] for path in parameters}
    found = _by_name(own, {path: after[path] for path in fresh})
    names = {last(p).lower() for p in own if p not in found and not last(p).isdigit()}
    if any(stem(last(path)) in names for path in fresh):
        return None if found else {}  # the inputs do not suit the layer, or it forgets a sum
    if found and "x" in data and all(_is_data(path) for path in own if path not in found):
        return found  # the rest are data under other names; a layer, in contrast, returns the gradient of its x
    if len(found) < len(own):
        found = _by_size(own, {path: after[path] for path in fresh}) or found
    if len(found) < len(own):
        found |= _by_place(
            {p: h for p, h in own.items() if p not in found}, {p: after[p] for p in fresh if p not in found.values()}
        )
    return found if all(path in found for path in own) else {}


def root(path: str) -> str:
    return re.split(r"[.\[]", path, maxsplit=1)[0]


def last(path: str) -> str:
    """Return the last name or key of a path."""
    found = _LAST.search(path)
    return (found[1] or found[2] or path) if found else path


def _is_state(path: str) -> bool:
    return last(path).lower().strip("_") in ("lr", "eta", "alpha", "learning_rate", "reg", "lmbda", "momentum")


def _is_data(path: str) -> bool:
    return role_of(path) in ("x", "y") and not named_as_parameter(path)


def _by_name(parameters: Mapping[str, Held], fresh: Mapping[str, Held]) -> dict[str, str]:
    """Match by name: dW1, grad_W1, grads['W1'] or grads['dW1'] belongs to W1.

    Of several, one that is returned counts, then one of the same object, of the same shape, and the last one.
    """
    found: dict[str, str] = {}
    for path, held in parameters.items():
        name = last(path).lower()
        if name.isdigit():
            continue
        fits = [
            ("." not in other, _holder(other) == _holder(path), new.shape == held.shape, place, other)
            for place, (other, new) in enumerate(fresh.items())
            if len(new.numbers) == len(held.numbers) and other != path
            if name in (stem(last(other)), last(other).lower(), stem(last(other)) + "s")
        ]
        if fits:
            found[path] = max(fits)[-1]
    return found


def _by_size(parameters: Mapping[str, Held], fresh: Mapping[str, Held]) -> dict[str, str]:
    """Match by size, if each parameter has exactly one gradient of its size; else {}."""
    found: dict[str, str] = {}
    for path, held in parameters.items():
        fits = [other for other, new in fresh.items() if len(new.numbers) == len(held.numbers)]
        if len(fits) != 1 or fits[0] in found.values():
            return {}
        found[path] = fits[0]
    return found


def _by_place(parameters: Mapping[str, Held], fresh: Mapping[str, Held]) -> dict[str, str]:
    """Match by position: lists of gradients with lists of the same sizes, else arrays of the same shape in order."""
    found: dict[str, str] = {}
    groups: dict[str, list[str]] = {}
    for path in parameters:
        groups.setdefault(_holder(path), []).append(path)
    answers: dict[str, list[str]] = {}
    for path in fresh:
        answers.setdefault(_holder(path), []).append(path)
    for holder, paths in groups.items():
        letter = last(holder).lower()[:1]
        fitting = [
            other
            for other, entries in answers.items()
            if _sizes(entries, fresh) == _sizes(paths, parameters) and not set(entries) & set(found.values())
        ]
        fitting.sort(key=lambda other: (other != holder, stem(last(other))[:1] != letter))
        if fitting:
            found.update(zip(paths, answers[fitting[0]], strict=True))
    if not found:
        for path, held in parameters.items():
            fits = [o for o, new in fresh.items() if new.shape == held.shape and o not in found.values()]
            if fits:
                found[path] = fits[0]
    alone = all(len(held.numbers) == 1 for held in (*parameters.values(), *fresh.values()))
    if not found and alone and len(fresh) >= len(parameters):
        return dict(zip(parameters, list(fresh)[-len(parameters) :], strict=True))
    return found


def _holder(path: str) -> str:
    return path[: path.rindex("[")] if path.endswith("]") else path.rpartition(".")[0]


def _sizes(paths: Sequence[str], moment: Mapping[str, Held]) -> list[int]:
    return [len(moment[path].numbers) for path in paths]
