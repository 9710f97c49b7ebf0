"""A board on a serial port and the build that it runs, opened together and closed at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from owlbit.export.errors import OwlbitError
from owlbit.export.load_model import NETWORK, load_model
from owlbit.export.network import Network
from owlbit.hw.up5k.host.client import Device
from owlbit.hw.up5k.host.stream import open_port
from owlbit.toolchain.boards.write_flash import AnyBuild, read_build


@contextmanager
def open_board(port: str, baud: int, build: Path | None = None) -> Iterator[tuple[Device, Network | None]]:
    """The board at `port`, and the network of `build`. Raises OwlbitError for a port or a build that cannot be used."""
    network = None
    if build is not None:
        read_build(build)
        network = load_model(build / NETWORK)
    device = Device(open_port(port, baud))
    try:
        yield device, network
    finally:
        device.close()


def read_if_given(build: Path | None) -> AnyBuild | None:
    """The build, where there is one."""
    return None if build is None else read_build(build)


def board_page(device: Device, network: Network, host: str, port: int, notify: Callable[[str], None], token: str = "") -> None:
    """Serves the live page of a board until Ctrl-C; `token`: what pictures need, see `token_for`.

    Raises OwlbitError where a package that the page needs is not installed.
    """
    try:
        from owlbit.toolchain.boards.page_server import serve_board
    except ModuleNotFoundError as error:
        if error.name not in ("fastapi", "starlette", "uvicorn", "anyio", "prometheus_client"):
            raise
        raise OwlbitError(
            f"the page needs {error.name}; `pip install --editable '.[sense]'` in the checkout brings it, `owlbit listen` without "
            "--page does without"
        ) from None
    serve_board(device, network, host, port, notify, token)
