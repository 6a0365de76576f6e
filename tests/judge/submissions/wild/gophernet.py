# Style: translated line by line from Go: examples in rows, layer inputs and activations as separate matrices.
# Thread: github.com/dwhitena/gophernet/issues/6
# Fix, as the thread says: the argument of sigmoidPrime should be outputLayerInput (hiddenLayerInput), or output*(1-output).
import numpy as np


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def sigmoidPrime(x):
    return sigmoid(x) * (1.0 - sigmoid(x))


def backprop(weights, biases, x, y):
    wHidden, wOut = weights
    bHidden, bOut = biases
    # Complete the feed forward process.
    hiddenLayerInput = np.matmul(x, wHidden) + bHidden
    hiddenLayerActivations = sigmoid(hiddenLayerInput)
    outputLayerInput = np.matmul(hiddenLayerActivations, wOut) + bOut
    output = sigmoid(outputLayerInput)
    # Complete the backpropagation.
    networkError = y - output
    slopeOutputLayer = sigmoidPrime(output)
    slopeHiddenLayer = sigmoidPrime(hiddenLayerActivations)
    dOutput = networkError * slopeOutputLayer
    errorAtHiddenLayer = np.matmul(dOutput, wOut.T)
    dHiddenLayer = errorAtHiddenLayer * slopeHiddenLayer
    # Adjust the parameters.
    wOutAdj = np.matmul(hiddenLayerActivations.T, dOutput)
    bOutAdj = np.sum(dOutput, axis=0)
    wHiddenAdj = np.matmul(x.T, dHiddenLayer)
    bHiddenAdj = np.sum(dHiddenLayer, axis=0)
    return [dHiddenLayer, dOutput], [bHiddenAdj, bOutAdj], [wHiddenAdj, wOutAdj]
