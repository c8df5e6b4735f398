"""The tables of `lkas detect`: detection rate, run time and scores."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

    from lkas.detection.offline.detect import Contender
    from lkas.detection.scoring.score import Difference, ScoredFrame
    from lkas.detection.scoring.sheet import ScoreSheet

POOLED = "all"


def tally_table(contenders: "list[Contender]", failed: int) -> "Table":
    """One row per method. `failed`: frames that could not be read, added to those in which the method failed."""
    from rich.table import Table

    table = Table("method", "frames", "both lines", "one line", "none", "p50 ms", "p99 ms", "failed")
    for contender in contenders:
        tally = contender.tally
        run_time_ms = tally.run_time_ms()
        times = ("-", "-") if run_time_ms is None else (f"{run_time_ms.p50:.1f}", f"{run_time_ms.p99:.1f}")
        shares = [f"{tally.share(lines):.1%}" if tally.frames else "-" for lines in (2, 1, 0)]
        table.add_row(contender.name, str(tally.frames), *shares, *times, str(failed + contender.failed))
    return table


def score_table(sheet: "ScoreSheet", methods: list[str]) -> "Table":
    """One row per group and method: TuSimple scores, CULane F1 at 30 px, lanes claimed in frames without any."""
    from rich import box
    from rich.table import Table

    from lkas.detection.scoring.score import summarise

    table = Table("frames of", "method", box=box.SIMPLE_HEAD, pad_edge=False, caption_justify="left")
    table.columns[1].no_wrap = True
    for column in ("n", "accuracy", "FP", "FN", "F1", "px", "claimed"):
        table.add_column(column, justify="right", no_wrap=True)
    for group, by_method in sheet.groups().items():
        for method, frames in zip(methods, by_method, strict=True):
            one = summarise(frames)
            table.add_row(
                (group or POOLED) if method == methods[0] else "",
                method,
                str(one.frames),
                *(_decimals(value) for value in (one.accuracy, one.false_positive, one.false_negative)),
                f"{one.counts.f1:.3f}",
                "-" if one.median_px is None else f"{one.median_px:.1f}",
                f"{one.claimed} in {one.without_lanes}" if one.without_lanes else "-",
                end_section=method == methods[-1],
            )
    table.caption = (
        "accuracy, FP, FN: TuSimple. F1: CULane, lanes drawn 30 px wide. px: median at\n"
        "1280. claimed: lanes of confidence 0.5 and more, in frames without a lane."
    )
    return table


def difference_lines(sheet: "ScoreSheet", methods: list[str]) -> list[str]:
    """Each further method compared with the first one, over all frames."""
    from lkas.detection.scoring.score import difference

    pooled: list[list[ScoredFrame]] = list(sheet.groups().values())[-1]
    lines = []
    for method, frames in zip(methods[1:], pooled[1:], strict=True):
        accuracy, f1 = difference(frames, pooled[0])
        lines.append(
            f"{method} minus {methods[0]}: accuracy {_signed(accuracy)}, F1 {_signed(f1)} "
            f"(95 % of paired bootstraps over {len(frames)} frames)"
        )
    return lines


def _decimals(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _signed(value: "Difference | None") -> str:
    return "-" if value is None else f"{value.mean:+.3f} [{value.low:+.3f}, {value.high:+.3f}]"
