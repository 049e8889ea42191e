"""A saved postmortem is read as a person reads it, page and Markdown alike."""

from __future__ import annotations

from dataclasses import replace

import pytest

from postmortem_case import diagnosis_of, drafted, recipes_for, window_of
from workbench.postmortem import Figure, to_html, to_markdown, verify
from workbench.postmortem.document import KINDS
from workbench.postmortem.reading import read_markdown, read_page

SVG = '<svg xmlns="http://www.w3.org/2000/svg"/>'


@pytest.mark.slow
def test_page_and_markdown_read_the_same():
    postmortem = drafted()
    assert read_page(to_html(postmortem)) == read_markdown(to_markdown(postmortem))


def test_sections_keep_who_writes_them():
    postmortem = drafted()
    read = read_markdown(to_markdown(postmortem))
    assert [s.kind for s in read.sections] == [s.kind for s in postmortem.sections]


@pytest.mark.slow
def test_a_confirmed_section_has_no_label_left():
    text = to_markdown(drafted()).replace(f"*{KINDS['draft']}*", "", 1)
    assert read_markdown(text).section(1).kind is None


def test_own_words_are_told_from_code_quotations_and_numbers():
    markdown = "## 1 Summary\n\nIt took `7 s`, “8 s” and [9 s][ev-0123456789ab], not 10 s.\n"
    (passage,) = read_markdown(markdown).section(1).passages
    assert passage.text.startswith("It took 7 s")
    assert [digit in passage.own for digit in "789"] == [False] * 3
    assert "10 s" in passage.own
    assert passage.cited == (("9 s", "ev-0123456789ab"),)


def test_tables_keep_rows_and_cells():
    markdown = "## 9 Timeline\n\n| When | What |\n| --- | --- |\n| a | b |\n| c | |\n"
    rows = read_markdown(markdown).section(9).rows
    texts = [[cell.text for cell in row] for row in rows]
    assert texts == [["When", "What"], ["a", "b"], ["c", ""]]


def test_a_removed_section_is_none():
    assert read_markdown("# x\n\n## Anything\n").section(3) is None


@pytest.mark.slow
def test_figures_cite_the_evidence_they_show():
    window = window_of()
    found = diagnosis_of(window)
    plain = drafted(window, found)
    during = next(i for i, e in plain.evidence.items() if e.select == "during")
    shown = replace(plain, figures=(Figure(SVG, "One", (during,)),))
    assert verify(shown, window, recipes=recipes_for(found)).ok
    unknown = replace(plain, figures=(Figure(SVG, "One", ("ev-000000000000",)),))
    (row,) = verify(unknown, window, recipes=recipes_for(found)).mismatches
    assert row.why == "no such evidence is filed"
