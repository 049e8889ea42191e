"""From an organisation's own systems to one incident window, every gap told.

`connect` reads ``sources.yaml``; `collect` fetches a range or an incident, masks it and builds
the window; `watch` keeps a window growing while an incident goes on.
"""

from workbench.collection.collected import Collected, Progress
from workbench.collection.collecting import collect
from workbench.collection.query_templates import templates
from workbench.collection.sources import Sources, connect
from workbench.collection.watching import Watch, watch

__all__ = [
    "Collected",
    "Progress",
    "Sources",
    "Watch",
    "collect",
    "connect",
    "templates",
    "watch",
]
