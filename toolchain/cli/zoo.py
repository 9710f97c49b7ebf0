"""`owlbit zoo`: the trained networks that come with owlbit, listed, shown, drawn and published."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from owlbit.toolchain.cli.errors import when_stopped
from owlbit.toolchain.cli.terminal import out

zoo = typer.Typer(invoke_without_command=True)


def _names(incomplete: str) -> list[str]:
    """For the shell's completion."""
    from owlbit.toolchain.runs.zoo_folder import zoo_names

    return [name for name in zoo_names() if name.startswith(incomplete)]


@zoo.callback()
def list_networks(context: typer.Context) -> None:
    """List the trained networks that come with owlbit; the sub-commands show, draw and publish them.

    Give one as MODEL in any command: `zoo:NAME`.

    Example: `owlbit zoo`, then `owlbit simulate zoo:digits --images frames.npy`
    """
    if context.invoked_subcommand is not None:
        return
    from owlbit.toolchain.cli.tables import zoo_table
    from owlbit.toolchain.zoo.card import read_cards

    out.print(zoo_table(read_cards()))


@zoo.command()
def show(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A network that `owlbit zoo` lists.", show_default=False, autocompletion=_names)
    ],
) -> None:
    """Show the card of one network: its figures, and the commands that reproduce them.

    Example: `owlbit zoo show digits`
    """
    from owlbit.toolchain.runs.zoo_folder import zoo_folder
    from owlbit.toolchain.zoo.card import card_text, read_card

    typer.echo(card_text(read_card(zoo_folder(name))))


@zoo.command()
@when_stopped("stopped; nothing was drawn")
def plot(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The PNG file to write.", show_default=False)],
) -> None:
    """Plot test accuracy against weight bits for all networks.

    Example: `owlbit zoo plot zoo.png`
    """
    from owlbit.toolchain.zoo.card import read_cards
    from owlbit.toolchain.zoo.plot import draw_zoo

    draw_zoo(read_cards(), file)
    typer.echo(f"drawn: {file}")


@zoo.command()
@when_stopped("stopped; the zoo is unchanged")
def publish(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder, trained and exported.", show_default=False)],
    name: Annotated[str, typer.Argument(metavar="NAME", help="The network's name in the zoo.", show_default=False)],
    commands: Annotated[
        list[str] | None,
        typer.Option("--command", metavar="COMMAND", help="A command that leads to the run; repeatable."),
    ] = None,
    notes: Annotated[
        list[str] | None,
        typer.Option("--note", metavar="TEXT", help="A remark for the card; repeatable."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing network of that name.")] = False,
) -> None:
    """Add a trained, exported run to the zoo, with a card of its figures.

    The fast simulator evaluates the test images; the accuracy must equal that of training.

    Example: `owlbit zoo publish runs/digits digits --command "owlbit train models/recipes/digits.toml --out runs/digits"`
    """
    from owlbit.toolchain.runs.zoo_folder import ZOO
    from owlbit.toolchain.zoo.publish import publish_run

    card = publish_run(run, name, commands or [], notes or [], overwrite=overwrite)
    typer.echo(f"published: {ZOO / card.name}, {card.test_accuracy:.2%} of {card.test_images:,} test images")
