"""Pictures of attributions: terminal, HTML, LaTeX, Markdown and bar charts, as pure functions of (tokens, numbers)."""

from jaxattr.display._groups import words_of_text as words_of_text
from jaxattr.display._palette import colour as colour
from jaxattr.display._palette import contrast as contrast
from jaxattr.display._palette import ink as ink
from jaxattr.display._picture import Picture as Picture
from jaxattr.display._picture import gallery as gallery
from jaxattr.display._picture import picture as picture
from jaxattr.display._picture import show as show
from jaxattr.display._visible import spaces_between as spaces_between
from jaxattr.display._visible import visible as visible
from jaxattr.display._words import byte_word as byte_word
from jaxattr.display._words import common as common
from jaxattr.display._words import merge_words as merge_words
from jaxattr.display._words import plain_word as plain_word
from jaxattr.display._words import total as total
