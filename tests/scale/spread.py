"""A run on forced CPU devices.

``python -m tests.scale.spread OUT DEVICES apart|together|model|fsdp [PROCESS PROCESSES PORT]``
"""

import os
import signal
import sys
from pathlib import Path

out, devices, mode, *rest = sys.argv[1:]
os.environ["XLA_FLAGS"] = f"--xla_force_host_platform_device_count={devices}"
os.environ["JAX_PLATFORMS"] = "cpu"

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402
from jax.sharding import NamedSharding, PartitionSpec  # noqa: E402

import jaxattr as ja  # noqa: E402
from jaxattr.scale.store import _shards  # noqa: E402

RNG = np.random.default_rng(0)
TABLE, DENSE = RNG.normal(size=(40, 16)).astype(np.float32), RNG.normal(size=(16, 8)).astype(np.float32)
TEXTS = [{"ids": RNG.integers(0, 40, size=n), "name": f"t{i}"} for i, n in enumerate(RNG.integers(1, 30, size=200))]


def explain(params, ids, where, key):
    x = params["table"][ids] + 0.01 * jax.random.normal(key, (16,))

    def f(x):
        z = jnp.where(where[:, None], jax.nn.relu(x @ params["dense"]), -1)
        return jnp.tanh(z.max(0)).sum() + z.mean()

    a = ja.integrated_gradients(f, baseline=jnp.zeros_like, steps=8)(x)
    return {"values": a.sum(-1), "gap": ja.completeness_gap(f, a, x, jnp.zeros_like(x))}


def placed(params, mesh, specs):
    def put(a, spec):
        return jax.make_array_from_callback(a.shape, NamedSharding(mesh, spec), lambda index: a[index])

    return {name: put(params[name], specs[name]) for name in params}


def main():
    process, processes, port = map(int, rest or (0, 1, 0))
    if processes > 1:
        jax.distributed.initialize(f"localhost:{port}", processes, process)
    mesh, params = None, {"table": TABLE, "dense": DENSE}
    if mode == "together":
        mesh = jax.make_mesh((jax.device_count(),), ("rows",))
    if mode == "model":
        mesh = jax.make_mesh((jax.device_count() // 2, 2), ("rows", "model"))
        params = placed(params, mesh, {"table": PartitionSpec(None, "model"), "dense": PartitionSpec("model", None)})
    if mode == "fsdp":
        mesh = jax.make_mesh((jax.device_count(),), ("rows",))
        params = placed(params, mesh, {"table": PartitionSpec("rows"), "dense": PartitionSpec()})
    if os.environ.get("DIES_AT"):
        write, left = _shards.publish, [int(os.environ["DIES_AT"])]

        def publish(*given):
            left[0] -= 1
            if left[0] < 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return write(*given)

        _shards.publish = publish
    report = ja.scale.run(
        explain, params, TEXTS, out=Path(out), mesh=mesh, id="name", chunk_rows=32, batch_size=2, widths=3, workers=1,
        progress=False,
    )  # fmt: skip
    sys.stdout.write(f"{report.complete} {report.explained}\n")


if __name__ == "__main__":
    main()
