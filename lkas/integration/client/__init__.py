"""What a perception core publishes, as plain dicts, and commands to it. See README.md."""

from lkas.integration.client.client import LKASClient
from lkas.integration.client.commands import CommandRefusedError

__all__ = ["CommandRefusedError", "LKASClient"]
