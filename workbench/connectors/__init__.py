"""Sources of telemetry: one file a source, one contract."""

from workbench.connectors.contract import (
    Connector,
    Estimate,
    Fetched,
    Query,
    complete_fetch,
    failed_fetch,
)

__all__ = ["Connector", "Estimate", "Fetched", "Query", "complete_fetch", "failed_fetch"]
