"""Training led by the clock, for a GPU that is at hand for minutes: images on the device, steps compiled, no word to the host.

A run of so many minutes ends with its rate at zero when they are over, however many epochs that was. So two runs differ, where two
trainings by epochs are the same to the bit. `owlbit train RECIPE --minutes N` comes here.
"""
