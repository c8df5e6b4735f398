"""The score sheet of a run: every labelled frame scored for every method, by group."""

from typing import Any

from lkas.detection.scoring.labels import Labels
from lkas.detection.scoring.score import ScoredFrame, score


class ScoreSheet:
    """Filled frame by frame. Frames without a label are counted and not scored."""

    def __init__(self, labels: Labels, *, ego_only: bool) -> None:
        self.labels = labels
        self.unlabelled: list[str] = []
        self._ego_only = ego_only
        self._names: set[str] = set()
        self._groups: dict[str, list[list[ScoredFrame]]] = {}

    @property
    def frames(self) -> int:
        return len(self._names)

    def add(self, name: str, records: list[dict[str, Any]], width_px: int, height_px: int) -> None:
        """Score the records of all methods for one frame, always in the same order of methods."""
        label = self.labels.find(name)
        if label is None:
            self.unlabelled.append(name)
            return
        self._names.add(label.raw_file)
        scored = [score(record, label, width_px, height_px, ego_only=self._ego_only) for record in records]
        self._groups.setdefault(self.labels.group_of(label), []).append(scored)

    def groups(self) -> dict[str, list[list[ScoredFrame]]]:
        """Group -> for each method its frames, in the same order; with several groups, all frames come last, as ''."""
        if not self._groups:
            return {}
        frames = {group: self._groups[group] for group in sorted(self._groups)}
        if len(frames) > 1 or "" not in frames:
            rest = {"others" if group == "" else group: rows for group, rows in frames.items()}
            frames = {**rest, "": [row for rows in frames.values() for row in rows]}
        return {group: [list(column) for column in zip(*rows, strict=True)] for group, rows in frames.items()}
