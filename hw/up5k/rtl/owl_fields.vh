// SPDX-License-Identifier: Apache-2.0
// The bits of the flash image's records. Written by `make fields` from hw/up5k/fields.py: change that table.
`ifndef OWL_FIELDS
`define OWL_FIELDS

`define OWL_MAGIC 32'h4F574C42
`define OWL_VERSION 8'd2
`define OWL_FLASH_OFFSET 24'h020000
`define OWL_HEADER_BYTES 21'd160
`define OWL_TAIL_AT 21'd28
`define OWL_FIRST_DESCRIPTOR 14'd17
`define OWL_WIDTH_WORD 2'd0
`define OWL_WIDTH_HALF 2'd1
`define OWL_WIDTH_QUARTER 2'd2

// Header of the image, the four bytes after `OWLB`
`define OWL_IMAGE_BITS 32
`define OWL_IMAGE_WORDS 13:0
`define OWL_IMAGE_RESERVED 23:14
`define OWL_IMAGE_VERSION 31:24

// Frame, word 0
`define OWL_FRAME_BITS 32
`define OWL_FRAME_POSITIONS1 15:0
`define OWL_FRAME_BASE 31:16

// Encoder entry, words 1 to 16
`define OWL_ENTRY_BITS 38
`define OWL_ENTRY_THRESHOLD(i) 9*(i)+:9
`define OWL_ENTRY_ENDS_BYTE 36
`define OWL_ENTRY_ENDS_PIXEL 37

// Descriptor of a tile, four words each from word 17 on
`define OWL_TILE_BITS 254
`define OWL_TILE_READ_BASE 15:0
`define OWL_TILE_WRITE_BASE 31:16
`define OWL_TILE_COLUMNS1 39:32
`define OWL_TILE_ROWS1 47:40
`define OWL_TILE_MODE 49:48
`define OWL_TILE_READ_WIDTH 51:50
`define OWL_TILE_WRITE_WIDTH 53:52
`define OWL_TILE_POOL 54
`define OWL_TILE_RAW 55
`define OWL_TILE_PAD_TOP 56
`define OWL_TILE_PAD_BOTTOM 57
`define OWL_TILE_PAD_LEFT 58
`define OWL_TILE_PAD_RIGHT 59
`define OWL_TILE_LAST 60
`define OWL_TILE_FREES_FRAME 61
`define OWL_TILE_PAIR 62
`define OWL_TILE_ODD 63
`define OWL_TILE_STEP_KX 79:64
`define OWL_TILE_STEP_KY 95:80
`define OWL_TILE_STEP_A 111:96
`define OWL_TILE_STEP_B 127:112
`define OWL_TILE_STEP_D 143:128
`define OWL_TILE_STEP_E 159:144
`define OWL_TILE_WORDS1 167:160
`define OWL_TILE_PASSES1 175:168
`define OWL_TILE_WRITE_STEP 184:176
`define OWL_TILE_READS1 186:185
`define OWL_TILE_KERNEL_ROWS1 188:187
`define OWL_TILE_THRESHOLDS_AT 205:192
`define OWL_TILE_THRESHOLDS1 213:206
`define OWL_TILE_WEIGHTS_AT 227:214
`define OWL_TILE_WEIGHTS1 237:228
`define OWL_TILE_STEP_WORD 253:238

// Header of a pass, before its thresholds
`define OWL_PASS_BITS 61
`define OWL_PASS_SLOT(i) 12*(i)+:12
`define OWL_PASS_FIRST_WORD 57:48
`define OWL_PASS_QUAD 58
`define OWL_PASS_SCORES1 60:59

// Slot of a pass: where four filters go
`define OWL_SLOT_BITS 12
`define OWL_SLOT_QUARTER 7:0
`define OWL_SLOT_NIBBLE 9:8
`define OWL_SLOT_FILL 10
`define OWL_SLOT_WRITE 11

// Thresholds of a slot, one word each
`define OWL_FILTERS_BITS 62
`define OWL_FILTERS_THRESHOLD(i) 16*(i)+:14

// The same in the last stage
`define OWL_CLASSES_BITS 64
`define OWL_CLASSES_OFFSET(i) 16*(i)+:16

`endif
