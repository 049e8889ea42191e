from __future__ import annotations

import re

import altair as alt
import pandas as pd
import pytest

from pictures import NASTY
from workbench.errors import BadInput
from workbench.views.drawing.palette import (
    CARD,
    INK,
    MOVED_FILLS,
    MUTED,
    ROLE_COLOURS,
    TOTAL,
    WHITE,
    contrast,
)
from workbench.views.drawing.rendering import VEGA_LITE_MIME, Card, Chart, Picture, message, problem


@pytest.fixture
def chart() -> Chart:
    frame = pd.DataFrame({"x": [1, 2], "y": [3, 4], "name": [NASTY, "b"]})
    drawn = alt.Chart(frame).mark_line(clip=True).encode(x="x:Q", y="y:Q", color="name:N")
    return Chart(drawn, "Two points.", ("ev-0123456789ab",))


def test_one_bundle_serves_lab_exported_pages_and_text(chart: Chart) -> None:
    bundle = chart._repr_mimebundle_()
    assert set(bundle) == {VEGA_LITE_MIME, "image/svg+xml", "text/plain"}
    assert "/v5" in bundle[VEGA_LITE_MIME]["$schema"]
    assert bundle["text/plain"] == "Two points."
    assert bundle["image/svg+xml"].startswith("<svg")
    assert chart.evidence == ("ev-0123456789ab",)


def test_the_picture_asks_nobody_for_anything(chart: Chart) -> None:
    addresses = re.findall(r"https?://[^\"'\s<)]+", chart.to_svg())
    assert set(addresses) <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    assert chart.spec()["usermeta"]["embedOptions"]["actions"]["editor"] is False


@pytest.mark.slow
def test_names_from_outside_are_text_in_the_picture(chart: Chart) -> None:
    assert "<script" not in chart.to_svg()
    assert "<img" not in chart.to_svg()


def test_the_page_theme_cannot_make_text_unreadable(chart: Chart) -> None:
    config = chart.spec()["config"]
    assert config["background"] == CARD
    assert config["axis"]["labelColor"] == config["title"]["color"] == INK


@pytest.mark.slow
def test_ids_of_two_pictures_never_clash(chart: Chart) -> None:
    other = Chart(chart.chart.properties(width=77), "Another.")
    ids = [set(re.findall(r'\bid="([^"]+)"', c.to_svg())) for c in (chart, other)]
    assert ids[0]
    assert not ids[0] & ids[1]
    used = set(re.findall(r"url\(#([^)]+)\)", chart.to_svg()))
    assert used <= ids[0]


def test_the_same_chart_is_the_same_svg_each_time(chart: Chart) -> None:
    assert chart.to_svg() == chart.to_svg()


def test_png_is_written_where_asked(chart: Chart, tmp_path) -> None:
    path = chart.to_png(tmp_path / "deep" / "chart.png")
    assert path.read_bytes().startswith(b"\x89PNG")


def test_a_picture_goes_out_as_svg_and_text() -> None:
    picture = Picture('<svg xmlns="http://www.w3.org/2000/svg"><g id="a"/></svg>', "Nothing.")
    assert set(picture._repr_mimebundle_()) == {"image/svg+xml", "text/plain"}
    assert repr(picture) == "Nothing."


def test_cards_escape_what_comes_from_outside() -> None:
    card = message(NASTY, NASTY)
    assert "<script" not in card._repr_html_()
    assert isinstance(card, Card)


def test_an_error_is_fact_value_and_hint() -> None:
    card = problem(BadInput("Not a time", value=NASTY, hint="Say the zone"))
    assert "Not a time" in card.html
    assert "Say the zone" in card.html
    assert "&lt;script" in card.html
    assert "Traceback" not in repr(card)


def test_text_reads_on_the_card_and_on_every_fill() -> None:
    for fill in (CARD, *MOVED_FILLS):
        assert contrast(INK, fill) >= 4.5
    assert contrast(MUTED, CARD) >= 4.5
    assert contrast(MUTED, WHITE) >= 4.5


@pytest.mark.parametrize("colour", sorted({*ROLE_COLOURS.values(), TOTAL}))
def test_marks_stand_out_from_the_card(colour: str) -> None:
    assert contrast(colour, CARD) >= 3


def test_no_grey_reads_on_white_and_on_dark_pages_alike() -> None:
    greys = [f"#{v:02x}{v:02x}{v:02x}" for v in range(256)]
    assert not [g for g in greys if min(contrast(g, WHITE), contrast(g, "#111111")) >= 4.5]


@pytest.mark.parametrize(("wide", "shown"), [(900, 900), (1240, 1000), (4000, 3000)])
def test_a_wide_picture_shrinks_to_its_cell_while_its_text_can_be_read(wide, shown) -> None:
    size = f'width="{wide}" height="600" viewBox="0 0 {wide} 600"'
    picture = Picture(f'<svg xmlns="http://www.w3.org/2000/svg" {size}></svg>', "a graph")
    height = round(600 * shown / wide)
    on_page = picture._repr_mimebundle_()["image/svg+xml"]
    assert f'width="{shown}" height="{height}" viewBox="0 0 {wide} 600"' in on_page
    assert size in picture.to_svg()
