"""Benchmarks beside the peers on four models with equal weights: ``python -m experiments.benchmarks``."""
