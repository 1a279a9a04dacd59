"""Sub-words, words, and the numbers that words get."""

import re
from html.parser import HTMLParser

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxattr.display import byte_word, common, merge_words, picture, plain_word, spaces_between, total, words_of_text


class Encoding:
    """What a tokenizer gives for one text: attributes."""

    def __init__(self, word_ids, offsets=None, sequence_ids=None):
        self.word_ids, self.offsets, self.sequence_ids = word_ids, offsets, sequence_ids


class Batch:
    """What a tokenizer gives for several texts: methods, and encodings inside."""

    def __init__(self, *encodings):
        self.encodings = list(encodings)

    def word_ids(self, index=0):
        return self.encodings[index].word_ids


TEXT = "The film wasn't 好看 😀!"
TOKENS = ["[CLS]", "The", "fil", "##m", "wasn", "'", "t", "好", "看", "ðŁĺ", "Ģ", "!", "[SEP]"]
IDS = [None, 0, 1, 1, 2, 2, 2, 3, 3, 4, 4, 5, None]
OFFSETS = [
    (0, 0),
    (0, 3),
    (4, 7),
    (7, 8),
    (9, 13),
    (13, 14),
    (14, 15),
    (16, 17),
    (17, 18),
    (19, 20),
    (19, 20),
    (20, 21),
]
OFFSETS = [*OFFSETS, (0, 0)]
WORDS = ("[CLS]", "The", "film", "wasn't", "好看", "😀", "!", "[SEP]")


def test_words_come_from_the_text_with_offsets():
    numbers = np.arange(13.0)
    row = picture(TOKENS, numbers, words=Encoding(IDS, OFFSETS), text=TEXT).rows[0]
    assert row.words == WORDS
    assert row.numbers == (0.0, 1.0, 5.0, 15.0, 15.0, 19.0, 11.0, 12.0)
    assert row.special == (True, *[False] * 6, True)
    assert "".join(gap + word for gap, word in zip(row.gaps[1:-2], row.words[1:-1], strict=True)).strip() == TEXT


def test_a_batch_of_one_text_is_its_encoding():
    encoding = Encoding(IDS, OFFSETS)
    assert picture(TOKENS, range(13), words=Batch(encoding), text=TEXT).rows[0].words == WORDS
    assert picture(TOKENS, range(13), words=encoding.word_ids).rows[0].words[2:4] == ("film", "wasn't")


def test_word_ids_may_be_a_method_and_minus_one_a_special_token():
    class Method:
        def word_ids(self):
            return np.array([-1, 0, 0])

    words, numbers = merge_words(["<s>", "un", "##kind"], [1, 2, 3], Method())
    assert (words, numbers.tolist()) == (["<s>", "unkind"], [1.0, 5.0])


def test_two_sequences_without_a_separator_stay_apart():
    encoding = Encoding([0, 0, 1], sequence_ids=[0, 1, 1])
    assert merge_words(["a", "b", "c"], [1, 2, 4], encoding)[1].tolist() == [1, 2, 4]


def test_offsets_alone_give_the_words_of_the_text():
    encoding = Encoding(None, [(0, 2), (2, 6), (6, 11), (11, 12)])
    words, numbers = merge_words(["un", "kind", " word", "s"], [1, 2, 4, 8], encoding, text="unkind words")
    assert (words, numbers.tolist()) == (["unkind", "words"], [3.0, 12.0])


def test_words_of_text_without_spaces():
    assert words_of_text([(0, 1), (1, 2), (2, 4), (4, 5), (4, 5)], "好看AB😀") == [0, 1, 2, 2, 2]
    assert words_of_text([(0, 1), (0, 1), (1, 2)], "𠮷野") == [0, 0, 1]


def test_spaces_at_the_ends_of_a_span_stand_between_the_words():
    row = picture(["a ", " b"], [1, 2], words=Encoding([0, 1], [(0, 2), (2, 5)]), text="a   b").rows[0]
    assert (row.words, row.gaps) == (("a", "b"), ("", "   ", ""))


def test_special_tokens_stay_alone_with_their_own_numbers():
    drawn = picture(["a", "[PAD]", "[PAD]"], [1, 2, 3], words=[0, -1, -1], merge=lambda numbers: 10 * numbers.sum())
    assert drawn.rows[0].words == ("a", "[PAD]", "[PAD]")
    assert drawn.rows[0].numbers == (10.0, 2.0, 3.0)
    assert drawn.rows[0].special == (False, True, True)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_the_displayed_word_has_its_own_number(data):
    """The numbers beside the words, in the page itself, are the sums over the tokens of each word."""
    sizes = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=8))
    ids = [word for word, size in enumerate(sizes) for _ in range(size)]
    numbers = data.draw(st.lists(st.integers(-99, 99).map(lambda n: n / 8), min_size=len(ids), max_size=len(ids)))
    tokens = [f"{'##' * (i > 0 and ids[i - 1] == word)}w{word}t{i}" for i, word in enumerate(ids)]
    expected = {}
    for i, word in enumerate(ids):
        name, old = expected.get(word, ("", 0.0))
        expected[word] = (name + f"w{word}t{i}", old + numbers[i])
    words, merged = merge_words(tokens, numbers, ids)
    assert list(zip(words, merged.tolist(), strict=True)) == list(expected.values())
    drawn = picture(tokens, numbers, words=ids)
    shown = re.findall(r'<bdi class="[^"]*" style="[^"]*" title="([^"]*)">([^<]*)</bdi>', drawn.html())
    assert [(word, float(number)) for number, word in shown] == [(w, float(f"{n:.4g}")) for w, n in expected.values()]
    shown = re.findall(r"(\w+)\(([^)]*)\)", drawn.text())
    assert [(word, float(number)) for word, number in shown] == [(w, float(f"{n:.3g}")) for w, n in expected.values()]


def test_common_keeps_the_value_of_spans():
    assert merge_words(["a", "##b", "c"], [2.0, 2.0, 1.0], [0, 0, 1], common)[1].tolist() == [2.0, 1.0]
    assert np.isnan(common(np.array([np.nan, np.nan])))


def test_common_names_the_word_that_differs():
    with pytest.raises(
        ValueError, match=r"The word 'ab' \(tokens 0 to 1\): common needs one number a word.*\[2.0, 3.0\]"
    ):
        merge_words(["a", "##b", "c"], [2.0, 3.0, 1.0], [0, 0, 1], common)


def test_any_function_merges():
    assert merge_words(["a", "##b", "c"], [2.0, -3.0, 1.0], [0, 0, 1], np.max)[1].tolist() == [2.0, 1.0]
    with pytest.raises(ValueError, match=r"one number a word, but for 'ab' it gave shape \(2,\).*merge=total"):
        merge_words(["a", "##b"], [2.0, 3.0], [0, 0], lambda numbers: numbers)


def test_sub_word_marks_go_only_where_words_are_made():
    assert picture(["a", "##b", "##", "Ġc"], range(4)).rows[0].words == ("a", "##b", "##", "Ġc")
    assert picture(["C", "##", "b"], range(3), words=[0, 1, 2]).rows[0].words == ("C", "##", "b")


@pytest.mark.parametrize(
    ("pieces", "word"),
    [
        (["un", "##believ", "##able"], "unbelievable"),
        (["##", "###"], "###"),
        (["##film"], "##film"),
        (["#", "##"], "###"),
        (["▁hello"], "hello"),
        (["▁"], "▁"),
        (["Ġgood"], "good"),
        (["Ġgood", "Ġfilm"], "good film"),
        (["go@@", "od"], "good"),
        (["@@"], "@@"),
        (["good</w>"], "good"),
        (["</w>"], "</w>"),
        ([" good"], "good"),
        ([" "], " "),
    ],
)
def test_plain_word(pieces, word):
    assert plain_word(pieces) == word


@pytest.mark.parametrize(
    ("pieces", "word"),
    [
        (["ðŁĺ", "Ģ"], "😀"),
        (["Ġca", "fÃ©"], "café"),
        (["Ċ"], "\n"),
        (["<a b>"], "<a b>"),
        (["ðŁ"], "\ufffd"),
        (["好"], "好"),
    ],
)
def test_byte_word(pieces, word):
    assert byte_word(pieces) == word


def test_byte_letters_hold_every_byte_once():
    words = "".join(chr(i) for i in range(0x100, 0x144))
    assert sorted(byte_word(["aa" + c + "aa"])[2:-2] for c in words[:33]) == sorted(map(chr, range(33)))


@pytest.mark.parametrize(
    ("words", "joiner", "line"),
    [
        (["a", "fine", "film"], None, "a fine film"),
        (["a", " fine", " film"], None, "a fine film"),
        (["▁a", "▁fine"], None, "▁a▁fine"),
        (["很", "好", "NLP", "ok", "。"], None, "很好NLP ok。"),
        (["a", "\n", "b"], None, "a \nb"),
        (list("ab"), "", "ab"),
        (["很", "好"], " ", "很 好"),
        (["한국", "영화"], None, "한국 영화"),
        (["Ġurnata"] + ["sabiħa"] * 12, None, "Ġurnata" + " sabiħa" * 12),
        (["The", "Ġfilm"], None, "TheĠfilm"),
        ([], None, ""),
    ],
)
def test_spaces_between(words, joiner, line):
    gaps = spaces_between(words, joiner)
    assert len(gaps) == len(words) + 1
    assert "".join(gap + word for gap, word in zip(gaps, [*words, ""], strict=True)) == line


def test_marks_tell_where_the_spaces_are():
    row = picture(["The", "Ġfilm", "s", "!", "</s>"], range(5), words=[0, 1, 1, 2, None]).rows[0]
    assert row.words == ("The", "films", "!", "</s>")
    assert row.gaps == ("", " ", "", " ", "")


# What is refused.

FINE = ["a", "b", "c"]


@pytest.mark.parametrize(
    ("tokens", "numbers", "options", "error", "message"),
    [
        (FINE, [1, 2], {}, ValueError, r"3 tokens but 2 numbers\. Pass one number a token"),
        (FINE, {"ig": [1, 2, 3], "lime": [1]}, {}, ValueError, r"3 tokens but 1 numbers of 'lime'"),
        (FINE, np.ones((3, 4)), {}, ValueError, r"shape \(3, 4\).*embedding axis first: \.sum\(-1\) keeps"),
        (FINE, np.ones((1, 3, 4)), {}, ValueError, r"shape \(1, 3, 4\), but a picture takes one number a token, \[3\]"),
        (FINE, 1.0, {}, ValueError, r"shape \(\)"),
        (FINE, [[1], [1, 2], [3]], {}, ValueError, r"make no array.*one number a token"),
        (FINE, ["x", "y", "z"], {}, TypeError, r"numbers are real, but those have dtype <U1"),
        (FINE, [1j, 2, 3], {}, TypeError, r"dtype complex128.*numbers\.real"),
        (FINE, {}, {}, ValueError, "empty dict"),
        (FINE, {1: [1, 2, 3]}, {}, TypeError, "names of methods, but one is int 1"),
        ("abc", [1, 2, 3], {}, TypeError, r"list of strings, but this is str 'abc'\. Pass text\.split\(\)"),
        (7, [1, 2, 3], {}, TypeError, "list of strings, but this is int 7"),
        ([101, 7, 102], [1, 2, 3], {}, TypeError, "token 0 is int 101.*convert_ids_to_tokens"),
        (FINE, [1, 2, 3], {"words": [0, 1]}, ValueError, r"3 tokens but 2 words\. Pass one a token"),
        (FINE, [1, 2, 3], {"words": [0, 1.5, 2]}, TypeError, r"int or None, but this is 1\.5"),
        (FINE, [1, 2, 3], {"words": "abc"}, TypeError, "words is a list with one word index.*but this is str"),
        (FINE, [1, 2, 3], {"words": 3}, TypeError, "but this is int"),
        (FINE, [1, 2, 3], {"text": "abc"}, ValueError, "but words is None. Pass words=encoding"),
        (
            FINE,
            [1, 2, 3],
            {"words": [0, 1, 2], "text": "abc"},
            ValueError,
            "at the offsets of words, but words has none",
        ),
        (FINE, [1, 2, 3], {"words": Encoding(None, [(0, 1)] * 3)}, ValueError, r"no word_ids.*Pass text="),
        (FINE, [1, 2, 3], {"words": Encoding([0, 1, 2], [(0, 1)]), "text": "a"}, ValueError, "3 tokens but 1 offsets"),
        (
            FINE,
            [1, 2, 3],
            {"words": Encoding([0, 1, 2], [(0, 1), (2, 3), (0, 1)]), "text": "a b"},
            ValueError,
            "offsets 0 to 1 of token 2 do not follow in a text of 3 characters that was read up to 3",
        ),
        (
            FINE,
            [1, 2, 3],
            {"words": Batch(Encoding([]), Encoding([]))},
            ValueError,
            r"encodings of 2 texts.*encodings\[i\]",
        ),
        (FINE, [1, -2, 3], {"signed": False}, ValueError, r"signed=False is for magnitudes, but one number is -2"),
        (FINE, [1, 2, 3], {"scale": 0}, ValueError, r"above zero, but this is 0\. Pass for instance scale=1\.0"),
        (FINE, [1, 2, 3], {"scale": float("nan")}, ValueError, "above zero, but this is nan"),
    ],
)
def test_errors_say_what_came_and_what_to_do(tokens, numbers, options, error, message):
    with pytest.raises(error, match=message):
        picture(tokens, numbers, **options)


def test_traced_numbers_are_refused():
    for wrap in (lambda x: x, lambda x: {"ig": x}, lambda x: [x[0], x[1], x[2]]):
        with pytest.raises(TypeError, match=r"have no values yet.*call show outside jit"):
            jax.jit(lambda x, wrap=wrap: picture(FINE, wrap(x)))(jnp.ones(3))


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16", "int32", "bool"])
def test_numbers_of_any_real_kind(dtype):
    assert picture(FINE, jnp.array([0, 1, 1], dtype)).rows[0].numbers == (0.0, 1.0, 1.0)


def test_total_is_the_sum():
    assert total(np.array([1.5, -0.5])) == 1.0


def test_the_page_lists_every_number():
    class Cells(HTMLParser):
        found, inside = [], False

        def handle_starttag(self, tag, attrs):
            self.inside = tag in ("td", "th") or (self.inside and tag == "bdi")

        def handle_data(self, data):
            if self.inside:
                self.found.append(data)
                self.inside = False

    cells = Cells()
    cells.feed(picture(["a", "b"], {"ig": [0.5, -1], "lime": [float("nan"), 0]}).html())
    assert cells.found == ["ig", "lime", "a", "+0.5", "NaN", "b", "-1", "0"]
