"""Anyone's backprop: loaded in a process of its own, held against autodiff equation by equation, its mistake named."""
