"""The claim: the network of the notes in NumPy, every derivative written by hand."""

from handcrafted.backprop import gradients
from handcrafted.descent import descend, step
from handcrafted.network import cost, feedforward

__all__ = ["cost", "descend", "feedforward", "gradients", "step"]
