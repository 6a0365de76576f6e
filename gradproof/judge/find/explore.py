"""Exploring a scene: does a step happen, and what does it move?"""

import time
from dataclasses import dataclass
from typing import Any

from gradproof.exact.run import Run, running
from gradproof.judge.find.namespace import Slot, slots
from gradproof.judge.find.scene import MODULE, Scene
from gradproof.judge.find.watching import Step, Watch
from gradproof.judge.trial.running import SubjectError, guarded
from gradproof.limits import Clock

SECONDS = 6.0  # for one try
SLOW = 0.4
BITS = 64  # that suffice to see what depends on what


@dataclass
class Explored:
    """What was seen of a scene."""

    scene: Scene
    step: Step | None
    trouble: str = ""  # what it raised
    names: dict[str, Any] | None = None
    made_up: bool = False  # whether data that are not there were made up
    seconds: float = 0.0  # that it took
    files: frozenset[str] = frozenset()  # that were run

    @property
    def is_slow(self) -> bool:
        """Whether it takes too long to be run again and again."""
        return self.seconds > SLOW

    def slots(self, name: str) -> list[Slot]:
        """What can be reached from one of its names."""
        return list(slots({name: (self.names or {}).get(name)}, MODULE))


def explore(scene: Scene, seconds: float = SECONDS, seed: int = 0) -> Explored:
    """One run in which all numbers vary."""
    run = Run(BITS, seed=seed, exploring=True)
    names: dict[str, Any] = {}
    trouble, begun = "", time.process_time()
    with running(run):
        watch = Watch(MODULE, names, gradients=scene.gradients, data=scene.data, first_loop=scene.first_loop)
        try:
            with guarded("the program", seconds, Clock.COMPUTING):
                names.update(scene.names(seed))
                scene.play(names, watch)
        except SubjectError as error:
            trouble = str(error).removeprefix("the program ")
    return Explored(scene, watch.found, trouble, names, run.made_up, time.process_time() - begun, frozenset(run.files))
