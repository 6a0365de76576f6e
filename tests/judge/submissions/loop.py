# A loop of the kind found in introductory books: the layers are spelled out, w_ih and w_ho,
# and the hidden error is made from the output error.
import numpy


def activation_function(x):
    return 1 / (1 + numpy.exp(-x))


def backprop(weights, biases, inputs, targets):
    hidden_outputs_list = [inputs]
    for w, b in zip(weights, biases):
        hidden_outputs_list.append(activation_function(numpy.dot(w, hidden_outputs_list[-1]) + b))
    final_outputs = hidden_outputs_list[-1]
    errors = [final_outputs - targets]
    for w in weights[:0:-1]:
        # hidden layer error is the output_errors, split by weights, recombined at hidden nodes
        errors.insert(0, numpy.dot(w.T, errors[0]))
    grads_w, grads_b = [], []
    n = inputs.shape[1]
    for e, o, i in zip(errors, hidden_outputs_list[1:], hidden_outputs_list):
        grads_w.append(numpy.dot((e * o * (1.0 - o)), numpy.transpose(i)) / n)
        grads_b.append((e * o * (1.0 - o)).sum(axis=1, keepdims=True) / n)
    return grads_b, grads_w
