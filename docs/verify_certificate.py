"""Checks a certificate of gradproof again, with Python's standard library and nothing else.

    python docs/verify_certificate.py FILE.json [CODE.py]

A certificate holds networks, what a backprop made of them, balls that are said to hold the true gradients, and the
bounds within which the claims are said to lie. Here every true gradient is enclosed once more: interval arithmetic on
decimals of 60 digits, and forward differentiation of the definition (z = w a + b, a = 1/(1 + e^{-z}), C = (1/2m) times
the sum of |y - a|^2), one parameter at a time. No equation of backpropagation is used. Each ball must meet its new
interval and be no wider than its bound, each claim must be within its bound of every number in the interval, and no
bound may be wider than half of the digits (24 of float32, 53 of float64) of its layer's largest number. Nothing may be
missing, twice or too many, and numbers of float32 must be such. With CODE.py, its SHA-256 must be the certificate's.
Exit code 0 if all of it holds, 1 if not, 3 if the file is no certificate.
"""

import hashlib
import json
import struct
import sys
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from operator import mul
from typing import Any, NamedTuple

DIGITS, WIDE = 60, 999_999
DOWN = Context(prec=DIGITS, rounding=ROUND_FLOOR, Emin=-WIDE, Emax=WIDE)
UP = Context(prec=DIGITS, rounding=ROUND_CEILING, Emin=-WIDE, Emax=WIDE)
NONE_SUCH = OSError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError, struct.error


class Interval(NamedTuple):
    low: Decimal
    high: Decimal

    def __add__(self, other: Any) -> "Interval":
        return Interval(DOWN.add(self.low, other.low), UP.add(self.high, other.high))

    def __sub__(self, other: "Interval") -> "Interval":
        return Interval(DOWN.subtract(self.low, other.high), UP.subtract(self.high, other.low))

    def __mul__(self, other: Any) -> "Interval":
        ends = [(a, b) for a in self for b in other]
        return Interval(min(DOWN.multiply(*pair) for pair in ends), max(UP.multiply(*pair) for pair in ends))

    def inverse(self) -> "Interval":
        """1/x of positive numbers."""
        return Interval(DOWN.divide(1, self.high), UP.divide(1, self.low))

    def exp_of_negative(self) -> "Interval":
        """e^{-x}: decimal's exp is within half a unit, so one unit is added on either side."""
        low, high = DOWN.exp(self.high.copy_negate()), UP.exp(self.low.copy_negate())  # a plain minus would round
        return Interval(DOWN.next_minus(low), UP.next_plus(high))


ZERO, ONE = Interval(Decimal(0), Decimal(0)), Interval(Decimal(1), Decimal(1))


def exactly(number: float) -> Interval:
    return Interval(Decimal(number), Decimal(number))


def derivative(network: dict[str, Any], example: int, layer: int, j: int, k: int | None) -> Interval:
    """The derivative of C_x, of one example, with respect to w_jk of a layer, or to z_j where k is None."""
    values = [exactly(row[example]) for row in network["x"]]
    slopes = [ZERO] * len(values)
    for number, (w, b) in enumerate(zip(network["weights"], network["biases"], strict=True), start=1):
        rows = [[exactly(v) for v in row] for row in w]
        z = [sum(map(mul, row, values), exactly(c)) for row, (c,) in zip(rows, b, strict=True)]
        dz = [sum(map(mul, row, slopes), ZERO) for row in rows]
        if number == layer:
            dz[j] += ONE if k is None else values[k]
        e = [v.exp_of_negative() for v in z]
        values = [(ONE + v).inverse() for v in e]  # a = 1/(1 + e)
        # d(1/r) = -dr/r^2 with r = 1 + e and dr = -e dz
        slopes = [a * a * v * d for a, v, d in zip(values, e, dz, strict=True)]
    errors = [a - exactly(row[example]) for a, row in zip(values, network["y"], strict=True)]
    return sum(map(mul, errors, slopes), ZERO)  # d(e^2)/2 = e de


def judged(claim: float, ball: list[str], bound: float, true: Interval, most: Decimal) -> list[str]:
    """What is wrong with a number, a line each; no bound may be beyond `most`."""
    low, high = map(Decimal, ball)
    off = max(UP.abs(UP.subtract(Decimal(claim), end)) for end in true)
    said = {
        f"the ball {ball} does not hold the true value, {true.low}": low <= high
        and true.low <= high
        and low <= true.high,
        f"the ball {ball} is wider than its bound {bound:.3e}: it says nothing": UP.subtract(high, low)
        <= Decimal(bound),
        f"the bound {bound:.3e} is so wide that it says nothing, more than {most:.3e}": 0 <= Decimal(bound) <= most,
        f"the claim {claim!r} is off by {off:.3e}, bound {bound:.3e}": off <= Decimal(bound),
    }
    return [line for line, holds in said.items() if not holds]


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object in which no name stands twice, the second in place of the first."""
    insist(len(dict(pairs)) == len(pairs), f"a name stands twice in {sorted(name for name, _ in pairs)}")
    return dict(pairs)


def no_number(text: str) -> None:
    raise ValueError(f"{text} is no number")


def insist(holds: object, said: str) -> None:
    """ValueError unless it holds."""
    if not holds:
        raise ValueError(said)


def insist_on_all(network: dict[str, Any]) -> None:
    """ValueError where anything is missing or too many, or no number of the digits that are said."""
    names = {"weights", "biases", "x", "y", "digits", "claims", "enclosures", "bounds"}
    insist(isinstance(network, dict) and set(network) == names, f"a network has {', '.join(sorted(names))}")
    insist(type(network["digits"]) is int and network["digits"] in (24, 53), "digits must be 24 or 53")
    m, sizes = len(network["x"][0]), [len(network["x"]), *map(len, network["weights"])]
    insist(len(sizes) > 1 and all(sizes) and m, "a network has layers, neurons and examples")
    shapes = {"grad_w": [*zip(sizes[1:], sizes, strict=False)], "grad_b": [(n, 1) for n in sizes[1:]]}
    shapes["delta"] = [(n, m) for n in sizes[1:]]
    parts = [("weights", network["weights"], shapes["grad_w"]), ("biases", network["biases"], shapes["grad_b"])]
    parts += [("x", [network["x"]], [(sizes[0], m)]), ("y", [network["y"]], [(sizes[-1], m)])]
    for kind in ("claims", "enclosures", "bounds"):
        insist(set(network[kind]) == set(shapes), f"{kind} are of {', '.join(shapes)}")
        parts += [(f"{kind} of {name}", network[kind][name], shapes[name]) for name in shapes]
    for name, layers, wanted in parts:
        insist(len(layers) == len(wanted), f"{name} has {len(layers)} layers in place of {len(wanted)}")
        for rows, (height, width) in zip(layers, wanted, strict=True):
            lists = isinstance(rows, list) and all(isinstance(row, list) for row in rows)
            fit = lists and [len(row) for row in rows] == [width] * height
            insist(fit, f"{name} is not of {height} rows of {width}")
            for number in [] if "enclosures" in name else [value for row in rows for value in row]:
                insist(type(number) in (int, float), f"{name} has {number!r} among its numbers")
                free = network["digits"] == 53 or "bounds" in name
                single = free or struct.unpack("f", struct.pack("f", number))[0] == number
                insist(single, f"{name} has {number!r}, which has more than 24 digits")


def verify(network: dict[str, Any]) -> tuple[int, list[str]]:
    """(how many numbers were checked, what is wrong with them) of one network."""
    insist_on_all(network)
    m, half = len(network["x"][0]), Decimal(2) ** -(network["digits"] // 2)  # half of the binary digits must be told
    share = exactly(m).inverse()
    count, wrong = 0, []
    for layer, w in enumerate(network["weights"], start=1):
        true: dict[str, list[list[Interval]]] = {"delta": [], "grad_b": [], "grad_w": []}
        for j in range(len(w)):
            delta, *columns = (
                [derivative(network, x, layer, j, k) for x in range(m)] for k in (None, *range(len(w[0])))
            )
            true["delta"].append(delta)
            true["grad_b"].append([sum(delta, ZERO) * share])
            true["grad_w"].append([sum(column, ZERO) * share for column in columns])
        for name, rows in true.items():
            most = half * max(abs(end) for row in rows for v in row for end in v)
            parts = [network[part][name][layer - 1] for part in ("claims", "enclosures", "bounds")]
            for j, (claims, balls, bounds, row) in enumerate(zip(*parts, rows, strict=True)):
                count += len(row)
                for claim, ball, bound, interval in zip(claims, balls, bounds, row, strict=True):
                    lines = judged(claim, ball, bound, interval, most)
                    wrong += [f"{name} of layer {layer}, row {j}: {line}" for line in lines]
    return count, wrong


def main() -> int:
    if len(sys.argv) not in (2, 3):
        print(__doc__.splitlines()[2].strip(), file=sys.stderr)
        return 2
    try:
        with open(sys.argv[1], encoding="utf8") as file:
            document = json.load(file, object_pairs_hook=unique, parse_constant=no_number)
        networks = document["networks"]
        results = [verify(network) for network in networks]
        if len(sys.argv) == 3:
            with open(sys.argv[2], "rb") as code:
                same = hashlib.sha256(code.read()).hexdigest() == document["sha256"]
            results.append((0, [] if same else [f"{sys.argv[2]} is not the code that was judged"]))
        count = sum(numbers for numbers, _ in results)
        insist(count or any(lines for _, lines in results), "it holds no network")
    except NONE_SUCH as error:
        said = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        print(f"{sys.argv[1]} is no certificate: {said}", file=sys.stderr)
        return 3
    wrong = [f"network {number}: {line}" for number, (_, lines) in enumerate(results) for line in lines]
    holds = f"holds: {count} numbers of {len(networks)} networks, enclosed again, are in their bounds"
    print("\n".join(wrong[:10]) or holds)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
