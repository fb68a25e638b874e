"""The Grafana boards as code: `python -m deploy.grafana.boards` writes dashboards/*.json, which Grafana is provisioned with."""

import json
from pathlib import Path

from deploy.grafana.model import model
from deploy.grafana.oncall import oncall
from deploy.grafana.pipeline import pipeline
from deploy.grafana.site import site
from deploy.grafana.stabilisation import stabilisation

FOLDER = Path(__file__).resolve().parent / "dashboards"
BOARDS = (stabilisation, site, oncall, pipeline, model)


def generate() -> dict[str, str]:
    """File name to content."""
    boards = (made() for made in BOARDS)
    return {f"{each['uid']}.json": json.dumps(each, indent=2, ensure_ascii=False) + "\n" for each in boards}


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for name, content in generate().items():
        (FOLDER / name).write_text(content, "utf-8")


if __name__ == "__main__":
    main()
