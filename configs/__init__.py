"""Configuration files, maps and scenarios. A wheel holds them in lkas/configs; see lkas.config.config_folder."""
