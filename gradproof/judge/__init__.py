"""Anyone's backprop: loaded in a process of its own, compared with autodiff equation by equation, its mistake named."""
