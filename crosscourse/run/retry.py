"""Trying again after network trouble, with growing pauses."""

from __future__ import annotations

import os
from collections.abc import Callable

from crosscourse.errors import CrosscourseError
from crosscourse.run.network import find_trouble
from crosscourse.run.process import CommandError

_VARIABLE = "CROSSCOURSE_RETRIES"


class TransientError(CrosscourseError):
    """Something that may go well the next time: it is worth trying again."""


def attempts() -> int:
    """How often something is tried in all; CROSSCOURSE_RETRIES says otherwise. CrosscourseError if it is no number."""
    said = os.environ.get(_VARIABLE, "4")
    if said.isascii() and said.isdigit() and 1 <= int(said) <= 1000:
        return int(said)
    raise CrosscourseError(_VARIABLE, f"'{said}' is no number of tries", f"Say 1 or more: {_VARIABLE}=4")


def retrying(action: Callable[[], str], *, status: Callable[[str], None], what: str = "") -> str:
    """Call ``action`` until it succeeds, with pauses of 1, 2, 4 ... s after each CommandError of the network, each
    TransientError.

    ``status`` is given a line after each trouble, with what it was, and one when a new try begins. ``what``: what is
    tried ("fetching x from y"). Raises the last error.
    """
    import tenacity

    most = attempts()

    def is_worth_it(error: BaseException) -> bool:
        return _trouble(error) is not None

    def before_sleep(state: tenacity.RetryCallState) -> None:
        trouble = _trouble(state.outcome.exception()) if state.outcome else None
        status(f"network trouble, trying again ({state.attempt_number} of {most - 1}): {trouble}")

    def before(state: tenacity.RetryCallState) -> None:
        if state.attempt_number > 1:
            status(f"{what or 'trying again'} (try {state.attempt_number} of {most})")

    return tenacity.Retrying(
        retry=tenacity.retry_if_exception(is_worth_it),
        stop=tenacity.stop_after_attempt(most),
        wait=tenacity.wait_exponential(max=30),
        reraise=True,
        before=before,
        before_sleep=before_sleep,
    )(action)


def _trouble(error: BaseException | None) -> str | None:
    """What is worth trying again; None if nothing is."""
    if isinstance(error, TransientError):
        return str(error)
    return find_trouble(error.tail) if isinstance(error, CommandError) else None
