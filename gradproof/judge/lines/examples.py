"""An example of each slip in a statement, run on small arrays: what it computes, and what is meant."""

import ast
import copy
from typing import Any, NamedTuple

import numpy as np


class Example(NamedTuple):
    """A slip as it is written and as it is meant, in general and in one statement."""

    written: str
    meant: str
    formula: str  # what any such statement computes, and in place of what
    repair: str
    seen: str = ""


EXAMPLES = {
    "sign": Example("dZ2 = A2 + Y", "dZ2 = A2 - Y", "p + q in place of p − q, or −p in place of p",
                    "turn the one sign round; the error is a − y, and a step subtracts the gradient",
                    "ddbourgin/numpy-ml, Mehdi0xC/MLP-From-Scratch"),
    "extra factor": Example("dZ2 = (A2 - Y) * dA2", "dZ2 = A2 - Y", "p ⊙ q in place of p",
                            "take the factor out: it is already in p, or belongs to another cost",
                            "LerkkaP/xor-neural-network, Akuseru1/Neural-Network"),
    "extra term": Example("dW1 = X.T @ dZ1 + W1", "dW1 = X.T @ dZ1", "p + q in place of p",
                          "take the term out, or add to the cost what it is the derivative of"),
    "operator": Example("dZ1 = dA1 / slope(Z1)", "dZ1 = dA1 * slope(Z1)", "p ∘ q with another operator ∘",
                        "use the operator of the formula: ⊙ is *, a product of matrices @"),
    "order": Example("dW1 = dZ1 @ X.T", "dW1 = X.T @ dZ1", "q p in place of p q",
                     "exchange the operands; the shapes of the result and of the weights must agree"),
    "transpose": Example("dA1 = dZ2 @ W2", "dA1 = dZ2 @ W2.T", "p q in place of p qᵀ, or the other way round",
                         "backwards each matrix is transposed: add .T, or remove it", "bigrewal/neural-network"),
    "mask": Example("dZ1 = dA1 * (Z1 < 0)", "dZ1 = dA1 * (Z1 > 0)", "[z < 0] in place of [z > 0]",
                    "turn the comparison round: the derivative passes where the unit was active"),
    "constant": Example("dZ1 = dA1 * (2 - A1 ** 2)", "dZ1 = dA1 * (1 - A1 ** 2)", "a number c′ in place of c",
                        "take the number from the derivative of the function that runs forwards",
                        "dboyliao/SimpleNN"),
    "index": Example("dA1 = dZ2 @ weights[l]", "dA1 = dZ2 @ weights[l + 1]", "pₗ in place of pₗ₊₁ or pₗ₋₁",
                     "write down which layer each index means: δˡ needs wˡ⁺¹, and ∂C/∂wˡ needs aˡ⁻¹"),
    "counter": Example("dA1 = dZ2 @ weights[L]", "dA1 = dZ2 @ weights[l]", "p with the index of another loop",
                       "use the variable of the loop that the statement is in",
                       "fanghao6666/neural-networks-and-deep-learning#7"),
    "key": Example("grads['db1'] = db2", "grads['db2'] = db2", "the entry j in place of i",
                   "use the key of the same layer on both sides"),
    "axis": Example("db1 = dZ1.sum(axis=1)", "db1 = dZ1.sum(axis=0)", "Σⱼ pᵢⱼ in place of Σᵢ pᵢⱼ",
                    "sum over the axis of the examples: 0 if they are rows, 1 if they are columns",
                    "Angie-X/Backpropagation"),
    "mean": Example("db1 = dZ1.mean(axis=0)", "db1 = dZ1.sum(axis=0)", "(1/m) Σₓ p in place of Σₓ p, or the reverse",
                    "divide by m once for every array: weights and biases alike",
                    "AJWurts/Neural_Network, AgataPolejowska/NeuralNetwork, DeepLearningZeroToAll#173"),
    "extra sum": Example("dZ2 = np.sum(A2 - Y)", "dZ2 = A2 - Y", "Σ p in place of p",
                         "take the sum out: each example and each neuron has an error of its own"),
    "missing sum": Example("db1 = dZ1", "db1 = dZ1.sum(axis=0, keepdims=True)", "p in place of Σₓ p",
                           "sum over the examples: a bias has one value, however many there are",
                           "community.deeplearning.ai/t/536725"),
    "missing product": Example("dA1 = dZ2", "dA1 = dZ2 @ W2.T", "p in place of p wᵀ",
                               "multiply by the transposed weights of the layer that the error comes from"),
    "extra call": Example("dZ1 = dA1 * slope(f(Z1))", "dZ1 = dA1 * slope(Z1)", "g(f(p)) in place of g(p)",
                          "take the call out: the array has been through that function already",
                          "Asa-Nisi-Masa/backprop-numpy"),
    "missing call": Example("dZ1 = dA1 * Z1", "dZ1 = dA1 * slope(Z1)", "p in place of f(p)",
                            "call the function that the formula has"),
    "function": Example("dZ1 = dA1 * f(Z1)", "dZ1 = dA1 * slope(Z1)", "g(p) in place of f(p)",
                        "call the function that is meant: backwards σ′, not σ", "Armandpl/nn_from_scratch"),
    "operand": Example("dW2 = Z1.T @ dZ2", "dW2 = A1.T @ dZ2", "q in place of p",
                       "use the array of the formula: ∂C/∂wˡ is made of δˡ and aˡ⁻¹",
                       "DiegoFabGF10/Neural_Network_NumPy, community.deeplearning.ai/t/402919"),
    "operand of a mask": Example("dZ1 = dA1 * (X > 0)", "dZ1 = dA1 * (Z1 > 0)", "[q > 0] in place of [z > 0]",
                                 "compare the z that the activation was applied to"),
    "operand of a function": Example("dZ1 = dA1 * slope(A1)", "dZ1 = dA1 * slope(Z1)", "f(q) in place of f(p)",
                                     "give σ′ what it expects: z, or a if it is written as a(1 − a)",
                                     "dboyliao/SimpleNN, DiegoFabGF10/Neural_Network_NumPy"),
    "division": Example("dW1 = X.T @ dZ1", "dW1 = X.T @ dZ1 / m", "p in place of p/m",
                        "divide by m, as the other arrays are", "MohammadMdv/DNN-from-scratch"),
    "multiple": Example("dW1 = X.T @ dZ1 / m ** 2", "dW1 = X.T @ dZ1 / m ** 2 * m", "p/m² in place of p/m",
                        "divide by m in one place only: in δᴸ, or in the gradients, or in the update",
                        "community.deeplearning.ai/t/63071"),
    "slope": Example("dZ1 = dA1", "dZ1 = dA1 * slope(Z1)", "p in place of p ⊙ σ′(z)",
                     "multiply by the slope of the activation at its z", "DavisCarson/XOR-Neural-Network-from-Scratch"),
    "wrong slope": Example("dZ1 = dA1 * A1 * (1 - A1)", "dZ1 = dA1 * (1 - A1 ** 2)", "p ⊙ τ′(z) in place of p ⊙ σ′(z)",
                           "use the slope of the activation that runs forwards: a(1 − a) for σ, 1 − a² for tanh",
                           "ttezel/nn#8"),
    "factor": Example("dZ1 = dA1", "dZ1 = dA1 * A1", "p in place of p ⊙ q",
                      "multiply by what the forward pass multiplies by", "austin-hill/Numpy-Neural-Network"),
    "target": Example("dZ1 = dA2 * slope(Z2)", "dZ2 = dA2 * slope(Z2)", "q ← p in place of r ← p",
                      "assign to the name that is read afterwards"),
    "accumulates": Example("dW1 += X.T @ dZ1", "dW1 = X.T @ dZ1", "q ← q + p in place of q ← p",
                           "assign with =, or set the array to 0 before each step"),
    "overwrites": Example("dW1 = X.T @ dZ1", "dW1 += X.T @ dZ1", "q ← p in place of q ← q + p",
                          "add with +=: what is used twice gets a share from each use", "Aswath321/backprop"),
    "order of statements": Example("W2 -= lr * dW2; dA1 = dZ2 @ W2.T", "dA1 = dZ2 @ W2.T; W2 -= lr * dW2",
                                   "f(q′) after q′ ← q in place of f(q)",
                                   "compute everything that reads the old value before it is changed",
                                   "denisb411/neural_network, GeorgeFedoseev/nn_with_numpy"),
    "counterpart": Example("dZ2 = dA2 * slope(Z2); dZ1 = dA1 * slope(A2)",
                           "dZ2 = dA2 * slope(Z2); dZ1 = dA1 * slope(Z1)",
                           "fₗ in one layer and another formula in the others",
                           "write the line as in the other layers, with the names of its own"),
    "missing statement": Example("W2 -= lr * dW2", "W2 -= lr * dW2; b2 -= lr * db2", "q ← q in place of q ← q − η p",
                                 "add the statement for this layer too",
                                 "Chriz-t/MNIST-Digit-Classifier, adumit/Backprop-Implementation"),
    "extra statement": Example("dW2 += lam * W2", "pass", "q ← f(q) in place of q ← q",
                               "remove the statement, or add to the cost what it is the derivative of"),
}  # fmt: skip


def arrays() -> dict[str, Any]:
    """Return what the examples use: two layers of two neurons with tanh, two examples as rows."""
    w1, w2 = np.array([[1.0, -0.5], [0.5, 2.0]]), np.array([[-1.0, 1.5], [2.0, 0.5]])
    b1, b2 = np.array([[0.5, -1.0]]), np.array([[0.25, -0.5]])
    x, y = np.array([[1.0, 0.5], [-1.0, 2.0]]), np.array([[0.0, 1.0], [1.0, 0.0]])

    def slope(z: Any) -> Any:
        return 1 - np.tanh(z) ** 2

    z1 = x @ w1 + b1
    a1 = np.tanh(z1)
    z2 = a1 @ w2 + b2
    a2 = np.tanh(z2)
    delta = (a2 - y) * slope(z2)
    back = delta @ w2.T
    delta1 = back * slope(z1)
    bias1, bias2 = delta1.sum(0, keepdims=True), delta.sum(0, keepdims=True)
    found = {"X": x, "Y": y, "W1": w1, "b1": b1, "W2": w2, "b2": b2, "Z1": z1, "A1": a1, "Z2": z2, "A2": a2}
    found |= {"dA2": a2 - y, "dZ2": delta, "dA1": back, "dZ1": delta1, "dW1": x.T @ delta1, "dW2": a1.T @ delta}
    found |= {"db1": bias1, "db2": bias2, "grads": {"db1": bias1, "db2": bias2}, "weights": [w1, w2]}
    return found | {"np": np, "f": np.tanh, "slope": slope, "m": 2, "l": 0, "L": 1, "lr": 0.1, "lam": 0.1}


def shown(example: Example) -> tuple[str, Any, Any]:
    """Run the slip and what is meant; return the first target that differs, its wrong value and its right one."""
    wrong, right = _run(example.written), _run(example.meant)
    for target in (*_targets(example.written), *_targets(example.meant)):
        got, expected = (np.asarray(eval(target, place)) for place in (wrong, right))
        if got.shape != expected.shape or (got != expected).any():
            return target, got, expected
    raise AssertionError(f"{example.written} does the same as {example.meant}")


def _run(source: str) -> dict[str, Any]:
    place = copy.deepcopy({name: value for name, value in arrays().items() if name != "np"}) | {"np": np}
    exec(source, place)
    return place


def _targets(source: str) -> list[str]:
    found = []
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign | ast.AugAssign):
            found.append(ast.unparse(node.targets[0] if isinstance(node, ast.Assign) else node.target))
    return found
