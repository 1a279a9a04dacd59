"""Many rows: an eager driver over texts of any length, its plan, and integration to a tolerance.

Everything here runs outside `jit`, on all cores of this machine: it compiles a program for each padded width once and
sends groups of rows through it.
"""

from jaxattr.scale._integrate import Integrated as Integrated
from jaxattr.scale._integrate import integrate as integrate
from jaxattr.scale._integrate import integrated as integrated
from jaxattr.scale._map import map as map  # noqa: A004
from jaxattr.scale._map import mapped as mapped
from jaxattr.scale._plan import Plan as Plan
from jaxattr.scale._plan import plan as plan
