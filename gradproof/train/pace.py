"""Choose how many mini-batches make a chunk, so that a run can be stopped, saved and shown several times a second."""

SECONDS = 0.25  # that a chunk may take, unless a single mini-batch takes longer


class Pace:
    """Adapts `length`, the length of the next chunk: `most`, halved until a chunk takes no longer than SECONDS.

    XLA compiles every length, so there are only a few, and the first chunk of each is not timed. The quicker of two
    chunks counts, so that a single hiccup of the machine or the judge changes nothing. No weight depends on the length.
    """

    def __init__(self, most: int, first: int) -> None:
        self.most, self.length = most, first
        self.compiled: set[int] = set()
        self.steps: list[float] = []  # seconds per step in the last two chunks

    def took(self, steps: int, seconds: float) -> None:
        """Note how long a chunk of mini-batches took."""
        if steps not in self.compiled:
            self.compiled.add(steps)
            return
        self.steps = [*self.steps[-1:], seconds / steps]
        if len(self.steps) == 2:
            self._adapt(min(self.steps), steps)

    def _adapt(self, a_step: float, steps: int) -> None:
        halves = (self.most >> k for k in range(self.most.bit_length()))
        fitting, before = next((length for length in halves if length * a_step <= 0.9 * SECONDS), 1), self.length
        if steps * a_step > SECONDS:
            self.length = min(self.length, fitting)
        elif steps * a_step < SECONDS / 4:  # a wide margin, so that noise does not move it back and forth
            self.length = max(self.length, fitting)
        if self.length != before:
            self.steps = []
