"""gradproof: a network derived by hand, proven against autodiff."""

__version__ = "0.1.0"
