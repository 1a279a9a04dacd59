"""Many rows: an eager driver over texts of any length, its plan, and integration to a tolerance.

Everything here runs outside `jit`: it compiles a program for each padded width once and sends groups of rows through
it. `map` keeps its results in memory and uses the cores of this machine; `run` goes over a corpus on every device,
keeps what it has done in a folder, and goes on there when it was killed.
"""

from jaxattr.scale._integrate import Integrated as Integrated
from jaxattr.scale._integrate import integrate as integrate
from jaxattr.scale._integrate import integrated as integrated
from jaxattr.scale._map import map as map  # noqa: A004
from jaxattr.scale._map import mapped as mapped
from jaxattr.scale._plan import Plan as Plan
from jaxattr.scale._plan import plan as plan
from jaxattr.scale.corpus import Preview as Preview
from jaxattr.scale.corpus import Report as Report
from jaxattr.scale.corpus import RowMemoryError as RowMemoryError
from jaxattr.scale.corpus import run as run
from jaxattr.scale.store import ChangedError as ChangedError
from jaxattr.scale.store import Format as Format
from jaxattr.scale.store import Parquet as Parquet
from jaxattr.scale.store import Store as Store
from jaxattr.scale.store import StoreError as StoreError
from jaxattr.scale.store import Verified as Verified
