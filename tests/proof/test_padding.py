"""Silent neurons contribute nothing, whatever σ(0) is and whatever an output costs.

Another activation and another cost are planted in both networks, in a process of its own, before anything is compiled.
"""

import subprocess
import sys

OTHER = """
import jax.numpy as jnp
import numpy as np
import handcrafted
from handcrafted import equations, network
from reference import network as definition

# σ(z) = log(1 + e^z): σ(0) = log 2. An output costs e^{a−y}: 1 where it is right.
def cost(weights, biases, x, y):
    return np.exp(network.feedforward(weights, biases, x)[1][-1] - y).sum(axis=(-2, -1)) / x.shape[-1]

equations.sigma = lambda z: np.logaddexp(0, z)
equations.sigma_prime = lambda z: 1 / (1 + np.exp(-z))
equations.cost_gradient = lambda a, y: np.exp(a - y)
handcrafted.cost = cost
definition.sigma = lambda z: jnp.logaddexp(0, z)
definition.example_costs = lambda a, y, rows=None: jnp.sum(jnp.exp(a - y), axis=0, where=rows)

from gradproof.problem import stack_of
from gradproof.proof import architectures, theorem, witness

rng = np.random.default_rng(0)
together = architectures.fill(np.array([[3, 2, 1], [2, 7, 4]]), 3, "scaled", rng)
answers = {
    "claim": lambda stack: theorem.claim(handcrafted, stack),
    "witness": witness.answer,
    "stage by stage": lambda stack: witness.stage_by_stage(stack)._replace(cost=stack.x[:, 0, 0]),
    "every stage": lambda stack: witness.every_stage(stack, theorem.claim(handcrafted, stack)),
}
claim = theorem.claim(handcrafted, together)
for name, answer in answers.items():
    padded = answer(together)
    for number in range(2):
        exact = stack_of(together.of_network(number))
        own, alone = padded.of_network(number, exact.sizes[0]), answer(exact).of_network(0, exact.sizes[0])
        by_hand = claim.of_network(number, exact.sizes[0])
        for part, one, other, hand in zip(own._fields, own, alone, by_hand, strict=True):
            for layer, (got, expected, mine) in enumerate(zip(one, other, hand, strict=True)):
                assert np.allclose(got, expected, rtol=1e-12, atol=1e-14), (name, number, part, layer)
                assert (name, part) == ("stage by stage", "cost") or np.allclose(got, mine, rtol=1e-12, atol=1e-14)
    assert not padded.delta[-1][~together.outputs.repeat(3, axis=-1)].any(), name
print("padded is unpadded")
"""


def test_padded_is_unpadded_for_another_activation_and_another_cost():
    run = subprocess.run([sys.executable, "-c", OTHER], capture_output=True, text=True, check=False, timeout=120)
    assert run.stdout == "padded is unpadded\n", run.stderr
