# Style: the book "Make Your Own Neural Network" (its code, and the ten copies read, all have it).
# Thread: github.com/makeyourownneuralnetwork/makeyourownneuralnetwork/issues/88
# Fix, as the thread says: the hidden error is not W^T times the output error; the slope of the layer above belongs in.
import numpy


class neuralNetwork:

    # initialise the neural network
    def __init__(self, who, wih, bo, bh):
        self.wih = wih
        self.who = who
        self.bh = bh
        self.bo = bo
        # activation function is the sigmoid function
        self.activation_function = lambda x: 1 / (1 + numpy.exp(-x))
        pass

    # one step of training; gives back what it would add to the weights, per unit of learning rate
    def train(self, inputs, targets):
        # calculate signals into hidden layer
        hidden_inputs = numpy.dot(self.wih, inputs) + self.bh
        # calculate the signals emerging from hidden layer
        hidden_outputs = self.activation_function(hidden_inputs)

        # calculate signals into final output layer
        final_inputs = numpy.dot(self.who, hidden_outputs) + self.bo
        # calculate the signals emerging from final output layer
        final_outputs = self.activation_function(final_inputs)

        # output layer error is the (target - actual)
        output_errors = targets - final_outputs
        # hidden layer error is the output_errors, split by weights, recombined at hidden nodes
        hidden_errors = numpy.dot(self.who.T, output_errors)

        # for the links between the hidden and output layers
        dwho = numpy.dot((output_errors * final_outputs * (1.0 - final_outputs)), numpy.transpose(hidden_outputs))
        dbo = output_errors * final_outputs * (1.0 - final_outputs)
        # for the links between the input and hidden layers
        dwih = numpy.dot((hidden_errors * hidden_outputs * (1.0 - hidden_outputs)), numpy.transpose(inputs))
        dbh = hidden_errors * hidden_outputs * (1.0 - hidden_outputs)
        return [dbh, dbo], [dwih, dwho]


def backprop(weights, biases, x, y):
    wih, who = weights
    bh, bo = biases
    if x.shape[1] != 1:
        raise ValueError("one record at a time")
    return neuralNetwork(who, wih, bo, bh).train(x, y)
