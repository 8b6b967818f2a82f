"""``[boot.browse.NAME]``: what a person at a browser does with the pages that a guest serves, as data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import msgspec

from crosscourse.errors import nearest
from crosscourse.manifest.types import Line, Table

# What can be done, and how many words each says beside that. `see`, `miss`: a selector of Playwright's
# (https://playwright.dev/docs/other-locators), often `text=...`.
VERBS = {"open": 1, "fill": 2, "click": 1, "see": 1, "miss": 1, "do": 1, "picture": 1}


class Browse(Table, frozen=True, kw_only=True):
    """Steps at a browser on the host; the first word of each says what is done.

    ``title``: for people. ``program``: what serves the pages, of kind ``programs``: words, the first the name of an
    artifact. ``port``: where they are served, in the guest. ``steps``: ``open`` a URL; ``fill`` a field with a text;
    ``click`` something; ``see`` something, which is waited for; ``miss`` something, which must not be there at that
    moment; ``do`` what the rows offer by that name; leave a ``picture`` of that name beside the logs.
    In them ``{url}`` stands for where the pages are, and what the rows know: ``{user}``, ``{password}``.
    """

    title: Line
    program: list[Line] = []
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)]
    steps: Annotated[list[Annotated[list[Line], msgspec.Meta(min_length=2)]], msgspec.Meta(min_length=1)]

    def problems(self, key: str) -> Iterator[str]:
        """Steps that nobody can do."""
        for number, (verb, *words) in enumerate(self.steps, 1):
            if verb not in VERBS:
                yield f"{key}.steps: step {number}: there is no '{verb}'. {nearest(verb, VERBS)}"
            elif len(words) != VERBS[verb]:
                yield f"{key}.steps: step {number}: '{verb}' wants {VERBS[verb]} more, not {len(words)}"
