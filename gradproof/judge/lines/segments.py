"""The parts that a program makes of one vector of all its parameters."""

from collections.abc import Mapping
from dataclasses import replace

from gradproof.exact.arrays import array_of
from gradproof.judge.find.observation import Observation
from gradproof.judge.lines.labels import Located


def in_segments(what: Observation) -> tuple[Observation, dict[str, str]]:
    """Return the step with each named part of a vector as a parameter, and the path of the vector for each part."""
    given, after, vectors = dict(what.given), dict(what.after), dict[str, str]()
    for path, vector in what.given.items():
        places = {x.index: place for place, x in enumerate(vector.flat)}
        old, new = vector.ravel().tolist(), what.after[path].ravel().tolist()
        left = dict.fromkeys(range(len(old)))
        found = dict[str, tuple[list[int], tuple[int, ...]]]()
        for event in what.events if max(vector.shape, default=0) == vector.size > 1 else ():
            own = [places.get(x.index, -1) for x in event.numbers]
            if event.name not in given | found and 1 < len(own) < len(old) and all(place in left for place in own):
                found[event.name] = own, event.shape
                left = {place: None for place in left if place not in own}
        if len(found) < 2 or left:
            continue
        del given[path], after[path]
        for name, (own, shape) in found.items():
            given[name] = array_of([old[place] for place in own], shape)
            after[name] = array_of([new[place] for place in own], shape)
            vectors[name] = path
    return (replace(what, given=given, after=after) if vectors else what), vectors


def of_vectors(located: Mapping[str, Located], vectors: Mapping[str, str]) -> dict[str, Located]:
    """Return where each vector goes wrong: where the first of its parts does, with the others as alternatives."""
    found: dict[str, Located] = {}
    for path, place in sorted(located.items(), key=lambda item: item[1].line):
        whole = vectors.get(path, path)
        if whole not in found:
            found[whole] = place
        elif place.line != found[whole].line:
            found[whole] = found[whole]._replace(others=[*found[whole].others, place.line][:2])
    return found
