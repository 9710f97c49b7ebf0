"""Whether Debian's compiler for AVR microcontrollers is there with its C library, which is a package of its own."""

from __future__ import annotations

import shutil
import subprocess


def has_avr_headers() -> bool:
    if shutil.which("avr-gcc") is None:
        return False
    done = subprocess.run(["avr-gcc", "-E", "-"], input=b"#include <stdint.h>\n", capture_output=True, check=False)
    return done.returncode == 0
