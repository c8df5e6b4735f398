"""Build step: copies configs/ into the wheel as lkas/configs.

A `package-dir` entry for that folder would do the same, but with one the editable install needs an import hook, and a
folder named `lkas` in the working directory hides what the hook provides. Without it the editable install is a plain
path entry. `lkas.config.config_folder` finds the files in both cases.
"""

from pathlib import Path

from setuptools.command.build_py import build_py

PATTERNS = ("*.yaml", "maps/*.xodr", "scenarios/*.yaml", "scenarios/*/*.yaml")


class BuildWithConfigs(build_py):
    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        for source in _config_files():
            target = Path(self.build_lib, "lkas", source)
            self.mkpath(str(target.parent))
            self.copy_file(str(source), str(target))

    def get_source_files(self) -> list[str]:
        """Return the files for the source distribution."""
        return [*super().get_source_files(), *map(str, _config_files())]


def _config_files() -> list[Path]:
    return sorted(path for pattern in PATTERNS for path in Path("configs").glob(pattern))
