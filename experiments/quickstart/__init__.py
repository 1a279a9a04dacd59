"""The first minute: train a small classifier, explain it three ways, compare with causes that are known."""
