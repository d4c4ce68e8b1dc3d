"""Links lead somewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from docs import prose

PAGES = prose.pages()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(prose.ROOT)))
def test_every_link_of_a_page_leads_to_a_file_and_a_heading(page: Path) -> None:
    """Relative links only: to files of the repository, to headings that exist."""
    broken = [target for target in prose.links(page) if not _resolves(page, target)]
    assert broken == []


def _resolves(page: Path, target: str) -> bool:
    path, _, anchor = target.partition("#")
    found = (page.parent / path).resolve() if path else page
    if not found.exists() or not found.is_relative_to(prose.ROOT):
        return False
    return not anchor or (found.suffix == ".md" and anchor in prose.anchors(found))


def test_every_page_of_docs_can_be_reached_from_the_readme() -> None:
    """A page that nobody links is a page that nobody reads."""
    readme = prose.ROOT / "README.md"
    seen: set[Path] = set()
    queue = [readme]
    while queue:
        page = queue.pop()
        if page in seen or not page.exists():
            continue
        seen.add(page)
        queue += [(page.parent / t.partition("#")[0]).resolve() for t in prose.links(page) if ".md" in t]
    assert {page for page in PAGES if page.parent.name == "docs"} <= seen


@pytest.mark.parametrize(
    ("heading", "anchor"),
    [
        ("What can happen, and how to proceed", "what-can-happen-and-how-to-proceed"),
        ("Revision: content, not label", "revision-content-not-label"),
        ("`kubectl` and [links](x.md)", "kubectl-and-links"),
    ],
)
def test_anchors_are_made_as_the_forge_makes_them(heading: str, anchor: str) -> None:
    """Lower case, no punctuation, hyphens for blanks."""
    assert prose.slug(heading) == anchor


def test_a_broken_link_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given a page with a wrong file and a wrong anchor, then both are broken."""
    monkeypatch.setattr(prose, "ROOT", tmp_path.resolve())
    page = tmp_path.resolve() / "a.md"
    page.write_text("# One\n[x](b.md) [y](#two) [z](#one) [w](https://example.org)\n", encoding="utf-8")
    assert [target for target in prose.links(page) if not _resolves(page, target)] == ["b.md", "#two"]
