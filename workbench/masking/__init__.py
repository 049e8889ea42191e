"""Masking at the door: persons, outside addresses and secrets leave no window as they are.

The key lies outside every bundle (`workspace_key`), so that pseudonyms join within a workspace
and mean nothing elsewhere.
"""

from workbench.masking.frames import mask_frame
from workbench.masking.leaks import Leak, Leaks, LeakWarning, scan, warn_of_leaks
from workbench.masking.masker import Masker
from workbench.masking.policy import Policy, read_policy
from workbench.masking.pseudonyms import Pseudonyms, workspace_key

__all__ = [
    "Leak",
    "LeakWarning",
    "Leaks",
    "Masker",
    "Policy",
    "Pseudonyms",
    "mask_frame",
    "read_policy",
    "scan",
    "warn_of_leaks",
    "workspace_key",
]
