"""The colours: contrast, equal lightness of the two signs, and eyes that do not see all colours."""

import numpy as np
import pytest

from jaxattr.display import colour, contrast, ink
from jaxattr.display._palette import LEVELS
from jaxattr.display._scale import scale_of

STEPS = np.linspace(0, 1, 41).tolist()

# Machado, Oliveira and Fernandes (2009), severity 1: linear RGB as seen, from linear RGB as shown.
EYES = {
    "usual": np.eye(3),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)


def lab(hexadecimal, eye="usual"):
    c = np.array([int(hexadecimal[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
    t = XYZ @ np.clip(EYES[eye] @ linear, 0, 1) / np.array([0.95047, 1, 1.08883])
    f = np.where(t > (6 / 29) ** 3, np.cbrt(t), t / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("signed", [False, True])
def test_text_is_readable_over_the_whole_scale(dark, signed):
    for strength in STEPS + [-s for s in STEPS if signed]:
        background = colour(strength, signed=signed, dark=dark)
        letters = {"#000": "#000000", "#fff": "#ffffff"}[ink(background)]
        assert contrast(letters, background) >= 4.5


@pytest.mark.parametrize("dark", [False, True])
def test_lightness_is_the_same_for_both_signs_and_steps_are_equal(dark):
    for strength in STEPS:
        expected = 12 + 48 * strength if dark else 98 - 48 * strength
        for shown in (
            colour(strength, dark=dark),
            colour(-strength, dark=dark),
            colour(strength, signed=False, dark=dark),
        ):
            assert abs(lab(shown)[0] - expected) < 0.6


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize(
    ("eye", "weak", "strong"),
    [("usual", 45, 85), ("deuteranopia", 45, 85), ("protanopia", 45, 85), ("tritanopia", 20, 45)],
)
def test_signs_differ_for_all_eyes(dark, eye, weak, strong):
    """The distances of PuOr are 53 and 100 for the usual eye; captum's green and red fall to 13 and 28."""
    for strength, least in ((0.3, weak), (0.7, strong)):
        distance = lab(colour(strength, dark=dark), eye) - lab(colour(-strength, dark=dark), eye)
        assert np.linalg.norm(distance) > least


def test_zero_has_no_hue():
    for dark in (False, True):
        assert np.abs(lab(colour(0.0, dark=dark))[1:]).max() < 0.1


@pytest.mark.parametrize("strength", [1.5, float("nan"), -2])
def test_a_strength_beyond_one_is_refused(strength):
    with pytest.raises(ValueError, match=r"between -1 and 1, but this is .*Divide the number by its scale's limit"):
        colour(strength)


def test_contrast_of_known_colours():
    assert contrast("#777777", "#ffffff") == pytest.approx(4.478, abs=1e-3)


def test_a_scale_is_even_around_zero():
    scale = scale_of([0.5, -2.0, float("nan"), float("inf")])
    assert (scale.limit, scale.signed) == (2.0, True)
    assert [scale.level(n) for n in (-2.0, -1.0, 0.0, 1.0, 2.0)] == [-LEVELS, -LEVELS // 2, 0, LEVELS // 2, LEVELS]
    assert [scale.level(n) for n in (0.19, 0.18, -0.19)] == [2, 1, -2]
    assert [scale.mark(n) for n in (-1.0, 0.0, 1.0, 0.001)] == ["⁻", "", "⁺", ""]
    assert [scale.level(n) for n in (float("nan"), float("inf"))] == [None, None]


def test_magnitudes_have_one_side_and_no_marks():
    scale = scale_of([0.5, 2.0])
    assert (scale.limit, scale.signed, scale.ends) == (2.0, False, ("0", "2"))
    assert scale.mark(1.0) == ""
    assert scale_of([0.5, 2.0], signed=True).signed


def test_a_given_limit_and_what_lies_beyond_it():
    scale = scale_of([0.5, 2.0], limit=1)
    assert scale.level(2.0) == LEVELS
    assert "beyond the limits" in scale.meaning
    assert "beyond the limits" not in scale_of([0.5], limit=1).meaning


@pytest.mark.parametrize("numbers", [[], [0.0, -0.0], [float("nan")]])
def test_nothing_to_scale(numbers):
    scale = scale_of(numbers)
    assert scale.limit == 0
    assert scale.level(0.0) == 0


def test_the_smallest_and_largest_numbers():
    assert scale_of([5e-324]).level(5e-324) == LEVELS
    assert scale_of([1.7e308, -1.0]).level(-1.7e308) == -LEVELS
    assert scale_of([1.0], limit=5e-324).level(1.0) == LEVELS
