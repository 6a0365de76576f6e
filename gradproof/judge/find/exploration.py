"""Explore a scene: does it take a step, and what does the step move?"""

import time
import traceback
from collections.abc import Collection, Container
from dataclasses import dataclass
from typing import Any

from gradproof.exact.numbers import count_numbers
from gradproof.exact.run import Run, running
from gradproof.judge.find.monitor import Step, Watch
from gradproof.judge.find.namespace import Slot, slots
from gradproof.judge.find.scene import MODULE, Scene
from gradproof.judge.trial.execution import SubjectError, guarded
from gradproof.limits import Clock

SECONDS = 6.0  # for one run
LARGE, SLOW = 5_000, 20_000  # numbers in a run, of which a machine computes 50,000 in a second or more
BITS = 64  # enough to see what depends on what


@dataclass
class Explored:
    """What one run of a scene has shown."""

    scene: Scene
    step: Step | None
    trouble: str = ""  # what it raised
    names: dict[str, Any] | None = None
    made_up: bool = False  # whether missing data were made up
    seconds: float = 0.0  # of processor time
    files: frozenset[str] = frozenset()  # whose code ran
    raised: int = 0  # the line of the program that raised, or 0
    numbers: int = 0  # how many it computed
    misfit: bool = False  # whether some gradients fit their parameters, and another does not

    @property
    def is_slow(self) -> bool:
        """Whether it computes too much to be run many times, alike on every machine."""
        return self.numbers > SLOW

    @property
    def is_large(self) -> bool:
        """Whether smaller numbers are worth a try."""
        return self.numbers > LARGE

    def slots(self, name: str) -> list[Slot]:
        """Return the slots that can be reached from one of its names."""
        return list(slots({name: (self.names or {}).get(name)}, MODULE))


def explore(
    scene: Scene,
    seconds: float = SECONDS,
    seed: int = 0,
    later: tuple[Step, Collection[str]] | None = None,
    skipped: Container[tuple[str, int]] = (),
    apart: Container[int] = (),
) -> Explored:
    """Run the scene once, with all numbers varying, and return what its watch found.

    For `later`, `skipped` and `apart` see `Watch`.
    """
    run = Run(BITS, seed=seed, exploring=True)
    names: dict[str, Any] = {}
    trouble, raised, begun, numbers = "", 0, time.process_time(), 0
    with running(run):
        first = count_numbers()
        watch = Watch(
            MODULE,
            names,
            gradients=scene.gradients,
            data=scene.data,
            first_loop=scene.first_loop,
            later=later,
            skipped=skipped,
            apart=apart,
        )
        try:
            with guarded("the program", seconds, Clock.COMPUTING):
                names.update(scene.names(seed))
                scene.play(names, watch)
        except SubjectError as error:
            trouble, raised = str(error).removeprefix("the program "), _line(error, scene.program.path)
        numbers = count_numbers() - first
    seconds, step = time.process_time() - begun, watch.found or watch.fallback
    files, misfit = frozenset(run.files), watch.misfit and step is None
    return Explored(scene, step, trouble, names, run.made_up, seconds, files, raised, numbers, misfit)


def _line(error: SubjectError, path: str) -> int:
    """Return the innermost line of a file at which something was raised, or 0."""
    frames = traceback.extract_tb(error.__cause__.__traceback__) if error.__cause__ else []
    return next((frame.lineno or 0 for frame in reversed(frames) if frame.filename == path), 0)
