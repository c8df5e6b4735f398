"""CARLA as a world, through its client library 0.9.16 (the extra `carla`)."""
