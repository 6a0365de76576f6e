"""Classic slips of handwritten backpropagation, each by replacing one function of the claim (see PLANTED)."""

import numpy as np

from handcrafted import equations as eq

sigma, sigma_prime = eq.sigma, eq.sigma_prime


def _summed_over_neurons(delta):
    return np.broadcast_to(delta.sum(axis=(-2, -1), keepdims=True) / delta.shape[-1], (*delta.shape[:-1], 1)).copy()


# what went wrong: (the function that is replaced, its replacement, the equation that must be named)
PLANTED = {
    "σ′ missing at the output": ("bp1", lambda grad_a, z: grad_a, "BP1"),
    "σ′ of a at the output": ("bp1", lambda grad_a, z: grad_a * sigma_prime(sigma(z)), "BP1"),
    "sign of the output error": ("cost_gradient", lambda a, y: y - a, "BP1"),
    "factor 2 from the square": ("cost_gradient", lambda a, y: 2 * (a - y), "BP1"),
    "factor ½ twice": ("cost_gradient", lambda a, y: (a - y) / 2, "BP1"),
    "averaged where it is one per example": ("bp1", lambda g, z: g * sigma_prime(z) / 2, "BP1"),
    "σ′ missing in the hidden layers": ("bp2", lambda w, d, z: w.mT @ d, "BP2"),
    "σ′ of a in the hidden layers": ("bp2", lambda w, d, z: (w.mT @ d) * sigma_prime(sigma(z)), "BP2"),
    "w not transposed": ("bp2", lambda w, d, z: (w @ d) * sigma_prime(z), "BP2"),
    "w forgotten": ("bp2", lambda w, d, z: d * sigma_prime(z), "BP2"),
    "w already updated": ("bp2", lambda w, d, z: ((w * (1 - 1e-9)).mT @ d) * sigma_prime(z), "BP2"),
    "σ for σ′": ("bp2", lambda w, d, z: (w.mT @ d) * sigma(z), "BP2"),
    "bias gradient forgotten": ("bp3", lambda d: np.zeros_like(d[..., :1]), "BP3"),
    "bias gradient summed, not averaged": ("bp3", lambda d: d.sum(axis=-1, keepdims=True), "BP3"),
    "bias gradient summed over neurons": ("bp3", _summed_over_neurons, "BP3"),
    "bias gradient of the first example": ("bp3", lambda d: d[..., :1] + 0, "BP3"),
    "bias gradient rounded to float32": ("bp3", lambda d: d.mean(-1, keepdims=True).astype("f4").astype("f8"), "BP3"),
    "weight gradient summed, not averaged": ("bp4", lambda a, d: d @ a.mT, "BP4"),
    "weight gradient transposed": ("bp4", lambda a, d: a @ d.mT / d.shape[-1], "BP4"),
    "nominal batch size for the last batch": ("bp4", lambda a, d: d @ a.mT / 10, "BP4"),
    "weight gradient of the first example": ("bp4", lambda a, d: d[..., :1] @ a[..., :1].mT, "BP4"),
    "weight gradient off by one in 10¹²": ("bp4", lambda a, d: (1 + 1e-12) * (d @ a.mT) / d.shape[-1], "BP4"),
    "tanh for σ": ("sigma", np.tanh, "a"),
    "tanh′ for σ′": ("sigma_prime", lambda z: 1 - sigma(z) ** 2, "BP1"),
    "σ′ without its square": ("sigma_prime", lambda z: np.exp(-np.abs(z)) / (1 + np.exp(-np.abs(z))), "BP1"),
    "σ′ cancelled where σ saturates": ("sigma_prime", lambda z: sigma(z) * (1 - sigma(z)), "BP1"),
}  # fmt: skip
