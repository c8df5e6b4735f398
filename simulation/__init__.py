"""Worlds to drive in: an embedded one that runs anywhere, films and cameras, CARLA."""
