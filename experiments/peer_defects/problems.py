"""The inputs that both sides get, as plain lists of numbers and words, and the form of an answer."""

from typing import Any

Case = dict[str, Any]
"""A call of a peer, what it gives, what it should give (`exact`), and calls of it that do (`right`)."""

LINE = [1.0, 2.0]
"""A sum of two numbers, from zeros."""

ROW, OTHER_ROW = [1.0, 0.5, -1.0], [0.0, 2.0, 1.0]
"""Logits of three classes."""

GELU_INPUT = [1.0, -0.5, 2.0]

FACTORS = [2.0, 3.0]

THRESHOLD, ABOVE = 1.5, 2.0
"""A ReLU that begins at the one, and an input at the other."""

RESIDUAL_WEIGHTS, RESIDUAL_INPUT = [[1.0, 1.0], [0.0, 2.0]], [1.0, 2.0]
"""The matrix of a layer beside a plain addition."""

HEAD, NORMED, NORM_BASELINE = [1.0, -2.0, 3.0], [1.0, -2.0, 3.0], [0.0, 1.0, 0.5]
"""What follows a normalisation of three features, an input and a baseline."""

SQUARES, NOISE = [1.0, -2.0, 3.0], 0.1
"""A sum of squares, and the deviation of what is taken away from its input."""

TOKENS = ["a", "x<img src=y>z", "&lt;", "film"]
"""Words that hold markup."""

CLASS = "class <img src=y>"
"""A name of a class that holds markup."""
