"""Where images are pushed to, and what is said when that goes wrong. What goes right: tests/endtoend/test_images.py."""

from __future__ import annotations

import pytest

from crosscourse.commands.push import destination, explained
from crosscourse.errors import CrosscourseError


@pytest.mark.parametrize(
    "name",
    [
        "localhost:5000/x:1",
        "localhost/x",
        "registry.example.org/ci/concourse:8.2.5",
        "registry:5000/x",
        "[::1]:5000/x:1",
        "r.example.org/a/b-c/d_e:v1.0_rc",
    ],
)
def test_a_name_in_a_registry(name: str) -> None:
    assert destination([name]) == name


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["a.example.org/x", "b"],
        ["concourse:1"],
        ["me/concourse:1"],
        ["https://r.example.org/x"],
        ["r.example.org/X:1"],
        ["r.example.org/x:"],
        ["r.example.org/x@sha256:00"],
        ["r.example.org/"],
    ],
)
def test_what_is_no_name_in_a_registry(words: list[str]) -> None:
    with pytest.raises(CrosscourseError, match="name of an image in a registry"):
        destination(words)


@pytest.mark.parametrize(
    ("said", "expected", "remedy"),
    [
        ("dial tcp: lookup r.example: no such host", "there is no registry of that name", "r.example:5000"),
        ("dial tcp 127.0.0.1:1: connect: connection refused", "does not answer", "Does it run at r.example:5000"),
        ("POST http://x: UNAUTHORIZED: authentication required", "does not let this user", "docker login r.example"),
        ("unexpected status code 403 Forbidden", "does not let this user", "docker login r.example"),
        ("http: server gave HTTP response to HTTPS client", "speaks http, not https", "--insecure"),
        ("tls: failed to verify certificate: x509: unknown authority", "certificate is signed by nobody", "--insecure"),
        ("something that nobody thought of", "something that nobody thought of", ""),
    ],
)
def test_what_went_wrong_is_said_in_words(said: str, expected: str, remedy: str) -> None:
    error = explained("r.example:5000/x:1", f"2026/01/01 00:00:00 pushing\nError: {said}\n")
    assert error.subject == "r.example:5000/x:1"
    assert expected in error.found
    assert said in error.found
    assert remedy in error.remedy
