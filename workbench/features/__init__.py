"""Telemetry made into aligned numeric series: rates, RED, self time, quantiles, logs."""

from __future__ import annotations

from workbench.features.aligned import AlignedSignals, align
from workbench.features.grid import Grid, choose_step, grid_of
from workbench.features.logs import LogTemplates, log_templates
from workbench.features.red import red
from workbench.features.self_time import SelfTime, self_time
from workbench.features.series import bucket_quantile, histogram_mean, increase, resample
from workbench.features.signals import Signals, signals, sli_series, span_signals

__all__ = [
    "AlignedSignals",
    "Grid",
    "LogTemplates",
    "SelfTime",
    "Signals",
    "align",
    "bucket_quantile",
    "choose_step",
    "grid_of",
    "histogram_mean",
    "increase",
    "log_templates",
    "red",
    "resample",
    "self_time",
    "signals",
    "sli_series",
    "span_signals",
]
