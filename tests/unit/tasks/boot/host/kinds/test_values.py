"""Values of servers in a manifest's texts."""

from __future__ import annotations

import pytest

from tasks.boot.host.kinds.values import filled, unknown

VALUES = {"s.url": "http://a", "s.key": "two\nlines"}


def test_values_stand_in_texts_wherever_they_are() -> None:
    given = {"a": "{s.url}/b{s.url}", "b": [{"c": "{s.key}"}, 1, True, None], "{s.url}": "plain"}
    assert filled(given, VALUES) == {
        "a": "http://a/bhttp://a",
        "b": [{"c": "two\nlines"}, 1, True, None],
        "{s.url}": "plain",
    }


def test_other_braces_stay() -> None:
    assert filled('{"s": {}} {s} {t.url}', VALUES) == '{"s": {}} {s} {t.url}'


@pytest.mark.parametrize(("text", "expected"), [("{s.url}", []), ("{s.urls} {t.x}", ["s.urls"]), ('{"s.url": 1}', [])])
def test_what_a_server_does_not_have_is_found(text: str, expected: list[str]) -> None:
    assert unknown({"a": [text]}, VALUES) == expected
