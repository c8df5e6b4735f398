"""The client of a perception core: reads its data as plain dicts and sends it commands. See README.md."""

from lkas.integration.client.client import LKASClient
from lkas.integration.client.commands import CommandRefusedError

__all__ = ["CommandRefusedError", "LKASClient"]
