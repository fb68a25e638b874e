"""Untrusted text as a person should see it: nothing in it moves the cursor, hides or reorders what stands beside it."""

import unicodedata

HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode categories: controls, formats (bidi, zero width, tags), lone surrogates, line and paragraph separators."""


def visible(text: str, keep: str = "") -> str:
    """The text with every hidden character that is not in `keep` as its escape, such as `\\u202e` or `\\r`."""
    return "".join(_escape(char) if unicodedata.category(char) in HIDDEN and char not in keep else char for char in text)


def visible_lines(text: str) -> str:
    """As `visible`, keeping tabs and line ends; the lines end in a bare newline."""
    return visible(text.replace("\r\n", "\n"), keep="\n\t")


def _escape(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")
