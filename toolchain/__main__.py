"""`python -m owlbit.toolchain` is `owlbit`: what torchrun starts."""

from owlbit.toolchain.cli.app import main

if __name__ == "__main__":
    main()
