"""One file a vendor; a folder, named after the vendor, from two files on."""

from __future__ import annotations

__all__ = []
