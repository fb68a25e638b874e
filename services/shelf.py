"""Where model versions stand."""

from dataclasses import dataclass
from pathlib import Path

from models.errors import ModelError
from models.manifest import Manifest
from models.registry import MANIFEST, STARTER, load_model, read_manifest
from models.triage import TriageModel
from services.errors import NotFound
from services.settings import Settings


@dataclass(frozen=True, slots=True)
class Shelf:
    """Where versions stand: `base` decides until another is promoted, `made` holds a folder for each that was trained here."""

    base: Path
    made: Path

    @classmethod
    def of(cls, settings: Settings) -> "Shelf":
        return cls(settings.model or STARTER, settings.models_dir)

    def folders(self) -> list[Path]:
        made = sorted(path.parent for path in self.made.glob(f"*/{MANIFEST}"))
        return list(dict.fromkeys([self.base, STARTER, *made]))

    def versions(self) -> dict[str, Manifest]:
        """Every version that can be read, by name."""
        return {manifest.version: manifest for manifest in map(_manifest, self.folders()) if manifest}

    def folder(self, version: str) -> Path:
        for folder in self.folders():
            manifest = _manifest(folder)
            if manifest and manifest.version == version:
                return folder
        raise NotFound(f"There is no version {version} in {self.made}, nor is it the starter; `hypercare model list` shows those there are")

    def load(self, version: str) -> TriageModel:
        """`NotFound` where it is not there, a ModelError where it cannot be used."""
        return load_model(self.base if version == self.base_version() else self.folder(version))

    def base_version(self) -> str:
        """The name of `base`; its path where not even the name can be read."""
        manifest = _manifest(self.base)
        return manifest.version if manifest else str(self.base)


def _manifest(folder: Path) -> Manifest | None:
    try:
        return read_manifest(folder)
    except ModelError:
        return None
