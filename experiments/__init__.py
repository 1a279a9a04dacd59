"""Experiments: one folder a question, run with ``python -m experiments.NAME``, calling only the public API."""
