"""Roads from OpenDRIVE files: geometry, lanes, and the route a car drives on them."""
