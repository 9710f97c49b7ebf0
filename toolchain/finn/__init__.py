"""FINN for the user: the build, its report, and a comparison with published figures. `owlbit.hw.finn` does the work."""
