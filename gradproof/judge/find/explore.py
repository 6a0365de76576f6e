"""Exploring a scene: does a step happen, and what does it move?"""

import time
import traceback
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
    raised: int = 0  # the line of the program at which it raised

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
    trouble, raised, begun = "", 0, time.process_time()
    with running(run):
        watch = Watch(MODULE, names, gradients=scene.gradients, data=scene.data, first_loop=scene.first_loop)
        try:
            with guarded("the program", seconds, Clock.COMPUTING):
                names.update(scene.names(seed))
                scene.play(names, watch)
        except SubjectError as error:
            trouble, raised = str(error).removeprefix("the program "), _line(error, scene.program.path)
    seconds = time.process_time() - begun
    return Explored(scene, watch.found, trouble, names, run.made_up, seconds, frozenset(run.files), raised)


def _line(error: SubjectError, path: str) -> int:
    """The innermost line of a file at which something was raised; 0 of none."""
    frames = traceback.extract_tb(error.__cause__.__traceback__) if error.__cause__ else []
    return next((frame.lineno or 0 for frame in reversed(frames) if frame.filename == path), 0)
