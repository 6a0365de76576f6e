# EXPECT wrong: W1 is moved too little, because the rate stands in the output's delta and once more in the hidden one; line 25
# FORM script that asks for its learning rate and width and reads a table by genfromtxt
import numpy as np

eta = float(input("learning rate (eta): "))
hidden = int(input("how many hidden neurons: "))
table = np.genfromtxt("flowers.csv", delimiter=",")[1:]
x, y = table[:, :4], table[:, -1:]

np.random.seed(2)
W1 = 2 * np.random.rand(4, hidden) - 1
W2 = 2 * np.random.rand(hidden, 1) - 1


def f(z):
    return 1 / (1 + np.exp(-z))


for turn in range(15000):
    h = f(x.dot(W1))
    o = f(h.dot(W2))
    missed = y - o

    delta_o = missed * o * (1 - o) * eta
    delta_h = delta_o.dot(W2.T) * h * (1 - h) * eta

    W2 += h.T.dot(delta_o)
    W1 += x.T.dot(delta_h)
    if turn % 1000 == 0:
        print(np.mean(np.abs(missed)))
