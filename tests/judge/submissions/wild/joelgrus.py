# Style: plain Python lists, neurons as lists of weights with the bias last, list comprehensions.
# Thread: github.com/joelgrus/data-science-from-scratch/issues/31 (and CodingTrain/Toy-Neural-Network-JS#72)
# Fix, as the thread says: calculate all the deltas first, update the weights of the network after that.
import math


def dot(v, w):
    return sum(v_i * w_i for v_i, w_i in zip(v, w))


def sigmoid(t):
    return 1 / (1 + math.exp(-t))


def neuron_output(weights, inputs):
    return sigmoid(dot(weights, inputs))


def feed_forward(neural_network, input_vector):
    outputs = []
    for layer in neural_network:
        input_with_bias = input_vector + [1]  # add a bias input
        output = [neuron_output(neuron, input_with_bias) for neuron in layer]
        outputs.append(output)
        input_vector = output
    return outputs


def backpropagate(network, input_vector, target):
    hidden_outputs, outputs = feed_forward(network, input_vector)
    # the output * (1 - output) is from the derivative of sigmoid
    output_deltas = [output * (1 - output) * (output - target[i]) for i, output in enumerate(outputs)]
    # adjust weights for output layer (network[-1])
    for i, output_neuron in enumerate(network[-1]):
        for j, hidden_output in enumerate(hidden_outputs + [1]):
            output_neuron[j] -= output_deltas[i] * hidden_output
    # back-propagate errors to hidden layer
    hidden_deltas = [
        hidden_output * (1 - hidden_output) * dot(output_deltas, [n[i] for n in network[-1]])
        for i, hidden_output in enumerate(hidden_outputs)
    ]
    return hidden_deltas, output_deltas, hidden_outputs


def backprop(weights, biases, x, y):
    (w1, w2), (b1, b2) = weights, biases
    x, y = [float(v) for v in x], [float(v) for v in y]  # one example only: a vector
    network = [[list(row) + [float(c)] for row, c in zip(w, b)] for w, b in ((w1, b1), (w2, b2))]
    hidden_deltas, output_deltas, hidden_outputs = backpropagate(network, x, y)
    return [hidden_deltas, output_deltas], [
        [[d * v for v in x] for d in hidden_deltas],
        [[d * v for v in hidden_outputs] for d in output_deltas],
    ]
