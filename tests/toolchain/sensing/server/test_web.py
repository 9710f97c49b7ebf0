"""The server's addresses: the page, uploads that are good and bad, events, metrics, health, and who is refused."""

from __future__ import annotations

import io
import json
import re
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image
from prometheus_client.parser import text_string_to_metric_families
from starlette.websockets import WebSocketDisconnect

from owlbit.hw.reference import simulate
from owlbit.toolchain.sensing.loop import Loop
from owlbit.toolchain.sensing.server import viewers, web
from owlbit.toolchain.sensing.server.limits import UPLOAD_BYTES, UPLOAD_PIXELS
from owlbit.toolchain.sensing.server.viewers import Feed
from owlbit.toolchain.sensing.server.web import FILES, PAGE, make_app
from owlbit.toolchain.sensing.wake import WakePolicy
from sensing_tools import Script, demo_network, digits, shots
from serving import read_frame

ADDRESS = "http://127.0.0.1:8000"
HOST = {"host": "127.0.0.1:8000"}  # which the client forgets for websockets


@pytest.fixture
def feed() -> Feed:
    policy = WakePolicy(margin=0, needed=1, of=1, hold_off_frames=0, contrast=0)
    return Feed(Loop(demo_network(), Script(shots(8)), policy=policy, realtime=False))


@pytest.fixture
def client(feed: Feed) -> Iterator[TestClient]:
    with TestClient(make_app(feed), base_url=ADDRESS) as client:
        yield client


def run(feed: Feed) -> None:
    for record in feed.loop.frames():
        feed.take(record)


def png(array: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "PNG")
    return buffer.getvalue()


def png_of_size(width: int, height: int) -> bytes:
    """A PNG that says it has so many pixels, and has none."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")


@pytest.mark.parametrize("address", FILES)
def test_the_page_is_served_and_asks_for_nothing_from_outside(client: TestClient, address: str) -> None:
    reply = client.get(address)
    assert reply.status_code == 200 and reply.content == (PAGE / FILES[address][0]).read_bytes()
    assert "default-src 'self'" in reply.headers["content-security-policy"]
    addresses = re.findall(r"""(?:src|href|url|fetch|import|from)\s*[=(]?\s*["'`(]([^"'`)]+)""", reply.text)
    assert [each for each in addresses if re.match(r"(https?:)?//", each)] == []


def test_a_picture_is_classified_exactly_and_put_before_the_sensor(client: TestClient, feed: Feed) -> None:
    frame = digits(1)[0][0]
    reply = client.post("/picture", params={"name": "mine.png"}, content=png(frame[0]))
    assert reply.status_code == 200
    np.testing.assert_array_equal(reply.json()["scores"], simulate(demo_network(), frame[None])[0])
    assert reply.json()["class"] == demo_network().class_names[np.argmax(reply.json()["scores"])]
    first = next(feed.loop.frames())
    assert first.name == "mine.png" and first.label is None
    np.testing.assert_array_equal(first.frame, frame)


def test_a_picture_of_any_size_and_kind_is_fitted(client: TestClient) -> None:
    reply = client.post("/picture", content=png(np.full((50, 90, 3), 128, np.uint8)))
    assert reply.status_code == 200 and reply.json()["size"] == [50, 90]


def test_16_bits_of_gray_are_not_clipped_to_white(client: TestClient, feed: Feed) -> None:
    wide = np.arange(256, dtype=np.uint16).reshape(16, 16) * 257
    assert client.post("/picture", content=png(wide)).status_code == 200
    np.testing.assert_array_equal(next(feed.loop.frames()).frame[0], np.arange(256).reshape(16, 16))


def test_a_picture_is_shown_while_paused_too(client: TestClient, feed: Feed) -> None:
    feed.loop.controls.pause()
    client.post("/picture", params={"name": "mine.png"}, content=png(digits(1)[0][0, 0]))
    assert next(feed.loop.frames()).name == "mine.png" and feed.loop.controls.read().paused


@pytest.mark.parametrize(
    ("content", "status", "message"),
    [
        (b"no picture", 415, "expected PNG, JPEG"),
        (b"", 415, "expected PNG, JPEG"),
        (png(np.random.default_rng(0).integers(0, 256, (40, 40), np.uint8))[:600], 415, "expected PNG, JPEG"),
        (png_of_size(40_000, 40_000), 415, "bomb"),
        (png_of_size(7_000, 7_000), 413, f"expected at most {UPLOAD_PIXELS:,} pixels, got 7000 x 7000"),
        (png_of_size(600, 600), 415, "expected PNG, JPEG"),
        (b"\0" * (UPLOAD_BYTES + 1), 413, f"expected at most {UPLOAD_BYTES:,} bytes, got {UPLOAD_BYTES + 1:,}"),
        (iter([b"\0" * 2**20] * 9), 413, f"expected at most {UPLOAD_BYTES:,} bytes, got more"),
    ],
    ids=["text", "nothing", "cut", "bomb", "many pixels", "lies", "large", "large, unannounced"],
)
def test_bad_pictures_are_refused(client: TestClient, feed: Feed, content: Any, status: int, message: str) -> None:
    reply = client.post("/picture", content=content)
    assert reply.status_code == status and message in reply.json()["detail"]
    assert feed.loop.controls.take_shown() is None


def test_events_are_downloaded_as_json_lines(client: TestClient, feed: Feed) -> None:
    assert client.get("/events.jsonl").text == ""
    run(feed)
    reply = client.get("/events.jsonl")
    assert 'filename="events.jsonl"' in reply.headers["content-disposition"]
    assert [json.loads(line)["index"] for line in reply.text.splitlines()] == list(range(8))


def test_metrics_are_the_loops_counts(client: TestClient, feed: Feed) -> None:
    run(feed)
    reply = client.get("/metrics")
    assert reply.headers["content-type"].startswith("text/plain; version=")
    found = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(reply.text)
        for sample in family.samples
    }
    tally = feed.loop.tally
    assert found[("owlbit_frames_total",)] == found[("owlbit_events_total",)] == 8
    assert found[("owlbit_right_frames_total",)] == tally.right
    assert found[("owlbit_energy_joules_total", "fpga")] == pytest.approx(tally.joules["fpga"], rel=1e-9)
    assert found[("owlbit_light_lux",)] == 200 and found[("owlbit_mismatch_volts",)] == 0.001
    assert found[("owlbit_latency_seconds",)] > 0 and ("process_cpu_seconds_total",) in found


def test_health_says_when_no_frame_comes(client: TestClient, feed: Feed) -> None:
    assert client.get("/healthz").json() == {"well": True, "state": "frames come", "frames": 0}
    feed.latest -= 60
    reply = client.get("/healthz")
    assert reply.status_code == 503 and reply.json()["state"] == "no frame for 60 s"
    feed.loop.controls.pause()
    assert client.get("/healthz").json()["state"] == "paused"
    feed.loop.controls.stop()
    assert client.get("/healthz").status_code == 503


def test_a_viewer_is_greeted_and_gets_frames_bit_for_bit(client: TestClient, feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(viewers, "SHORTEST_S", 0)
    network, records = demo_network(), feed.loop.frames()
    feed.take(next(records))
    with client.websocket_connect("/live", headers=HOST) as socket:
        hello = socket.receive_json()
        assert hello["shape"] == [1, 16, 16] and hello["classes"] == list("0123456789")
        assert hello["thresholds"] == feed.loop.thermometer.thresholds.tolist()
        assert hello["layers"] == feed.loop.layer_names and len(hello["events"]) == 1
        assert hello["energy"]["core_volts"] == {
            "value": 1.2,
            "unit": "V",
            "source": "nominal core voltage of the iCE40 UltraPlus, Lattice FPGA-DS-02008",
        }
        assert ["24.3 mW", "the same module with an HM01B0 sensor at 10 frames/s"] in [row[:2] for row in hello["measured"]]
        assert read_frame(socket.receive_bytes(), network.input_shape, 16)[0]["index"] == 0
        record = next(records)
        feed.take(record)
        socket.receive_json()  # the setting, once
        assert socket.receive_json()["kind"] == "event"
        header, seen, bits = read_frame(socket.receive_bytes(), network.input_shape, 16)
        np.testing.assert_array_equal(seen, record.seen)
        np.testing.assert_array_equal(bits, record.bits)
        assert header["scores"] == record.scores.tolist() and header["decision"] == record.decision
        assert header["energy_j"] == record.energy_j and header["latency_s"] == record.latency_s
        assert header["tally"]["frames"] == 2 and header["label"] == record.label


def test_commands_act_and_bad_ones_are_answered(client: TestClient, feed: Feed) -> None:
    with client.websocket_connect("/live", headers=HOST) as socket:
        socket.receive_json()

        def say(text: str) -> list[dict[str, Any]]:
            socket.send_text(text)
            first = socket.receive_json()
            return [first, socket.receive_json()] if first["kind"] == "refused" else [first]

        assert say('{"light": 7.5}')[-1] | {"energy": {}} == {
            "kind": "setting",
            "lux": 7.5,
            "mismatch_mv": 1.0,
            "paused": False,
            "energy": {},
        }
        assert say('{"mismatch": 12}')[-1]["mismatch_mv"] == 12
        assert say('{"do": "pause"}')[-1]["paused"] is True
        assert feed.loop.controls.read().lux == 7.5
        assert say('{"do": "resume"}')[-1]["paused"] is False
        assert say('{"energy": "core_volts", "value": 2.4}')[-1]["energy"]["core_volts"] == 2.4
        assert feed.loop.energy.core_volts.value == 2.4
        bad_energy = ('{"energy": "soul", "value": 1}', '{"energy": "cells", "value": -1}', '{"energy": "cells", "value": null}')
        for text in (
            *bad_energy,
            '{"light": -1}',
            '{"mismatch": NaN}',
            '{"light": "much"}',
            '{"do": "fly"}',
            "[]",
            "light",
            '{"light": 1e999}',
        ):
            answers = say(text)
            assert answers[0]["kind"] == "refused" and answers[1]["lux"] == 7.5, text


def test_other_sites_are_refused(client: TestClient, feed: Feed) -> None:
    assert client.get("/healthz", headers={"origin": ADDRESS}).status_code == 200
    assert client.post("/picture", content=b"", headers={"origin": "http://elsewhere.example"}).status_code == 403
    assert client.get("/", headers={"host": "elsewhere.example"}).status_code == 403
    for headers in ({**HOST, "origin": "http://elsewhere.example"}, {"host": "elsewhere.example:8000"}):
        with pytest.raises(WebSocketDisconnect), client.websocket_connect("/live", headers=headers):
            pass
    open_to_all = TestClient(make_app(feed, loopback=False), base_url="http://sensor.example")
    assert open_to_all.get("/healthz").status_code == 200


@pytest.mark.parametrize(
    "text",
    [
        '{"light": 1e25}',
        '{"light": 1e7}',
        '{"light": Infinity}',
        '{"light": true}',
        '{"light": 1' + 400 * "0" + "}",
        '{"light": ' + 4400 * "1" + "}",
        '{"light": [1]}',
        '{"light": {}}',
        '{"mismatch": 1e300}',
        '{"mismatch": 1' + 400 * "0" + "}",
        '{"energy": "core_volts", "value": 1e300}',
        '{"energy": "core_volts", "value": NaN}',
        '{"energy": "host_seconds", "value": 1' + 400 * "0" + "}",
        '{"energy": "\\ud800", "value": 1}',
        2000 * "[",
        2000 * '{"a":',
        '{"token": "\\ud800"}',
        '"\\ud800"',
        b"\xff\x00",
    ],
    ids=lambda text: str(text[:40]),
)
def test_no_message_of_a_viewer_ends_the_loop(client: TestClient, feed: Feed, text: str | bytes) -> None:
    with client.websocket_connect("/live", headers=HOST) as socket:
        socket.receive_json()
        socket.send_text(text) if isinstance(text, str) else socket.send_bytes(text)
        assert socket.receive_json()["kind"] in ("refused", "access")
        socket.send_text('{"mismatch": 0.5}')
        while (said := socket.receive_json())["kind"] != "setting" or said["mismatch_mv"] != 0.5:
            pass
    run(feed)
    assert feed.loop.tally.frames == 8 and feed.loop.controls.read().lux == 200


def strict(text: str) -> Any:
    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    return json.loads(text, parse_constant=refuse)


def test_what_is_sent_is_json_that_a_browser_reads(client: TestClient, feed: Feed) -> None:
    """Even where a number were infinite, which no setting allows."""
    object.__setattr__(feed.loop.sensor, "conversion_gain", float("inf"))
    feed.take(next(feed.loop.frames()))
    feed.loop.tally.joules["fpga"] = float("nan")
    with client.websocket_connect("/live", headers=HOST) as socket:
        assert strict(socket.receive_text())["mv_per_white"] is None
        message = socket.receive_bytes()
        (length,) = struct.unpack_from("<I", message)
        assert strict(message[4 : 4 + length].decode())["tally"]["joules"]["fpga"] is None


@pytest.mark.parametrize("name", ["host", "origin"])
@pytest.mark.parametrize("value", ["[", "[::1", "http://[", "a b", "127.0.0.1:999999", "127.0.0.1:port", "\xff", "x@127.0.0.1", ""])
def test_a_malformed_host_or_origin_is_answered_with_400(client: TestClient, name: str, value: str) -> None:
    headers = [(b"host", b"127.0.0.1:8000")] if name == "origin" else []
    for address in ("/healthz", "/"):
        reply = client.get(address, headers=[*headers, (name.encode(), value.encode("latin-1"))])
        assert reply.status_code == 400 and "expected an address" in reply.text


def test_commands_need_the_token_where_there_is_one(feed: Feed) -> None:
    picture = png(digits(1)[0][0, 0])
    with TestClient(make_app(feed, token="a secret"), base_url=ADDRESS) as client:
        assert client.get("/").status_code == client.get("/metrics").status_code == client.get("/healthz").status_code == 200
        for headers in ({}, {"authorization": "Bearer a secre"}, {"authorization": "Bearer \xff"}):
            reply = client.post("/picture", content=picture, headers={k.encode(): v.encode("latin-1") for k, v in headers.items()})
            assert reply.status_code == 401 and "token" in reply.json()["detail"]
        assert feed.loop.controls.take_shown() is None
        assert client.post("/picture", content=picture, headers={"authorization": "Bearer a secret"}).status_code == 200
        with client.websocket_connect("/live", headers=HOST) as socket:
            assert socket.receive_json()["kind"] == "hello"

            def say(text: str) -> dict[str, Any]:
                socket.send_text(text)
                while (said := socket.receive_json())["kind"] not in ("refused", "access"):
                    pass
                return dict(said)

            assert "token" in say('{"light": 5}')["message"]
            assert say('{"token": "no"}') == {"kind": "access", "commands": False}
            assert say('{"token": "a secret"}') == {"kind": "access", "commands": True}
            assert feed.loop.controls.read().lux == 200
            socket.send_text('{"light": 5}')
            while (said := socket.receive_json())["kind"] != "setting" or said["lux"] != 5:
                pass


def test_no_more_viewers_than_the_limit(client: TestClient, feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "MOST_VIEWERS", 1)
    with client.websocket_connect("/live", headers=HOST) as socket:
        socket.receive_json()
        with pytest.raises(WebSocketDisconnect), client.websocket_connect("/live", headers=HOST):
            pass
        assert len(feed.viewers) == 1


def test_a_jpeg_is_reduced_while_it_is_decoded(client: TestClient) -> None:
    buffer = io.BytesIO()
    Image.fromarray(np.full((2000, 3000), 90, np.uint8)).save(buffer, "JPEG")
    reply = client.post("/picture", content=buffer.getvalue())
    assert reply.status_code == 200 and reply.json()["size"] == [2000, 3000]
