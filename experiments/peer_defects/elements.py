"""The elements of a page of HTML, as a browser finds them."""

from html.parser import HTMLParser


class _Counting(HTMLParser):
    """Counts the elements of a name."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name, self.count = name, 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        self.count += tag == self.name


def elements(page: str, name: str) -> int:
    """How many elements of a name a page of HTML has.

    Args:
      page: The page.
      name: The name, such as "img".

    Returns:
      Their number.
    """
    counting = _Counting(name)
    counting.feed(page)
    counting.close()
    return counting.count
