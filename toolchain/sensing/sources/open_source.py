"""From the word that the user gives to a source: the scene, a camera, a folder of pictures or a video."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from owlbit.export.network import Network
from owlbit.toolchain.sensing.sources.source import SCENE, WEBCAM, Fitter, Source, SourceError


def open_source(
    name: str,
    network: Network,
    *,
    notify: Callable[[str], None],
    strict: bool = False,
    repeat: bool = True,
    hold: int = 15,
    seed: int = 0,
) -> Source:
    """The source that `name` means: "scene", "webcam" or /dev/videoN, a folder of pictures, or a video file.

    `repeat`: begin again after the last frame; `hold`: for how many frames a picture stays; `seed`: of the scene.
    Raises OwlbitError for a path that is none of these, a folder without pictures, a file that does not decode.
    """
    if name == SCENE:
        from owlbit.toolchain.sensing.sources.scene import Scene

        return Scene(network, seed)
    fitter = Fitter(network, strict, notify)
    path = Path("/dev/video0" if name == WEBCAM else name)
    if path.is_dir():
        from owlbit.toolchain.sensing.sources.picture_folder import PictureFolder

        return PictureFolder(path, network, fitter, repeat=repeat, hold=hold)
    if not path.exists():
        what = "no such camera" if name == WEBCAM else "no such file or folder"
        raise SourceError(f"{path}: {what}; expected {SCENE}, {WEBCAM}, /dev/videoN, a folder of pictures or a video file")
    from owlbit.toolchain.sensing.sources.video import Video

    return Video(path, fitter, repeat=repeat, camera=path.is_char_device())
