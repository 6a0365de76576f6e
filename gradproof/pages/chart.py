"""Line charts as SVG, with the colours of the page in light mode, dark mode and print."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

Points = Sequence[tuple[float, float]]

LEFT, RIGHT, TOP, BOTTOM = 58, 468, 14, 232  # of the plot, in a picture of 480 × 270
TICKS = 5  # on an axis, roughly
MARKED = 40  # a line with at most this many points has each of them marked


class Tick(NamedTuple):
    at: float
    text: str


class Line(NamedTuple):
    label: str
    points: str  # in SVG notation: "x,y x,y …"
    marks: list[tuple[float, float]]


class Chart(NamedTuple):
    """What the template `chart.html` draws, in the picture's coordinates."""

    title: str
    lines: list[Line]
    across: list[Tick]
    up: list[Tick]


def chart(title: str, unit: str, lines: Mapping[str, Points]) -> Chart:
    """Lay out lines, given as points (epoch, value), on common axes; `unit` follows each value on the vertical one."""
    xs, ys = ([point[i] for points in lines.values() for point in points] for i in (0, 1))
    across = [min(xs), *(tick for tick in ticks(min(xs), max(xs)) if min(xs) < tick <= max(xs) and tick == round(tick))]
    up = ticks(min(ys), max(ys))
    low, high = min(*ys, up[0]), max(*ys, up[-1])

    def x(value: float) -> float:
        return round(LEFT + (value - min(xs)) / (max(xs) - min(xs) or 1) * (RIGHT - LEFT), 1)

    def y(value: float) -> float:
        return round(BOTTOM - (value - low) / (high - low or 1) * (BOTTOM - TOP), 1)

    decimals = max(len(f"{value:.10g}".partition(".")[2]) for value in up)
    drawn = []
    for label, points in lines.items():
        places = [(x(across), y(up)) for across, up in points]
        joined = " ".join(f"{across},{up}" for across, up in places)
        drawn.append(Line(label, joined, places if len(places) <= MARKED else places[-1:]))
    return Chart(
        title,
        drawn,
        [Tick(x(value), f"{value:.0f}") for value in across],
        [Tick(y(value), f"{value:.{decimals}f}{' ' * bool(unit)}{unit}") for value in up],
    )


def ticks(low: float, high: float) -> list[float]:
    """Return about TICKS round numbers, the first at or below `low`, the last at or above `high`.

    A single value, or values that differ only in distant digits, get room around them.
    """
    value = max(abs(low), abs(high))
    if high - low <= value / 1000:
        room = value / 100 or 1.0
        low, high = low - room, high + room
    rough = (high - low) / TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [round(number * step, 12) for number in range(first, last + 1)]
