"""Files: whole, self-contained, never over a person's edits, and harmless to open."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from postmortem_case import (
    PAYLOADS,
    SVG,
    diagnosis_of,
    drafted,
    hostile,
    recipes_for,
    window_of,
)
from workbench.errors import BadInput
from workbench.masking import LeakWarning
from workbench.postmortem import Figure, lint, publish, save, to_html, to_markdown, verify
from workbench.postmortem.markup import visible

ALLOWED = {
    "html",
    "head",
    "meta",
    "title",
    "style",
    "body",
    "nav",
    "ol",
    "li",
    "a",
    "main",
    "h1",
    "h2",
    "h3",
    "p",
    "em",
    "strong",
    "code",
    "blockquote",
    "ul",
    "div",
    "table",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
    "img",
}


class Page(HTMLParser):
    """Collects tags, attributes and text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text.append(data)


def assert_harmless(page: str) -> Page:
    parsed = Page(page)
    for tag, attributes in parsed.found:
        assert tag in ALLOWED
        assert not any(name.startswith("on") for name in attributes)
        assert "style" not in attributes
        assert (attributes.get("href") or "#").startswith("#")
        assert (attributes.get("src") or "data:image/svg+xml").startswith("data:image/svg+xml")
    return parsed


@pytest.mark.slow
@pytest.mark.parametrize("payload", PAYLOADS)
def test_hostile_names_are_shown_and_do_nothing(payload):
    window, found, postmortem = hostile(payload)
    parsed = assert_harmless(to_html(postmortem))
    said = re.sub(r"\s+", " ", "".join(parsed.text))
    assert visible(f"storefront{payload}").replace("“", '"') in said
    assert verify(postmortem, window, recipes=recipes_for(found)).ok
    lint(postmortem)


@pytest.mark.slow
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.text(alphabet=st.sampled_from(list("<>\"'&`|[]()*_#\\\n\u202e:/!=-+1a ev{}%")), max_size=25)
)
def test_any_name_keeps_the_page_whole(text):
    _, _, postmortem = hostile(text)
    page = to_html(postmortem)
    assert_harmless(page)
    assert page.count("<h2 ") == 19


@pytest.mark.slow
def test_the_page_is_self_contained():
    page = to_html(drafted(figures=(Figure(SVG, "Latency over time", section=9),)))
    assert "data:image/svg+xml;base64," in page
    assert not re.search(r"(src|href)=\"(?!#|data:)", page)
    assert "default-src 'none'" in page
    assert "prefers-color-scheme: dark" in page
    assert "@media print" in page


@pytest.mark.slow
def test_every_evidence_link_has_its_target():
    page = to_html(drafted())
    links = set(re.findall(r'href="#(ev-[0-9a-f]{12})"', page))
    targets = re.findall(r'id="(ev-[0-9a-f]{12})"', page)
    assert links == set(targets)
    assert len(targets) == len(set(targets))


@pytest.mark.slow
def test_a_leak_in_what_is_written_is_warned_of(tmp_path):
    figures = (
        Figure(SVG.replace("</svg>", "<text>ann@example.com</text></svg>"), "One", section=9),
    )
    with pytest.warns(LeakWarning, match="email") as told:
        save(drafted(figures=figures), tmp_path)
    assert "ann@" not in str(told[0].message), "it is not repeated"


@pytest.mark.slow
def test_figures_lie_beside_the_markdown(tmp_path):
    figures = (Figure(SVG, "One", section=9), Figure(SVG, "Two", section=9), Figure(SVG, "Three"))
    paths = save(drafted(figures=figures), tmp_path)
    names = re.findall(r"\]\((figures/[^)]*)\)", paths["markdown"].read_text())
    assert len(names) == 3
    assert all((tmp_path / name).is_file() for name in names)
    assert paths["html"].read_text().count("<img ") == 3


@pytest.mark.slow
def test_a_picture_that_is_none_is_refused(tmp_path):
    with pytest.raises(BadInput):
        save(drafted(figures=(Figure("<html/>", "x"),)), tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_saving_again_replaces_what_nobody_edited(tmp_path):
    first = save(drafted(), tmp_path)
    assert save(drafted(), tmp_path) == first
    assert len(list(tmp_path.glob("*.md"))) == 1


@pytest.mark.slow
def test_a_persons_edits_are_kept(tmp_path):
    paths = save(drafted(), tmp_path)
    edited = paths["markdown"].read_text() + "\nMy words.\n"
    paths["markdown"].write_text(edited)
    again = save(drafted(), tmp_path)
    assert paths["markdown"].read_text() == edited
    assert again["kept"] == paths["markdown"]
    assert again["markdown"].name == "postmortem.new.md"
    again["markdown"].write_text("Mine too.")
    assert save(drafted(), tmp_path)["markdown"].name == "postmortem.new-2.md"
    assert again["markdown"].read_text() == "Mine too."


@pytest.mark.slow
def test_the_new_draft_verifies_on_its_own(tmp_path):
    window = window_of()
    found = diagnosis_of(window)
    first = save(drafted(window, found), tmp_path)
    first["markdown"].write_text(first["markdown"].read_text() + "\nMine.\n")
    paths = save(drafted(window, found), tmp_path)
    for path in (paths["markdown"], paths["html"], first["markdown"]):
        assert verify(path, window, recipes=recipes_for(found)).ok


def test_publishing_edited_markdown_stays_harmless(tmp_path):
    paths = save(drafted(figures=(Figure(SVG, "One"),)), tmp_path)
    mine = "\n<script>alert(1)</script>\n\n![x](http://198.51.100.7/p.png)\n"
    paths["markdown"].write_text(paths["markdown"].read_text() + mine)
    page = publish(paths["markdown"]).read_text()
    assert_harmless(page)
    assert page.count("<img ") == 1
    assert "[image not shown: <code>x</code> from <code>http://198.51.100.7/p.png</code>]" in page


@pytest.mark.slow
def test_markdown_is_the_same_twice():
    assert to_markdown(drafted()) == to_markdown(drafted())
