"""What a run leaves behind: a manifest and chunks of rows, each whole, checked and never changed."""

from jaxattr.scale.store._errors import ChangedError as ChangedError
from jaxattr.scale.store._errors import StoreError as StoreError
from jaxattr.scale.store._format import Format as Format
from jaxattr.scale.store._format import Parquet as Parquet
from jaxattr.scale.store._store import Store as Store
from jaxattr.scale.store._store import Verified as Verified
