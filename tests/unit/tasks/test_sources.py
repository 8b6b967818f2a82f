"""Tags and their pins, as ``git ls-remote`` lists them."""

from __future__ import annotations

import pytest

from tasks.sources import TagMovedError, check_tag

A, B = "a" * 40, "b" * 40


@pytest.mark.parametrize(
    "listing",
    [
        f"{A}\trefs/tags/v1\n",
        f"{B}\trefs/tags/v1\n{A}\trefs/tags/v1^{{}}\n",
        f"warning: redirecting\n{A}\trefs/tags/v1\n",
    ],
)
def test_tag_at_its_pin(listing: str) -> None:
    check_tag("x", "v1", A, listing)


@pytest.mark.parametrize(
    ("listing", "found"),
    [
        (f"{B}\trefs/tags/v1\n", B),
        (f"{A}\trefs/tags/v1\n{B}\trefs/tags/v1^{{}}\n", B),
        ("", "no such tag"),
        (f"{A}\trefs/tags/v1.1\n", "no such tag"),
    ],
)
def test_tag_elsewhere(listing: str, found: str) -> None:
    with pytest.raises(TagMovedError) as caught:
        check_tag("x", "v1", A, listing)
    assert found in str(caught.value)
    assert A in str(caught.value)
