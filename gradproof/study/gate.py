"""The gate: a claim that holds must say something. It must reject its wrong neighbours and not be a tautology."""

from typing import Protocol

import numpy as np

from gradproof.numerics import program
from gradproof.numerics.verdict import Verdict
from gradproof.study.ledger import Claim, Ledger
from gradproof.study.neighbours import neighbours
from gradproof.study.tree import Node
from gradproof.study.values import MisfitError, SilentError, Value
from gradproof.study.verdicts import Gate, Testimony
from gradproof.study.witnesses import autodiff
from gradproof.study.world import World

NEIGHBOURS = 5  # wrong neighbours that a claim must reject at least
MUST = {"sign", "factor 2", "the inequality turned round"}  # change a whole side: never the same statement


class Court(Protocol):
    """The interface that the gate needs of a trial: its witnesses and the random networks."""

    ledger: Ledger
    seed: int

    @property
    def random(self) -> list[World]: ...

    def by_autodiff(self, tree: Node, claim: Claim) -> Testimony: ...

    def by_balls(self, tree: Node, claim: Claim) -> Testimony: ...

    def by_symbols(self, tree: Node, claim: Claim) -> Testimony: ...


def passed(court: Court, tree: Node, claim: Claim) -> Gate:
    """Try a claim that holds against its wrong neighbours: how many it rejects, and why it proves nothing, if so."""
    rejected, meaningless, same, survivors = 0, 0, [], []
    trouble = "both sides are the same, whatever the network" if tautology(court, tree, claim) else ""
    tried = neighbours(tree, court.ledger.definitions)
    for what, neighbour in tried:
        found = _against(court, tree, neighbour, claim)
        if found.misfit:
            meaningless += 1
        elif found.verdict is Verdict.REFUTED:
            rejected += 1
        elif what in MUST:
            trouble = trouble or f"it stays true with another {what}: {neighbour}"
        elif all(_identical(court, side, claim) for side in _changed(tree, neighbour)):
            same.append(f"{what}: {neighbour}")
        else:
            survivors.append(f"{what}: {neighbour}")
    if survivors and tree.op == "==":  # a changed inequality may be weaker and just as true
        trouble = trouble or f"it does not reject {survivors[0]}"
    if rejected < NEIGHBOURS:
        trouble = trouble or f"it rejects {rejected} wrong variants, fewer than {NEIGHBOURS}"
    return Gate(len(tried), rejected, meaningless, tuple(same), tuple(survivors), trouble)


def together(gates: dict[str, Gate]) -> Gate | None:
    """Combine the gates of the readings under which a claim holds; it proves nothing if any of them says so."""
    if not gates:
        return None
    return Gate(
        sum(gate.tried for gate in gates.values()),
        sum(gate.rejected for gate in gates.values()),
        sum(gate.meaningless for gate in gates.values()),
        tuple(same for gate in gates.values() for same in gate.same),
        tuple(survivor for gate in gates.values() for survivor in gate.survivors),
        next((f"{f'if {name}: ' * bool(name)}{gate.trouble}" for name, gate in gates.items() if gate.trouble), ""),
    )


def _against(court: Court, tree: Node, neighbour: Node, claim: Claim) -> Testimony:
    """Return the testimony of the balls on a neighbour, or autodiff's if they do not refute it by a number.

    The balls are asked first because they answer sooner. A neighbour that is not finite where the claim is finite means
    nothing: log(1 - exp(u)) for log(1 + exp(u)).
    """
    balls = court.by_balls(neighbour, claim)
    if balls.verdict is Verdict.REFUTED and not balls.misfit:
        return balls
    found = court.by_autodiff(neighbour, claim)
    if found.verdict is Verdict.REFUTED and not found.misfit:
        return found
    if balls.verdict is Verdict.REFUTED:
        return found if found.misfit else balls
    nothing = found.verdict is Verdict.UNDECIDED and balls.misfit
    return balls if nothing and not court.by_balls(tree, claim).misfit else found


def _identical(court: Court, side: Node, claim: Claim) -> bool:
    """Whether the symbolic witness proves it, for any σ or for the one defined."""
    claims = (claim._replace(general=True), claim._replace(general=False))
    return any(court.by_symbols(side, each).verdict is Verdict.VERIFIED for each in claims)


def tautology(court: Court, tree: Node, claim: Claim) -> bool:
    """Whether both sides agree even if every name and every derivative has an unrelated random value."""
    rng = np.random.default_rng([court.seed, 10])
    for world in court.random[:2]:
        for layer in world.layers(claim.layers):
            try:
                world.sides(tree, layer)
                noise = {
                    key: (Value(v.axes, program.exact(rng.standard_normal(v.array.shape))), env)
                    for key, (v, env) in world.memo.items()
                    if not env.bound and _has_a_meaning(key[0])
                }
                scrambled = world._replace(memo=noise)
                if autodiff.compared(tree.op, *scrambled.sides(tree, layer)).refuted.any():
                    return False
            except (MisfitError, SilentError):
                return False
    return True


def _changed(tree: Node, neighbour: Node) -> list[Node]:
    """Return, for each side that changed, the claim that it equals the original."""
    return [Node("==", pair) for pair in zip(tree.args, neighbour.args, strict=True) if pair[0] != pair[1]]


def _has_a_meaning(node: Node) -> bool:
    """Whether the node is a name, a derivative or a function of the ledger, which could be defined otherwise."""
    if node.op == "call":
        return node.args[0] not in ("T", "exp", "log", "abs", "norm2")
    return node.op in ("d", "layer", "name") and node.args[0] not in ("m", "L", "l")
