"""Parameters that share a line of a docstring keep their own types in the reference.

``window, sli`` on one line are two parameters; the parser would give both the first one's type.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import griffe

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["ParameterTypes"]


class ParameterTypes(griffe.Extension):
    """Takes each type from the signature, or from the field of a dataclass."""

    def on_package(self, *, pkg: griffe.Module, **_: object) -> None:
        """Correct every docstring once all of the package is read."""
        for owner in _documented(pkg):
            for section in owner.docstring.parsed if owner.docstring else ():
                if section.kind is griffe.DocstringSectionKind.parameters:
                    for item in section.value:
                        item.annotation = _annotation(owner, item.name) or item.annotation


def _documented(place: griffe.Object) -> Iterator[griffe.Object]:
    for member in place.members.values():
        if member.is_alias:
            continue
        if member.is_function or member.is_class:
            yield member
        yield from _documented(member)


def _annotation(owner: griffe.Object, name: str) -> griffe.Expr | str | None:
    if owner.is_function:
        return owner.parameters[name].annotation if name in owner.parameters else None
    field = owner.members.get(name)
    return field.annotation if field is not None and field.is_attribute else None
