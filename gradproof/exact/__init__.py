"""Runs anyone's NumPy code in ball arithmetic and differentiates every number that it computes."""

from gradproof.exact import dispatch as dispatch
