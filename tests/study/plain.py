"""A line of a ledger as plain text, to be held against the notes that it was taken from."""

import re

SIGNS = {
    r"\sigma": "σ", r"\delta": "δ", r"\Delta": "Δ", r"\eta": "η", r"\partial": "∂", r"\nabla": "∇", r"\sum": "Σ",
    r"\odot": "⊙", r"\circ": "∘", r"\cdots": "…", r"\ldots": "…", r"\cdot": "·", r"\times": "×", r"\approx": "≈",
    r"\Rightarrow": "⇒", r"\Leftrightarrow": "⇔", r"\to": "→", r"\lVert": "‖", r"\rVert": "‖", r"\hat y": "ŷ",
    "ᵀ": "T", "²": "2", "½": "1/2", "−": "-", "'": "′", "\\quad": "", "\\left": "", "\\right": "",
    "\\Bigl": "", "\\Bigr": "", "\\,": "", "\\;": "", "\\ ": "", "**": "",
}  # fmt: skip
FRACTION = re.compile(r"\\frac\{((?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*)\}\{((?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*)\}")


def plain(line: str) -> str:
    """What is left of LaTeX or of text without blanks, brackets and the marks of indices and powers."""
    while FRACTION.search(line):
        line = FRACTION.sub(r"\1/\2", line)
    line = re.sub(r"\\text\{([^}]*)\}", r"\1", line)
    for sign in sorted(SIGNS, key=len, reverse=True):
        line = line.replace(sign, SIGNS[sign])
    return re.sub(r"[\s(){}\[\]$^_]", "", line)
