"""The zoo as a picture: accuracy against bits of weights."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes

from owlbit.models.costs.operations import total
from owlbit.models.costs.published import cnv_costs
from owlbit.toolchain.drawing.png import png_figure
from owlbit.toolchain.zoo.card import Card

INKS = ("#2f6690", "#c8553d", "#81a88d", "#e0a458", "#6b7280")

# Where a name stands: (distance from its dot in points, horizontal alignment, vertical alignment). On the left it would cross the
# line from a network of nearly the same accuracy, less than LEVEL percentage points away.
Side = tuple[tuple[int, int], str, str]
LEFT, RIGHT, BELOW = ((-8, 0), "right", "center"), ((8, 0), "left", "center"), ((0, -8), "center", "top")
LEVEL = 1.0

# CNV_1W1A, from the table of pretrained networks in Brevitas' bnn_pynq examples; its input has 8 bits.
PUBLISHED, PUBLISHED_TASK, PUBLISHED_ACCURACY = "CNV_1W1A (published),\n8-bit input", ("cifar10", 10), 84.22


def draw_zoo(cards: Sequence[Card], path: Path) -> None:
    """Test accuracy by binary weights as PNG, a colour a task; one published network beside them where they have its task."""
    tasks = list(dict.fromkeys(_task(card) for card in cards))
    with png_figure(path, 8, 4.6) as figure:
        axes = figure.subplots()
        for index, task in enumerate(tasks):
            own = sorted((card for card in cards if _task(card) == task), key=lambda card: card.weight_bits)
            ink = INKS[index % len(INKS)]
            kilobits, accuracies = [card.weight_bits / 1000 for card in own], [100 * card.test_accuracy for card in own]
            axes.plot(kilobits, accuracies, "o-", color=ink, linewidth=1, label=f"{task[0]}, {task[1]} classes")
            for place, (card, across, along) in enumerate(zip(own, kilobits, accuracies, strict=True)):
                level = place > 0 and abs(along - accuracies[place - 1]) < LEVEL
                _name(axes, card.name, across, along, ink, RIGHT if level else LEFT)
            if task == PUBLISHED_TASK:
                across = total(cnv_costs()).weights / 1000
                axes.plot([across], [PUBLISHED_ACCURACY], "o", color=ink, fillstyle="none")
                _name(axes, PUBLISHED, across, PUBLISHED_ACCURACY, INKS[-1], BELOW)
        axes.set_xscale("log")
        axes.margins(x=0.3, y=0.12)
        axes.xaxis.set_major_formatter("{x:,.0f}")
        axes.set_xlabel("binary weights, kbit")
        axes.set_ylabel("test accuracy, %")
        axes.grid(alpha=0.25, which="both")
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, loc="lower right")


def _task(card: Card) -> tuple[str, int]:
    return card.data, len(card.class_names)


def _name(axes: Axes, name: str, kilobits: float, accuracy: float, ink: str, side: Side) -> None:
    offset, across, along = side
    axes.annotate(name, (kilobits, accuracy), offset, textcoords="offset points", ha=across, va=along, fontsize="small", color=ink)
