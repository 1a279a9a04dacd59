"""What mutation testing changes, and what its last result says."""

import json
from pathlib import Path

from tests.mutation.mutants import mutants

RESULT = json.loads((Path(__file__).parent / "mutation" / "result.json").read_text(encoding="utf-8"))
SOURCE = '''"""A module of 1 line."""
def f(x: "int | None" = None, n: int = 3) -> "int | None":
    """One more 1."""
    if n < 0:
        raise ValueError(f"n + 1 is {n + 1}")
    assert n > 0, "no 0"
    é = jnp.where(x & ~n, x[n:], zip(x, x, strict=True))
    return jnp.sum(-x, axis=0) if é and n else "a" + "b"
'''


def test_each_mutant_is_one_change(tmp_path):
    (tmp_path / "m.py").write_text(SOURCE, encoding="utf-8")
    found = mutants(tmp_path, "m.py")
    kinds = {
        2: ["constant"] * 2,
        4: ["comparison", "constant", "constant", "negated condition"],
        7: ["arithmetic", "off by one", "swapped branches", "without its sign"],
        8: ["another function", "boolean", "constant", "constant", "negated condition", "without its sign"],
    }
    assert {line: sorted(m.kind for m in found if m.line == line) for line in kinds} == kinds
    assert len(found) == sum(map(len, kinds.values()))
    for m in found:
        lines = zip(SOURCE.splitlines(), m.source.splitlines(), strict=True)
        assert [(" ".join(a.split()), " ".join(b.split())) for a, b in lines if a != b] == [(m.before, m.after)]
    afters = [m.after for m in found if m.line == 8]
    assert 'return jnp.mean(-x, axis=0) if é and n else "a" + "b"' in afters
    assert 'return jnp.sum(-x, axis=0) if (é or n) else "a" + "b"' in afters


def test_the_result_is_counted_right():
    each = RESULT["mutants"]
    assert RESULT["mutants_of"] == len(each) >= 60
    assert {m["outcome"] for m in each} <= {"killed", "survived"}
    assert RESULT["killed"] == sum(m["outcome"] == "killed" for m in each)
    assert RESULT["equivalent"] == sum("reason" in m for m in each)
    assert all(m["reason"] for m in each if m["outcome"] == "survived"), "whoever survives has a reason, or a test"
    assert not any("reason" in m for m in each if m["outcome"] == "killed")
    assert len({(m["file"], m["line"], m["before"], m["after"]) for m in each}) == len(each)


def test_nineteen_of_twenty_are_killed():
    assert RESULT["killed"] >= 0.95 * (RESULT["mutants_of"] - RESULT["equivalent"])
    assert len({m["file"] for m in RESULT["mutants"]}) >= 50
