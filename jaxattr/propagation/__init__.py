"""Propagation rules: DeepLIFT and its kin as tables of local linear rules for one interpreter."""

from jaxattr.propagation._deep_lift import deep_lift as deep_lift
from jaxattr.propagation._elementwise import Rule as Rule
from jaxattr.propagation._rules import midpoint_slope as midpoint_slope
from jaxattr.propagation._rules import refuse as refuse
from jaxattr.propagation._tables import DEEPLIFT as DEEPLIFT
from jaxattr.propagation._tables import Rules as Rules
from jaxattr.propagation._values import NoRule as NoRule
from jaxattr.propagation._values import Pair as Pair
