"""How many mini-batches are one chunk: so many that a run can be ended, kept and seen several times a second."""

SECONDS = 0.25  # that a chunk may take, unless one mini-batch alone takes longer


class Pace:
    """`length`: of the next chunk, `most` halved so often that it takes no longer than SECONDS.

    Few lengths, since XLA compiles each; the first chunk of a length is not timed, as that is when it is compiled. Of
    two chunks the quicker counts: what happens once, to the machine or to what judges a step, moves nothing. No weight
    depends on any of this.
    """

    def __init__(self, most: int, first: int) -> None:
        self.most, self.length = most, first
        self.compiled: set[int] = set()
        self.steps: list[float] = []  # what a step took in the last two chunks

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
        elif steps * a_step < SECONDS / 4:  # far from it, so that noise does not move it to and fro
            self.length = max(self.length, fitting)
        if self.length != before:
            self.steps = []
