# Style: a script with w_i_h and w_h_o, one image at a time.
# Thread: github.com/Bot-Academy/NeuralNetworkFromScratch/pull/3
# Fix, as the thread says: "missing the derivative of the sigmoid function for the outer layer", and the weights of
# the hidden layer "were updated in a way that affects the update" of the layer below.
import numpy as np


def backprop(weights, biases, img, l):
    w_i_h, w_h_o = weights[0].copy(), weights[1].copy()
    b_i_h, b_h_o = biases[0].copy(), biases[1].copy()
    learn_rate = 0.01
    assert img.shape[1] == 1

    # Forward propagation input -> hidden
    h_pre = b_i_h + w_i_h @ img
    h = 1 / (1 + np.exp(-h_pre))
    # Forward propagation hidden -> output
    o_pre = b_h_o + w_h_o @ h
    o = 1 / (1 + np.exp(-o_pre))

    # Backpropagation output -> hidden (cost function derivative)
    delta_o = o - l
    grad_w_h_o = delta_o @ np.transpose(h)
    w_h_o += -learn_rate * grad_w_h_o
    b_h_o += -learn_rate * delta_o
    # Backpropagation hidden -> input (activation function derivative)
    delta_h = np.transpose(w_h_o) @ delta_o * (h * (1 - h))
    grad_w_i_h = delta_h @ np.transpose(img)
    return [delta_h, delta_o], [grad_w_i_h, grad_w_h_o]
