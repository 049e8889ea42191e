"""What a person sees: thin shells over values, readable offline, in print and at night.

Every view takes plain results and returns an object that shows itself: a `Chart`, a
`Picture`, a `Card`, a `Network` or a `Panel`. Charts and pictures know their caption, their
SVG (``to_svg``) and how to write a PNG (``to_png``).
"""

from __future__ import annotations

from workbench.views.adjustment import adjustment
from workbench.views.counterfactual import counterfactual, what_if
from workbench.views.drawing.rendering import Card, Chart, Picture, message, problem
from workbench.views.effects import effects, refutations
from workbench.views.evidence import evidence, leading
from workbench.views.interrupted import interrupted
from workbench.views.ladder import ladder, ranks
from workbench.views.network import Network, network
from workbench.views.panel import Panel, panel
from workbench.views.placebos import placebos
from workbench.views.reliability import reliability
from workbench.views.timeline import timeline
from workbench.views.topology import topology
from workbench.views.waterfall import waterfall

__all__ = [
    "Card",
    "Chart",
    "Network",
    "Panel",
    "Picture",
    "adjustment",
    "counterfactual",
    "effects",
    "evidence",
    "interrupted",
    "ladder",
    "leading",
    "message",
    "network",
    "panel",
    "placebos",
    "problem",
    "ranks",
    "refutations",
    "reliability",
    "timeline",
    "topology",
    "waterfall",
    "what_if",
]
