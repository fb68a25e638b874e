"""Writes a card beside its version: for people, for programs, and its figures."""

from pathlib import Path

from models.card import Card, card_of
from models.card_figures import FIGURES
from models.card_page import page
from models.manifest import Manifest, written
from models.plot import svg
from models.release import Measured

PAGE, DATA, DRAWINGS = "card.md", "card.json", "figures"


def card_bytes(card: Card) -> dict[str, bytes]:
    """What each file holds, by its path in the version's folder; the same for the same card."""
    drawings = {f"{DRAWINGS}/{name}.svg": svg(sheet(card)) for name, sheet in FIGURES.items()}
    texts = {PAGE: page(card), DATA: written(card.model_dump(mode="json")), **drawings}
    return {name: text.encode() for name, text in texts.items()}


def write_card(folder: Path, manifest: Manifest, measured: Measured) -> Card:
    card = card_of(manifest, measured)
    (folder / DRAWINGS).mkdir(exist_ok=True)
    for name, content in card_bytes(card).items():
        (folder / name).write_bytes(content)
    return card


def read_card(folder: Path) -> Card:
    return Card.model_validate_json((folder / DATA).read_bytes())
