"""What Prometheus may scrape: the loop's counts, read at the time of the scrape, beside CPU and memory of the process."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Metric, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from owlbit.toolchain.sensing.server.viewers import Feed


class LoopCollector(Collector):
    """`owlbit_*`: see docs/sensing_page.md."""

    def __init__(self, feed: Feed) -> None:
        self.feed = feed

    def collect(self) -> Iterator[Metric]:
        """As the library wants it."""
        loop, tally, setting = self.feed.loop, self.feed.loop.tally, self.feed.loop.controls.read()
        record = self.feed.record
        counters = {
            "owlbit_frames": ("Frames taken.", tally.frames),
            "owlbit_events": ("Events that woke the host.", tally.events),
            "owlbit_labelled_frames": ("Frames whose class was known.", tally.labelled),
            "owlbit_right_frames": ("Frames whose class was known and decided rightly.", tally.right),
            "owlbit_corrupt_frames": ("Frames that could not be read and were passed over.", tally.corrupt),
            "owlbit_source_gone": ("Times that the source vanished.", tally.gone),
            "owlbit_busy_seconds": ("Host time spent on frames.", tally.busy_s),
            "owlbit_viewer_dropped_frames": ("Frames that viewers were too slow for.", self.feed.dropped),
        }
        for name, (text, count) in counters.items():
            yield CounterMetricFamily(name, text, value=count)
        energy = CounterMetricFamily("owlbit_energy_joules", "Estimated energy by consumer.", labels=["consumer"])
        for consumer, joules in tally.joules.items():
            energy.add_metric([consumer], joules)
        yield energy
        gauges = {
            "owlbit_viewers": ("Pages that are open.", float(len(self.feed.viewers))),
            "owlbit_light_lux": ("Light on the scene, as set.", setting.lux),
            "owlbit_mismatch_volts": ("Comparator offset, rms.", setting.mismatch_mv / 1000),
            "owlbit_paused": ("1 while paused.", float(setting.paused)),
            "owlbit_frame_rate_hertz": ("Frames a second that are asked for.", loop.frames_per_second),
        }
        if record is not None and record.latency_s is not None and record.duty is not None:
            gauges["owlbit_latency_seconds"] = ("From the first pixel to the last score.", record.latency_s)
            gauges["owlbit_duty_ratio"] = ("Share of the frame time in which the engine works.", record.duty)
        for name, (text, value) in gauges.items():
            yield GaugeMetricFamily(name, text, value=value)


def make_registry(feed: Feed) -> CollectorRegistry:
    """A registry of its own, so that two loops in one process do not meet."""
    registry = CollectorRegistry()
    registry.register(LoopCollector(feed))
    ProcessCollector(registry=registry)
    return registry


def exposition(registry: CollectorRegistry) -> bytes:
    """The text format of Prometheus."""
    return generate_latest(registry)
