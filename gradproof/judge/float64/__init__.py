"""Judge a backprop of the notes' network in float64, holding every element to its derived bound."""
