"""The published scores of lane detection: TuSimple's accuracy and CULane's F1, against labels on disk."""
