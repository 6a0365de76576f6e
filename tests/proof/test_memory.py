"""What is kept of the networks that were judged does not grow with their number."""

import weakref

from gradproof.commands import prove
from gradproof.proof import architectures, bulk, theorem


def test_a_stack_that_was_counted_is_forgotten(monkeypatch):
    """Beyond the sample that the truth is asked about, and those at work, none is alive."""
    everything, stacks, most = theorem.everything, [], 0

    def watched(*arguments):
        nonlocal most
        for judged in everything(*arguments):
            stacks.append(weakref.ref(judged.stack.weights[0]))
            most = max(most, sum(stack() is not None for stack in stacks))
            yield judged

    monkeypatch.setattr(theorem, "everything", watched)
    monkeypatch.setattr(architectures, "GROUP", 2)
    total, kept = prove._judged(200, 0, "float64", quiet=True)
    assert total.sums["stacks"] == len(stacks) == 104
    assert len(kept) == len(bulk.sampled(200, 30)) == 34
    assert most <= len(kept) + theorem.WORKERS + 2
