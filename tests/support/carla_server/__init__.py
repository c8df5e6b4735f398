"""A stub CARLA server: speaks the wire protocol of 0.9.16, with the project's embedded world behind it."""
