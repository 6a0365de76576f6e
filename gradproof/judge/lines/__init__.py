"""What the lines of a program compute, where an array goes wrong, and which edit corrects it."""
