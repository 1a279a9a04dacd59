"""What a run is, as its manifest, and whether the folder holds the same run."""

import inspect
import time
from collections.abc import Callable, Sequence
from typing import Any

import jax

from jaxattr import _argument
from jaxattr.scale._rows import Rows
from jaxattr.scale.corpus import _fingerprint
from jaxattr.scale.corpus._chunks import Chunk
from jaxattr.scale.corpus._compiled import BITS, results
from jaxattr.scale.corpus._source import NAME
from jaxattr.scale.corpus._survey import KEY
from jaxattr.scale.corpus._work import Work
from jaxattr.scale.store import _manifest, _shards
from jaxattr.scale.store._errors import StoreError
from jaxattr.scale.store._folder import Folder


def described(work: Work, all_chunks: Sequence[Chunk], options: dict[str, Any]) -> tuple[dict[str, Any], Rows]:
    """The manifest, and some rows as an example.

    Explain is traced for a text of the largest width, so that what does not fit shows here.
    """
    longest = next(chunk for chunk in all_chunks if work.survey.good(chunk.rows))
    good = [*work.survey.good(longest.rows), *work.survey.good(all_chunks[-1].rows)]
    some = sorted({good[0], good[-1]})
    table = work.rows([_whole(row) for row in work.source.rows(some)], [work.survey.ids[n] for n in some])
    width = max(longest.width, 1)
    row = {name: a for name, a in table.shapes(width).items() if name != BITS}
    if work.keyed:
        row[KEY] = jax.eval_shape(lambda: jax.random.key(0))
    with _argument.methods() as methods:
        code, returned = _fingerprint.of_code(work.explain, work.params, row)
    found = results(work.explain, work.params, table, width, work.keyed, returned)
    work.programs.results = found
    manifest = {
        "format": _manifest.FORMAT,
        "fingerprint": _fingerprint.fingerprint(work.params, work.programs.arrays, code, work.survey, options),
        "rows": work.source.count,
        "chunks": len(all_chunks),
        "suffix": options["format"],
        "methods": sorted(methods),
        "about": {
            "begun": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "results": found.names,
            "devices": len(jax.devices()),
            "source": _source_of(work.explain),
        },
    }
    return manifest, table


def _whole(row: Any) -> Any:
    if isinstance(row, Exception):
        raise row
    return row


def _source_of(explain: Callable[..., Any]) -> str | None:
    try:
        return inspect.getsource(explain)
    except (OSError, TypeError):
        return None


def begin(where: Folder, manifest: dict[str, Any], accept: Sequence[str]) -> None:
    """Write the manifest, or see that the one in the folder is of the same run."""
    if manifest["chunks"] > _manifest.MOST_CHUNKS:
        raise ValueError(
            f"{NAME} writes {_manifest.MOST_CHUNKS:,} chunks at most, but the data set makes {manifest['chunks']:,}. "
            "Write a larger chunk_rows=."
        )
    before = _manifest.read(where)
    if before is None:
        if _shards.published(where, manifest["suffix"], manifest["chunks"]):
            raise StoreError("the folder holds chunks but no manifest. Restore it from a copy, or take another folder.")
        if _manifest.write(where, manifest):
            return
        before = _manifest.read(where) or {}
    _manifest.check_same(before["fingerprint"], manifest["fingerprint"], accept)
