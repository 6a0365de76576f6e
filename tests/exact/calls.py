"""How each program is called, of exact/programs or judge/programs/open: parameters, data, cost."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from gradproof import check_backward, check_gradient, check_step
from gradproof.judge.trial.judgement import Judgement
from tests.exact.calling import (
    COLUMN,
    HOT,
    LABELS,
    TARGET,
    Y01,
    X,
    binary,
    dicts,
    functions,
    half,
    layer,
    loaded,
    log_loss,
    n,
    parameters,
    trained,
    w,
)


class Program(NamedTuple):
    """One call of one program, and what is to be found."""

    name: str
    file: str
    judge: Callable[[], Judgement]
    faults: tuple[str, ...]  # the arrays that are wrong; none: it is right


# name: (file, how it is called, the arrays that are wrong)
CALLS: list[tuple[str, str, Callable[[Any], Judgement], tuple[str, ...]]] = [
    # ---- layer functions ---------------------------------------------------------------------------------------
    ("affine", "layers", lambda m: layer(m, "affine", n(2, 2, 3), n(6, 4), n(4)), ()),
    ("relu", "layers", lambda m: layer(m, "relu", n(3, 4)), ()),
    ("sigmoid", "layers", lambda m: layer(m, "sigmoid", n(3, 4)), ()),
    ("batch norm", "layers", lambda m: layer(m, "batchnorm", n(5, 3), n(3), n(3)), ()),
    ("batch norm, step by step", "layers", lambda m: layer(m, "batchnorm", n(5, 3), n(3), n(3),
                                                           backward="batchnorm_backward_long"), ()),
    ("batch norm, variance fixed", "layers", lambda m: layer(m, "batchnorm", n(5, 3), n(3), n(3),
                                                             backward="batchnorm_backward_fixed_variance"), ("x",)),
    ("layer norm", "layers", lambda m: layer(m, "layernorm", n(2, 3, 4), n(4), n(4)), ()),
    ("dropout", "layers", lambda m: layer(m, "dropout", n(5, 4)), ()),
    ("dropout, unscaled", "layers", lambda m: layer(m, "dropout", n(5, 4),
                                                    backward="dropout_backward_unscaled"), ("x",)),
    ("max pooling", "layers", lambda m: layer(m, "max_pool", n(1, 2, 4, 4)), ()),
    ("max pooling by reshape", "layers", lambda m: layer(m, "max_pool_fast", n(1, 2, 4, 4)), ()),
    ("max pooling of dead zeros", "layers", lambda m: layer(m, "relu_pool", n(2, 2, 4, 4)), ()),
    ("mean pooling", "layers", lambda m: layer(m, "avg_pool", n(1, 2, 4, 4)), ()),
    ("convolution, naive", "layers", lambda m: check_backward(
        m.conv_forward_naive, m.conv_backward_naive, n(1, 2, 5, 5), n(2, 2, 3, 3), n(2)), ()),
    ("convolution by im2col", "layers", lambda m: check_backward(
        m.conv_forward_im2col, m.conv_backward_im2col, n(2, 2, 4, 4), n(3, 2, 3, 3), n(3)), ()),
    ("convolution, pixels overwritten", "layers", lambda m: check_backward(
        m.conv_forward_im2col, m.conv_backward_im2col_overwritten, n(2, 2, 4, 4), n(3, 2, 3, 3), n(3)), ("x",)),
    ("attention", "layers", lambda m: layer(m, "attention", n(2, 3, 4), n(2, 3, 4), n(2, 3, 5)), ()),
    ("attention, unscaled", "layers", lambda m: layer(m, "attention", n(2, 3, 4), n(2, 3, 4), n(2, 3, 5),
                                                      backward="attention_backward_unscaled"), ("q", "k")),
    ("embedding", "layers", lambda m: layer(m, "embedding", n(4, 3)), ()),
    ("softmax loss", "layers", lambda m: check_gradient(
        lambda x, y: m.softmax_loss(x, y)[0], lambda x, y: m.softmax_loss(x, y)[1], n(4, 3), LABELS), ()),
    ("hinge loss", "layers", lambda m: check_gradient(
        lambda x, y: m.svm_loss(x, y)[0], lambda x, y: m.svm_loss(x, y)[1], n(4, 3), LABELS), ()),
    # ---- recurrent ---------------------------------------------------------------------------------------------
    ("recurrent step", "recurrent", lambda m: check_backward(
        m.rnn_step_forward, m.rnn_step_backward, n(2, 3), n(2, 4), n(3, 4), n(4, 4), n(4)), ()),
    ("recurrent net", "recurrent", lambda m: check_backward(
        m.rnn_forward, m.rnn_backward, n(2, 3, 2), n(2, 3), n(2, 3), n(3, 3), n(3)), ()),
    ("recurrent net, cut", "recurrent", lambda m: check_backward(
        m.rnn_forward, m.rnn_backward_truncated, n(2, 3, 2), n(2, 3), n(2, 3), n(3, 3), n(3)),
        ("x", "h0", "Wx", "Wh", "b")),
    ("LSTM step", "recurrent", lambda m: check_backward(
        m.lstm_step, m.lstm_step_backward, n(2, 3), n(2, 2), n(2, 2), n(3, 8), n(2, 8), n(8)), ()),
    ("LSTM step, behind tanh", "recurrent", lambda m: check_backward(
        m.lstm_step, m.lstm_step_backward_behind_tanh, n(2, 3), n(2, 2), n(2, 2), n(3, 8), n(2, 8), n(8)),
        ("x", "h", "c", "Wx", "Wh", "b")),
    ("GRU step", "recurrent", lambda m: check_backward(
        m.gru_step, m.gru_step_backward, n(2, 3), n(2, 2), n(3, 3, 2), n(3, 2, 2)), ()),
    ("character model", "recurrent", lambda m: check_gradient(
        lambda model, i, t: m.loss_and_gradients(model, i, t)[0],
        lambda model, i, t: m.loss_and_gradients(model, i, t)[1],
        {"Wxh": n(4, 3), "Whh": n(4, 4), "Why": n(3, 4), "bh": n(4, 1), "by": n(3, 1)},
        np.array([0, 2, 1]), np.array([2, 1, 1])), ()),
    # ---- plain Python, matrices, engines, theta ----------------------------------------------------------------
    ("np.matrix", "plain", lambda m: check_gradient(
        m.matrix_cost, m.matrix_gradient, n(3, 2), n(2, 3), n(2, 4), n(2, 4)), ()),
    ("lists", "plain", lambda m: check_gradient(
        m.list_cost, m.list_gradient, [n(3, 2).tolist(), n(2, 3).tolist()], [n(3).tolist(), n(2).tolist()],
        n(2).tolist(), [0.2, 0.7]), ()),
    ("scalar engine", "plain", lambda m: check_gradient(m.engine_cost, m.engine_gradient, n(8)), ()),
    ("np.vectorize", "plain", lambda m: check_gradient(
        m.vectorized_cost, m.vectorized_gradient, n(3, 2), n(4, 3), n(4, 2)), ()),
    ("logistic regression", "plain", lambda m: check_gradient(
        m.logistic_cost, m.logistic_gradient, n(3), n(5, 3), np.array([0.0, 1.0, 1.0, 0.0, 1.0])), ()),
    ("logistic regression, bias decays", "plain", lambda m: check_gradient(
        m.logistic_cost, m.logistic_gradient_with_bias, n(3), n(5, 3), np.array([0.0, 1.0, 1.0, 0.0, 1.0])),
        ("theta",)),
    # ---- functions and dicts -----------------------------------------------------------------------------------
    ("forward_prop", "11", lambda m: functions(m, log_loss, *w(3, 4, 3), n(3, 4), LABELS), ()),
    ("forward_prop, scalar bias", "12", lambda m: functions(
        m, log_loss, *w(3, 4, 10), n(3, 4), np.array([0, 9, 1, 2])), ("b1", "b2")),
    ("forward_prop from csv", "c14", lambda m: functions(m, log_loss, *w(3, 4, 3), n(3, 4), LABELS), ()),
    ("parameters", "13", lambda m: dicts(
        m, m.forward_propagation, m.compute_cost, lambda f, p, x, y: m.backward_propagation(p, f[1], x, y),
        parameters(2, 3, 1), n(2, 4), Y01.T), ()),
    ("parameters, wrong slope", "14", lambda m: dicts(
        m, m.forward, binary, lambda f, p, x, y: m.backward(p, f[1], x, y), parameters(2, 3, 1), n(2, 4), Y01.T),
        ("params['W1']", "params['b1']")),
    ("planar data", "c15", lambda m: dicts(
        m, m.forward_propagation, m.compute_cost, lambda f, p, x, y: m.backward_propagation(p, f[1], x, y),
        parameters(2, 3, 1), n(2, 4), Y01.T), ()),
    ("mask of another layer", "c16", lambda m: dicts(
        m, m.forward_propagation, m.compute_cost, lambda f, p, x, y: m.backward_propagation(x, y, f[1], p),
        parameters(2, 3, 3, 1), n(2, 4), Y01.T), ("params['W1']", "params['b1']")),
    ("L layers", "15", lambda m: dicts(
        m, m.L_model_forward, m.compute_cost, lambda f, p, x, y: m.L_model_backward(f[0], y, f[1]),
        parameters(2, 3, 3, 1), n(2, 4), Y01.T), ()),
    ("L layers, dA kept", "c17", lambda m: dicts(
        m, m.L_model_forward, m.compute_cost, lambda f, p, x, y: m.L_model_backward(f[0], y, f[1]),
        parameters(2, 3, 3, 1), n(2, 4), Y01.T), ()),
    ("m twice", "c18", lambda m: check_gradient(
        lambda u, b, v, c, x, y: -np.mean(np.sum(y * np.log(m.forward(x, u, b, v, c)[-1]), axis=0)),
        lambda u, b, v, c, x, y: m.backward(x, y, v, *m.forward(x, u, b, v, c)[:2],
                                                m.forward(x, u, b, v, c)[-1]),
        *w(3, 4, 3), n(3, 4), HOT.T), ("u", "b")),
    ("theta", "20", lambda m: check_gradient(
        lambda t, x, y: m.cost(t, x, y, 0.3), lambda t, x, y: m.gradient(t, x, y, 0.3), n(39), n(4, 5), LABELS),
        ("t",)),
    ("nnCostFunction", "c28", lambda m: check_gradient(
        lambda t, x, y: m.nnCostFunction(t, 2, 3, 3, x, y, 0.3), lambda t, x, y: m.nnGradient(t, 2, 3, 3, x, y, 0.3),
        n(21), n(4, 2), LABELS), ()),
    ("affine functions", "19", lambda m: layer(m, "affine", n(2, 2, 3), n(6, 4), n(4)), ()),
    ("affine and relu", "c26", lambda m: layer(m, "affine_relu", n(2, 2, 3), n(6, 4), n(4)), ()),
    ("batch norm without its mean", "c27", lambda m: check_backward(
        lambda x, gamma, beta: m.batchnorm_forward(x, gamma, beta, {}), m.batchnorm_backward, n(5, 3), n(3), n(3)),
        ("x",)),
    # ---- objects -----------------------------------------------------------------------------------------------
    ("vectors", "01", lambda m: (lambda net: trained(net, net.train, net.predict, half, n(3), np.array([0.2, 0.7])))(
        m.TinyNet(3, 4, 2)), ()),
    ("two hidden layers", "03", lambda m: (lambda net: check_step(
        lambda x, y: net.fit(x, y, 1, 0.3), net, n(4, 3), Y01, cost=lambda x, y: half(net.forward(x), y)))(
        m.DeepishNet()), ()),
    ("moved too soon", "04", lambda m: (lambda net: check_step(net.update, net, n(2, 4), HOT.T, cost=net.loss))(
        m.Classifier(2, 4, 3)), ("θ['W1']", "θ['b1']")),
    ("rows and labels", "05", lambda m: (lambda net: check_step(
        lambda x, y: net.fit(x, y, 1), net, n(4, 3), LABELS, cost=lambda x, y: net._loss(net._forward(x)[-1], y)))(
        m.MLPClassifier(3, 4, 3)), ()),
    ("binary, extra slope", "07", lambda m: (lambda net: check_step(
        lambda x, y: net.train(x, y, 1), net, X, Y01, cost=lambda x, y: (net.feedforward(x), net.loss(y))[1]))(
        m.BinaryNet(3, 4)),
        ("θ['W1']", "θ['b1']", "θ['W2']", "θ['b2']"),
    ),
    ("binary, columns", "08", lambda m: (lambda net: check_step(
        net.fit, net, n(2, 4), Y01.T, cost=lambda x, y: binary(m.logistic(
            net.weights_ho.dot(m.logistic(net.weights_ih.dot(x) + net.bias_h)) + net.bias_o), y)))(
        m.LogNet(2, 3, epochs=1)), ()),
    ("weights first", "09", lambda m: (lambda net: check_step(
        lambda x, y: net.update_mini_batch([(x, y)], 0.5), net, COLUMN, TARGET,
        cost=lambda x, y: half(net.feedforward(x), y)))(m.Network([3, 4, 2])), ()),
    ("quadratic, columns", "c10", lambda m: (lambda net: check_step(
        lambda x, y: net.update_mini_batch([(x, y)], 0.5), net, COLUMN, TARGET,
        cost=lambda x, y: half(net.feedforward(x), y)))(m.Network([3, 4, 2])), ()),
    ("slope at the activation", "c12", lambda m: (lambda net: check_step(
        lambda x, y: net.update_mini_batch([(x, y)]), net, COLUMN, TARGET,
        cost=lambda x, y: half(net.forward(x), y)))(m.MLP([3, 4, 2])), ("θ['weights'][0]", "θ['biases'][0]")),
    ("rows, +=", "c01", lambda m: (lambda net: trained(net, net.train, net.forward, half, X, Y01))(m.Brain()), ()),
    ("raw error", "c03", lambda m: (lambda net: check_step(
        net.train, net, n(3), np.array([0.2, 0.7]), cost=lambda x, y: half(net.feedforward(x), y[:, None])))(
        m.DigitNet(3, 4, 2)), ("θ['weights_ih']", "θ['bias_h']")),
    ("batches", "c04", lambda m: (lambda net: check_step(
        lambda x, y: net.fit(x, y, 1), net, X, LABELS, cost=lambda x, y: net.loss(net.forward(x), y)))(
        m.NeuralNetwork(3, 4, 3)), ()),
    ("momentum", "c06", lambda m: (lambda net: check_step(net.train, net, n(4, 2), Y01, cost=net.cost))(
        m.MoonClassifier()), ()),
    ("example by example", "c07", lambda m: (lambda net: check_step(
        net.train, net, X, n(4, 2),
        cost=lambda x, y: 0.5 * np.sum((net.forward_pass_train(x)[0] - y) ** 2) / len(x)))(
        m.RentalNetwork(3, 4, 2, 0.5)), ()),
    ("Python 2", "24", lambda m: (lambda net: check_step(
        net.learn, net, COLUMN, TARGET, cost=lambda x, t: (net.forward(x), net.error(t))[1]))(m.BackpropNet(3, 4, 2)),
        ("θ['bh']",)),
    ("a dense layer", "17", lambda m: (lambda layer: check_backward(
        lambda x: (layer.forward(x), layer.output)[1], lambda d: (layer.backward(d), layer.dinputs)[1], X))(
        m.LayerDense(3, 4)), ()),
    ("a mask that blocks nothing", "17", lambda m: (lambda layer: check_backward(
        lambda x: (layer.forward(x), layer.output)[1], lambda d: (layer.backward(d), layer.dinputs)[1], X))(
        m.ReLU()), ("x",)),
    ("params and grads", "18", lambda m: (lambda layer: check_backward(layer.forward, layer.backward, X))(
        m.Linear(3, 4)), ()),
    ("tanh layer", "18", lambda m: (lambda layer: check_backward(layer.forward, layer.backward, X))(m.Tanh()), ()),
    # ---- steps -------------------------------------------------------------------------------------------------
    *[
        (f"step: {step}", "steps", lambda m, step=step, cost=cost: check_step(
            getattr(m, step), {"W1": n(3, 4), "b1": n(4), "W2": n(4, 2), "b2": n(2)}, X, n(4, 2),
            cost=getattr(m, cost) if cost else None), faults)
        for step, cost, faults in [
            ("sgd", "cost", ()),
            ("sgd", "", ()),
            ("sgd_in_place", "cost", ()),
            ("scheduled", "cost", ()),
            ("decay_in_cost", "decayed_cost", ()),
            ("decay_in_cost", "cost", ()),  # a decay of all weights is a convention
            ("decay_decoupled", "cost", ()),
            ("decay_decoupled", "", ()),
            ("uphill", "cost", ("θ['W1']", "θ['b1']", "θ['W2']", "θ['b2']")),
            ("updated_too_soon", "cost", ("θ['W1']", "θ['b1']")),
            ("updated_too_soon", "", ("θ['W1']", "θ['b1']")),
            ("bias_by_m", "cost", ("θ['b1']", "θ['b2']")),
            ("wrong_slope", "cost", ("θ['W1']", "θ['b1']")),
            ("wrong_slope", "", ("θ['W1']", "θ['b1']")),
        ]
    ],
    *[
        (f"step: {kind}", "steps", lambda m, kind=kind: check_step(
            getattr(m, kind)().step, {"W1": n(3, 4), "b1": n(4), "W2": n(4, 2), "b2": n(2)}, X, n(4, 2),
            cost=m.cost), ())
        for kind in ("Momentum", "Nesterov", "Adam", "RMSprop")
    ],
]  # fmt: skip


def programs() -> list[Program]:
    """The table, each with what judges it."""
    return [Program(name, file, lambda f=file, how=how: how(loaded(f)), faults) for name, file, how, faults in CALLS]
