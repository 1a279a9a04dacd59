"""A finished run, for what is done to its folder."""

import pytest

from tests.scale.small import go


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    out = tmp_path_factory.mktemp("finished") / "run"
    assert go(out).complete
    return out
