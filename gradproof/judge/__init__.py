"""Judges somebody's gradients and training steps, and names the mistake and its line."""
