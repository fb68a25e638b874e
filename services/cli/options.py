"""Options that verbs share: a parameter annotated with a dataclass stands for the dataclass's fields on the command line."""

import inspect
from collections.abc import Callable
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import wraps
from typing import Any, TypeVar

T = TypeVar("T")


def flat(function: Callable[..., T]) -> Callable[..., T]:
    """A function that takes the fields of its dataclass parameters one by one, as Typer wants them."""
    given = inspect.signature(function, eval_str=True).parameters

    @wraps(function)
    def called(**options: Any) -> T:
        return function(**{name: _gathered(parameter.annotation, name, options) for name, parameter in given.items()})

    vars(called)["__signature__"] = inspect.Signature([flattened for parameter in given.values() for flattened in _flattened(parameter)])
    return called


def _gathered(kind: Callable[..., Any], name: str, options: dict[str, Any]) -> Any:
    group = fields(kind) if is_dataclass(kind) else ()
    return kind(**{field.name: options[field.name] for field in group}) if group else options[name]


def _flattened(parameter: inspect.Parameter) -> list[inspect.Parameter]:
    if not is_dataclass(parameter.annotation):
        return [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)]
    return [_parameter(field) for field in fields(parameter.annotation)]


def _parameter(field: Field[Any]) -> inspect.Parameter:
    default = inspect.Parameter.empty if field.default is MISSING else field.default
    return inspect.Parameter(field.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=field.type)
