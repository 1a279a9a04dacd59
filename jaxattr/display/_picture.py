"""Pictures of attributions: built once, shown in a notebook, in a terminal, in a file and in a paper."""

import dataclasses
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jaxattr.display import _bars, _html, _latex, _markdown, _save, _terminal
from jaxattr.display._checks import as_tokens, by_method
from jaxattr.display._groups import Clean, group
from jaxattr.display._rows import Row, Sheet
from jaxattr.display._scale import Scale, scale_of
from jaxattr.display._words import Merge, merged, plain_word, total

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclasses.dataclass(frozen=True, repr=False)
class Picture:
    """Words with their numbers on one scale, ready to be shown; :func:`picture` and :func:`gallery` make one.

    Attributes:
      sheet: The rows, the scale, the name and the title, which every renderer reads.

    Example:
      >>> from jaxattr.display import picture
      >>> drawn = picture(["a", "fine", "film"], [0.0, 0.5, -0.25])
      >>> drawn
      Picture(3 words, 1 row, signed, limit 0.5)
      >>> print(drawn.text())
      attribution: -0.5 to +0.5
      <BLANKLINE>
      a(0) fine(+0.5) film(-0.25)
      <BLANKLINE>
    """

    sheet: Sheet

    @property
    def rows(self) -> tuple[Row, ...]:
        """The words and numbers, one row for each text and method."""
        return self.sheet.rows

    @property
    def scale(self) -> Scale:
        """The one scale of all rows."""
        return self.sheet.scale

    def html(self) -> str:
        """Give a page of HTML that needs nothing else."""
        return _html.page(self.sheet)

    def latex(self) -> str:
        """Give a fragment of LaTeX; its first lines say what the preamble needs."""
        return _latex.fragment(self.sheet)

    def markdown(self) -> str:
        """Give Markdown with inline HTML; where a host takes the colours away, signs and bold words stay."""
        return _markdown.fragment(self.sheet)

    def text(self, columns: int = 88) -> str:
        """Give plain text, each word with its number, in lines of so many columns."""
        return _terminal.plain(self.sheet, columns)

    def bars(self, k: int = 10) -> "Figure":
        """Draw the k words with the largest numbers of each text as bars, one column a method.

        Words whose number is NaN or infinite stand below the bars, with that in place of a bar.

        Args:
          k: The number of words.

        Returns:
          A matplotlib figure, which knows nothing of pyplot.

        Raises:
          ImportError: If matplotlib is not installed.
          ValueError: If k is less than one.

        Example:
          >>> from jaxattr.display import picture
          >>> figure = picture(["a", "fine", "film"], [0.0, 0.5, -0.25]).bars(k=2)
          >>> [label.get_text() for label in figure.axes[0].get_yticklabels()]
          ['fine', 'film']
        """
        return _bars.figure(self.sheet, k)

    def print(self) -> None:
        """Print the picture to the terminal: with colours where it shows them, otherwise as plain text."""
        _terminal.write(self.sheet, sys.stdout)

    def save(self, path: str | os.PathLike[str], k: int = 10) -> None:
        """Write the picture to a file, whole or not at all.

        Args:
          path: Its suffix decides: ``.html``, ``.tex``, ``.md`` or ``.txt`` for the text; ``.png``, ``.pdf`` or
            ``.svg`` for the bar chart.
          k: The number of words of the bar chart.

        Raises:
          ValueError: If the suffix is another one.

        Example:
          >>> import pathlib, tempfile
          >>> from jaxattr.display import picture
          >>> folder = pathlib.Path(tempfile.mkdtemp())
          >>> picture(["fine"], [0.5]).save(folder / "fine.txt")
          >>> (folder / "fine.txt").read_text().split()
          ['attribution:', '0', 'to', '0.5', 'fine(0.5)']
        """
        _save.write_whole(path, _save.content(self.sheet, Path(path).suffix.lower(), k))

    def __repr__(self) -> str:
        words = sum(len(row.words) for row in self.rows)
        kind = "signed" if self.scale.signed else "magnitudes"
        many = "" if len(self.rows) == 1 else "s"
        return f"Picture({words} words, {len(self.rows)} row{many}, {kind}, limit {self.scale.limit:.3g})"

    def _repr_html_(self) -> str:
        return _html.fragment(self.sheet)


def picture(
    tokens: Sequence[str],
    numbers: Any,
    *,
    words: Any = None,
    text: str | None = None,
    merge: Merge = total,
    clean: Clean = plain_word,
    joiner: str | None = None,
    scale: float | None = None,
    signed: bool | None = None,
    name: str = "attribution",
    title: str = "",
) -> Picture:
    """Build the picture of one text, without printing it.

    Args:
      tokens: The tokens, ``T`` strings.
      numbers: One number a token, ``[T]``, or a dict from the name of a method to such numbers; all methods share one
        scale. NaN and infinities are shown as such and have no part in the scale.
      words: Which word each token belongs to: a list with an index a token, where neighbours with the same index are
        one word and None or -1 is a special token; or an encoding of a tokenizer, an object with ``word_ids`` or
        ``offsets``. Without it every token is shown as it is.
      text: The text itself, where ``words`` has offsets; words and the spaces between them are then taken from it.
      merge: A function from the numbers of one word to its number: ``total`` for additive attributions, ``common``
        where the tokens of a word were changed together.
      clean: A function from the tokens of one word to its spelling: ``plain_word`` takes the marks of sub-words away,
        ``byte_word`` reads the alphabet of byte-level vocabularies.
      joiner: What stands between two words. None lets the words decide, see :func:`jaxattr.display.spaces_between`;
        give ``""`` for characters and ``" "`` for a plain list of words.
      scale: The number with the strongest colour. None takes the largest magnitude of the picture.
      signed: Whether the scale has two sides. None takes two where any number is negative.
      name: What the numbers are; the legend begins with it.
      title: A line above the picture, and the name of the text in a gallery.

    Returns:
      The picture.

    Raises:
      TypeError: If an argument is of the wrong kind, or the numbers are traced by JAX.
      ValueError: If there are not as many numbers as tokens, or the numbers are not one a token.

    Example:
      >>> from jaxattr.display import picture
      >>> drawn = picture(["un", "##kind", "words"], [0.25, 0.5, -0.5], words=[0, 0, 1])
      >>> drawn.rows[0].words, drawn.rows[0].numbers
      (('unkind', 'words'), (0.75, -0.5))
    """
    tokens = as_tokens(tokens)
    methods = by_method(numbers, len(tokens))
    grouping = group(tokens, words, text=text, clean=clean, joiner=joiner)
    rows = tuple(
        Row(
            words=grouping.words,
            gaps=grouping.gaps,
            numbers=tuple(merged(values, grouping, merge).tolist() if words is not None else values.tolist()),
            special=grouping.special,
            method=method,
        )
        for method, values in methods.items()
    )
    return Picture(Sheet(rows, _scale_of_rows(rows, scale, signed), name, title))


def gallery(
    pictures: Sequence[Picture], *, scale: float | None = None, name: str | None = None, title: str = ""
) -> Picture:
    """Join pictures of several texts to one, on one scale.

    Args:
      pictures: The pictures. Their titles become the names of the texts; one without a title is named by its place.
      scale: The number with the strongest colour. None takes the largest magnitude of all pictures.
      name: What the numbers are. None takes the name that the pictures have, which must then be the same.
      title: A line above the gallery.

    Returns:
      The joined picture. Its scale has two sides where that of any picture has.

    Raises:
      ValueError: If there is no picture, or the pictures have different names.

    Example:
      >>> from jaxattr.display import gallery, picture
      >>> good, bad = picture(["fine"], [0.5], title="1"), picture(["dull"], [-1.0], title="2")
      >>> gallery([good, bad])
      Picture(2 words, 2 rows, signed, limit 1)
    """
    pictures = list(pictures)
    if not pictures:
        msg = "A gallery needs at least one picture, but there is none. Pass gallery([picture(tokens, numbers), ...])."
        raise ValueError(msg)
    names = list(dict.fromkeys(drawn.sheet.name for drawn in pictures))
    if name is None and len(names) > 1:
        msg = (
            f"One scale needs one kind of number, but the pictures are of {names}. Pass name= if these can be compared."
        )
        raise ValueError(msg)
    rows = tuple(
        dataclasses.replace(row, text=drawn.sheet.title or str(place))
        for place, drawn in enumerate(pictures, 1)
        for row in drawn.rows
    )
    signed = any(drawn.scale.signed for drawn in pictures)
    return Picture(Sheet(rows, _scale_of_rows(rows, scale, signed), names[0] if name is None else name, title))


def show(
    tokens: Sequence[str],
    numbers: Any,
    *,
    words: Any = None,
    text: str | None = None,
    merge: Merge = total,
    clean: Clean = plain_word,
    joiner: str | None = None,
    scale: float | None = None,
    signed: bool | None = None,
    name: str = "attribution",
    title: str = "",
    save: str | os.PathLike[str] | None = None,
) -> Picture:
    """Show the words of a text coloured by their numbers.

    In a terminal the picture is printed. In a notebook it is the value of the cell. Words that raise the score are
    orange with a plus, words that lower it purple with a minus; the strongest colour is the largest magnitude.

    Args:
      tokens: The tokens, ``T`` strings.
      numbers: One number a token, ``[T]``, or a dict from the name of a method to such numbers.
      words: Which word each token belongs to: a list, or the encoding of a tokenizer.
      text: The text itself, where ``words`` has offsets.
      merge: A function from the numbers of one word to its number.
      clean: A function from the tokens of one word to its spelling.
      joiner: What stands between two words. None lets the words decide.
      scale: The number with the strongest colour. None takes the largest magnitude of the picture.
      signed: Whether the scale has two sides. None takes two where any number is negative.
      name: What the numbers are; the legend begins with it.
      title: A line above the picture.
      save: A file to write as well: ``.html``, ``.tex``, ``.md`` or ``.txt``, or ``.png``, ``.pdf`` or ``.svg``
        for the bar chart.

    Returns:
      The picture, which has ``html()``, ``latex()``, ``markdown()``, ``text()``, ``bars(k)`` and ``save(path)``.
      :func:`picture` says more of each argument.

    Raises:
      TypeError: If an argument is of the wrong kind, or the numbers are traced by JAX.
      ValueError: If there are not as many numbers as tokens, or the numbers are not one a token.

    Example:
      >>> from jaxattr.display import show
      >>> drawn = show(["a", "fine", "film"], [0.0, 0.5, -0.25], name="log-probability")
      log-probability: -0.5 to +0.5
      <BLANKLINE>
      a(0) fine(+0.5) film(-0.25)
    """
    options = {"words": words, "text": text, "merge": merge, "clean": clean, "joiner": joiner}
    drawn = picture(tokens, numbers, **options, scale=scale, signed=signed, name=name, title=title)
    if save is not None:
        drawn.save(save)
    if not _in_notebook():
        drawn.print()
    return drawn


def _scale_of_rows(rows: Sequence[Row], limit: float | None, signed: bool | None) -> Scale:
    return scale_of((number for row in rows for number in row.numbers), limit, signed)


def _in_notebook() -> bool:
    """Say whether this runs in the kernel of a notebook."""
    interactive = sys.modules.get("IPython")
    shell = interactive.get_ipython() if interactive else None
    return hasattr(shell, "kernel")
