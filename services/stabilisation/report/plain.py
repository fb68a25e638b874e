"""What people wrote, as one line that cannot act on the page: breaks become spaces, control and direction characters their escapes."""

from unicodedata import category

JOINERS = "\u200c\u200d"
"""Persian words and emoji are made with them."""
ACTING = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


def plain(text: str) -> str:
    return "".join(map(_shown, " ".join(text.split())))


def _shown(letter: str) -> str:
    if letter in JOINERS or category(letter) not in ACTING:
        return letter
    return letter.encode("unicode_escape").decode()
