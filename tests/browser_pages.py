"""The browser as tests start it, and pages of views without a notebook's sanitising."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
OUTPUTS = Path(__file__).resolve().parents[1] / "outputs" / "screenshots"
OUTPUTS.mkdir(parents=True, exist_ok=True)

_HERE = {"127.0.0.1", "localhost", "::1"}
_INSIDE = {"about", "blob", "data", "file"}
_THEMES = {
    "light": "background:#fff;color:#212121",
    "dark": "background:#111;color:#e0e0e0;--jp-border-color1:#616161",
}


def outside(addresses: list[str]) -> list[str]:
    """Addresses that are not on this machine."""
    parsed = [(address, urlsplit(address)) for address in addresses]
    return [a for a, p in parsed if p.scheme not in _INSIDE and p.hostname not in _HERE]


def page_of(shown: dict[str, object], theme: str) -> str:
    """One page of every output, inline, in the colours of JupyterLab's theme."""
    parts = [_inline(value) for value in shown.values()]
    body = "".join(f"<div style='margin:12px 0'>{part}</div>" for part in parts)
    style = f"font-family:sans-serif;font-size:13px;{_THEMES[theme]}"
    return f"<!DOCTYPE html><meta charset='utf-8'><body style='{style}'>{body}</body>"


def _inline(value: object) -> str:
    if hasattr(value, "_repr_mimebundle_"):
        bundle = value._repr_mimebundle_()
        return bundle.get("text/html") or bundle["image/svg+xml"]
    return value._repr_html_()
