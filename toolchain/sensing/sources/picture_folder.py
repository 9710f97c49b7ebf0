"""A folder of pictures as a source: each is held for some frames; sub-folders named like the network's classes give labels."""

from __future__ import annotations

from pathlib import Path

from owlbit.export.network import Network
from owlbit.toolchain.data.dataset import DataError
from owlbit.toolchain.data.image_files import open_picture
from owlbit.toolchain.data.picture_files import PICTURES, list_pictures
from owlbit.toolchain.sensing.sources.source import CorruptFrame, Fitter, Shot, SourceError, SourceGone


class PictureFolder:
    """A `Source`. The folder is listed anew in every pass, so that pictures may come and go.

    Raises SourceError where it holds none at the start.
    """

    def __init__(self, path: Path, network: Network, fitter: Fitter, *, repeat: bool, hold: int) -> None:
        self.path, self.fitter, self.repeat, self.hold = path, fitter, repeat, hold
        self.labels = {name: label for label, name in enumerate(network.class_names)}
        self.files = self._list()
        if not self.files:
            raise SourceError(f"{path}: expected pictures ({', '.join(PICTURES)}) in this folder or its sub-folders, found none")
        self.next_file = self.readable = self.held = 0
        self.shot: Shot | None = None

    def read(self) -> Shot | None:
        """As `Source.read`."""
        if self.shot is not None and self.held < self.hold:
            self.held += 1
            return self.shot
        self.shot = None
        if self.next_file == len(self.files):
            if self.files and not self.readable:
                count = len(self.files)
                self.close()
                raise SourceGone(f"{self.path}: none of the {count} pictures there can be read")
            if not self.repeat and self.files:
                return None
            self.close()
        if not self.files:
            self.files = self._list()
        if not self.files:
            raise SourceGone(f"{self.path}: no pictures there any more")
        file = self.files[self.next_file]
        self.next_file += 1
        self.shot = self._open(file)
        self.readable += 1
        self.held = 1
        return self.shot

    def close(self) -> None:
        """The next `read` begins a new pass."""
        self.files, self.next_file, self.readable, self.shot = [], 0, 0, None

    def _list(self) -> list[Path]:
        try:
            return list(list_pictures(self.path).files)
        except OSError:
            return []

    def _open(self, file: Path) -> Shot:
        try:
            opened = open_picture(file, self.fitter.size)
            frame = self.fitter.fit(opened.image, str(file), opened.size)
        except DataError as error:
            raise CorruptFrame(f"passed over: {error}") from None
        return Shot(frame, file.relative_to(self.path).as_posix(), self._label(file))

    def _label(self, file: Path) -> int | None:
        """The class that the nearest folder of its name gives."""
        folders = file.relative_to(self.path).parts[:-1]
        return next((self.labels[name] for name in reversed(folders) if name in self.labels), None)
