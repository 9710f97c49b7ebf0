"""An always-on sensor in simulation: photons, electrons, thermometer bits, the network's decision, events. Imports no torch.

`sensor` makes electrons of light, `converters` bits of electrons, `engine` scores of bits; `sources` bring the pictures, `wake`
decides, `energy` estimates, `loop` turns it all and yields a `FrameRecord` per frame, `sinks` takes the events away. `monte_carlo`
measures accuracy over many chips. docs/sensing.md has every formula.
"""
