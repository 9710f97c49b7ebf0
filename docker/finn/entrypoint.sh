#!/bin/bash
# Puts a mounted Vivado on the path, then runs owlbit with the words given.
set -euo pipefail

[ -w "${HOME:-/}" ] || { HOME=$(mktemp -d); export HOME; } # Vivado and HLS write there

if [ -n "${XILINX_VIVADO:-}" ]; then
    if [ ! -f "$XILINX_VIVADO/settings64.sh" ]; then
        echo "owlbit: XILINX_VIVADO: expected a mounted Vivado at $XILINX_VIVADO, found no settings64.sh there;" \
            "mount it, as in --volume /opt/Xilinx:/opt/Xilinx:ro, or unset the variable to build without" >&2
        exit 2
    fi
    set +u # the vendor's scripts read variables that are not set
    # shellcheck disable=SC1091
    . "$XILINX_VIVADO/settings64.sh"
    # Vitis HLS lies beside Vivado under the same version and has settings of its own.
    hls=${XILINX_HLS:-$(dirname "$(dirname "$XILINX_VIVADO")")/Vitis_HLS/$(basename "$XILINX_VIVADO")}
    # shellcheck disable=SC1091
    [ ! -f "$hls/settings64.sh" ] || . "$hls/settings64.sh"
    set -u
fi
exec owlbit "$@"
