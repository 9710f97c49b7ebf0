"""From light to electrons: a pixel array as the EMVA 1288 linear camera model describes one, every draw from a seed.

Release 3.1 of the standard, section 2: photons that hit a pixel are Poisson, a share eta of them make electrons, and what is read
has a normal noise. Section 3: the dark current adds its own and doubles every some kelvin. Section 4: pixels differ in offset
(DSNU) and gain (PRNU). How illuminance becomes photons is photometry: docs/sensing.md writes it out.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from owlbit.export.errors import OwlbitError
from owlbit.export.network import Shape
from owlbit.models.recipe_keys import key
from owlbit.toolchain.sensing.ranges import FRAME_RATE, LIGHT, SENSOR, Range, as_number, shown

Electrons = NDArray[np.float32]
Floats = NDArray[np.floating[Any]]

# CIE 1931 and SI: lumen a watt at 555 nm, the eye's peak; Planck's constant in J s, the speed of light in m/s.
LUMEN_PER_WATT, PLANCK, LIGHT_SPEED = 683.0, 6.62607015e-34, 299_792_458.0
WAVELENGTH = 555e-9
PHOTONS_PER_LUX = WAVELENGTH / (PLANCK * LIGHT_SPEED * LUMEN_PER_WATT)  # a second and square metre: 4.09e15

TONES = ("linear", "srgb")
MOST_MEAN = np.float32(1e12)  # electrons: what is above any full well saturates alike, and numpy draws no Poisson number above 9e18


class SensorError(OwlbitError):
    """A property of the sensor or its light that no sensor can have."""


def check_light(lux: object) -> float:
    """`lux` as a float where it is an illuminance that `ranges.LIGHT` allows; else SensorError."""
    number = as_number(lux)
    if number is None or not number >= LIGHT.low:
        raise SensorError(f"light: expected an illuminance of at least 0 lux, got {shown(lux)}; give how bright the scene is")
    return _checked("light", LIGHT, lux)


def _checked(name: str, allowed: Range, value: object) -> float:
    try:
        return allowed.check(name, value)
    except OwlbitError as error:
        raise SensorError(str(error)) from None


@dataclass(frozen=True)
class Sensor:
    """A kind of sensor, with its lens.

    The defaults are assumptions of the usual size for small CMOS sensors: replace them by your sensor's values.

    Raises SensorError for a value outside its range.
    """

    f_number: Annotated[float, key("f-number of the lens")] = 2.0
    lens_transmission: Annotated[float, key("share of the light that the lens transmits")] = 0.9
    reflectance: Annotated[float, key("share of the light that a white area reflects")] = 0.9
    filter_transmission: Annotated[float, key("share of the light that a pixel's colour filter transmits; 1 without filters")] = 1.0
    corner_degrees: Annotated[float, key("angle of incidence at the corners: shading by cos^4")] = 15.0
    pixel_um: Annotated[float, key("pixel pitch, um")] = 3.6
    quantum_efficiency: Annotated[float, key("electrons per photon, fill factor included")] = 0.5
    full_well: Annotated[float, key("full well (saturation capacity), electrons")] = 5000.0
    white_electrons: Annotated[float, key("electrons of a correctly exposed white pixel")] = 4000.0
    dark_current: Annotated[float, key("dark current at 25 degrees, electrons/s")] = 20.0
    dark_doubling: Annotated[float, key("temperature step that doubles the dark current, kelvin")] = 8.0
    celsius: Annotated[float, key("temperature, degrees Celsius")] = 25.0
    read_noise: Annotated[float, key("read noise, electrons rms")] = 3.0
    dsnu: Annotated[float, key("spread of the pixels' offsets, electrons rms")] = 2.0
    prnu: Annotated[float, key("spread of the pixels' gains, share rms")] = 0.01
    shot_noise: Annotated[bool, key("photon (shot) noise; without it, electrons have no random variation")] = True
    conversion_gain: Annotated[float, key("uV per electron")] = 50.0
    mismatch_mv: Annotated[float, key("offset of a comparator, mV rms")] = 1.0
    shortest_exposure: Annotated[float, key("shortest exposure, s")] = 1e-5
    most_gain: Annotated[float, key("largest reduction of the converters' references in low light")] = 64.0
    tone: Annotated[
        str, key('relation between picture values 0..255 and light: "linear", or "srgb" (IEC 61966-2-1) for photographs')
    ] = "linear"

    def __post_init__(self) -> None:
        shares = ("lens_transmission", "reflectance", "filter_transmission", "quantum_efficiency")
        positive = ("f_number", "pixel_um", "full_well", "white_electrons", "dark_doubling", "conversion_gain", "shortest_exposure")
        for each in fields(self):
            value = getattr(self, each.name)
            if each.name == "tone":
                if value not in TONES:
                    raise SensorError(f"tone: expected one of {', '.join(TONES)}, got {value!r}")
            elif each.name in shares and not 0 < value <= 1:
                raise SensorError(f"{each.name}: expected a share above 0 and up to 1, got {value:g}")
            elif each.name in positive and not (np.isfinite(value) and value > 0):
                raise SensorError(f"{each.name}: expected a number above 0, got {value:g}")
            elif each.name == "celsius" and not np.isfinite(value):
                raise SensorError(f"celsius: expected a temperature, got {value:g}")
            elif each.name != "celsius" and not (np.isfinite(value) and value >= 0):
                raise SensorError(f"{each.name}: expected a number of at least 0, got {value:g}")
        if self.corner_degrees >= 90:
            raise SensorError(f"corner_degrees: expected an angle below 90, got {self.corner_degrees:g}")
        if self.most_gain < 1:
            raise SensorError(f"most_gain: expected a gain of at least 1, got {self.most_gain:g}")
        for name, allowed in SENSOR.items():
            _checked(name, allowed, getattr(self, name))

    def ideal(self) -> Sensor:
        """The same without any noise, fixed pattern, shading, dark current, mismatch or saturation."""
        return replace(
            self,
            dark_current=0.0,
            read_noise=0.0,
            dsnu=0.0,
            prnu=0.0,
            mismatch_mv=0.0,
            corner_degrees=0.0,
            shot_noise=False,
            full_well=max(self.full_well, 2 * self.white_electrons),
        )

    @property
    def mismatch_electrons(self) -> float:
        """Offset of a comparator as electrons rms."""
        return self.to_electrons(self.mismatch_mv)

    def to_electrons(self, millivolts: float) -> float:
        """How many electrons change the pixel's voltage by `millivolts`."""
        return 1000 * millivolts / self.conversion_gain

    def white_rate(self, lux: float) -> float:
        """Electrons a second in a white pixel at the middle of a scene of `lux`. Raises SensorError for a negative one."""
        if not (np.isfinite(lux) and lux >= 0):
            check_light(lux)
        on_sensor = lux * self.reflectance * self.lens_transmission / (4 * self.f_number**2)
        photons = on_sensor * (self.pixel_um * 1e-6) ** 2 * PHOTONS_PER_LUX
        return float(photons * self.filter_transmission * self.quantum_efficiency)

    def dark_rate(self) -> float:
        """Electrons a second of dark current at this temperature."""
        return float(self.dark_current * 2 ** ((self.celsius - 25) / self.dark_doubling))

    def to_light(self, values: Floats) -> NDArray[np.float64]:
        """Picture values 0..255, also between whole ones, as shares of white."""
        share = np.asarray(values, np.float64) / 255
        if self.tone == "linear":
            return share
        return np.where(share <= 0.04045, share / 12.92, ((np.maximum(share, 0) + 0.055) / 1.055) ** 2.4)

    def to_value(self, light: Floats) -> NDArray[np.float64]:
        """Shares of white as picture values, the inverse of `to_light`."""
        share = np.asarray(light, np.float64)
        if self.tone == "linear":
            return share * 255
        return 255 * np.where(share <= 0.0031308, share * 12.92, 1.055 * np.maximum(share, 0) ** (1 / 2.4) - 0.055)


@dataclass(frozen=True)
class Exposure:
    """How one frame is taken.

    `seconds`; `white`: electrons that light makes in a white pixel; `reference`: electrons that the converter takes for white;
    `dark`: electrons of the dark current, which converters know from covered pixels and take off.
    """

    seconds: float
    white: float
    reference: float
    dark: float


def expose_for(sensor: Sensor, lux: float, frames_per_second: float, fixed_lux: float | None = None) -> Exposure:
    """The exposure that a light meter without error sets: as long as white needs, as long as a frame at most.

    Where the light does not suffice, the references follow it down, by `most_gain` at most. `fixed_lux`: set once for a scene so
    bright, and left there. Raises SensorError for negative light and for a rate of 0 or less.
    """
    if not (np.isfinite(frames_per_second) and frames_per_second > 0):
        raise SensorError(f"frame rate: expected more than 0 frames per second, got {frames_per_second:g}")
    _checked("frame rate", FRAME_RATE, frames_per_second)
    metered = sensor.white_rate(lux if fixed_lux is None else fixed_lux)
    longest = 1 / frames_per_second
    wanted = sensor.white_electrons / metered if metered > 0 else longest
    seconds = min(max(wanted, sensor.shortest_exposure), longest)
    reference = min(max(metered * seconds, sensor.white_electrons / sensor.most_gain), sensor.white_electrons)
    return Exposure(seconds, sensor.white_rate(lux) * seconds, reference, sensor.dark_rate() * seconds)


@dataclass(frozen=True, eq=False)
class Chip:
    """One sensor of its kind: the pattern it was made with.

    `gain`: float32 [C, H, W], shading and PRNU; `offset`: float32 [C, H, W], electrons of DSNU; `mismatch`: float32 [C, T, H, W],
    each comparator's offset in units of the standard deviation; `columns`: float32 [C, 1, W], the same of the one comparator
    that a column's ADC has.
    """

    gain: Electrons
    offset: Electrons
    mismatch: Electrons
    columns: Electrons

    @classmethod
    def make(cls, sensor: Sensor, shape: Shape, levels: int, seed: int) -> Chip:
        """Chip number `seed`, of `shape` (C, H, W) with `levels` comparators per pixel and colour."""
        draw = np.random.default_rng(seed)
        colours, height, width = shape
        gain = shading(sensor, height, width) * (1 + sensor.prnu * draw.standard_normal(shape))
        offset = sensor.dsnu * draw.standard_normal(shape)
        columns = draw.standard_normal((colours, 1, width), np.float32)
        mismatch = draw.standard_normal((colours, levels, height, width), np.float32)
        return cls(np.maximum(gain, 0).astype(np.float32), offset.astype(np.float32), mismatch, columns)


def shading(sensor: Sensor, height: int, width: int) -> NDArray[np.float64]:
    """Share of the middle's light that each pixel gets, float64 [H, W]: cos^4 of the angle, `corner_degrees` at the corners."""
    y = np.linspace(-1, 1, height)[:, None] if height > 1 else np.zeros((1, 1))
    x = np.linspace(-1, 1, width)[None, :] if width > 1 else np.zeros((1, 1))
    across = (x**2 * width**2 + y**2 * height**2) / (width**2 + height**2)
    result: NDArray[np.float64] = np.cos(np.arctan(np.tan(np.radians(sensor.corner_degrees)) * np.sqrt(across))) ** 4
    return result


@dataclass(frozen=True, eq=False)
class PixelArray:
    """`chip` under `sensor`'s physics; keeps the table from picture values to light."""

    sensor: Sensor
    chip: Chip
    light: Electrons = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "light", self.sensor.to_light(np.arange(256.0)).astype(np.float32))

    def expose(self, frames: NDArray[np.uint8], exposure: Exposure, draw: np.random.Generator) -> Electrons:
        """Electrons float32 [N, C, H, W], as read out, of frames uint8 [N, C, H, W]; every draw from `draw`.

        Mean: min(white * light * gain + dark, full well) + offset; variance, below saturation: white * light * gain + dark +
        read noise squared.
        """
        mean = self.light[frames] * (self.chip.gain * np.float32(exposure.white)) + np.float32(exposure.dark)
        np.minimum(mean, MOST_MEAN, out=mean)
        electrons = draw.poisson(mean).astype(np.float32) if self.sensor.shot_noise else mean
        np.minimum(electrons, np.float32(self.sensor.full_well), out=electrons)
        electrons += self.chip.offset
        if self.sensor.read_noise:
            electrons += np.float32(self.sensor.read_noise) * draw.standard_normal(electrons.shape, np.float32)
        return electrons
