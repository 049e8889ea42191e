"""The ledger of hypotheses: what tests say, and what people decide beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.moved import renamed

__all__ = []

if not TYPE_CHECKING:
    __getattr__ = renamed(
        __name__,
        {
            "STATUSES": "workbench.diagnose.ledger.ledger:STATUSES",
            "Entry": "workbench.diagnose.ledger.ledger:Entry",
            "Hypothesis": "workbench.diagnose.ledger.ledger:Hypothesis",
            "Ledger": "workbench.diagnose.ledger.ledger:Ledger",
            "Status": "workbench.diagnose.ledger.ledger:Status",
            "identify": "workbench.diagnose.ledger.ledger:hypothesis_id",
            "weigh": "workbench.diagnose.ledger.ledger:from_suspect",
        },
    )
