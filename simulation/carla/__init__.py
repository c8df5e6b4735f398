"""CARLA as a world, through its own client library 0.9.16 (the extra `carla`)."""
