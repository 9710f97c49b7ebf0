"""The pixel array against closed forms: means, variances, saturation, fixed patterns and photometry, with confidence bounds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from owlbit.toolchain.sensing.sensor import Chip, Exposure, PixelArray, Sensor, SensorError, expose_for, shading

COUNT = 4000
SHAPE = (1, 8, 8)
QUIET = Sensor(prnu=0, dsnu=0, read_noise=0, corner_degrees=0, dark_current=0)
Z = 4.5  # standard errors: a right model fails once in 150,000 tries, and the seeds are fixed


def expose(sensor: Sensor, value: int, exposure: Exposure, count: int = COUNT, chip_seed: int = 0) -> np.ndarray:
    frames = np.full((count, *SHAPE), value, np.uint8)
    chip = Chip.make(sensor, SHAPE, 4, chip_seed)
    return PixelArray(sensor, chip).expose(frames, exposure, np.random.default_rng(1)).astype(np.float64)


def assert_moments(samples: np.ndarray, mean: float, variance: float) -> None:
    """Mean and variance of independent, nearly normal samples."""
    size = samples.size
    assert abs(samples.mean() - mean) < Z * np.sqrt(variance / size)
    # Var(s^2) = (kappa - 1) sigma^4 / n, and kappa - 3 = 1 / mean for a Poisson variable, which is small here.
    assert abs(samples.var(ddof=1) - variance) < Z * variance * np.sqrt(2.1 / size)


@pytest.mark.parametrize(("value", "white"), [(255, 4000.0), (128, 1000.0), (51, 100.0)])
def test_shot_noise_has_the_variance_of_its_mean(value: int, white: float) -> None:
    mean = white * value / 255
    assert_moments(expose(replace(QUIET, full_well=1e6), value, Exposure(0.01, white, white, 0.0)), mean, mean)


def test_dark_current_and_read_noise_add_their_variances() -> None:
    sensor = replace(QUIET, read_noise=7.0)
    assert_moments(expose(sensor, 100, Exposure(0.01, 500.0, 500.0, 60.0)), 500 * 100 / 255 + 60, 500 * 100 / 255 + 60 + 49)


def test_dark_current_doubles_with_its_temperature() -> None:
    sensor = Sensor(dark_current=30, dark_doubling=8, celsius=25)
    assert sensor.dark_rate() == 30
    assert replace(sensor, celsius=41).dark_rate() == pytest.approx(120)
    assert expose_for(sensor, 0.0, 2.0).dark == pytest.approx(15)


def test_full_well_clips_before_the_read_noise() -> None:
    sensor = replace(QUIET, full_well=3000.0, read_noise=5.0)
    assert_moments(expose(sensor, 255, Exposure(0.01, 9000.0, 4000.0, 0.0)), 3000, 25)


def test_saturation_near_the_mean_is_a_clipped_normal() -> None:
    """E[min(X, c)] = c - sigma phi(0) for X ~ N(c, sigma^2), the limit of a Poisson with mean c."""
    well = 2500.0
    samples = expose(replace(QUIET, full_well=well), 255, Exposure(0.01, well, well, 0.0))
    sigma = np.sqrt(well)
    clipped_sd = sigma * np.sqrt(0.5 - 1 / (2 * np.pi))
    # The Poisson's skewness moves that mean by less than one sixth of an electron.
    assert abs(samples.mean() - (well - sigma / np.sqrt(2 * np.pi))) < Z * clipped_sd / np.sqrt(samples.size) + 1 / 6


def test_prnu_and_dsnu_are_fixed_per_chip_and_of_their_size() -> None:
    sensor = replace(QUIET, prnu=0.02, dsnu=6.0, shot_noise=False)
    exposure, many = Exposure(0.01, 1000.0, 1000.0, 0.0), (1, 100, 100)
    chip = Chip.make(sensor, many, 1, 3)
    frames = np.full((2, *many), 255, np.uint8)
    first, second = PixelArray(sensor, chip).expose(frames, exposure, np.random.default_rng(0)).astype(np.float64)
    np.testing.assert_array_equal(first, second)
    assert_moments(first, 1000, (1000 * 0.02) ** 2 + 36)
    again = Chip.make(sensor, many, 1, 3)
    np.testing.assert_array_equal(again.gain, chip.gain)
    np.testing.assert_array_equal(again.mismatch, chip.mismatch)
    assert not np.array_equal(Chip.make(sensor, many, 1, 4).gain, chip.gain)


def test_pixels_of_a_chip_do_not_depend_on_its_comparators() -> None:
    few, many = (Chip.make(Sensor(), SHAPE, levels, 5) for levels in (1, 16))
    np.testing.assert_array_equal(few.gain, many.gain)
    np.testing.assert_array_equal(few.offset, many.offset)
    np.testing.assert_array_equal(few.columns, many.columns)


def test_same_seed_same_electrons() -> None:
    sensor = Sensor()
    exposure = expose_for(sensor, 50, 30)
    np.testing.assert_array_equal(expose(sensor, 90, exposure, 3), expose(sensor, 90, exposure, 3))


def test_photons_of_a_lux() -> None:
    """At 555 nm a lux is 1/683 W/m^2, a photon 3.579e-19 J: 4.09e15 photons a second and square metre."""
    sensor = Sensor(
        f_number=2.0, lens_transmission=0.5, reflectance=0.8, filter_transmission=0.5, pixel_um=5.0, quantum_efficiency=0.4
    )
    on_sensor = 100 * 0.8 * 0.5 / (4 * 2.0**2)
    photons = on_sensor / 683 / 3.5791e-19 * 25e-12
    assert sensor.white_rate(100) == pytest.approx(photons * 0.5 * 0.4, rel=1e-4)


def test_shading_is_cos4() -> None:
    map_ = shading(Sensor(corner_degrees=20.0), 9, 9)
    assert map_[4, 4] == 1
    assert map_[0, 0] == pytest.approx(np.cos(np.radians(20)) ** 4)
    assert shading(Sensor(), 1, 1).shape == (1, 1)


@pytest.mark.parametrize("tone", ["linear", "srgb"])
def test_tones_are_inverses(tone: str) -> None:
    sensor = Sensor(tone=tone)
    values = np.linspace(0, 255, 511)
    np.testing.assert_allclose(sensor.to_value(sensor.to_light(values)), values, atol=1e-4)
    assert np.all(np.diff(sensor.to_light(values)) > 0)


def test_exposure_follows_the_light_until_a_frame_is_full() -> None:
    sensor = Sensor()
    bright, dim, dark = (expose_for(sensor, lux, 30) for lux in (1000.0, 10.0, 0.0))
    assert bright.white == pytest.approx(sensor.white_electrons)
    assert bright.reference == pytest.approx(sensor.white_electrons)
    assert dim.seconds == pytest.approx(1 / 30)
    assert dim.reference == pytest.approx(dim.white) and dim.white < sensor.white_electrons
    assert dark.white == 0
    assert dark.reference == sensor.white_electrons / sensor.most_gain
    assert expose_for(sensor, 10.0, 30, fixed_lux=1000.0).white == pytest.approx(bright.white / 100)
    assert expose_for(sensor, 1e9, 30).seconds == sensor.shortest_exposure


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"pixel_um": 0.0}, "pixel_um: expected a number above 0, got 0"),
        ({"quantum_efficiency": 1.5}, "quantum_efficiency: expected a share above 0 and up to 1, got 1.5"),
        ({"read_noise": -1.0}, "read_noise: expected a number of at least 0, got -1"),
        ({"full_well": float("nan")}, "full_well: expected a number above 0, got nan"),
        ({"tone": "log"}, "tone: expected one of linear, srgb, got 'log'"),
        ({"corner_degrees": 90.0}, "corner_degrees: expected an angle below 90"),
        ({"most_gain": 0.5}, "most_gain: expected a gain of at least 1"),
        ({"celsius": float("inf")}, "celsius: expected a temperature"),
    ],
)
def test_impossible_sensors_are_refused(wrong: dict[str, float], message: str) -> None:
    with pytest.raises(SensorError, match=message):
        replace(Sensor(), **wrong)  # type: ignore[arg-type]


def test_impossible_light_and_rate_are_refused() -> None:
    with pytest.raises(SensorError, match="light: expected an illuminance of at least 0 lux, got -5"):
        expose_for(Sensor(), -5, 30)
    with pytest.raises(SensorError, match="frame rate: expected more than 0 frames per second, got 0"):
        expose_for(Sensor(), 5, 0)
