"""What `owlbit evaluate` prints, and `owlbit simulate` in a pipe: tables on a terminal, plain rows in a pipe, JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import typer

from owlbit.toolchain.cli.terminal import out

if TYPE_CHECKING:
    from owlbit.toolchain.deploy.evaluate import Evaluation

WORST = 10  # images that are shown of those that are wrong


def tell_evaluation(found: Evaluation, *, as_json: bool, quiet: bool) -> None:
    """Prints an evaluation: as JSON, in a line, or whole."""
    if as_json:
        typer.echo(json.dumps(found.as_json()))
        return
    typer.echo(accuracy_line(found))
    if quiet:
        return
    if out.is_terminal:
        from owlbit.toolchain.cli.tables import confusion_table, wrong_table

        out.print(confusion_table(found))
        if found.wrong:
            out.print(wrong_table(found.wrong[:WORST], len(found.wrong)))
        return
    for line in rows(["true class", *found.class_names], zip(found.class_names, *found.confusion.T.tolist(), strict=True)):
        typer.echo(line)
    for line in rows(["wrong image", "class", "said", "margin"], ([*vars(each).values()] for each in found.wrong)):
        typer.echo(line)


def accuracy_line(found: Evaluation) -> str:
    """The accuracy with its interval, in words."""
    low, high = found.interval
    return (
        f"accuracy {found.accuracy:.2%}, {found.right:,} of {found.images:,} images; "
        f"with 95 % confidence between {low:.2%} and {high:.2%}"
    )


def tell_scores(names: Sequence[str], class_names: Sequence[str], scores: Any, cycles: int | None, *, as_json: bool) -> None:
    """Prints scores [N, classes] for programs: as JSON, or a plain row per image, and then cycles on standard error."""
    from owlbit.toolchain.cli.tables import frame_rate

    said = [class_names[label] for label in scores.argmax(axis=1).tolist()]
    if as_json:
        table = [
            {"image": name, "class": label, "scores": row} for name, label, row in zip(names, said, scores.tolist(), strict=True)
        ]
        typer.echo(json.dumps({"class_names": list(class_names), "cycles_per_frame": cycles, "images": table}))
        return
    if cycles:
        typer.echo(frame_rate(cycles), err=True)
    for line in rows(["image", "class", *class_names], ([*row] for row in zip(names, said, *scores.T.tolist(), strict=True))):
        typer.echo(line)


def rows(headings: Sequence[str], cells: Iterable[Sequence[Any]]) -> Iterable[str]:
    """Lines of cells with tabs between them, the headings first."""
    yield "\t".join(headings)
    for row in cells:
        yield "\t".join(str(cell) for cell in row)
