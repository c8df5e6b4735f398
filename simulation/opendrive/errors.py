"""Errors of road files."""

from simulation.world import WorldError


class OpenDriveError(WorldError):
    """A road file that cannot be read or driven; the text names the file, the element and the reason."""
