"""`hypercare version`"""

from importlib.metadata import version
from platform import python_version

import typer

from services.cli.options import flat
from services.cli.terminal import Output

app = typer.Typer(add_completion=False)


@app.command()
@flat
def show(output: Output) -> None:
    """Say which version this is."""
    data = {"hypercare": version("hypercare"), "python": python_version()}
    output.show(data, f"hypercare {data['hypercare']} (Python {data['python']})")
