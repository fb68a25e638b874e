"""HTML that cannot be broken into: every text and every attribute is escaped, only elements made here are not."""

from html import escape
from urllib.parse import urlencode


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


Content = str | int | Markup


def element(name: str, *content: Content, **attributes: Content) -> Markup:
    """`class_` is class; a `_` inside a name is a hyphen, as in aria_label."""
    told = "".join(f' {key.rstrip("_").replace("_", "-")}="{escape(str(value))}"' for key, value in attributes.items())
    return Markup(f"<{name}{told}>{joined(*content)}</{name}>")


def joined(*content: Content) -> Markup:
    return Markup("".join(each if isinstance(each, Markup) else escape(str(each)) for each in content))


def link(text: Content, path: str, *filters: tuple[str, str]) -> Markup:
    return element("a", text, href=f"{path}?{urlencode(filters)}" if filters else path)
