"""Calls whose parameters are the fields of a message: `write` and `loan` of the channels.

Everything about such a call comes from the message struct: which parameters it has, their types and defaults. A field
that is added in messages.py is a parameter from then on.
"""

import inspect
import typing
from collections.abc import Callable, Sequence
from typing import Annotated, Any

from msgspec import structs

from lkas.integration.shared_memory import _core
from lkas.integration.shared_memory.messages import Message

# Parameters of every call, after the message's own fields.
STAMPS = ("frame_id", "timestamp", "capture_ns", "session")
# Parameters that the call itself sets when they are None: now, now, and `timestamp` + `valid_s`.
SET_WHEN_NONE = ("timestamp", "capture_ns", "valid_until")


def message_call(
    name: str,
    message_type: type[Message],
    target: Callable[..., Any],
    *,
    positional: tuple[str, ...] = (),
    returns: type = bool,
    valid_s: float = 0.0,
    doc: str,
) -> Any:
    """Make the method `name` of a channel, which passes the values of the fields on to `target`.

    `target` is a method of `_core.Channel` that takes them by position in the order of the struct, an image first.
    `positional` names the parameters that may be given by position. `timestamp` and `capture_ns` are monotonic time,
    and `valid_until` is `timestamp` + `valid_s` (s), where they are None. Type checkers read the parameters in
    channels.pyi, which `make defaults` writes.
    """
    signature = message_signature(message_type, positional, returns)
    parameters = list(signature.parameters.values())[1:]
    names = tuple(parameter.name for parameter in parameters)
    order = sorted(names, key=message_type.__struct_fields__.index)
    order.sort(key=lambda field: field != "image")
    return _core.MessageCall(
        name=name,
        message_name=message_type.__name__,
        target=target,
        parameters=names,
        positional_count=len(positional),
        defaults={each.name: each.default for each in parameters if each.default is not each.empty},
        positions=tuple(map(order.index, names)),
        valid_s=valid_s,
        doc=doc,
        signature=signature,
    )


def message_signature(message_type: type[Message], positional: tuple[str, ...], returns: type) -> inspect.Signature:
    """The signature of a call with the fields of a message: `positional`, the message's own fields, the stamps.

    Left out are the stamps that the channel sets by itself, and an image that is not positional.
    """
    hints = {name: _plain(hint) for name, hint in typing.get_type_hints(message_type, include_extras=True).items()}
    fields = {field.name: field for field in structs.fields(message_type)}
    own = [name for name in fields if name not in Message.__struct_fields__ and hints[name] is not Any]
    parameters = [inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)]
    for name in dict.fromkeys((*positional, *own, *STAMPS)):
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD if name in positional else inspect.Parameter.KEYWORD_ONLY
        default, hint = fields[name].default, hints[name]
        if fields[name].required:
            default = inspect.Parameter.empty
        elif name in SET_WHEN_NONE:
            default, hint = None, hint | None
        parameters.append(inspect.Parameter(name, kind, default=default, annotation=hint))
    return inspect.Signature(parameters, return_annotation=returns)


def _plain(hint: Any) -> Any:
    """A type without its capacity; any sequence where the struct holds a tuple."""
    if typing.get_origin(hint) is Annotated:
        hint = typing.get_args(hint)[0]
    if typing.get_origin(hint) is tuple:
        return Sequence[typing.get_args(hint)[0]]
    return hint
