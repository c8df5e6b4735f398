"""All parameters that processes have declared, with their current values.

The processes apply the values; the broker stores them. A restarted process gets the broker's values, a restarted broker
takes the values of the processes. The revision of a category grows with each change and shows which side is newer.
"""

import msgspec
from msgspec import Struct

from lkas.integration.zmq.messages import (
    ParameterRequest,
    ParameterResult,
    ParameterState,
    SetValues,
    StatusReport,
    TableReport,
    Value,
)
from lkas.parameters import Parameter, ParameterError, suggestion

MAX_CATEGORIES = 16
MAX_PARAMETERS = 256  # of a category


class _Category(Struct):
    """The parameters of one process."""

    parameters: dict[str, Parameter] | None  # None: the process checks each value itself
    values: dict[str, Value]
    active: frozenset[str] | None  # None: all
    revision: int
    issued: int  # revision of the newest change that was sent


class ParameterStore:
    """Parameter tables and values by category."""

    def __init__(self) -> None:
        self._categories: dict[str, _Category] = {}

    def check(self, request: ParameterRequest) -> Value:
        """Return the requested value in its declared type. Raises ParameterError with what is known or allowed."""
        category = self._categories.get(request.category)
        if category is None:
            known = ", ".join(sorted(self._categories)) or "none yet"
            raise ParameterError(f"no process has declared parameters of {request.category!r}; known are {known}")
        if category.parameters is None:
            if request.name not in category.values and len(category.values) >= MAX_PARAMETERS:
                raise ParameterError(f"{request.category}: more than {MAX_PARAMETERS} parameters")
            return request.value
        parameter = category.parameters.get(request.name)
        if parameter is None:
            hint = suggestion(request.name, category.parameters, "`lkas param list`")
            raise ParameterError(f"{request.category}.{request.name}: no such parameter{hint}")
        value = parameter.check(request.value)
        if not parameter.live:
            raise ParameterError(
                f"{request.category}.{request.name} cannot change while the program runs; "
                f"start it with --set {request.category}.{request.name}={request.value}"
            )
        return value

    def issue(self, category: str) -> int:
        """Return the revision for the next change."""
        self._categories[category].issued += 1
        return self._categories[category].issued

    def is_active(self, category: str, name: str) -> bool:
        """Return whether the running method reads this parameter."""
        known = self._categories.get(category)
        return known is not None and (known.active is None or name in known.active)

    def take_table(self, table: TableReport) -> SetValues | None:
        """Store the table of a process. Returns the values that it missed, or None.

        Raises ParameterError for too many parameters or categories.
        """
        parameters = None if table.parameters is None else {entry.name: entry for entry in table.parameters}
        known = self._categories.get(table.category)
        if known is None and len(self._categories) >= MAX_CATEGORIES:
            raise ParameterError(f"{table.category}: more than {MAX_CATEGORIES} categories of parameters")
        if max(len(parameters or ()), len(table.values)) > MAX_PARAMETERS:
            raise ParameterError(f"{table.category}: more than {MAX_PARAMETERS} parameters")
        values = dict(table.values)
        revision = table.revision
        missed: dict[str, Value] = {}
        if known is not None and known.revision > table.revision:
            missed = _still_allowed(known.values, values, parameters)
            values |= missed
            revision = known.revision
        self._categories[table.category] = _Category(
            parameters=parameters,
            values=values,
            active=None if table.active is None else frozenset(table.active),
            revision=revision,
            issued=max(revision, known.issued if known else 0),
        )
        if revision == table.revision:
            return None
        return SetValues(category=table.category, values=missed, revision=revision)

    def take_result(self, result: ParameterResult) -> bool:
        """Store the result of a change. Returns whether a value has changed."""
        category = self._categories.get(result.category)
        if category is None or not result.ok or result.revision <= category.revision:
            return False
        if category.parameters is not None and result.name not in category.parameters:
            return False
        if result.name not in category.values and len(category.values) >= MAX_PARAMETERS:
            return False
        category.values[result.name] = result.value
        category.revision = result.revision
        category.issued = max(category.issued, result.revision)
        return True

    def is_synchronized(self, status: StatusReport) -> bool:
        """Return whether the process and the broker have the same revision of its category."""
        if status.category is None:
            return True
        category = self._categories.get(status.category)
        return category is not None and category.revision == status.revision

    def states(self) -> list[ParameterState]:
        """Return all declared parameters with their current values."""
        return [
            ParameterState(
                **msgspec.structs.asdict(parameter),
                value=category.values.get(parameter.name, parameter.default),
                active=category.active is None or parameter.name in category.active,
            )
            for category in self._categories.values()
            for parameter in (category.parameters or {}).values()
        ]

    def revisions(self) -> dict[str, int]:
        return {name: category.revision for name, category in self._categories.items()}


def _still_allowed(
    wanted: dict[str, Value], current: dict[str, Value], parameters: dict[str, Parameter] | None
) -> dict[str, Value]:
    """Return the wanted values that differ from the current ones and that the table of the new process allows."""
    differing = {name: value for name, value in wanted.items() if name not in current or current[name] != value}
    if parameters is None:
        return differing
    allowed: dict[str, Value] = {}
    for name, value in differing.items():
        parameter = parameters.get(name)
        if parameter is None or not parameter.live:
            continue
        try:
            allowed[name] = parameter.check(value)
        except ParameterError:
            continue  # the process keeps its own value
    return allowed
