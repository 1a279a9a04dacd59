"""Words from real tokenizers of the `tokenizers` library, trained here on a few lines."""

import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers

from jaxattr.display import byte_word, common, merge_words, picture

CORPUS = [
    "the film was unwatchable and unwatchably long",
    "a fine, fine film about a film 电影",
    "naïve café 😀 fun",
] * 30
TEXT = "an unwatchable café film 😀 电影"


def wordpiece():
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[UNK]", "[CLS]", "[SEP]", "[PAD]"]
    tokenizer.train_from_iterator(CORPUS, trainers.WordPieceTrainer(vocab_size=70, special_tokens=special))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
    )
    return tokenizer


def byte_level():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.train_from_iterator(CORPUS, trainers.BpeTrainer(vocab_size=300, initial_alphabet=[]))
    return tokenizer


@pytest.mark.parametrize("make", [wordpiece, byte_level])
def test_words_are_those_of_the_text_and_keep_the_sum(make):
    tokenizer = make()
    encoding = tokenizer.encode(TEXT)
    numbers = np.random.default_rng(0).normal(size=len(encoding.tokens))
    assert len(encoding.tokens) > len(TEXT.split())
    words, values = merge_words(encoding.tokens, numbers, encoding, text=TEXT)
    np.testing.assert_allclose(sum(values), numbers.sum(), rtol=1e-12)
    for word in ("unwatchable", "café", "film"):
        assert any(word in shown for shown in words), words
    if make is byte_level:  # without special tokens the k-th word is word k
        for k, value in enumerate(values):
            own = [n for n, i in zip(numbers, encoding.word_ids, strict=True) if i == k]
            np.testing.assert_allclose(value, sum(own), rtol=1e-12)


def test_special_tokens_stand_by_themselves():
    encoding = wordpiece().encode("fine film")
    shown = picture(encoding.tokens, np.arange(len(encoding.tokens)), words=encoding).rows[0].words
    assert shown[0] == "[CLS]"
    assert shown[-1] == "[SEP]"
    assert shown[1:-1] == ("fine", "film")


def test_a_value_common_to_a_word_is_shown_once():
    encoding = wordpiece().encode("unwatchable film")
    numbers = [float(-1 if i is None else i + 1) for i in encoding.word_ids]
    words, values = merge_words(encoding.tokens, numbers, encoding, common, text="unwatchable film")
    assert dict(zip(words, map(float, values), strict=True))["unwatchable"] == 1.0


def test_bytes_of_one_emoji_become_the_emoji_again():
    encoding = byte_level().encode("fun 😀")
    words, _ = merge_words(encoding.tokens, np.ones(len(encoding.tokens)), encoding, clean=byte_word)
    assert "😀" in "".join(words)
