"""Every number that the diagnosis decides by: its unit, and where it comes from.

Origins as in `workbench.causal.thresholds`.
"""

from __future__ import annotations

__all__ = [
    "ENOUGH_HISTORY",
    "LEADING_SUSPECTS",
    "LEAST_PROBABLE",
    "LONGER_HISTORY",
    "MATERIAL",
    "MOST_OF_THE_CHANGE",
    "NO_REMAINDER",
    "REACHED_AFTER",
    "STANDS_OUT",
    "SURGE_IS_MATERIAL",
    "WORTH_ASKING",
]

# ladder
MATERIAL = 0.1  # share of the SLI's change; declared: below it is not what the incident is about
STANDS_OUT = 0.8  # probability against the other services; declared
ENOUGH_HISTORY = (
    8  # independent past windows of the incident's own length; theory: fewer give no tail
)

# suspects/changes
MOST_OF_THE_CHANGE = 0.5  # share of the SLI's change; declared: what may be half is not ruled out
REACHED_AFTER = 3  # bins after a change before its effect can be looked for; declared

# suspects/load_surge
SURGE_IS_MATERIAL = 0.3  # relative rise of load; declared: less does not saturate a service

# value_of_information/missing_sources
LONGER_HISTORY = 8  # incident lengths of history worth asking for; declared

# value_of_information/next_checks
LEADING_SUSPECTS = 5  # suspects; budget
LEAST_PROBABLE = 0.02  # probability, to be worth a query; declared
NO_REMAINDER = 1e-9  # probability; arithmetic: what is left when the leading ones sum to one
WORTH_ASKING = 0.01  # bits; declared
