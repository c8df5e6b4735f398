"""Plugins: detectors, controllers and worlds that the user names as FILE.py:NAME or package.module:NAME."""
