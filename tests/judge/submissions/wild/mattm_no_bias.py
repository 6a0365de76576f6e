# Style: pd_errors_wrt_…, neuron by neuron, scalar loops.
# Thread: github.com/mattm/simple-neural-network/issues/5 and pull/10
# Fix, as the threads say: "there is no update to bias"; its gradient is the delta of the neuron.
import math

import numpy as np


def squash(total_net_input):
    return 1 / (1 + math.exp(-total_net_input))


def backprop(weights, biases, x, y):
    if x.ndim != 1:
        raise ValueError("inputs are a list")
    w_h, w_o = weights
    hidden = [squash(sum(w_h[h][i] * x[i] for i in range(len(x))) + float(biases[0][h])) for h in range(len(w_h))]
    out = [squash(sum(w_o[o][h] * hidden[h] for h in range(len(hidden))) + float(biases[1][o])) for o in range(len(w_o))]

    # 1. Output neuron deltas
    pd_errors_wrt_output_neuron_total_net_input = [0] * len(out)
    for o in range(len(out)):
        pd_errors_wrt_output_neuron_total_net_input[o] = -(y[o] - out[o]) * out[o] * (1 - out[o])

    # 2. Hidden neuron deltas
    pd_errors_wrt_hidden_neuron_total_net_input = [0] * len(hidden)
    for h in range(len(hidden)):
        d_error_wrt_hidden_neuron_output = 0
        for o in range(len(out)):
            d_error_wrt_hidden_neuron_output += pd_errors_wrt_output_neuron_total_net_input[o] * w_o[o][h]
        pd_errors_wrt_hidden_neuron_total_net_input[h] = d_error_wrt_hidden_neuron_output * hidden[h] * (1 - hidden[h])

    # 3. Update output neuron weights
    d_o = np.array([[d * h for h in hidden] for d in pd_errors_wrt_output_neuron_total_net_input])
    # 4. Update hidden neuron weights
    d_h = np.array([[d * i for i in x] for d in pd_errors_wrt_hidden_neuron_total_net_input])
    deltas = [np.array(pd_errors_wrt_hidden_neuron_total_net_input), np.array(pd_errors_wrt_output_neuron_total_net_input)]
    return deltas, [np.zeros(len(hidden)), np.zeros(len(out))], [d_h, d_o]
