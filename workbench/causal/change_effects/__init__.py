"""Did a change do it: interrupted series, placebos, controls and refuters, without DoWhy."""

from __future__ import annotations

__all__ = []
