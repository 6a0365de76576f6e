"""Evaluation of a claim's tree on a network, with the definitions of a ledger."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from gradproof.study.rules import RULES
from gradproof.study.tree import Head, Node, Place, walk
from gradproof.study.values import Env, Key, MisfitError, Numbers, Value, aligned, sampled


class World(NamedTuple):
    """One network, or many of one shape side by side, with a ledger's definitions.

    The primitives are edge[l] (n_{l−1}, n_l), the weight of the edge from neuron k to neuron j; b[l] (n_l); x and y,
    a vector for each sample, numbered from 0 to m, of which 1 … m are the data; η; Δ; and the letters of a claim.
    """

    numbers: Numbers
    sizes: tuple[int, ...]
    m: int
    primitives: Mapping[Key, Value]
    definitions: Mapping[Head, Node]
    memo: dict[Any, tuple[Value, Env]]
    opaque: bool = False  # leave the defined functions and C_x open

    @property
    def depth(self) -> int:
        return len(self.sizes) - 1

    def layers(self, span: tuple[str, str]) -> list[int]:
        """Return the layers of a span (from, to), such as ("1", "L-1")."""
        numbers = {"1": 1, "2": 2, "L": self.depth, "L-1": self.depth - 1}
        return list(range(numbers[span[0]], numbers[span[1]] + 1))

    def sides(self, claim: Node, layer: int | None) -> tuple[Value, Value]:
        """Return both sides of a claim in layer l, on equal axes."""
        env = Env(layer, tuple(range(1, self.m + 1)))
        left, right = (self.value(side, env) for side in claim.args)
        return aligned(left, right, self.numbers)

    def value(self, node: Node, env: Env) -> Value:
        """Return the value of a tree, computed once; inside an `at` or a `d`, once for each array that it binds."""
        bound = tuple([(key, id(value.array)) for key, value in env.bound])
        place = node, env.layer, env.samples, bound
        known = self.memo.get(place)
        if known is None:
            known = self.memo[place] = RULES[node.op](self, node, env), env  # env keeps arrays alive and ids unique
        return known[0]

    def place(self, place: Place, env: Env) -> int:
        """Return the whole number that l+1, L, m or 2 stands for in `env`."""
        letters = {"": 0, "L": self.depth, "m": self.m, "l": env.layer}
        base = letters.get(place.letter)
        if base is None:
            raise MisfitError(f"{place.letter} is not a number here")
        return base + place.more

    def variable(self, node: Node, env: Env) -> Key:
        return (node.args[0], self.place(node.args[1], env) if node.op == "layer" else None)

    def look_up(self, name: str, layer: int | None, env: Env) -> Value:
        """Return the value of a name: bound by an `at` or a `d`, primitive, or defined; MisfitError if it has none."""
        for key, value in reversed(env.bound):
            if key == (name, layer):
                return value
            if key == ("θ", None) and (name, layer) in self.parameters():
                return self._part_of_theta(value, (name, layer))
        if (name, layer) in self.primitives:
            value = self.primitives[name, layer]
            if "s" in value.axes:
                return sampled(value, env.samples)
            return value
        for left, body in self.definitions.items():
            if left.name != name or left.parameter:
                continue
            if layer is None and left.layer is None:
                return self._defined(left, body, env._replace(layer=None))
            if left.layer is not None and layer is not None:
                if not left.layer.letter and left.layer.more == layer:
                    return self._defined(left, body, env._replace(layer=layer))
                if left.layer.letter and 1 <= layer <= self.depth:
                    return self._defined(left, body, env._replace(layer=layer))
        if name == "θ" and layer is None:
            return self.theta()
        if layer is not None and any(key[0] == name for key in [*self.primitives, *self._heads()]):
            raise MisfitError(f"there is no {name} in layer {layer}")
        raise MisfitError(f"{name} is not defined")

    def parameters(self) -> list[Key]:
        return [(name, layer) for layer in range(1, self.depth + 1) for name in ("edge", "b")]

    def theta(self) -> Value:
        """Return all weights and biases as one vector."""
        values = [self.primitives[key] for key in self.parameters()]
        rows = [v.array.reshape((*v.array.shape[: len(v.axes)], -1)) for v in values]
        return Value(values[0].axes, self.numbers.join(rows))

    def _part_of_theta(self, theta: Value, wanted: Key) -> Value:
        start = 0
        for key in self.parameters():
            value = self.primitives[key]
            count = 1
            for n in value.shape:
                count *= n
            if key == wanted:
                part = theta.array[..., start : start + count]
                return Value(theta.axes, part.reshape((*part.shape[:-1], *value.shape)))
            start += count
        raise MisfitError(f"θ has no part {wanted}")

    def _heads(self) -> list[tuple[str, None]]:
        return [(head.name, None) for head in self.definitions if head.layer is not None]

    def _defined(self, left: Head, body: Node, env: Env) -> Value:
        if self.opaque and left.layer is None and "s" in (inner := self.value(body, env)).axes and inner.rank == 0:
            return self._any_function(left, body, env)
        value = self.value(body, env)
        if not left.indices:
            return value
        missing = [index for index in left.indices if index not in value.axes]
        if missing or value.rank:
            said = f"has no index {', '.join(missing)}" if missing else "is not one number for each index"
            raise MisfitError(f"the definition of {left.name} {said}")
        rest = [axis for axis in value.axes if axis not in left.indices]
        order = [value.axes.index(axis) for axis in [*rest, *left.indices]]
        return Value(tuple(rest), value.array.transpose(order))

    def _any_function(self, left: Head, body: Node, env: Env) -> Value:
        """Return C_x as an unknown function of the quantities in its definition, such as a[L] and y."""
        used = {n for n in walk(body) if n.op in ("name", "layer") and "s" in self.value(n, env).axes}
        parts = [self.value(n, env) for n in sorted(used, key=str)]
        return self.numbers.any_function(left.name, parts)  # type: ignore[attr-defined]
