"""Configuration files, maps and scenarios, installed as `lkas.configs`."""
