"""Training of either network on real digits."""
