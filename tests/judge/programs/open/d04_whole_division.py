# EXPECT right: half the squared error of tanh and linear; hidden // of Python 2 gives a whole number of units
# FORM Python 2 script, division of whole numbers, loadtxt of a file that is not there, weights in one vector with views
import os
import numpy as np

os.chdir("/home/somebody/data")
table = np.loadtxt("sunspots.txt")
inputs, outputs = 4, 1
hidden = (inputs + 6) / 2
theta = np.random.uniform(-1, 1, inputs * hidden + hidden + hidden * outputs + outputs)
a, b, c = inputs * hidden, inputs * hidden + hidden, inputs * hidden + hidden + hidden * outputs
W1, b1 = theta[:a].reshape(inputs, hidden), theta[a:b]
W2, b2 = theta[b:c].reshape(hidden, outputs), theta[c:]


def train(row):
    x, t = row[:inputs].reshape(1, inputs), row[inputs:].reshape(1, outputs)
    h = np.tanh(x.dot(W1) + b1)
    miss = h.dot(W2) + b2 - t
    back = miss.dot(W2.T) * (1 - h * h)
    W2[...] -= 0.05 * h.T.dot(miss)
    b2[...] -= 0.05 * miss[0]
    W1[...] -= 0.05 * x.T.dot(back)
    b1[...] -= 0.05 * back[0]
    return 0.5 * float(miss[0, 0]) ** 2


for epoch in xrange(500):
    for row in table:
        train(row)
    print "epoch", epoch
