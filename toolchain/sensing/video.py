"""A video file or a camera as a source, decoded by PyAV: FFmpeg's decoders, and Linux's V4L2 for cameras."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image

from toolchain.sensing.sources import CorruptFrame, Fitter, Shot, SourceError, SourceGone

TIMEOUT_S = 5.0  # for a camera that stays silent


class Video:
    """A `Source`. A camera that cannot be opened or falls silent is gone, and may come back.

    Raises SourceError where PyAV is not installed, the file holds no video, or its first frame does not decode.
    """

    def __init__(self, path: Path, fitter: Fitter, *, repeat: bool, camera: bool) -> None:
        try:
            import av
        except ImportError:
            raise SourceError(
                "videos and cameras need PyAV; `pip install --editable '.[sense]'` in the checkout brings it"
            ) from None
        self.av: Any = av
        self.path, self.fitter, self.repeat, self.camera = path, fitter, repeat, camera
        self.container: Any = None
        self.frames: Iterator[Any] = iter(())
        self.index = 0
        try:
            self.first: Shot | None = self.read()
        except (CorruptFrame, SourceGone) as error:
            raise SourceError(f"{error}; give another file or camera") from None
        if self.first is None:
            raise SourceError(f"{path}: expected a video, found no frame in it; give another file")

    def read(self) -> Shot | None:
        """As `Source.read`."""
        if self.container is not None and self.index == 1 and self.first is not None:
            shot, self.first = self.first, None
            return shot
        if self.container is None:
            self._open()
        frame = self._next()
        if frame is None and self.repeat and self.index:
            self._open()
            frame = self._next()
        if frame is None:
            return None
        self.index += 1
        image: Image.Image = frame.to_image()
        name = f"{self.path.name} frame {self.index}"
        return Shot(self.fitter.fit(image, str(self.path)), name)

    def close(self) -> None:
        """As `Source.close`."""
        if self.container is not None:
            self.container.close()
        self.container, self.frames, self.index = None, iter(()), 0

    def _open(self) -> None:
        self.close()
        try:
            self.container = self.av.open(
                str(self.path), format="v4l2" if self.camera else None, timeout=TIMEOUT_S if self.camera else None
            )
        except (OSError, ValueError) as error:
            raise SourceGone(
                f"{self.path}: expected a {'camera' if self.camera else 'video'}, could not open it ({error})"
            ) from None
        if not self.container.streams.video:
            self.close()
            raise SourceError(f"{self.path}: expected a video, found a file without pictures; give another file")
        self.frames = self._decode()

    def _decode(self) -> Iterator[Any]:
        """Frames, packet by packet: a packet that does not decode is yielded as the error."""
        for packet in self.container.demux(video=0):
            try:
                yield from packet.decode()
            except self.av.error.FFmpegError as error:
                yield error

    def _next(self) -> Any:
        try:
            frame = next(self.frames, None)
        except (OSError, ValueError) as error:
            self.close()
            raise SourceGone(f"{self.path}: gives no more frames ({error})") from None
        if isinstance(frame, Exception):
            raise CorruptFrame(f"{self.path}: a frame is passed over, it does not decode ({frame})")
        return frame
