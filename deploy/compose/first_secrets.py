"""The secrets of docker-compose.yml: made once, kept ever after; a folder for each image that needs some.

It runs in the hypercare image, on volumes: `first_secrets.py FOLDER make`, then `first_secrets.py FOLDER show` tells what people need.
"""

import base64
import secrets
import sys
from pathlib import Path

from services.cli.key import add_entry
from services.errors import HypercareError
from services.web.keys import KeyRing, new_key

DATABASE_URL = "postgresql://hypercare:{password}@postgres/hypercare"
OURS = 0o600
READ_BY_OTHER_IMAGES = 0o444  # each runs as a user of its own, and the volume is mounted nowhere else
HOLDERS = (
    ("operator", "operator", "operator/operator_key", OURS),
    ("prometheus", "monitoring", "prometheus/hypercare_metrics_key", READ_BY_OTHER_IMAGES),
)


def make(folder: Path) -> str:
    """Whatever is there stays; a key that is lost, or is not in the keys file any more, is made anew."""
    password = _kept(folder / "postgres/postgres_password", secrets.token_urlsafe(32), READ_BY_OTHER_IMAGES)
    _kept(folder / "hypercare/database_url", DATABASE_URL.format(password=password), OURS)
    _kept(folder / "hypercare/webhook_secrets", "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode(), OURS)
    _kept(folder / "grafana/grafana_password", secrets.token_urlsafe(24), READ_BY_OTHER_IMAGES)
    for actor, role, name, mode in HOLDERS:
        if not _is_valid(folder / name, folder / "hypercare/keys.toml"):
            key, entry = new_key(actor, role)
            add_entry(folder / "hypercare/keys.toml", entry)
            _write(folder / name, key, mode)
    return "Secrets are in their volumes; `docker compose run --rm secrets show` tells yours.\n"


def show(folder: Path) -> str:
    told = {
        "API key (Authorization: Bearer ...)": "operator/operator_key",
        "Webhook secret, for those who receive": "hypercare/webhook_secrets",
        "Grafana password of admin": "grafana/grafana_password",
    }
    return "".join(f"{meaning:<38} {(folder / name).read_text('utf-8')}\n" for meaning, name in told.items())


def _kept(path: Path, fresh: str, mode: int) -> str:
    if not path.exists():
        _write(path, fresh, mode)
    return path.read_text("utf-8")


def _is_valid(key: Path, keys: Path) -> bool:
    try:
        KeyRing(keys).holder(key.read_text("utf-8"))
    except (OSError, HypercareError):
        return False
    return True


def _write(path: Path, text: str, mode: int) -> None:
    """Whole or not at all: a container that was ended half-way must not leave half a secret."""
    partial = path.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    partial.touch(mode=OURS)
    partial.write_text(text, "utf-8")
    partial.chmod(mode)
    partial.replace(path)


def main() -> None:
    folder, action = Path(sys.argv[1]), sys.argv[2]
    sys.stdout.write({"make": make, "show": show}[action](folder))


if __name__ == "__main__":
    main()
