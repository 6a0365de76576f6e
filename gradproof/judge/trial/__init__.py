"""A gradient, a backward pass or a training step of somebody's own, tried against their own forward pass, exactly."""
