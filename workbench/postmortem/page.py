"""Markdown to one self-contained page: raw HTML off, figures inlined, nothing requested."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markdown_it import MarkdownIt
from markupsafe import Markup

from workbench.postmortem.document import KINDS
from workbench.postmortem.pictures import data_uri

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from markdown_it.renderer import RendererHTML
    from markdown_it.rules_core import StateCore
    from markdown_it.rules_inline import StateInline
    from markdown_it.token import Token
    from markdown_it.utils import EnvType, OptionsDict

__all__ = ["body_html", "page_html"]

_ANCHOR = re.compile(r'<a id="(ev-[0-9a-f]{12})"></a>')
_EVIDENCE_LINK = re.compile(r"#ev-[0-9a-f]{12}")
_LABELS = {label: kind for kind, label in KINDS.items()}


def page_html(markdown: str, figures: Mapping[str, str] | None = None) -> str:
    """Write Markdown as a page that needs nothing else.

    Parameters
    ----------
    markdown
        A postmortem, perhaps edited by a person.
    figures
        Harmless SVG by the name the Markdown gives it; other images are shown as text.
    """
    environment: dict[str, Any] = {"figures": figures or {}}
    body = _parser().render(markdown, environment)
    # Our own template, autoescaped; `body` comes from a parser that writes no raw HTML.
    template = _pages().get_template("postmortem.html.j2")
    return template.render(
        title=environment.get("title", "Postmortem"),
        sections=environment.get("sections", ()),
        body=Markup(body),  # noqa: S704  # nosec B704 - the renderer escaped it
    )


def body_html(markdown: str) -> str:
    """Write only the body: what a reader of the text needs."""
    return str(_parser().render(markdown, {"figures": None}))


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    parser.inline.ruler.before("text", "evidence_anchor", _anchor)
    parser.core.ruler.push("sections", _mark_sections)
    parser.add_render_rule("link_open", _link_open)
    parser.add_render_rule("image", _image)
    parser.add_render_rule("table_open", lambda *_: '<div class="wide"><table>\n')
    parser.add_render_rule("table_close", lambda *_: "</table></div>\n")
    parser.add_render_rule("evidence_anchor", _anchor_html)
    return parser


@cache
def _pages() -> Environment:
    loader = PackageLoader("workbench.postmortem")
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)


def _anchor(state: StateInline, silent: bool) -> bool:  # noqa: FBT001 - markdown-it calls it so
    """Let one tag through: the target of an evidence link."""
    found = _ANCHOR.match(state.src, state.pos)
    if found is None:
        return False
    if not silent:
        token = state.push("evidence_anchor", "a", 0)
        token.content = found.group(1)
    state.pos = found.end()
    return True


def _anchor_html(
    renderer: RendererHTML,
    tokens: Sequence[Token],
    idx: int,
    options: OptionsDict,
    env: EnvType,
) -> str:
    return f'<a id="{tokens[idx].content}"></a>'


def _mark_sections(state: StateCore) -> None:
    """Give sections anchors and classes, and list them for the navigation."""
    sections: list[dict[str, str]] = []
    for place, token in enumerate(state.tokens):
        if token.type != "heading_open":
            continue
        title = state.tokens[place + 1].content
        if token.tag == "h1":
            state.env.setdefault("title", _plain(state.tokens[place + 1]))
        if token.tag == "h2":
            anchor = f"section-{len(sections)}"
            token.attrSet("id", anchor)
            kind = _status(state.tokens, place + 3)
            sections.append({"anchor": anchor, "title": title, "kind": kind})
    state.env["sections"] = sections


def _status(tokens: list[Token], place: int) -> str:
    """Mark the paragraph that says who writes the section; return the kind."""
    if place + 1 >= len(tokens) or tokens[place].type != "paragraph_open":
        return ""
    kind = _LABELS.get(tokens[place + 1].content.strip("*"), "")
    if kind:
        tokens[place].attrSet("class", f"status {kind}")
    return kind


def _plain(inline: Token) -> str:
    return "".join(child.content for child in inline.children or ())


def _link_open(
    renderer: RendererHTML,
    tokens: Sequence[Token],
    idx: int,
    options: OptionsDict,
    env: EnvType,
) -> str:
    token = tokens[idx]
    href = str(token.attrGet("href") or "")
    if _EVIDENCE_LINK.fullmatch(href):
        token.attrSet("class", "ev")
        token.attrSet("title", f"{href[1:]}: {token.attrGet('title') or 'see the appendix'}")
    elif not href.startswith("#"):
        token.attrSet("rel", "noreferrer noopener")
    return str(renderer.renderToken(tokens, idx, options, env))


def _image(
    renderer: RendererHTML,
    tokens: Sequence[Token],
    idx: int,
    options: OptionsDict,
    env: EnvType,
) -> str:
    """Inline a known figure; an image from elsewhere would be a request, so it is named instead."""
    token = tokens[idx]
    if env["figures"] is None:
        return ""
    source = str(token.attrGet("src") or "")
    alt = renderer.renderInlineAsText(token.children or [], options, env)
    svg = env["figures"].get(source)
    if svg is None:
        placeholder = Markup("[image not shown: <code>{}</code> from <code>{}</code>]")
        return str(placeholder.format(alt, source))
    return str(Markup('<img alt="{}" src="{}">').format(alt, data_uri(svg)))
