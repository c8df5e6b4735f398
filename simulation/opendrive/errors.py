"""What can be wrong with a road file."""

from simulation.world import WorldError


class OpenDriveError(WorldError):
    """A road file that can not be read or driven; the text names the file, the element and the reason."""
