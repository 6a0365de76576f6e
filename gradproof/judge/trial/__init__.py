"""Tries somebody's gradient, backward pass or training step against their own forward pass, exactly."""
