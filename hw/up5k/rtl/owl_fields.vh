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
`define OWL_STEP_KX 3'd0
`define OWL_STEP_WORD 3'd1
`define OWL_STEP_KY 3'd2
`define OWL_STEP_BASE 3'd3
`define OWL_STEP_A 3'd4
`define OWL_STEP_B 3'd5
`define OWL_STEP_D 3'd6
`define OWL_STEP_E 3'd7

// Header of the image, the four bytes after `OWLB`
`define OWL_IMAGE_BITS 32
`define OWL_IMAGE_WORDS 13:0
`define OWL_IMAGE_RESERVED 23:14
`define OWL_IMAGE_VERSION 31:24

// Frame, word 0
`define OWL_FRAME_BITS 16
`define OWL_FRAME_BASE 15:0

// Encoder entry, words 1 to 16
`define OWL_ENTRY_BITS 38
`define OWL_ENTRY_THRESHOLD(i) 9*(i)+:9
`define OWL_ENTRY_ENDS_BYTE 36
`define OWL_ENTRY_ENDS_PIXEL 37

// Descriptor of a tile: four words, each with two steps; the first one is words 17 to 20
`define OWL_TILE_BITS 188
`define OWL_TILE_COLUMNS1 39:32
`define OWL_TILE_ROWS1 47:40
`define OWL_TILE_WORDS1 55:48
`define OWL_TILE_PASSES1 63:56
`define OWL_TILE_WEIGHTS1 105:96
`define OWL_TILE_READS1 107:106
`define OWL_TILE_KERNEL_ROWS1 109:108
`define OWL_TILE_WRITE_BASE 125:110
`define OWL_TILE_POOL 126
`define OWL_TILE_RAW 127
`define OWL_TILE_WRITE_STEP 168:160
`define OWL_TILE_STARTS 171:169
`define OWL_TILE_READ_WIDTH 173:172
`define OWL_TILE_WRITE_WIDTH 175:174
`define OWL_TILE_BY_QUARTERS 176
`define OWL_TILE_BY_WORDS 177
`define OWL_TILE_SPLIT 178
`define OWL_TILE_PAD_TOP 179
`define OWL_TILE_PAD_BOTTOM 180
`define OWL_TILE_PAD_LEFT 181
`define OWL_TILE_PAD_RIGHT 182
`define OWL_TILE_LAST 183
`define OWL_TILE_FREES_FRAME 184
`define OWL_TILE_PAIR 185
`define OWL_TILE_ODD 186
`define OWL_TILE_KEPT 187

// Steps: two in each word of a descriptor, the first alone in the header of a pass
`define OWL_STEP_BITS 32
`define OWL_STEP_SIZE(i) 16*(i)+:16

// Header of a pass, with the step `base`
`define OWL_PASS_BITS 64
`define OWL_PASS_SLOT(i) 16+12*(i)+:12

// The same in the last stage
`define OWL_LAST_BITS 19
`define OWL_LAST_SCORES1 17:16
`define OWL_LAST_ODD 18

// Slot of a pass: where four filters go
`define OWL_SLOT_BITS 12
`define OWL_SLOT_QUARTER 7:0
`define OWL_SLOT_NIBBLE 9:8
`define OWL_SLOT_FILL 10
`define OWL_SLOT_WRITE 11

// Where sums begin, for each of four filters
`define OWL_START_BITS 64
`define OWL_START_EVEN(i) 16*(i)+:7
`define OWL_START_EVEN_HIGH(i) 7+16*(i)+:1
`define OWL_START_ODD(i) 8+16*(i)+:7
`define OWL_START_ODD_HIGH(i) 15+16*(i)+:1

`endif
