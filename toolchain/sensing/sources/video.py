"""A video file or a camera as a source, decoded by PyAV: FFmpeg's decoders, and Linux's V4L2 for cameras."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from owlbit.toolchain.sensing.sources.source import CorruptFrame, Fitter, Shot, SourceError, SourceGone

TIMEOUT_S = 5.0  # for a camera that stays silent
BAD_STARTS = 100  # frames that may be broken before the first that decodes


class Video:
    """A `Source`. A camera or file that cannot be opened any more, or falls silent, is gone, and may come back.

    Raises SourceError where PyAV is not installed, the file or camera gives no video, or none of its first frames decodes.
    """

    def __init__(self, path: Path, fitter: Fitter, *, repeat: bool, camera: bool) -> None:
        try:
            import av
        except ImportError:
            raise SourceError("videos and cameras need PyAV; `pip install --editable '.[sense]'` brings it") from None
        self.av: Any = av
        self.path, self.fitter, self.repeat = path, fitter, repeat
        self.options: dict[str, Any] = {"format": "v4l2", "timeout": TIMEOUT_S} if camera else {}
        self.container: Any = None
        self.frames: Iterator[Any] = iter(())
        self.index = 0
        self.first: Shot | None = None
        self.first = self._find_start()

    def read(self) -> Shot | None:
        """As `Source.read`."""
        if self.first is not None:
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
        return Shot(self.fitter.fit(frame.to_image(), str(self.path)), f"{self.path.name}, frame {self.index}")

    def close(self) -> None:
        """As `Source.close`."""
        if self.container is not None:
            self.container.close()
        self.container, self.frames, self.index, self.first = None, iter(()), 0, None

    def _find_start(self) -> Shot:
        problem = "no frame in it"
        for _ in range(BAD_STARTS):
            try:
                shot = self.read()
            except CorruptFrame as error:
                problem = str(error)
                continue
            except SourceGone as error:
                raise SourceError(str(error)) from None
            if shot is None:
                break
            return shot
        self.close()
        raise SourceError(f"{self.path}: expected a video, found nothing that decodes ({problem}); give another file")

    def _open(self) -> None:
        self.close()
        try:
            self.container = self.av.open(str(self.path), **self.options)
        except (OSError, ValueError, self.av.FFmpegError) as error:
            raise SourceGone(f"{self.path}: expected a video, could not open it ({error})") from None
        if not self.container.streams.video:
            self.close()
            raise SourceError(f"{self.path}: expected a video, found a file without moving pictures; give another file")
        self.frames = self._decode()

    def _decode(self) -> Iterator[Any]:
        """Frames, packet by packet: for a packet that does not decode, the error."""
        for packet in self.container.demux(video=0):
            try:
                yield from packet.decode()
            except self.av.FFmpegError as error:
                yield error

    def _next(self) -> Any:
        try:
            frame = next(self.frames, None)
        except (OSError, ValueError, self.av.FFmpegError) as error:
            self.close()
            raise SourceGone(f"{self.path}: gives no more frames ({error})") from None
        if isinstance(frame, Exception):
            raise CorruptFrame(f"{self.path}: a frame is passed over, it does not decode ({frame})")
        return frame
