# EXPECT wrong: W1 and b1, because the error goes back through W2 after W2 has been changed; line 43
# FORM script with the digits of Keras at its top, one-hot labels by hand, mini-batches of 784 pixels
import numpy as np
from keras.datasets import mnist

(x_train, y_train), (x_test, y_test) = mnist.load_data()
images = x_train[0:1000].reshape(1000, 28 * 28) / 255
hot = np.zeros((1000, 10))
for place, label in enumerate(y_train[0:1000]):
    hot[place][label] = 1

np.random.seed(3)
W1 = 0.1 * np.random.randn(784, 100)
b1 = np.zeros((1, 100))
W2 = 0.1 * np.random.randn(100, 10)
b2 = np.zeros((1, 10))
rate, batch = 0.1, 100


def softmax(z):
    raised = np.exp(z - z.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)


for epoch in range(30):
    right = 0
    for start in range(0, 1000, batch):
        x, y = images[start:start + batch], hot[start:start + batch]
        z1 = x @ W1 + b1
        a1 = np.maximum(0, z1)
        p = softmax(a1 @ W2 + b2)
        loss = -np.sum(y * np.log(p)) / len(x)
        right += int(np.sum(np.argmax(p, axis=1) == np.argmax(y, axis=1)))

        dz2 = (p - y) / len(x)
        dW2 = a1.T @ dz2
        db2 = dz2.sum(axis=0, keepdims=True)
        W2 -= rate * dW2
        b2 -= rate * db2

        dz1 = dz2 @ W2.T
        dz1[z1 <= 0] = 0
        W1 -= rate * (x.T @ dz1)
        b1 -= rate * dz1.sum(axis=0, keepdims=True)
    print(epoch, loss, right)
