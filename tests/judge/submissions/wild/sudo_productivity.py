# Style: methods with double underscores, one function a step.
# Thread: github.com/kyle8998/Sudo-Productivity/issues/3 (and apache/incubator-retired-horn#8, interviews.ai#4)
# Fix, as the thread says: in x * (1 - x) "shouldn't x be __sigmoid(x)?" – here x is the weighted sum, not the output.
from numpy import dot, exp


class NeuralNetwork():
    def __sigmoid(self, x):
        return 1 / (1 + exp(-x))

    def __sigmoid_derivative(self, x):
        return x * (1 - x)

    def gradients(self, weights, biases, x, y):
        z = [x]
        a = [x]
        for w, b in zip(weights, biases):
            z.append(dot(w, a[-1]) + b)
            a.append(self.__sigmoid(z[-1]))
        deltas = [(a[-1] - y) * self.__sigmoid_derivative(z[-1])]
        for i in reversed(range(1, len(weights))):
            deltas.insert(0, dot(weights[i].T, deltas[0]) * self.__sigmoid_derivative(z[i]))
        m = x.shape[1]
        return deltas, [d.sum(1).reshape(-1, 1) / m for d in deltas], [dot(d, p.T) / m for d, p in zip(deltas, a)]


def backprop(weights, biases, x, y):
    return NeuralNetwork().gradients(weights, biases, x, y)
