"""`hypercare topics`"""

import asyncio

import typer

from models.taxonomy import load_taxonomy
from schemas.topics import Topic, manifest
from services.cli.options import flat
from services.cli.terminal import Output, table
from services.errors import Misconfigured
from services.log.kafka import Kafka, create_topics
from services.settings import Settings, load_settings

app = typer.Typer(add_completion=False, no_args_is_help=True)


@app.callback()
def _topics() -> None:
    """List the topics of Kafka that hypercare uses, and create them."""


def _wanted(settings: Settings) -> tuple[Topic, ...]:
    return manifest(load_taxonomy(settings.systems_file).ids)


@app.command("list")
@flat
def list_topics(output: Output) -> None:
    """What Kafka must have: from the manifest, for the systems of this site."""
    topics = _wanted(load_settings())
    rows = [(topic.name, str(topic.partitions), topic.settings.get("retention.ms", "")) for topic in topics]
    output.show([topic.model_dump(mode="json") for topic in topics], table(("topic", "partitions", "retention.ms"), rows))


@app.command("apply")
@flat
def apply_topics(output: Output) -> None:
    """Create the topics that are missing. What is there is left as it is."""
    settings = load_settings()
    if not settings.kafka_bootstrap_servers:
        raise Misconfigured("Topics belong to Kafka: set HYPERCARE_KAFKA_BOOTSTRAP_SERVERS to HOST:PORT of a broker")
    made = asyncio.run(create_topics(Kafka.of(settings), _wanted(settings)))
    output.say({"created": made}, "\n".join(f"created {name}" for name in made) or "every topic is there")
