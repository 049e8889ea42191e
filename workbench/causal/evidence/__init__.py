"""How surprising each signal of each service is, and which explanation makes all of it likeliest.

`ratios` collects what is measured, one ratio a signal; `surprise` compares each with the past
windows of this very system; `hypotheses` weighs places and kinds of fault against each other.
"""

from __future__ import annotations

__all__ = []
