"""How many mini-batches are one chunk: so many that a run can be ended, kept and seen several times a second."""

SECONDS = 0.25  # that a chunk may take, unless one mini-batch alone takes longer


class Pace:
    """`length`: of the next chunk, `most` halved so often that it takes no longer than SECONDS.

    Few lengths, since XLA compiles each; the first chunk of a length is not timed, as that is when it is compiled.
    No weight depends on any of this.
    """

    def __init__(self, most: int, first: int) -> None:
        self.most, self.length = most, first
        self.compiled: set[int] = set()

    def took(self, steps: int, seconds: float) -> None:
        """Note how long a chunk of so many mini-batches took."""
        if steps not in self.compiled:
            self.compiled.add(steps)
            return
        halves = (self.most >> k for k in range(self.most.bit_length()))
        fitting = next((length for length in halves if length * seconds / steps <= SECONDS / 2), 1)
        if seconds > SECONDS:
            self.length = min(self.length, fitting)
        elif seconds < SECONDS / 4:  # far from it, so that noise does not move it to and fro
            self.length = max(self.length, fitting)
