"""`hypercare migrate`"""

import typer

from services.cli.options import flat
from services.cli.storage import without_password
from services.cli.terminal import Output
from services.db import migrate, open_database, pending_migrations
from services.settings import load_settings

app = typer.Typer(add_completion=False)


@app.command("migrate")
@flat
def migrate_database(output: Output) -> None:
    """Bring the database's tables to this program's revision. Nothing happens where they are there already."""
    url = load_settings().database_url
    database = open_database(url)
    pending = pending_migrations(database)
    migrate(database)
    database.close()
    where = without_password(url)
    told = f"{where} is up to date" + (" now" if pending else " already")
    output.say({"database": where, "migrated": pending}, told)
