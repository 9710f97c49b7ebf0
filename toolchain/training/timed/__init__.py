"""Training for a fixed time, for a GPU that is available for minutes: images on the device, compiled steps, no data to the host.

The learning rate reaches zero when the time is over, after any number of epochs. Two such runs differ, but two trainings by epochs
are equal bit for bit. `owlbit train RECIPE --minutes N` uses this package.
"""
