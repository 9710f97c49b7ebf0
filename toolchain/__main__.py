"""`python -m toolchain` is `owlbit`: what torchrun starts."""

from toolchain.cli import main

if __name__ == "__main__":
    main()
