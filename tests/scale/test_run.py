"""A run over a corpus: what it stores, and that it goes on where it was stopped."""

import os
import re
import signal

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxattr as ja
from jaxattr.scale.corpus import _signals, _work
from jaxattr.scale.store import _shards
from jaxattr.scale.store import _store as store_module

W = np.random.default_rng(0).normal(size=(30, 4)).astype(np.float32)
V = np.random.default_rng(1).normal(size=4).astype(np.float32)
PARAMS = {"table": W, "v": V}


def score(params, x, where):
    return jnp.tanh(jnp.where(where[:, None], x, 0) @ params["v"]).sum()


def explain(params, ids, where):
    x = params["table"][ids]
    return ja.integrated_gradients(lambda x: score(params, x, where), baseline=jnp.zeros_like, steps=4)(x).sum(-1)


def explain_all(params, ids, where):
    values = explain(params, ids, where)
    return {"values": values, "gap": score(params, params["table"][ids], where) - values.sum()}


def texts(count=40, longest=17, seed=2):
    rng = np.random.default_rng(seed)
    return [
        {"ids": rng.integers(0, 30, size=n).astype(np.int32), "label": int(rng.integers(2)), "name": f"text/{i}"}
        for i, n in enumerate(rng.integers(1, longest, size=count))
    ]


def go(out, rows=None, f=explain, **options):
    options = {"chunk_rows": 8, "batch_size": 2, "widths": 3, "workers": 1, "progress": False, **options}
    return ja.scale.run(f, options.pop("params", PARAMS), texts() if rows is None else rows, out=out, **options)


def files(out):
    return {path.name: path.read_bytes() for path in sorted((out / "chunks").iterdir())}


def test_every_row_is_there_with_its_columns(tmp_path):
    rows = texts()
    report = go(tmp_path / "a", rows, explain_all, id="name")
    assert (report.rows, report.explained, report.quarantined, report.complete) == (40, 40, {}, True)
    store = ja.scale.Store(tmp_path / "a")
    assert len(store) == 40
    for i, row in enumerate(rows):
        wanted = explain_all(PARAMS, row["ids"], np.ones(len(row["ids"]), bool))
        found = store[i]
        assert (found["id"], found["row"], found["error"], int(found["label"])) == (row["name"], i, None, row["label"])
        np.testing.assert_array_equal(found["ids"], row["ids"])
        np.testing.assert_allclose(found["values"], wanted["values"], rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(found["gap"], wanted["gap"], rtol=1e-4, atol=1e-5)
        assert store.by_id(row["name"])["row"] == i
    assert store.verify().complete
    assert store.verify().rows == 40
    assert store.manifest["methods"] == ["integrated_gradients"]
    table = store.to_pandas()
    assert table["row"].tolist() == list(range(40))
    np.testing.assert_array_equal(table["values"][3], store[3]["values"])


@pytest.mark.parametrize("workers", [1, 3])
def test_the_same_bits_whether_stopped_or_not(tmp_path, workers, monkeypatch):
    go(tmp_path / "whole")
    wanted = files(tmp_path / "whole")
    assert len(wanted) == 5
    publish, count = _shards.publish, []

    def stopping(where, chunk, columns, kind):
        count.append(chunk)
        if len(count) % 2 == 0:
            raise KeyboardInterrupt
        return publish(where, chunk, columns, kind)

    monkeypatch.setattr(_shards, "publish", stopping)
    stops = 0
    while True:
        try:
            report = go(tmp_path / "parts", workers=workers)
            break
        except KeyboardInterrupt:
            stops += 1
    assert stops >= 2
    assert report.complete
    assert files(tmp_path / "parts") == wanted
    again = go(tmp_path / "parts")
    assert (again.explained, again.complete) == (0, True)


def test_sigterm_finishes_the_chunk_and_stops(tmp_path, monkeypatch):
    publish = _shards.publish

    def asking(where, chunk, columns, kind):
        os.kill(os.getpid(), signal.SIGTERM)
        return publish(where, chunk, columns, kind)

    monkeypatch.setattr(_shards, "publish", asking)
    before = signal.getsignal(signal.SIGTERM)
    report = go(tmp_path / "a")
    assert report.stopped
    assert not report.complete
    assert 1 <= len(files(tmp_path / "a")) < 5
    assert signal.getsignal(signal.SIGTERM) is before
    monkeypatch.setattr(_shards, "publish", publish)
    assert go(tmp_path / "a").complete
    go(tmp_path / "b")
    assert files(tmp_path / "a") == files(tmp_path / "b")


@pytest.mark.parametrize("workers", [1, 3])
def test_a_chunk_that_takes_long_is_given_up(tmp_path, monkeypatch, workers):
    run, batches = _work.Programs.run, []

    def asking(self, columns):
        batches.append(columns)
        if len(batches) == 6:
            os.kill(os.getpid(), signal.SIGTERM)
        return run(self, columns)

    monkeypatch.setattr(_work.Programs, "run", asking)
    monkeypatch.setattr(_signals, "_PATIENCE", 0.0)
    report = go(tmp_path / "a", workers=workers, mesh=jax.make_mesh((1,), ("rows",), devices=jax.devices()[:1]))
    assert report.stopped
    assert len(files(tmp_path / "a")) < 3  # batches of two, chunks of eight: the second was under way
    monkeypatch.undo()
    assert go(tmp_path / "a").complete
    go(tmp_path / "b")
    assert files(tmp_path / "a") == files(tmp_path / "b")


def test_threads_go_on_with_the_next_chunk(tmp_path, monkeypatch):
    begin, publish, order = _work.Work.begin, _shards.publish, []

    def begun(self, chunk, read):
        order.append(("begin", chunk.number))
        return begin(self, chunk, read)

    def published(where, chunk, columns, kind):
        order.append(("publish", chunk))
        return publish(where, chunk, columns, kind)

    monkeypatch.setattr(_work.Work, "begin", begun)
    monkeypatch.setattr(_shards, "publish", published)
    assert go(tmp_path / "several", workers=3).complete
    assert all(order.index(("begin", n + 1)) < order.index(("publish", n)) for n in range(4))
    order.clear()
    assert go(tmp_path / "one").complete
    assert order[:1] == [("begin", 0)]
    assert all(order.index(("publish", n)) < order.index(("begin", n + 2)) for n in range(3))


def test_several_processes_share_the_chunks_and_take_over_those_of_a_lost_one(tmp_path):
    go(tmp_path / "whole")
    go(tmp_path / "parts", process=(1, 3))  # the others never came
    assert files(tmp_path / "parts") == files(tmp_path / "whole")
    assert ja.scale.Store(tmp_path / "parts").verify().complete


CHANGES = {
    "params": {"params": {**PARAMS, "v": V + 1e-7 * np.eye(4, dtype=np.float32)[0] * 10}},
    "data": {"rows": [*texts()[:-1], {**texts()[-1], "ids": np.array([1, 2], np.int32)}]},
    "code": {"f": lambda params, ids, where: 1 * explain(params, ids, where)},
    "options.seed": {"seed": 1},
    "options.batch_size": {"batch_size": 4},
    "options.chunk_rows": {"chunk_rows": 4},
    "options.widths": {"widths": 2},
    "options.fill": {"fill": 1},
    "options.stored": {"keep": ["label"]},
    "options.id": {"id": "name"},
}


@pytest.mark.parametrize("field", CHANGES)
def test_a_changed_fingerprint_is_refused_with_the_field(tmp_path, field):
    go(tmp_path)
    before = files(tmp_path)
    with pytest.raises(ja.scale.ChangedError, match=field) as caught:
        go(tmp_path, **CHANGES[field])
    assert field in caught.value.fields
    assert files(tmp_path) == before


@pytest.mark.parametrize("name", ["jax", "jaxlib", "jaxattr"])
def test_other_versions_are_refused_and_may_be_accepted(tmp_path, name, monkeypatch):
    go(tmp_path)
    if name == "jaxattr":
        monkeypatch.setattr(ja, "__version__", "0.0.0")
    else:
        import importlib.metadata

        known = importlib.metadata.version
        monkeypatch.setattr(importlib.metadata, "version", lambda n: "0.0" if n == name else known(n))
    with pytest.raises(ja.scale.ChangedError, match=f"versions.{name}"):
        go(tmp_path)
    assert go(tmp_path, accept=["versions"]).complete


def test_settings_of_jax_are_part_of_the_fingerprint(tmp_path):
    go(tmp_path)
    with jax.enable_x64(True), pytest.raises(ja.scale.ChangedError, match=r"settings\.x64"):
        go(tmp_path)


def test_rows_are_read_with_the_precision_of_the_caller(tmp_path):
    """Also those of a chunk, which another thread reads."""

    def prepare(row):
        return {"x": jnp.asarray(row["x"], jnp.result_type(float)) / 3}

    rows = [{"x": np.arange(n, dtype=np.float64)} for n in (3, 5, 4)]
    with jax.enable_x64(True):
        go(tmp_path, rows, lambda params, x, where: 2 * x, prepare=prepare)
    for row, stored in zip(rows, ja.scale.Store(tmp_path), strict=True):
        assert stored["values"].dtype == np.float64
        np.testing.assert_allclose(stored["values"], 2 * row["x"] / 3, rtol=1e-15)


def test_closed_over_numbers_are_part_of_the_code(tmp_path):
    def closing(scale):
        return lambda params, ids, where: scale * explain(params, ids, where)

    go(tmp_path, f=closing(np.ones(1, np.float32)))
    assert go(tmp_path, f=closing(np.ones(1, np.float32))).complete
    with pytest.raises(ja.scale.ChangedError, match="code"):
        go(tmp_path, f=closing(np.full(1, 2, np.float32)))


def test_every_step_is_told_to_its_end(tmp_path, capfd):
    rows = texts()
    rows[3] = {**rows[3], "ids": np.zeros(0, np.int32)}
    go(tmp_path, rows, progress=True)
    lines = capfd.readouterr().err.splitlines()
    for begin in ("reading 40 rows", "compiling 3 programs", "explaining 40 rows"):
        assert begin in lines
    assert [line.split(",")[0] for line in lines if re.match("(read|compil|explain)ing:", line)] == [
        "reading: 40 of 40 rows", "compiling: 3 of 3 programs", "explaining: 40 of 40 rows",
    ]  # fmt: skip


def test_bad_rows_are_told_and_the_run_goes_on(tmp_path):
    rows = texts()
    rows[3] = {**rows[3], "ids": np.zeros(0, np.int32)}
    rows[5] = {**rows[5], "ids": rows[5]["ids"].astype(np.float32)}
    rows[7] = {"name": "text/7", "label": 0}
    good = [i for i in range(40) if i not in (3, 5, 7, 11, 13)]

    class Rows:
        def __len__(self):
            return len(rows)

        def __getitem__(self, i):
            if i == 11:
                raise OSError("the disk is tired")
            return rows[i]

    def with_nan(params, ids, where):
        return jnp.where(
            (ids == rows[13]["ids"][0]) & (where.sum() == len(rows[13]["ids"])), jnp.nan, explain(params, ids, where)
        )

    report = go(tmp_path, Rows(), with_nan, id="name")
    assert report.complete
    reasons = report.quarantined
    assert {"text/3", "text/5", "text/7", "row 11", "text/13"} <= reasons.keys()
    assert "empty" in reasons["text/3"]
    assert "float32" in reasons["text/5"]
    assert "ids" in reasons["text/7"]
    assert "the disk is tired" in reasons["row 11"]
    assert "NaN" in reasons["text/13"]
    store = ja.scale.Store(tmp_path)
    assert store.quarantined() == reasons
    assert store[13]["values"] is None
    for i in good:
        if store[i]["error"] is None:
            wanted = explain(PARAMS, rows[i]["ids"], np.ones(len(rows[i]["ids"]), bool))
            np.testing.assert_allclose(store[i]["values"], wanted, rtol=1e-5, atol=1e-6)
    assert len(store) - len(reasons) == store.verify().rows


@pytest.mark.parametrize("workers", [1, 3])
def test_out_of_memory_halves_the_batch(tmp_path, monkeypatch, workers):
    class Full(jax.errors.JaxRuntimeError):
        pass

    run = _work.Programs.run

    def tight(self, columns):
        if len(columns["ids"]) > 2 * jax.local_device_count():
            raise Full("RESOURCE_EXHAUSTED: Out of memory while trying to allocate")
        return run(self, columns)

    monkeypatch.setattr(_work.Programs, "run", tight)
    with pytest.warns(UserWarning, match="out of memory") as told:
        report = go(tmp_path / "a", batch_size=8, workers=workers)
    assert (report.complete, report.batch_size) == (True, 2)
    assert sum("out of memory" in str(one.message) for one in told) == 2  # once a halving, also with chunks under way
    monkeypatch.undo()
    go(tmp_path / "b")
    a, b = (ja.scale.Store(tmp_path / name) for name in "ab")
    for i in range(40):
        np.testing.assert_array_equal(a[i]["values"], b[i]["values"])


def test_a_row_that_fails_on_the_device_is_found(tmp_path):
    def check(ids):
        if 29 in ids:
            raise ValueError("29 is forbidden")
        return np.zeros((), np.float32)

    def failing(params, ids, where):
        return explain(params, ids, where) + jax.pure_callback(
            check, jax.ShapeDtypeStruct((), np.float32), ids, vmap_method="sequential"
        )

    rows = texts()
    bad = {i for i, row in enumerate(rows) if 29 in row["ids"]}
    assert 0 < len(bad) < 40
    report = go(tmp_path, rows, failing)
    assert set(report.quarantined) == bad
    assert report.complete


def test_a_key_follows_the_id_and_not_the_order(tmp_path):
    def noise(params, ids, where, key):
        return jax.random.normal(key, ids.shape)

    rows = texts()
    go(tmp_path / "a", rows, noise, id="name")
    go(tmp_path / "b", rows[::-1], noise, id="name")
    go(tmp_path / "c", rows, noise, id="name", seed=1)
    a, b, c = (ja.scale.Store(tmp_path / name) for name in "abc")
    seen = set()
    for row in rows:
        one, two, other = (s.by_id(row["name"])["values"] for s in (a, b, c))
        assert one[0] not in seen
        seen.add(one[0])
        np.testing.assert_array_equal(one[0], two[0])
        assert one[0] != other[0]


def test_rows_of_one_length_need_no_mask(tmp_path):
    x = np.random.default_rng(0).normal(size=(11, 4)).astype(np.float32)
    report = go(tmp_path, {"x": x}, lambda params, x: ja.gradient(lambda x: (x**2 * params["v"]).sum())(x))
    assert report.complete
    store = ja.scale.Store(tmp_path)
    assert "x" not in store[0]
    np.testing.assert_allclose(np.stack([row["values"] for row in store]), 2 * x * V, rtol=1e-6)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32", "int32", "bool"])
@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (0,)])
def test_results_keep_shape_and_dtype(tmp_path, dtype, shape):
    value = np.arange(np.prod(shape, dtype=int)).reshape(shape)
    go(
        tmp_path,
        {"x": np.ones((5, 2), np.float32)},
        lambda params, x: jnp.asarray(value).astype(dtype) + (x[0] * 0).astype(dtype),
    )
    found = ja.scale.Store(tmp_path)[2]["values"]
    assert (np.shape(found), np.asarray(found).dtype) == (shape, jnp.dtype(dtype))
    np.testing.assert_array_equal(np.asarray(found, np.float32), value.astype(dtype).astype(np.float32))
    ja.scale.Store(tmp_path).to_pandas()


def test_a_dry_run_says_what_it_takes_and_writes_nothing(tmp_path):
    found = go(tmp_path / "a", dry_run=True)
    assert not (tmp_path / "a").exists()
    assert (found.rows, found.chunks, len(found.widths), found.evaluations) == (40, 5, 3, 4)
    for text in ("40 rows in 5 chunks", "3 programs", "160 in all"):
        assert text in str(found)
    assert len({len(line) - len(line[11:].lstrip()) for line in str(found).splitlines()}) == 1, "one column of names"


def test_a_dry_run_tells_its_steps(tmp_path, capfd):
    go(tmp_path / "a", dry_run=True, progress=True)
    assert "compiling: 1 of 1 program, " in capfd.readouterr().err


def test_an_object_store(tmp_path):
    url = f"memory://{tmp_path.name}/run"
    go(tmp_path / "a")
    report = go(url)
    assert report.complete
    a, b = ja.scale.Store(tmp_path / "a"), ja.scale.Store(url)
    assert b.verify().complete
    for i in range(40):
        np.testing.assert_array_equal(a[i]["values"], b[i]["values"])
    assert go(url).explained == 0


class Npz:
    """A format of one's own."""

    suffix = ".npz"

    def encode(self, columns):
        import io
        import json

        plain = {
            k: v for k, v in columns.items() if not isinstance(next((x for x in v if x is not None), None), np.ndarray)
        }
        arrays = {f"{k}/{i}": x for k, v in columns.items() if k not in plain for i, x in enumerate(v) if x is not None}
        np.savez(data := io.BytesIO(), json=np.array(json.dumps([plain, list(columns), len(columns["row"])])), **arrays)
        return data.getvalue()

    def decode(self, data):
        import io
        import json

        arrays = np.load(io.BytesIO(data), allow_pickle=False)
        plain, names, count = json.loads(str(arrays["json"]))
        return {k: plain.get(k) or [arrays.get(f"{k}/{i}") for i in range(count)] for k in names}


def test_a_format_of_ones_own(tmp_path):
    rows = [{k: v for k, v in row.items() if k != "label"} for row in texts()]
    go(tmp_path / "a", rows)
    go(tmp_path / "b", rows, format=Npz())
    a, b = ja.scale.Store(tmp_path / "a"), ja.scale.Store(tmp_path / "b", format=Npz())
    assert b.verify().complete
    for i in range(40):
        np.testing.assert_array_equal(a[i]["values"], b[i]["values"])
        np.testing.assert_array_equal(a[i]["ids"], b[i]["ids"])


def test_wrong_arguments_say_what_is_wanted(tmp_path):
    with pytest.raises(TypeError, match="len"):
        go(tmp_path, rows=iter(()))
    with pytest.raises(ValueError, match="one row at least"):
        go(tmp_path, rows=[])
    with pytest.raises(TypeError, match=r"explain wants \['idss'\]"):
        go(tmp_path, f=lambda params, idss: idss)
    with pytest.raises(ValueError, match="where"):
        go(tmp_path, f=lambda params, ids: ids * 1.0)
    with pytest.raises(ValueError, match="come twice"):
        go(tmp_path, rows=[{**row, "name": "same"} for row in texts()], id="name")
    with pytest.raises(KeyError, match="only"):
        go(tmp_path, id="nom")
    with pytest.raises(ValueError, match=r"keep.*colour"):
        go(tmp_path, keep=["colour"])
    with pytest.raises(ValueError, match="process"):
        go(tmp_path, process=(3, 3))
    with pytest.raises(TypeError, match="no array"):
        go(tmp_path, f=lambda params, ids, where: None)
    with pytest.raises(ja.scale.StoreError, match="no run"):
        ja.scale.Store(tmp_path / "nothing")
    assert not (tmp_path / "chunks").exists()
    assert store_module.Store is ja.scale.Store
