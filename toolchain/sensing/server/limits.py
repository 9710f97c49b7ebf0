"""How much the page takes: connections, viewers, bytes, pixels, seconds. docs/security.md lists them."""

from __future__ import annotations

MOST_CONNECTIONS = 64  # of all kinds at once
MOST_VIEWERS = 32  # pages that are open
SPARE_DESCRIPTORS = 64  # that connections leave to the loop: pictures, events, the network's own
ACCEPTED_AT_ONCE = 16  # connections that are taken before the limit is looked at again
WAITING_CONNECTIONS = 512  # that the system keeps until then
HEADERS_S = 10.0  # until a request's headers are there
BODY_S = 30.0  # until its body is
LOG_EVERY_S, MOST_LINES = 10.0, 10  # so many lines of log about connections in so many seconds

COMMANDS_PER_S = 100  # of one viewer; a slider gives 60
COMMAND_BYTES = 4096  # the longest that a page may say at once
UPLOAD_BYTES = 8 * 2**20
UPLOAD_PIXELS = 25_000_000  # by the picture's own header, before anything is decoded: a camera's 24 megapixels
UPLOADS_WAITING = 4  # bodies that are in memory at once; one of them is decoded
