"""Worlds to drive in: an embedded world without dependencies, video files and cameras, CARLA."""
