"""Videos through PyAV: frames as they were encoded, torn packets passed over, files that are none refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from owlbit.toolchain.sensing.loop import Loop
from owlbit.toolchain.sensing.sources.open_source import open_source
from owlbit.toolchain.sensing.sources.source import SourceError, SourceGone
from sensing_tools import demo_network

av = pytest.importorskip("av", reason="PyAV, the extra sense, is not installed")


def write_video(path: Path, values: list[int], codec: str = "mpeg4", size: int = 64) -> None:
    """Even gray frames."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=10)
        stream.width = stream.height = size
        stream.pix_fmt = "rgb24" if codec == "png" else "yuv420p"
        for value in values:
            picture = np.full((size, size, 3), value, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


def test_frames_come_in_order_and_the_video_begins_again(tmp_path: Path) -> None:
    values = [30, 120, 220]
    write_video(tmp_path / "v.mp4", values)
    notices: list[str] = []
    source = open_source(str(tmp_path / "v.mp4"), demo_network(), notify=notices.append)
    shots = [source.read() for _ in range(7)]
    seen = [float(shot.frame.mean()) for shot in shots if shot]
    np.testing.assert_allclose(seen, [*values, *values, 30], atol=6)
    assert len(notices) == 1 and "cropped and scaled to 16x16" in notices[0]
    once = open_source(str(tmp_path / "v.mp4"), demo_network(), notify=notices.append, repeat=False)
    assert [once.read() is None for _ in range(5)] == [False, False, False, True, True]
    source.close()
    shot = source.read()
    assert shot is not None and shot.name == "v.mp4, frame 1"


def test_torn_packets_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "v.avi"
    write_video(path, [10 + 3 * index for index in range(60)], "png")
    data = path.read_bytes()
    parts = data.split(b"\x89PNG")
    assert len(parts) == 61
    path.write_bytes(
        b"\x89PNG".join(parts[:20]) + b"".join(b"torn" + part for part in parts[20:30]) + b"\x89PNG" + b"\x89PNG".join(parts[30:])
    )
    notices: list[str] = []
    source = open_source(str(path), demo_network(), notify=notices.append, repeat=False)
    loop = Loop(demo_network(), source, realtime=False, notify=notices.append)
    count = len(list(loop.frames()))
    # Frames that are decoded by several threads may fall with their neighbours.
    assert loop.tally.corrupt >= 1
    assert 45 <= count <= 50
    assert sum("a frame is passed over, it does not decode" in notice for notice in notices) == 1


def test_a_vanished_file_is_gone_and_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "v.mp4"
    write_video(path, [10, 20])
    source = open_source(str(path), demo_network(), notify=print)
    source.read(), source.read()
    path.rename(tmp_path / "away.mp4")
    with pytest.raises(SourceGone, match=r"v\.mp4: expected a video, could not open it"):
        source.read()
    (tmp_path / "away.mp4").rename(path)
    assert source.read() is not None


@pytest.mark.parametrize("content", [b"", b"this is no video at all", bytes(10_000)])
def test_a_file_that_does_not_decode_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "v.mp4").write_bytes(content)
    with pytest.raises(SourceError, match=r"v\.mp4: expected a video"):
        open_source(str(tmp_path / "v.mp4"), demo_network(), notify=print)


def test_sound_alone_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
    with pytest.raises(SourceError, match="found a file without moving pictures"):
        open_source(str(path), demo_network(), notify=print)
