"""SVG from outside made harmless: drawing elements only, nothing that runs or loads."""

from __future__ import annotations

import base64
import re
from xml.etree import ElementTree

from workbench.errors import BadInput

__all__ = ["data_uri", "harmless_svg"]

_SVG = "http://www.w3.org/2000/svg"
_XLINK = "http://www.w3.org/1999/xlink"
_DRAWING = frozenset(
    {
        "circle",
        "clipPath",
        "defs",
        "desc",
        "ellipse",
        "g",
        "image",
        "line",
        "linearGradient",
        "marker",
        "mask",
        "path",
        "pattern",
        "polygon",
        "polyline",
        "radialGradient",
        "rect",
        "stop",
        "svg",
        "symbol",
        "text",
        "textPath",
        "title",
        "tspan",
        "use",
    }
)
_NOT_SVG = "A figure is not SVG"
_OUTSIDE = re.compile(r"(?i)url\(\s*['\"]?(?!\s*['\"]?#)|@import|expression\(|javascript:")
_INSIDE = re.compile(r"(?i)#|data:image/(png|jpeg|gif|webp);base64,")


def harmless_svg(svg: str) -> str:
    """Keep what draws: known elements, no handlers, styles or references to elsewhere.

    Raises
    ------
    BadInput
        The text is not SVG, or declares a document type.
    """
    if re.search(r"<!(DOCTYPE|ENTITY)", svg, re.IGNORECASE):
        fact = "A figure must not declare a document type"
        raise BadInput(fact, value=svg[:60])
    try:
        root = ElementTree.fromstring(svg)  # noqa: S314  # nosec B314 - entities are refused above
    except ElementTree.ParseError as error:
        raise BadInput(_NOT_SVG, value=svg[:60], hint=str(error)) from error
    if _local(root.tag) != "svg":
        raise BadInput(_NOT_SVG, value=str(root.tag))
    ElementTree.register_namespace("", _SVG)
    ElementTree.register_namespace("xlink", _XLINK)
    _clean(root)
    return ElementTree.tostring(root, encoding="unicode")


def data_uri(svg: str) -> str:
    """Write an SVG as a data URI: shown as an image, where scripts never run."""
    encoded = base64.b64encode(svg.encode()).decode()
    return f"data:image/svg+xml;base64,{encoded}"


def _clean(element: ElementTree.Element) -> None:
    for name, value in list(element.attrib.items()):
        if not _is_harmless(_local(name), value):
            del element.attrib[name]
    for child in list(element):
        if isinstance(child.tag, str) and _local(child.tag) in _DRAWING:
            _clean(child)
        else:
            element.remove(child)


def _is_harmless(name: str, value: str) -> bool:
    if name.lower().startswith("on"):
        return False
    if name == "href":
        return bool(_INSIDE.match(value.strip()))
    return not _OUTSIDE.search(value)


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]
