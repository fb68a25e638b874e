"""The rules that hold whatever a model says, as the settings name them."""

from models.errors import ModelError
from models.floors import Floors, load_floors
from services.errors import Misconfigured
from services.settings import Settings


def floors_of(settings: Settings) -> Floors:
    """`Misconfigured` where they cannot be used, for nothing could stand in for them."""
    try:
        return load_floors(settings.floors_file)
    except ModelError as error:
        raise Misconfigured(str(error)) from error
