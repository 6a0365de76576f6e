# Style: labels made again from y inside the function, counting from 1.
# Thread: github.com/googlecodelabs/feedback/issues/219
# Fix, as the thread says: the label 6 is the vector whose 7th value is 1, not the 6th: classes count from 0.
import numpy as np


def one_hot(y):
    label = np.zeros_like(y)
    n = y.shape[0]
    for digit in range(n):
        label[(digit - 1) % n] = y[digit]  # the digit-th value
    return label


def backprop(weights, biases, x, y):
    a = [x]
    for w, b in zip(weights, biases):
        a.append(1 / (1 + np.exp(-(w @ a[-1] + b))))
    d = [(a[-1] - one_hot(y)) * a[-1] * (1 - a[-1])]
    for w, act in zip(weights[:0:-1], a[-2:0:-1]):
        d.insert(0, w.T @ d[0] * act * (1 - act))
    m = x.shape[1]
    return d, [e.sum(1, keepdims=True) / m for e in d], [e @ act.T / m for e, act in zip(d, a)]
