"""Trying again after network trouble, with growing pauses."""

from __future__ import annotations

import os
from collections.abc import Callable

from crosscourse.run.network import is_network_trouble
from crosscourse.run.process import CommandError


def attempts() -> int:
    """How often something is tried in all; CROSSCOURSE_RETRIES says otherwise."""
    return int(os.environ.get("CROSSCOURSE_RETRIES", "4"))


def retrying(action: Callable[[], str], *, status: Callable[[str], None]) -> str:
    """Call ``action`` until it succeeds, with pauses of 1, 2, 4 ... s after each CommandError of the network.

    ``status`` is given a line before each new try. Raises the last error.
    """
    import tenacity

    most = attempts()

    def is_worth_it(error: BaseException) -> bool:
        return isinstance(error, CommandError) and is_network_trouble(error.tail)

    def before_sleep(state: tenacity.RetryCallState) -> None:
        status(f"network trouble, trying again ({state.attempt_number} of {most - 1})")

    return tenacity.Retrying(
        retry=tenacity.retry_if_exception(is_worth_it),
        stop=tenacity.stop_after_attempt(most),
        wait=tenacity.wait_exponential(max=30),
        reraise=True,
        before_sleep=before_sleep,
    )(action)
