"""One pass over a data set before the run: ids, lengths, what a row holds, which rows are bad, a fingerprint."""

import functools
import hashlib
import inspect
from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from jaxattr.scale._rows import WHERE
from jaxattr.scale.corpus._source import NAME, Row, Source

KEY = "key"  # the parameter of `explain` that gets a random key of the row's own
_AT_ONCE = 1024

Kind = tuple[str, tuple[int, ...]]  # dtype and shape; of a ragged column the shape beside its positions


class Survey(NamedTuple):
    """What is known of the rows before the first is explained.

    Attributes:
        ids: the id of each row.
        lengths: positions of each row, 0 where no column is ragged.
        ragged: the columns with one entry a position.
        takes: the columns that explain takes, and what their entries are.
        stored: the columns that are stored beside the results.
        bad: rows that cannot be explained, by number, and why.
        fingerprint: of ids and content of all rows.
    """

    ids: list[Any]
    lengths: np.ndarray
    ragged: list[str]
    takes: dict[str, Kind]
    stored: list[str]
    bad: dict[int, str]
    fingerprint: str

    def good(self, rows: np.ndarray) -> list[int]:
        """Those of some rows that can be explained, as far as is known."""
        return [number for number in rows.tolist() if number not in self.bad]


def survey(
    rows: Source,
    explain: Callable[..., Any],
    id: str | None,  # noqa: A002
    keep: Sequence[str] | None,
    tell: Callable[[int], None],
) -> Survey:
    """Read every row once.

    Args:
        rows: the data set.
        explain: its parameters, beside the first, say which columns it takes.
        id: the column of ids; None counts the rows.
        keep: the columns that are stored beside the results; None stores all but floating point ones.
        tell: called with the number of rows that are read.
    """
    if not rows.count:
        raise ValueError(f"{NAME} wants one row at least, but the data set is empty.")
    wanted = _parameters(explain)
    digest, ids, bad = hashlib.sha256(), [], {}
    seen = _Shapes()
    columns: dict[str, Any] = {}
    for begin in range(0, rows.count, _AT_ONCE):
        numbers = range(begin, min(begin + _AT_ONCE, rows.count))
        for number, row in zip(numbers, rows.rows(numbers), strict=True):
            found: dict[str, Kind] = {}
            name: Any = None
            if isinstance(row, Exception):
                bad[number] = reason(row)
            else:
                name = _id(row, id, number)
                columns.update(row)
                found = {n: (_dtype(v.dtype), v.shape) for n, v in row.items() if isinstance(v, np.ndarray)}
                try:
                    digest.update(_bytes(row))
                except UnicodeEncodeError as error:  # a list of texts holds half of a surrogate pair
                    bad[number] = reason(error)
            ids.append(name)
            seen.append(found)
        tell(len(numbers))
    ids = _named(ids)
    digest.update(repr(ids).encode())
    names = [n for n, v in columns.items() if isinstance(v, np.ndarray) and (wanted is None or n in wanted)]
    _check_there(wanted, names, columns, bad, rows.count)
    takes, ragged = _kinds(names, seen, wanted)
    lengths = np.zeros(rows.count, int)
    for number, shapes in enumerate(seen):
        problem = bad.get(number) or _problem(shapes, takes, ragged)
        if problem:
            bad[number] = problem
        elif ragged:
            lengths[number] = shapes[ragged[0]][1][0]
    if len(bad) == rows.count:
        raise ValueError(f"{NAME} cannot explain any row of the data set; the first: {bad[0]}")
    stored = _stored(keep, columns, id)
    return Survey(ids, lengths, ragged, takes, stored, bad, digest.hexdigest())


def _parameters(explain: Callable[..., Any]) -> dict[str, bool] | None:
    """The columns that explain takes, and whether it needs them; None where it takes any."""
    parameters = list(inspect.signature(explain).parameters.values())[1:]
    if any(p.kind == p.VAR_KEYWORD for p in parameters):
        return None
    return {p.name: p.default is p.empty for p in parameters}


def _named(ids: list[Any]) -> list[Any]:
    """Ids that name one row each. Rows that could not be read have none; they get one of the kind of the others."""
    texts = any(isinstance(name, str) for name in ids)
    odd = [name for name in ids if isinstance(name, int) and (texts or not -(2**63) <= name < 2**63)]
    if odd:
        raise TypeError(
            f"{NAME} wants ids that are all texts, or all integers of 64 bits, but {str(odd[0])[:80]} is among "
            f"{'texts' if texts else 'them'}. Make them texts with prepare=."
        )
    counted = all(name is None or name == number for number, name in enumerate(ids))
    known = {name for name in ids if name is not None}

    def made(number: int) -> Any:
        name: Any = number if counted else f"row {number}" if texts else -1 - number
        while name in known:
            name = f"unread {name}" if texts else name - len(ids)
        return name

    named = [made(number) if name is None else name for number, name in enumerate(ids)]
    twice = [name for name, times in Counter(named).items() if times > 1]
    if twice:
        raise ValueError(
            f"{NAME} wants ids that name one row each, but {len(twice)} come twice, {twice[0]!r} among them."
        )
    return named


def _id(row: Row, column: str | None, number: int) -> Any:
    if column is None:
        return number
    if column not in row:
        raise KeyError(f"{NAME} takes ids from column {column!r}, but row {number} has only {sorted(row)}.")
    value = row[column]
    value = value.item() if isinstance(value, np.ndarray) and value.ndim == 0 else value
    value = value.decode() if isinstance(value, bytes) else value
    if not isinstance(value, (str, int)):
        raise TypeError(f"{NAME} wants ids as texts or integers, but that of row {number} is {value!r}.")
    return value


def _check_there(wanted: Any, names: list[str], columns: dict[str, Any], bad: dict[int, str], count: int) -> None:
    if not columns:
        raise ValueError(f"{NAME} could read none of {count} rows; the first: {bad[0]}")
    there = sorted(n for n, v in columns.items() if isinstance(v, np.ndarray))
    lacking = [n for n, needed in (wanted or {}).items() if needed and n not in (*names, WHERE, KEY)]
    if lacking or not names:
        raise TypeError(
            f"{NAME} calls explain(params, **row), and explain wants {lacking or 'no column'}, but the rows have "
            f"numbers in {there}. Name its parameters as the columns, or make the columns with prepare=."
        )


class _Shapes:
    """Dtypes and shapes of the columns of every row, in some ten bytes a row: most rows differ in lengths alone."""

    def __init__(self) -> None:
        self.kinds: dict[tuple[tuple[str, str, tuple[int, ...], bool], ...], int] = {}
        self.kind, self.leads = array("q"), array("q")

    def append(self, found: dict[str, Kind]) -> None:
        """The columns of the next row."""
        kind = tuple((name, dtype, shape[1:], bool(shape)) for name, (dtype, shape) in found.items())
        self.kind.append(self.kinds.setdefault(kind, len(self.kinds)))
        self.leads.extend(shape[0] if shape else -1 for _, shape in found.values())

    def __iter__(self) -> Iterator[dict[str, Kind]]:
        kinds, leads = list(self.kinds), iter(self.leads)
        for kind in self.kind:
            columns = zip(kinds[kind], leads, strict=False)
            yield {name: (dtype, (lead, *rest) if axes else ()) for (name, dtype, rest, axes), lead in columns}


def _kinds(names: list[str], seen: _Shapes, wanted: Any) -> tuple[dict[str, Kind], list[str]]:
    """What most rows hold in each column, and which columns have one entry a position."""
    lead: dict[str, array[int]] = {n: array("q") for n in names}
    counts: dict[str, Counter[Kind]] = {n: Counter() for n in names}
    for shapes in seen:
        if all(n in shapes for n in names):
            for n in names:
                dtype, shape = shapes[n]
                lead[n].append(shape[0] if shape else -1)
                counts[n][dtype, shape] += 1
    if not lead[names[0]]:
        raise ValueError(
            f"{NAME} wants rows with the columns {names}, but no row has all of them. Name the others in none."
        )
    by_position = [n for n in names if min(lead[n]) >= 0]
    varying = [n for n in by_position if min(lead[n]) < max(lead[n])]
    takes_mask = WHERE not in names and (wanted is None or WHERE in wanted)
    first = (varying or (by_position if takes_mask and wanted is not None else []))[:1]
    ragged = [n for n in by_position if first and lead[n] == lead[first[0]]]
    ragged += [n for n in varying if n not in ragged]
    most = {}
    for n in names:
        kinds: Counter[Kind] = Counter()
        for (dtype, shape), count in counts[n].items():
            kinds[dtype, shape[n in ragged :]] += count
        most[n] = kinds.most_common(1)[0][0]
    return most, ragged


def _problem(shapes: dict[str, Any], takes: dict[str, Kind], ragged: list[str]) -> str | None:
    """Why a row cannot be explained."""
    for name, (dtype, shape) in takes.items():
        if name not in shapes:
            return f"it lacks {name!r}"
        found, whole = shapes[name]
        if name in ragged and not whole:
            return f"{name!r} is one number"
        if (found, whole[name in ragged :]) != (dtype, shape):
            return f"{name!r} is {found}{list(whole)}, and other rows have {dtype}{list(shape)}"
    lengths = {shapes[name][1][0] for name in ragged}
    if len(lengths) > 1:
        return f"its columns {ragged} have different lengths: {sorted(lengths)}"
    return "it is an empty text" if 0 in lengths else None


def _stored(keep: Sequence[str] | None, columns: dict[str, Any], id: str | None) -> list[str]:  # noqa: A002
    if keep is None:
        return [
            name for name, value in columns.items()
            if name != id and (not isinstance(value, np.ndarray) or not np.issubdtype(value.dtype, np.inexact))
        ]  # fmt: skip
    unknown = [name for name in keep if name not in columns]
    if unknown:
        raise ValueError(f"{NAME} is to keep {unknown}, but the rows have only {sorted(columns)}.")
    return list(keep)


def _bytes(row: Row) -> bytes:
    """The content of a row, the same for the same content."""
    parts = []
    for name, value in sorted(row.items()):
        if isinstance(value, np.ndarray):
            content = f"{_dtype(value.dtype)}{value.shape}".encode() + np.ascontiguousarray(value).tobytes()
        elif isinstance(value, list) and value and isinstance(value[0], str):
            content = _texts(value)
        else:
            content = repr(value).encode()
        parts.append(f"{name}:{len(content)}:".encode() + content)
    return b"".join(parts)


def _texts(value: list[Any]) -> bytes:
    """A list of texts; the words of a corpus pass here, so it takes one pass over them where no text holds a NUL."""
    try:
        joined = "\0".join(value)
    except TypeError:  # not texts alone
        return repr(value).encode()
    return joined.encode() if joined.count("\0") == len(value) - 1 else repr(value).encode()


@functools.cache
def _dtype(dtype: np.dtype[Any]) -> str:
    """The name of a dtype, which numpy makes anew each time."""
    return str(dtype)


def reason(error: Exception) -> str:
    """Why a row cannot be read, as a text that a file can hold."""
    return f"{type(error).__name__}: {error}".encode("utf-8", "backslashreplace").decode()
