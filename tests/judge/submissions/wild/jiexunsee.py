# Style: "synaptic weights", examples in rows, del4 … del2.
# Thread: github.com/jiexunsee/Neural-Network-with-Python/issues/1
# Fix, as the thread says: del4 is only the error; it must be multiplied with the sigmoid derivative of the output.
from numpy import dot, exp


def sigmoid(x):
    return 1 / (1 + exp(-x))


def sigmoid_derivative(x):
    return x * (1 - x)


def backprop(synaptic_weights, b, training_set_inputs, training_set_outputs):
    w1, w2, w3 = synaptic_weights
    a2 = sigmoid(dot(training_set_inputs, w1) + b[0])
    a3 = sigmoid(dot(a2, w2) + b[1])
    output = sigmoid(dot(a3, w3) + b[2])

    # calculate error
    del4 = training_set_outputs - output

    # find errors in each layer
    del3 = dot(w3, del4.T) * (sigmoid_derivative(a3).T)
    del2 = dot(w2, del3) * (sigmoid_derivative(a2).T)

    # get adjustments for each layer
    adjustment3 = dot(a3.T, del4)
    adjustment2 = dot(a2.T, del3.T)
    adjustment1 = dot(training_set_inputs.T, del2.T)
    biases = [del2.T.sum(axis=0), del3.T.sum(axis=0), del4.sum(axis=0)]
    return [del2.T, del3.T, del4], biases, [adjustment1, adjustment2, adjustment3]
