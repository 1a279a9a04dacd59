"""The cut: a score split at an inner value, by a pass over its jaxpr that knows no framework."""

from jaxattr.cutting._cut import At as At
from jaxattr.cutting._cut import CutError as CutError
from jaxattr.cutting._cut import cut as cut
