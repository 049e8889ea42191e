"""When to ask again: capped backoff with jitter, Retry-After, and a budget for all requests."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type
from tenacity.wait import wait_random_exponential

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workbench.errors import SourceError

__all__ = ["RetryBudget", "Transient", "attempts", "retry_after_s"]

_FIRST_S = 0.1
_LONGEST_S = 5.0


class Transient(Exception):
    """A failure that may pass.

    Parameters
    ----------
    error
        What is raised when it does not.
    after_s
        Seconds the server asked to wait, if it did.
    """

    def __init__(self, error: SourceError, after_s: float | None = None) -> None:
        super().__init__(str(error))
        self.error = error
        self.after_s = after_s


@dataclass(slots=True)
class RetryBudget:
    """Retries a source may still cost: half a retry is earned by each request.

    Without it a source that fails all the time would be asked as many times more as one
    request may be tried (the retry budget of Finagle; Site Reliability Engineering, chapter 21).

    Parameters
    ----------
    earned
        Retries each request adds; bounds requests to ``1 + earned`` times what was needed.
    left
        Retries in hand; a few at first, so that a single request may be tried again.
    most
        Retries that can be saved up.
    """

    earned: float = 0.5
    left: float = 3.0
    most: float = 20.0
    requests: int = field(default=0)

    def asked(self) -> None:
        """Count a request that was needed."""
        self.requests += 1
        self.left = min(self.left + self.earned, self.most)

    def may_retry(self) -> bool:
        """Take one retry if there is one."""
        if self.left < 1.0:
            return False
        self.left -= 1.0
        return True


def attempts(budget: RetryBudget, ends: float) -> AsyncRetrying:
    """Try one request until it succeeds, the budget is spent or time is up.

    Parameters
    ----------
    budget
        Of the source.
    ends
        `time.monotonic` at which nobody waits any longer.
    """
    jitter = wait_random_exponential(multiplier=_FIRST_S, max=_LONGEST_S)

    def pause(state: RetryCallState) -> float:
        return max(jitter(state), _asked_for(state))

    def stop(state: RetryCallState) -> bool:
        wait = max(_asked_for(state), _FIRST_S)
        return time.monotonic() + wait >= ends or not budget.may_retry()

    return AsyncRetrying(
        retry=retry_if_exception_type(Transient), wait=pause, stop=stop, reraise=True
    )


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Read Retry-After as seconds from now (RFC 9110, section 10.2.3); None if unreadable."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        when = parsedate_to_datetime(text)
    except (ValueError, IndexError, TypeError):
        return None
    return max(when.timestamp() - time.time(), 0.0)


def _asked_for(state: RetryCallState) -> float:
    failure = state.outcome.exception() if state.outcome else None
    return (failure.after_s or 0.0) if isinstance(failure, Transient) else 0.0
