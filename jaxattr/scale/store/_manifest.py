"""The manifest: what a run computes and with what, written once, before the first row.

It is JSON with a checksum of its own. A run that finds one in its folder goes on only where the fingerprint is the
same, field by field; what changed is named.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from jaxattr.scale.store._errors import ChangedError, StoreError
from jaxattr.scale.store._folder import Folder

NAME = "manifest.json"
FORMAT = 1
AT_MOST = 2**24
"""Bytes of a manifest; those of real runs have some thousands."""
MOST_CHUNKS = 10_000_000
_MOST_ROWS = 10**12
_DEEPEST = 20
_DIGEST = re.compile(r"[0-9a-f]{64}")
_KNOWN = {"format", "fingerprint", "rows", "chunks", "suffix", "methods", "about"}


def write(where: Folder, manifest: Mapping[str, Any]) -> bool:
    """Publish a manifest; False where there is one."""
    data = sealed(manifest)
    if len(data) > AT_MOST:
        raise ValueError(
            f"scale.run wants to describe a run in {AT_MOST:,} bytes, but this one takes {len(data):,}. Write shorter "
            "names of columns, or a shorter fill=."
        )
    return where.publish(NAME, data)


def read(where: Folder) -> dict[str, Any] | None:
    """The manifest of a folder; None where there is none."""
    try:
        data = where.read(NAME, AT_MOST)
    except FileNotFoundError:
        return None
    return _of_a_run(opened(data, NAME, _KNOWN))


def sealed(content: Mapping[str, Any]) -> bytes:
    """JSON with a checksum of the rest of it."""
    body = {name: value for name, value in content.items() if name != "sha256"}
    return json.dumps({**body, "sha256": _checksum(body)}, indent=1, ensure_ascii=False).encode()


def opened(data: bytes, name: str, wanted: set[str]) -> dict[str, Any]:
    """The content of a sealed file, after a look at its checksum and its fields."""
    try:
        content = json.loads(data.decode())
        _check_flat(content)
        body = {key: value for key, value in content.items() if key != "sha256"} if isinstance(content, dict) else {}
        checksum = _checksum(body)
    except (ValueError, RecursionError) as error:
        raise StoreError(f"{name} is damaged: it is no JSON of a run ({error}). Restore it from a copy.") from error
    if not body or content.get("sha256") != checksum:
        raise StoreError(f"{name} is damaged: its checksum does not fit its content. Restore it from a copy.")
    if content.get("format") != FORMAT or wanted - content.keys():
        raise StoreError(
            f"{name} is of format {content.get('format')!r}, and this version of jaxattr reads format {FORMAT}. "
            "Read it with the version that wrote it."
        )
    return content


def _check_flat(content: Any) -> None:
    """Refuse what is nested deeper than a run nests: to go through it would take as many calls."""
    inner, depth = [content], 0
    while inner:
        if depth > _DEEPEST:
            raise ValueError(f"nested more than {_DEEPEST} deep")
        depth += 1
        inner = [
            value for outer in inner if isinstance(outer, (dict, list))
            for value in (outer.values() if isinstance(outer, dict) else outer)
        ]  # fmt: skip


def _of_a_run(content: dict[str, Any]) -> dict[str, Any]:
    """A manifest whose fields are of the kinds that a run writes, and whose numbers a run could have."""
    kinds = {"fingerprint": dict, "about": dict, "methods": list, "suffix": str, "rows": int, "chunks": int}
    wrong = [field for field, kind in kinds.items() if type(content[field]) is not kind]
    if wrong or not all(isinstance(method, str) for method in content["methods"]):
        raise StoreError(
            f"{NAME} is damaged: {', '.join(wrong) or 'methods'} is of another kind than a run writes. "
            "Restore it from a copy."
        )
    rows, chunks = content["rows"], content["chunks"]
    if not 1 <= chunks <= min(rows, MOST_CHUNKS) or rows > _MOST_ROWS:
        raise StoreError(
            f"{NAME} is damaged: it claims {_short(rows)} rows in {_short(chunks)} chunks, and a run has at most "
            f"{_MOST_ROWS:,} rows and {MOST_CHUNKS:,} chunks, none of them empty. Restore it from a copy."
        )
    return content


def _checksum(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def check_same(before: Mapping[str, Any], now: Mapping[str, Any], accept: Sequence[str]) -> None:
    """Refuse to go on where a field of the fingerprint changed that the user did not name."""
    old, new = _flat(before), _flat(now)
    changed = [field for field in sorted(old.keys() | new.keys()) if old.get(field) != new.get(field)]
    refused = [f for f in changed if not any(f == name or f.startswith(name + ".") for name in accept)]
    if refused:
        lines = "\n".join(f"  {field}: {_short(old.get(field))} -> {_short(new.get(field))}" for field in refused)
        raise ChangedError(
            "scale.run wants to go on with what it began, but this differs from the run in the folder:\n"
            f"{lines}\nChange it back, write into another folder with out=, or accept it with "
            f"accept={json.dumps(refused)} where the numbers may differ.",
            refused,
        )


def _flat(tree: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in tree.items():
        if isinstance(value, Mapping):
            found.update(_flat(value, f"{before}{name}."))
        else:
            found[before + name] = value
    return found


def _short(value: Any) -> str:
    if isinstance(value, str) and _DIGEST.fullmatch(value):
        return value[:12] + "..."
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "..."
