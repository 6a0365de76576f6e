"""Training either network on real digits."""
