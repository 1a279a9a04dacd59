"""A small run over a corpus: rows of one to twenty-four numbers, each doubled, in four chunks."""

import numpy as np

import jaxattr as ja

ROWS = [{"ids": np.arange(n), "name": f"row {n}"} for n in range(1, 25)]


def double(params, ids, where):
    return ids * params


def go(out, rows=ROWS, f=double, **options):
    options = {"id": "name", "chunk_rows": 6, "batch_size": 2, "widths": 1, "workers": 1, **options}
    return ja.scale.run(f, np.float32(2), rows, out=out, progress=False, **options)
