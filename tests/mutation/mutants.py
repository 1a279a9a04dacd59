"""Mutants of a source file: one small wrong change each, of the kind that a hand might make.

Annotations, docstrings, text, what is raised and what is asserted stay as they are.
"""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

BINARY = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}
COMPARISONS = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
_PAIRS = (
    "sum mean, max min, maximum minimum, argmax argmin, any all, zeros ones, zeros_like ones_like, sqrt square, "
    "log log1p, exp expm1, floor ceil, sin cos, sign abs, argsort sort, triu_indices tril_indices"
)
NAMES = dict(pair for a, b in (pair.split() for pair in _PAIRS.split(", ")) for pair in ((a, b), (b, a)))
NAMES |= {"prod": "sum", "var": "std", "std": "var"}


class Mutant(NamedTuple):
    """A file with one change: where, of which kind, the line before and after, and the whole source after."""

    file: str
    line: int
    kind: str
    before: str
    after: str
    source: str


def mutants(root: Path, file: str) -> list[Mutant]:
    """All mutants of a file, in the order of its text."""
    text = (root / file).read_text(encoding="utf-8")
    lines = [line.encode() for line in text.splitlines(keepends=True)]
    found = []
    for node, kind, new in _changes(ast.parse(text)):
        first, last = node.lineno - 1, node.end_lineno - 1
        head, tail = lines[first][: node.col_offset], lines[last][node.end_col_offset :]
        old = b"".join(lines[first : last + 1])
        changed = head + new.encode() + tail
        source = b"".join([*lines[:first], changed, *lines[last + 1 :]]).decode()
        if ast.dump(ast.parse(source)) != ast.dump(ast.parse(text)):
            before, after = (" ".join(part.decode().split()) for part in (old, changed))
            found.append(Mutant(file, node.lineno, kind, before, after, source))
    return sorted(found, key=lambda m: m.line)


def _changes(node: ast.AST) -> Iterator[tuple[ast.expr | ast.stmt, str, str]]:
    """What may be replaced below a node, by which text."""
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list") or isinstance(node, (ast.Raise, ast.Assert)):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not (isinstance(child, ast.keyword) and child.arg == "strict"):
                yield from _of(child)
                yield from _changes(child)


def _of(node: ast.AST) -> Iterator[tuple[ast.expr | ast.stmt, str, str]]:
    yield from _operators(node)
    yield from _others(node)


def _operators(node: ast.AST) -> Iterator[tuple[ast.expr | ast.stmt, str, str]]:
    match node:
        case ast.BinOp(left, op, right) if type(op) in BINARY and not any(map(_is_text, (left, right))):
            yield node, "arithmetic", f"({ast.unparse(ast.BinOp(left, BINARY[type(op)](), right))})"
        case ast.AugAssign(target, op, value) if type(op) in BINARY:
            yield node, "arithmetic", ast.unparse(ast.AugAssign(target, BINARY[type(op)](), value))
        case ast.Compare(left, [op], [right]) if type(op) in COMPARISONS:
            yield node, "comparison", f"({ast.unparse(ast.Compare(left, [COMPARISONS[type(op)]()], [right]))})"
        case ast.BoolOp(op, values):
            other = ast.And() if isinstance(op, ast.Or) else ast.Or()
            yield node, "boolean", f"({ast.unparse(ast.BoolOp(other, values))})"
        case ast.UnaryOp(ast.Not() | ast.Invert() | ast.USub(), operand):
            yield node, "without its sign", f"({ast.unparse(operand)})"


def _others(node: ast.AST) -> Iterator[tuple[ast.expr | ast.stmt, str, str]]:
    match node:
        case ast.If(test) | ast.IfExp(test) | ast.While(test):
            yield test, "negated condition", f"(not ({ast.unparse(test)}))"
        case ast.Constant(value) if isinstance(value, (bool, int, float)):
            for other in [not value] if isinstance(value, bool) else [value + 1, value - 1]:
                yield node, "constant", f"({other})" if other < 0 else str(other)
        case ast.Slice(lower, upper):
            for end in (lower, upper):
                if end is not None and not isinstance(end, ast.Constant):
                    yield end, "off by one", f"{ast.unparse(end)} + 1"
        case ast.Call(func, [test, yes, no]) if isinstance(func, ast.Attribute) and func.attr == "where":
            yield node, "swapped branches", f"{ast.unparse(func)}({', '.join(map(ast.unparse, (test, no, yes)))})"
        case ast.Call(ast.Attribute(value, name) as func) if name in NAMES:
            yield func, "another function", ast.unparse(ast.Attribute(value, NAMES[name]))
        case ast.Call(ast.Name(name) as func) if name in ("max", "min", "any", "all"):
            yield func, "another function", NAMES[name]


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))
