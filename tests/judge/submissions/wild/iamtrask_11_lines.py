# Style: nonlin(x, deriv=False), l0 … l2, y - l2 and +=.
# Thread: github.com/iamtrask/iamtrask.github.io/issues/12 – reported as a bug, and withdrawn there: nonlin's derivative is
# given l1, the output, so x * (1 - x) is right. Nothing is wrong: it must not be accused.
import numpy as np


# sigmoid function
def nonlin(x, deriv=False):
    if (deriv == True):
        return x * (1 - x)
    return 1 / (1 + np.exp(-x))


def backprop(syn, b, X, y):
    syn0, syn1 = syn
    l0 = X
    l1 = nonlin(np.dot(l0, syn0) + b[0])
    l2 = nonlin(np.dot(l1, syn1) + b[1])

    # how much did we miss the target value?
    l2_error = y - l2
    # in what direction is the target value?
    l2_delta = l2_error * nonlin(l2, deriv=True)
    # how much did each l1 value contribute to the l2 error (according to the weights)?
    l1_error = l2_delta.dot(syn1.T)
    l1_delta = l1_error * nonlin(l1, deriv=True)

    return [l1_delta, l2_delta], [l1_delta.sum(0), l2_delta.sum(0)], [l0.T.dot(l1_delta), l1.T.dot(l2_delta)]
