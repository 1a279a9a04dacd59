"""Two dictionaries of numbers."""

import numpy as np


def same(found, expected, tolerance=1e-10):
    """Every entry of one dictionary is that of the other."""
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=tolerance, atol=tolerance, err_msg=name)
