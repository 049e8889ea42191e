"""From an organisation's own systems to one incident window, every gap told.

`connect` reads ``sources.yaml``; `collect` fetches a range or an incident, masks it and builds
the window; `watch` keeps a window growing while an incident goes on.
"""

from workbench.collection.collecting import Collected, Progress, collect
from workbench.collection.sources import Sources, connect
from workbench.collection.templates_read import templates
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
