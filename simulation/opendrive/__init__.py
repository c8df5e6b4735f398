"""Roads from OpenDRIVE files: geometry, lanes, and routes on them."""
