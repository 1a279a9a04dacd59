"""Measures of attributions."""

from jaxattr.metrics._completeness import completeness_gap as completeness_gap
