"""The notes' network as somebody's backprop has it, judged in float64: every element under its derived bound."""
