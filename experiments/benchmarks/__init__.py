"""Benchmarks: jaxattr beside its peers on four models with equal weights, run with ``python -m experiments.benchmarks``."""
