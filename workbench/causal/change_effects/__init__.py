"""Did a change do it: interrupted series, placebos, controls and refuters, without DoWhy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.moved import renamed

__all__ = []

if not TYPE_CHECKING:
    __getattr__ = renamed(__name__, {"Effects": "workbench.causal.change_effects.effects:Effects"})
