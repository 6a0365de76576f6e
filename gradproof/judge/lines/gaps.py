"""Where a statement is missing: beside the one that does the same for another array, as no line of its own is there."""

import ast
from collections.abc import Collection

from gradproof.exact.numbers import Number
from gradproof.exact.sweeps import computed_from
from gradproof.judge.find.monitor import Event
from gradproof.judge.find.observation import Observation
from gradproof.judge.find.program import statements
from gradproof.judge.lines.annotation import shown
from gradproof.judge.lines.counterparts import before_counterpart, distance
from gradproof.judge.lines.inheritance import later_layers
from gradproof.judge.lines.labels import Labels, Located

MOST = 2  # other lines to report


def beside_updates(what: Observation, labelled: Labels) -> Located | None:
    """Return where the last of the parameters moves: an array that never does should move there too."""
    after = {x.index for array in what.after.values() for x in array.flat}
    before = {x.index for array in what.given.values() for x in array.flat}
    for event in reversed(labelled.events):
        if all(x.index in after and x.index not in before for x in event.numbers):
            return Located(event.line, event.name, event.kind, "", f"{event.name} is updated here", event.file)
    return None


def beside_gradients(what: Observation, cost: Number, labelled: Labels, path: str) -> Located | None:
    """Return where the gradient of another array of its layer is computed, if no line computes that of this one."""
    if not all(x.value.is_zero() for x in what.moved[path].flat):
        return None
    later = later_layers(cost, {other: [x.index for x in array.flat] for other, array in what.given.items()})
    others = [other for other in what.given if other != path]
    others.sort(key=lambda other: (other in later[path] or path in later[other], other in later[path]))
    found = [(event, other) for other in others if (event := _last_of(what, labelled, other)) is not None]
    if not found:
        return None
    event, other = found[0]
    lines = dict.fromkeys(one.line for one, _ in found if one.line != event.line)
    said = f"the gradient of {shown(other)} is computed here, its own nowhere"
    return Located(event.line, event.name, event.kind, "", said, event.file, list(lines)[:MOST])


def _last_of(what: Observation, labelled: Labels, path: str) -> Event | None:
    """Return the last event that gives an array's gradient, before it is returned."""
    own = {x.index for x in computed_from(what.moved[path].flat)}
    others = {x.index for other in what.given if other != path for x in computed_from(what.moved[other].flat)}
    for event, label in zip(reversed(labelled.events), reversed(labelled.labels), strict=True):
        indices = {x.index for x in event.numbers if x.varies} - labelled.forward
        alone = label == f"∂C/∂{path}" or not indices & others
        if event.kind != "returned" and indices & own and alone:
            return event
    return None


def gap_of(root: ast.AST, name: str, forward: Collection[int]) -> int | None:
    """Return the line after which a name, an attribute or an entry should be assigned, as a similar one is.

    Where dW2 follows dZ2, dW1 should follow dZ1, and otherwise dW2. If no other layer has one, grad_x should follow
    grad_w, which differs in one letter. `forward` has the lines of the forward pass, where no gradient is missing.
    """
    beside, alike = None, None
    for statement in statements(root):
        own = last_name(statement)
        if not own or not isinstance(statement, ast.stmt) or statement.lineno in forward:
            continue
        if by := distance(own, name):
            if (before := before_counterpart(statement, root, by, forward)) is not None:
                return before.lineno
            beside = beside or statement.lineno
        elif len(own) == len(name) > 1 and sum(a != b for a, b in zip(own, name, strict=True)) == 1:
            alike = statement.lineno
    return beside or alike


def last_name(statement: ast.AST) -> str:
    """Return the name, the attribute or the key that a statement assigns; "" if it assigns several or none."""
    match statement:
        case ast.Assign(targets=[target]) | ast.AugAssign(target=target):
            match target:
                case ast.Name(id=name) | ast.Attribute(attr=name) | ast.Subscript(slice=ast.Constant(value=str(name))):
                    return name
    return ""
