"""The cut: a score split at an inner value, by a pass over its jaxpr that knows no framework."""

from jaxattr.cutting._cut import At as At
from jaxattr.cutting._cut import cut as cut
from jaxattr.cutting._errors import CutError as CutError
