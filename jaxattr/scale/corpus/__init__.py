"""A run over a corpus: rows from any source, over every device, into a store, again and again until all is there."""

from jaxattr.scale.corpus._full import RowMemoryError as RowMemoryError
from jaxattr.scale.corpus._preview import Preview as Preview
from jaxattr.scale.corpus._run import Report as Report
from jaxattr.scale.corpus._run import run as run
