"""The edge: nginx's configuration, and its access log read back as requests."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.gameday.shop.config import HOST

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.gameday.shop.config import ShopConfig

__all__ = ["ROUTES", "EdgeRequest", "parse_access_line", "route_of", "write_nginx_conf"]

ROUTES = ("/", "/product/{sku}", "/cart", "/checkout")

_TRACE_ID_DIGITS = 32  # of a W3C trace id, hexadecimal
_FIELDS = ("msec", "request_time", "upstream_time", "status", "method", "uri", "trace", "bytes")

_CONF = """\
{user}daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/edge-error.log warn;
events {{ worker_connections 512; }}
http {{
  log_format edge escape=json '{{"msec":"$msec","request_time":"$request_time",'
    '"upstream_time":"$upstream_response_time","status":"$status",'
    '"method":"$request_method","uri":"$uri","trace":"$request_id","bytes":"$bytes_sent"}}';
  access_log {folder}/edge-access.log edge;
  client_body_temp_path {folder}/nginx-body;
  proxy_temp_path {folder}/nginx-proxy;
  fastcgi_temp_path {folder}/nginx-fastcgi;
  uwsgi_temp_path {folder}/nginx-uwsgi;
  scgi_temp_path {folder}/nginx-scgi;
  keepalive_timeout 75s;
  upstream storefront {{ server {host}:{storefront}; keepalive 32; }}
  # The edge starts the trace; its own span is the first half of the trace id.
  map $request_id $edge_span {{ "~^(?<first>.{{16}})" $first; default "0000000000000001"; }}
  server {{
    listen {host}:{port};
    location / {{
      proxy_pass http://storefront;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header traceparent "00-$request_id-$edge_span-01";
      proxy_read_timeout 20s;
    }}
  }}
}}
"""


@dataclass(frozen=True)
class EdgeRequest:
    """One line of the access log.

    Parameters
    ----------
    end_s
        When the answer was sent, Unix seconds, resolution 1 ms.
    duration_s, upstream_s
        nginx's ``$request_time`` and ``$upstream_response_time``; the latter is None when no
        upstream was reached.
    status, method, route
        What was asked and answered; the route has no ids in it.
    trace_id
        32 hex digits; `span_id` is the first half of it.
    """

    end_s: float
    duration_s: float
    upstream_s: float | None
    status: int
    method: str
    route: str
    trace_id: str

    @property
    def span_id(self) -> str:
        """Span id the edge passed on in ``traceparent``."""
        return self.trace_id[:16]


def write_nginx_conf(config: ShopConfig) -> Path:
    """Write the edge's configuration and return its path."""
    # A root master drops its workers' rights; without root the directive only warns.
    user = "user nobody nogroup;\n" if os.geteuid() == 0 else ""
    text = _CONF.format(
        user=user,
        folder=config.folder,
        host=HOST,
        port=config.ports["edge"],
        storefront=config.ports["storefront"],
    )
    path = config.path("nginx.conf")
    path.write_text(text)
    return path


def parse_access_line(line: str) -> EdgeRequest | None:
    """Read one access log line; None for a line that is not complete or not ours."""
    try:
        row = json.loads(line)
        texts = {name: str(row[name]) for name in _FIELDS}
        return EdgeRequest(
            end_s=float(texts["msec"]),
            duration_s=float(texts["request_time"]),
            upstream_s=_upstream_seconds(texts["upstream_time"]),
            status=int(texts["status"]),
            method=texts["method"],
            route=route_of(texts["uri"]),
            trace_id=_trace_id(texts["trace"]),
        )
    except (ValueError, KeyError, TypeError):
        return None


def route_of(uri: str) -> str:
    """Route template of a path; ``_OTHER`` for what the shop does not serve."""
    if uri.startswith("/product/"):
        return "/product/{sku}"
    return uri if uri in ROUTES else "_OTHER"


def _upstream_seconds(text: str) -> float | None:
    # nginx lists one figure for each upstream tried: "0.004, 0.120" or "-".
    parts = [part.strip() for part in text.replace(":", ",").split(",")]
    seconds = [float(part) for part in parts if part not in ("", "-")]
    return sum(seconds) if seconds else None


def _trace_id(text: str) -> str:
    if len(text) != _TRACE_ID_DIGITS or int(text, 16) == 0:
        raise ValueError(text)
    return text.lower()
