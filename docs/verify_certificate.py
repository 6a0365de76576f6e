"""Checks a certificate of gradproof again, with Python's standard library and nothing else.

    python docs/verify_certificate.py FILE.json

A certificate holds networks, what a backprop made of them, balls that are said to hold the true gradients, and the
bounds within which the claims are said to lie. Here every true gradient is enclosed once more: interval arithmetic on
decimals of 60 digits, and forward differentiation of the definition (z = w a + b, a = 1/(1 + e^{-z}), C = (1/2m) times
the sum of |y - a|^2), one parameter at a time. No equation of backpropagation is used. Each ball must meet its new
interval and be no wider than its bound, each claim must be within its bound of every number in the interval, and no
bound may be wider than half of the digits (24 of float32, 53 of float64) of its layer's largest number. Exit code 0 if
all of it holds, 1 if not, 3 if the file is no certificate.
"""

import json
import sys
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from typing import Any, NamedTuple

DIGITS, WIDE = 60, 999_999
DOWN = Context(prec=DIGITS, rounding=ROUND_FLOOR, Emin=-WIDE, Emax=WIDE)
UP = Context(prec=DIGITS, rounding=ROUND_CEILING, Emin=-WIDE, Emax=WIDE)


class Interval(NamedTuple):
    low: Decimal
    high: Decimal

    def plus(self, other: "Interval") -> "Interval":
        return Interval(DOWN.add(self.low, other.low), UP.add(self.high, other.high))

    def minus(self, other: "Interval") -> "Interval":
        return Interval(DOWN.subtract(self.low, other.high), UP.subtract(self.high, other.low))

    def times(self, other: "Interval") -> "Interval":
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


def total(intervals: list[Interval]) -> Interval:
    result = ZERO
    for interval in intervals:
        result = result.plus(interval)
    return result


def derivative(network: dict[str, Any], example: int, layer: int, j: int, k: int | None) -> Interval:
    """The derivative of C_x, of one example, with respect to w_jk of a layer, or to z_j where k is None."""
    values = [exactly(row[example]) for row in network["x"]]
    slopes = [ZERO] * len(values)
    for number, (w, b) in enumerate(zip(network["weights"], network["biases"], strict=True), start=1):
        rows = [[exactly(v) for v in row] for row in w]
        z = [total([p.times(a) for p, a in zip(row, values, strict=True)]) for row in rows]
        z = [v.plus(exactly(c[0])) for v, c in zip(z, b, strict=True)]
        dz = [total([p.times(s) for p, s in zip(row, slopes, strict=True)]) for row in rows]
        if number == layer:
            dz[j] = dz[j].plus(ONE if k is None else values[k])
        e = [v.exp_of_negative() for v in z]
        values = [ONE.plus(v).inverse() for v in e]  # a = 1/(1 + e)
        # d(1/r) = -dr/r^2 with r = 1 + e and dr = -e dz
        slopes = [a.times(a).times(v).times(d) for a, v, d in zip(values, e, dz, strict=True)]
    errors = [a.minus(exactly(row[example])) for a, row in zip(values, network["y"], strict=True)]
    return total([e.times(s) for e, s in zip(errors, slopes, strict=True)])  # d(e^2)/2 = e de


def judged(
    claims: list[float], balls: list[str], bounds: list[float], true: list[Interval], most: Decimal
) -> list[str]:
    """What is wrong with these numbers, a line each; no bound may be beyond `most`."""
    wrong = []
    for claim, ball, bound, interval in zip(claims, balls, bounds, true, strict=True):
        low, high = (Decimal(end) for end in ball)
        if high < interval.low or low > interval.high or low > high:
            wrong.append(f"the ball {ball} does not hold the true value, {interval.low}")
        if UP.subtract(high, low) > Decimal(bound):
            wrong.append(f"the ball {ball} is wider than its bound {bound:.3e}: it says nothing")
        if not 0 <= Decimal(bound) <= most:
            wrong.append(f"the bound {bound:.3e} is so wide that it says nothing, more than {most:.3e}")
        off = max(UP.abs(UP.subtract(Decimal(claim), end)) for end in interval)
        if not off <= Decimal(bound):
            wrong.append(f"the claim {claim!r} is off by {off:.3e}, bound {bound:.3e}")
    return wrong


def verify(network: dict[str, Any]) -> tuple[int, list[str]]:
    """(how many numbers were checked, what is wrong with them) of one network."""
    if network["digits"] not in (24, 53):
        raise ValueError(f"digits must be 24 or 53, not {network['digits']}")
    m, half = len(network["x"][0]), Decimal(2) ** -(network["digits"] // 2)  # half of the binary digits must be told
    share = Interval(DOWN.divide(1, m), UP.divide(1, m))
    count, wrong = 0, []
    for layer, w in enumerate(network["weights"], start=1):
        true_rows: dict[str, list[list[Interval]]] = {"delta": [], "grad_b": [], "grad_w": []}
        for j in range(len(w)):
            delta = [derivative(network, x, layer, j, None) for x in range(m)]
            true_rows["delta"].append(delta)
            true_rows["grad_b"].append([total(delta).times(share)])
            columns = [[derivative(network, x, layer, j, k) for x in range(m)] for k in range(len(w[0]))]
            true_rows["grad_w"].append([total(column).times(share) for column in columns])
        for name, rows in true_rows.items():
            most = half * max(max(abs(v.low), abs(v.high)) for row in rows for v in row)
            for j, true in enumerate(rows):
                parts = [network[part][name][layer - 1][j] for part in ("claims", "enclosures", "bounds")]
                if len({len(part) for part in (*parts, true)}) != 1:
                    wrong.append(f"{name} of layer {layer}, row {j} is incomplete")
                    continue
                wrong += [f"{name} of layer {layer}, row {j}: {line}" for line in judged(*parts, true, most)]
                count += len(true)
    return count, wrong


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__.splitlines()[2].strip(), file=sys.stderr)
        return 2
    try:
        with open(sys.argv[1], encoding="utf8") as file:
            networks = json.load(file)["networks"]
        results = [verify(network) for network in networks]
    except (OSError, ValueError, KeyError, IndexError, TypeError, ArithmeticError) as error:
        print(f"{sys.argv[1]} is no certificate: {type(error).__name__}: {error}", file=sys.stderr)
        return 3
    wrong = [f"network {number}: {line}" for number, (_, lines) in enumerate(results) for line in lines]
    count = sum(numbers for numbers, _ in results)
    if not wrong and not count:
        print(f"{sys.argv[1]} holds no network", file=sys.stderr)
        return 3
    holds = f"holds: {count} numbers of {len(networks)} networks, enclosed again, are in their bounds"
    print("\n".join(wrong[:10]) or holds)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
