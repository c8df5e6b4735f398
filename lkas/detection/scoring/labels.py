"""Labelled frames on disk: TuSimple's JSON lines, and a manifest beside them with keys for each frame."""

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct

MANIFEST = "manifest.json"


class LabelError(Exception):
    """Labels that cannot be used; the text names file and line, what was expected and what was found."""


class Label(Struct, frozen=True):
    """One line of the file; lanes hold a column per row of `h_samples`, negative where there is none."""

    raw_file: str
    lanes: list[list[float]]
    h_samples: list[float]

    def columns(self) -> list[np.ndarray]:
        return [np.array(lane, float) for lane in self.lanes]

    def rows_px(self) -> np.ndarray:
        return np.array(self.h_samples, float)


class Labels:
    """The labels of a file by frame name, and the groups that its frames are scored in."""

    def __init__(self, path: Path, group_keys: list[str]) -> None:
        """`group_keys` are keys of the frames' entries in the manifest beside the labels. Raises LabelError."""
        self.path = path
        self._by_name = {label.raw_file: label for label in _read(path)}
        # A name relative to another folder refers to the same file.
        self._by_file = {(path.parent / name).resolve(): label for name, label in self._by_name.items()}
        self._entries = _manifest(path.parent / MANIFEST, group_keys) if group_keys else {}
        self._group_keys = group_keys

    def __len__(self) -> int:
        return len(self._by_name)

    @property
    def first_name(self) -> str:
        return next(iter(self._by_name))

    def find(self, name: str) -> Label | None:
        """The label of a frame, by the name in the label file or by the file that the name refers to."""
        return self._by_name.get(name) or self._by_file.get(Path(name).resolve())

    def group_of(self, label: Label) -> str:
        """The group of a frame: its manifest values, each without a remark in parentheses; empty without groups."""
        entry = self._entries.get(label.raw_file, {})
        return " ".join(str(entry[key]).split(" (")[0] for key in self._group_keys if entry.get(key))


def _read(path: Path) -> list[Label]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise LabelError(f"{path}: cannot read these labels: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise LabelError(f"{path}: cannot read these labels: {error}") from error
    labels = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        try:
            label = msgspec.json.decode(line, type=Label)
        except (msgspec.DecodeError, msgspec.ValidationError, RecursionError) as error:
            raise LabelError(f'{where}: expected {{"raw_file", "lanes", "h_samples"}} as JSON: {error}') from error
        for lane in label.lanes:
            if len(lane) != len(label.h_samples):
                raise LabelError(f"{where}: a lane has {len(lane)} columns for {len(label.h_samples)} rows (h_samples)")
        labels.append(label)
    if not labels:
        raise LabelError(f"{path}: no label in this file; expected one JSON object per line")
    return labels


def _manifest(path: Path, keys: list[str]) -> dict[str, dict[str, Any]]:
    try:
        files = msgspec.json.decode(path.read_bytes())["files"]
        entries = {entry["file"]: entry for entry in files}
    except OSError as error:
        raise LabelError(f"{path}: cannot be read, but is needed for the groups: {error.strerror}") from error
    except (msgspec.DecodeError, KeyError, TypeError, UnicodeDecodeError, RecursionError) as error:
        raise LabelError(f'{path}: expected {{"files": [{{"file": NAME, ...}}]}}: {error}') from error
    for key in keys:
        if not any(key in entry for entry in files):
            known = sorted({name for entry in files for name in entry})
            raise LabelError(f"{path}: no frame has the key {key!r}; known are {', '.join(known)}")
    return entries
