# EXPECT right: mean binary cross-entropy of two sigmoid layers; the table it reads is not there, what stands for it fits
# FORM script with pandas and sklearn at its top, functions forward and backward, training under __main__
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

frame = pd.read_csv("loans.csv")
frame = frame.dropna()
features = frame.drop("approved", axis=1).values
labels = frame["approved"].values.reshape(-1, 1)
features = (features - features.mean(axis=0)) / features.std(axis=0)
train_x, test_x, train_y, test_y = train_test_split(features, labels, test_size=0.25, random_state=1)


def squash(t):
    return 1 / (1 + np.exp(-t))


def forward(x, p):
    hidden = squash(x @ p["W1"] + p["b1"])
    return hidden, squash(hidden @ p["W2"] + p["b2"])


def backward(x, y, hidden, out, p):
    m = x.shape[0]
    d_out = (out - y) / m
    d_hidden = (d_out @ p["W2"].T) * hidden * (1 - hidden)
    return {"W1": x.T @ d_hidden, "b1": d_hidden.sum(axis=0), "W2": hidden.T @ d_out, "b2": d_out.sum(axis=0)}


if __name__ == "__main__":
    rng = np.random.RandomState(0)
    p = {"W1": rng.randn(train_x.shape[1], 6), "b1": np.zeros(6), "W2": rng.randn(6, 1), "b2": np.zeros(1)}
    history = []
    for epoch in range(2000):
        hidden, out = forward(train_x, p)
        history.append(-np.mean(train_y * np.log(out) + (1 - train_y) * np.log(1 - out)))
        for name, slope in backward(train_x, train_y, hidden, out, p).items():
            p[name] = p[name] - 0.5 * slope
    plt.plot(history)
    plt.show()
