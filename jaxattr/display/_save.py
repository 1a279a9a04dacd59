"""Write a picture to a file, whole or not at all."""

import io
import os
import secrets
from pathlib import Path

from jaxattr.display import _bars, _html, _latex, _markdown, _terminal
from jaxattr.display._rows import Sheet

_CHARTS = (".png", ".pdf", ".svg")


def content(sheet: Sheet, suffix: str, k: int = 10) -> bytes:
    """Give what a file of this suffix holds."""
    texts = {".html": _html.page, ".tex": _latex.fragment, ".md": _markdown.fragment, ".txt": _terminal.plain}
    if suffix in texts:
        return texts[suffix](sheet).encode("utf-8")
    if suffix in _CHARTS:
        return _chart(sheet, suffix[1:], k)
    msg = f"A picture is saved by the suffix of its file, but {suffix!r} is none of "
    raise ValueError(msg + ", ".join((*texts, *_CHARTS)) + ". Pass for instance save='picture.html'.")


def _chart(sheet: Sheet, kind: str, k: int) -> bytes:
    drawing = _bars.figure(sheet, k)
    import matplotlib as mpl

    metadata = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {}}[kind]  # same picture, same bytes
    buffer = io.BytesIO()
    with mpl.rc_context({"svg.hashsalt": "jaxattr", "text.usetex": False}):
        drawing.savefig(buffer, format=kind, dpi=160, metadata=metadata)
    return buffer.getvalue()


def write_whole(path: str | os.PathLike[str], data: bytes) -> None:
    """Write a file beside its place and move it there, so that nobody ever sees half of it."""
    path = Path(path)
    beside = path.with_name(f".{secrets.token_hex(8)}.part")
    try:
        with beside.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
