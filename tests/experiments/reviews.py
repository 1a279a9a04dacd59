"""Invented film reviews that a bag of words can tell apart, prepared as the IMDB builder prepares the real ones."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from experiments.datasets import imdb

FILLERS = "the a film it was plot and of with actor scene music in that is story one more than had".split()
GOOD, BAD = "great lovely superb moving".split(), "awful dull boring worst".split()


def texts(count, seed):
    """So many texts with their labels: two words of the label's side, at times one of the other, among fillers."""
    rng = np.random.default_rng(seed)
    made = []
    for number in range(count):
        label = number % 2
        ours, theirs = (GOOD, BAD) if label else (BAD, GOOD)
        words = [*rng.choice(ours, 2), *rng.choice(theirs, int(rng.random() < 0.3)), *rng.choice(FILLERS, 8)]
        made.append((" ".join(rng.permutation(words).tolist()), label))
    return made


def prepared(folder, train=400, test=60):
    """The folder of prepared data sets, with so many reviews of each part."""
    (folder / "parquet").mkdir()
    for size, split in ((train, "train"), (test, "test")):
        rows = texts(size, seed=size)
        columns = {
            "text": [text for text, _ in rows],
            "label": [label for _, label in rows],
            "id": list(range(len(rows))),
            "rating": [9 if label else 2 for _, label in rows],
        }
        pq.write_table(pa.table(columns), folder / "parquet" / f"{split}.parquet")
    imdb.prepare(folder / "data", imdb.parquet(folder / "parquet"))
    return folder / "data"
