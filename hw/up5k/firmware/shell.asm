; SPDX-License-Identifier: Apache-2.0
; The program of the control processor: boots the network, starts the camera, answers the host, ranks scores, wakes the host.
; Nothing interrupts it: whatever waits calls `poll`, which takes bytes from the host and counts time. A routine that calls others
; may find A, C and X changed; variables belong to the routine that they are named after.
; From the board: CAMERA (0 none, 1 HM01B0, 2 OV7670), HOST_SPI (1, or 0 for a UART), CLASSES_MOST (whose scores are kept), NETWORK (its flash address), WIDTH, HEIGHT, CROP_LEFT, CROP_TOP of the
; camera's picture, CAMERA_TABLE (flash address), I2C_DELAY (rounds of the delay), TICKS_xxx (times in ticks), name_0 .. name_7.

; ---------------------------------------------------------------- ports of owl_chip
.const OUT_HOST = 0
.const OUT_PIXEL = 1
.const OUT_FLASH = 2
.const OUT_PINS = 3
.const OUT_SETTING = 4
.const IN_STATUS = 0
.const IN_HOST = 1
.const IN_SCORE = 2
.const IN_FLASH = 3
.const IN_EVENTS = 4
.const RECEIVED = 8 * 0      ; IN gives such a bit of IN_STATUS, 0 or 1
.const CAN_SEND = 8 * 1
.const SCORE = 8 * 2
.const SDA = 8 * 3
.const IDLE = 8 * 4
.const BOOT_ERROR = 8 * 5
.const FLASH_BUSY = 8 * 6
.const PIXEL_WAITS = 8 * 7
.const HOST_OPEN = 8 * 8
.const SEEN = 1              ; bits of IN_EVENTS: a frame came whole, or was skipped
.const SKIPPED = 2
.const FAULTS = 12
.const LOST = 8
.const ACTIVE = 16
.const TICK = 32
.const FLASH_SELECT = 8 * 0 + OUT_PINS      ; OUT clears such a pin, whatever A is
.const ENGINE_RESET = 8 * 1 + OUT_PINS
.const RUN = 8 * 2 + OUT_PINS
.const WAKE = 8 * 3 + OUT_PINS
.const LED_ERROR = 8 * 4 + OUT_PINS
.const LED_OK = 8 * 5 + OUT_PINS
.const SCL_LOW = 8 * 6 + OUT_PINS
.const SDA_LOW = 8 * 7 + OUT_PINS
.const SET = 64              ; and sets it with this added

; ---------------------------------------------------------------- numbers of the host protocol
.const BOOTING = 0x0001      ; protocol version 1, and the state in the upper byte
.const STOPPED = 0x0101
.const RUNNING = 0x0201
.const TESTING = 0x0301
.const FAILED = 0x0401
.const FORMAT = 0x0200       ; of the flash, above the error

; ---------------------------------------------------------------- data; `result` to `scores` and `status` are payloads as they lie
.var result 4                ; frame; flags, class; margin, low word first
.var scores CLASSES_MOST
.var rx_buffer 35            ; a packet as it came, two bytes a word: 0xA5 and type, length, payload, checksum
.var history 16              ; classes of the last frames, 0xFFFF where not sure
.var wake 20                 ; needed, of; margin; hold-off; quiet classes
.words board_name = name_0, name_1, name_2, name_3, name_4, name_5, name_6, name_7
.var test 3                  ; payload of the self-test's answer
.var answer
; set to 0 at the start
.var zeroed 0
.var status 12               ; the payload
.const STATE = status
.const ERROR = status + 1
.const ROWS = status + 2
.const COLUMNS = status + 3
.const COLOURS = status + 4
.const K = status + 5
.const FRAMES = status + 6
.const SKIPS = status + 8
.const WAKES = status + 9
.const BAD = status + 10
.const CLASSES = status + 11
.var rx_n                    ; bytes of a packet that have come; 0: hunting for the first
.var rx_ready                ; a packet waits to be answered
.var rx_silence              ; ticks without a byte
.var sc_n                    ; bytes of scores that have come
.var push_lo                 ; pixels pushed of a frame
.var push_hi
.var pushed                  ; 4 where the frame at work was pushed, the flag in its result
.var camera_ok               ; its registers are set
.var camera_fault
.var events
.var hold                    ; frames of the hold-off that are left
.var wake_least              ; ticks for which the wake pin stays high at least
.var wake_over               ; it may fall then
.var seen_ago                ; ticks since the camera ended a frame
.var unsent                  ; a result waits for a host that listens
.var position                ; in the history
.var blink_phase
.var zeroed_end 0
.const ZEROED = zeroed_end - zeroed
; the rest
.var blink_ticks
.var countdown               ; ticks, counts down to 0
.var rx_byte
.var rx_last
.var rx_crc
.var crc_byte
.var crc_n
.var tx_crc
.var tx_byte
.var tx_word
.var tx_type
.var tx_at
.var tx_words
.var tx_gone                 ; the host stopped listening
.var tx_wait                 ; ticks since the last byte went
.var word
.var flags
.var table_lo                ; flash addresses: class table, expected scores, frame of the self-test
.var table_hi
.var expect_lo
.var expect_hi
.var frame_lo
.var frame_hi
.var at_lo
.var at_hi
.var pixels_lo               ; of a frame
.var pixels_hi
.var n
.var n_hi
.var t
.var u
.var index
.var r_lo
.var r_hi
.var m_lo
.var m_hi
.var best_lo
.var best_hi
.var second_lo
.var second_hi
.var winner
.var result_flags
.var count
.var type
.var state_was
.if CAMERA
.const i2c_data = best_lo     ; the camera is not set while scores are ranked
.const i2c_n = best_hi
.const i2c_nack = second_lo
.const register = second_hi
.const entries = winner
.endif

; ================================================================ start, also after RESET
start:
    LD #ZEROED
    ST n
    LDX #zeroed
start_zero:
    LD #0
    ST [X+]
    DEC n
    JNZ start_zero
    OUT WAKE
    OUT RUN
    OUT LED_OK
    OUT FLASH_SELECT
    LD #1
    ST blink_ticks
    LD #BOOTING
    ST STATE
    LD =FORMAT
    ST ERROR
    LD =CAMERA * 256
    ST COLOURS
    CALL restart_engine
    JZ start_booted
    LD #1
    JMP failed_start
start_booted:
    CALL read_header
    LD #STOPPED
    ST STATE
.if CAMERA
    CALL geometry            ; A: error
    JNZ failed_start
.endif
    LD flags
    AND #2
    JZ start_tested
    CALL self_test
    JZ start_tested
    LD #5
    JMP failed_start
start_tested:
    LD #STOPPED
    ST STATE
    OUT LED_OK + SET
.if CAMERA
    CALL start_camera
    JZ main
failed_start:
    CALL fail
.endif
.if CAMERA == 0
    JMP main
failed_start:
    CALL fail
.endif

; ================================================================ main loop
main:
    CALL poll
    LD rx_ready
    JZ main_camera
    CALL dispatch
main_camera:
.if CAMERA
    LD STATE
    XOR =RUNNING
    JNZ main_scores
    LD camera_fault
    JZ main_timeout
    AND #LOST
    ST t
    CALL restart_engine
    LD #0
    ST camera_fault
    LD t
    JZ main_scores
    LD #6
    CALL fail
    JMP main_scores
main_timeout:
    LD seen_ago
    SUB =TICKS_CAMERA
    JNC main_scores
    LD #0
    ST camera_ok
    LD #3
    CALL fail
main_scores:
.endif
    CALL take_scores
    JZ main_unsent
    CALL decide
main_unsent:
.if HOST_SPI
    LD unsent
    JZ main
    IN HOST_OPEN
    JZ main
    CALL send_result
.endif
    JMP main

; ================================================================ whatever waits calls this
poll:
    CALL receive
    IN IN_EVENTS
    ST events
    AND #FAULTS
    JZ poll_seen
    OR camera_fault
    ST camera_fault
poll_seen:
    LD events
    AND #SEEN
    JZ poll_skipped
    LD #0
    ST seen_ago
poll_skipped:
    LD events
    AND #SKIPPED
    JZ poll_tick
    INC SKIPS
poll_tick:
    LD events
    AND #TICK
    JZ poll_end
    INC rx_silence           ; a packet that stops coming is dropped
    SUB #TICKS_SILENCE
    JNC poll_seen_ago
    LD #0
    ST rx_n
poll_seen_ago:
    INC seen_ago
    INC tx_wait
    LD countdown
    JZ poll_wake
    SUB #1
    ST countdown
poll_wake:
    LD wake_least
    JZ poll_wake_over
    SUB #1
    ST wake_least
    JMP poll_blink
poll_wake_over:
    LD wake_over
    JZ poll_blink
    OUT WAKE
poll_blink:                  ; the LED: as many flashes as the error's number, then a pause of two
    DEC blink_ticks
    JNZ poll_end
    LD #TICKS_BLINK
    ST blink_ticks
    LD ERROR
    AND #255
    JZ poll_dark
    ST t_blink
    ADD t_blink
    ST t_blink
    INC blink_phase
    SUB t_blink
    JNC poll_light
    SUB #4
    JN poll_dark
    LD #0
    ST blink_phase
poll_light:
    LD blink_phase
    SHR
    JC poll_dark
    OUT LED_ERROR + SET
    RET
poll_dark:
    OUT LED_ERROR
    RET
poll_end:
    RET
.var t_blink

; ================================================================ packets from the host
receive:
    IN RECEIVED
    JZ receive_end
    IN IN_HOST
    ST rx_byte
    LD rx_ready              ; one request at a time: what comes before its answer is dropped
    JNZ receive_end
    ST rx_silence
    LD rx_n
    JNZ receive_in
    LD rx_byte
    SUB #0xA5
    JNZ receive_end
    ST rx_buffer
    ST rx_buffer + 1
    LD #1
    ST rx_n
    LD =0xFFFF
    ST rx_crc
    RET
receive_in:
    ADD #2 * rx_buffer
    SHR
    TAX
    LD rx_byte
    JNC receive_even
    SWAP
    OR [X]
receive_even:
    ST [X]
    LD rx_last               ; the last two bytes
    SWAP
    AND #255
    ST rx_last
    LD rx_byte
    SWAP
    OR rx_last
    ST rx_last
    INC rx_n
    LD rx_buffer + 1         ; its length
    SUB #65
    JC receive_bad
    LD rx_n
    SUB #5
    SUB rx_buffer + 1
    JN receive_crc           ; not yet the checksum
    JZ receive_end           ; its first byte
    LD rx_last
    XOR rx_crc
    JNZ receive_bad
    ST rx_n
    LD #1
    ST rx_ready
    ST wake_over             ; the host is awake
    RET
receive_bad:
    LD #0
    ST rx_n
    INC BAD
receive_end:
    RET
receive_crc:
    LD rx_byte
    ST crc_byte
    LDX #rx_crc
add_crc:                     ; crc_byte to the checksum at X
    LD crc_byte
    SWAP
    XOR [X]
    ST [X]
    LD #8
    ST crc_n
add_crc_bit:
    LD [X]
    ADD [X]
    JNC add_crc_next
    XOR =0x1021
add_crc_next:
    ST [X]
    DEC crc_n
    JNZ add_crc_bit
    RET
.var word_at

; ================================================================ packets to the host
send_words:                  ; an answer; A: number of words at tx_at, type of the packet
    ST t
    AND #255
    ST tx_type
    LD t
    SWAP
    AND #255
    ST tx_words
    LD #0
    ST rx_ready              ; while the answer goes out the next request may come
send:                        ; type in tx_type, tx_words words at tx_at
    LD tx_words
    ADD tx_words
    CALL send_begin
send_next:
    LDX tx_at
    LD [X]
    CALL put_word
    INC tx_at
    DEC tx_words
    JNZ send_next
send_end:
    LD tx_crc
    ST tx_word
    AND #255
    CALL put_plain
    LD tx_word
    SWAP
    AND #255
    JMP put_plain
send_begin:                  ; A: length of the payload
    ST u
    LD #0
    ST tx_gone
    ST tx_wait
    LD #0xA5
    CALL put_plain
    LD =0xFFFF
    ST tx_crc
    LD tx_type
    CALL put
    LD u
put_word:                    ; A: two bytes, the lower first
    ST tx_word
    AND #255
    CALL put
    LD tx_word
    SWAP
    AND #255
put:                         ; A: a byte under the checksum
    ST tx_byte
    ST crc_byte
    LDX #tx_crc
    CALL add_crc
    LD tx_byte
put_plain:                   ; A: a byte
    ST tx_byte
put_wait:
.if HOST_SPI
    LD tx_gone
    JNZ put_end
.endif
    IN CAN_SEND
    JNZ put_go
.if HOST_SPI
    IN HOST_OPEN
    JZ put_lost
    LD tx_wait
    SUB #TICKS_SILENCE
    JC put_lost
.endif
    CALL poll
    JMP put_wait
put_go:
    LD tx_byte
    OUT OUT_HOST
    LD #0
    ST tx_wait
put_end:
    RET
.if HOST_SPI
put_lost:
    LD #1
    ST tx_gone
    RET
.endif

fail:                        ; A: error; the camera stops
    OR #FORMAT
    ST ERROR
    LD =FAILED
    ST STATE
    OUT RUN
    OUT LED_OK
    LD #6
    ST tx_type
    LD #1
    CALL send_begin
    LD ERROR
    AND #255
    CALL put
    JMP send_end

; ================================================================ flash
open_flash:                  ; at at_hi, at_lo
    OUT FLASH_SELECT + SET
    LD #3
    CALL exchange
    LD at_hi
    CALL exchange
    LD at_lo
    SWAP
    CALL exchange
    LD at_lo
exchange:                    ; A: byte out, byte in
    OUT OUT_FLASH
exchange_wait:
    IN FLASH_BUSY
    JNZ exchange_wait
    IN IN_FLASH
    RET
flash_word:                  ; A: the next two bytes, the upper first
    CALL exchange
    SWAP
    ST word
    CALL exchange
    OR word
    ST word
    RET

; ================================================================ engine
restart_engine:              ; A: 0 when it has booted, else 1
    OUT ENGINE_RESET + SET
    OUT ENGINE_RESET
    LD #0
    ST sc_n
    ST push_lo
    ST push_hi
    ST pushed
restart_wait:
    CALL poll
    IN IDLE
    JNZ restart_done
    IN BOOT_ERROR
    JZ restart_wait
    LD #1
    RET
restart_done:
    LD #0
    RET

take_scores:                 ; A: 1 when the last score of a frame has come
    IN SCORE
    JZ take_end
    LD sc_n
    ADD #2 * scores
    SHR
    TAX
    IN IN_SCORE
    JNC take_even
    SWAP
    OR [X]
take_even:
    ST [X]
    INC sc_n
    SUB CLASSES
    SUB CLASSES
    JNZ take_scores
    ST sc_n
    LD #1
    RET
take_end:
    LD #0
    RET

quiesce:                     ; the camera stops; results of frames at work are sent; the engine is idle at the end
    OUT RUN
    LD STATE
    XOR =RUNNING
    JNZ quiesce_start
    LD #STOPPED
    ST STATE
quiesce_start:
    LD =TICKS_QUIESCE
    ST countdown
    LD push_lo
    OR push_hi
    JNZ restart_engine       ; part of a pushed frame will never be whole
quiesce_wait:
    CALL poll
    CALL take_scores
    JZ quiesce_idle
    CALL decide
quiesce_idle:
    LD events
    AND #ACTIVE
    OR sc_n
    JNZ quiesce_time
    IN PIXEL_WAITS
    JNZ quiesce_time
    IN IDLE
    JZ quiesce_time
    LD #0
    ST camera_fault
    RET
quiesce_time:
    LD countdown
    JNZ quiesce_wait
    LD #0
    ST camera_fault
    JMP restart_engine

; ================================================================ header of the network
read_header:
    LD =(NETWORK + 6) & 0xFFFF
    ST at_lo
    LD =(NETWORK + 6) >> 16
    ST at_hi
    CALL open_flash
    CALL flash_word          ; length in words of 64 bits
    ST n
    CALL flash_word
    ST ROWS
    CALL flash_word
    ST COLUMNS
    CALL flash_word
    OR COLOURS
    ST COLOURS
    CALL flash_word
    ST CLASSES
    CALL flash_word
    ST flags
    CALL flash_word          ; the wake policy, lower bytes first where it is sent so
    SWAP
    ST wake
    CALL flash_word
    ST wake + 2
    CALL flash_word
    ST wake + 1
    CALL flash_word
    ST wake + 3
    CALL flash_word
    CALL flash_word
    CALL flash_word
    LD #16
    ST count
    LD #wake + 4
    ST index
header_quiet:
    CALL flash_word
    SWAP
    LDX index
    ST [X]
    INC index
    DEC count
    JNZ header_quiet
    OUT FLASH_SELECT
    CALL clear_history
    LD n                     ; the tail begins at NETWORK + 0xA0 + 8 n, and n has 14 bits
    ADD n
    ST t
    ADD t
    ST t
    ADD t
    ST table_lo
    LD #0
    ADC #0
    ST table_hi
    LD table_lo
    ADD =(NETWORK + 0xA0) & 0xFFFF
    ST table_lo
    ST expect_lo
    LD table_hi
    ADC =(NETWORK + 0xA0) >> 16
    ST table_hi
    ST expect_hi
    LD CLASSES
    ADD CLASSES
    ST n                     ; two bytes a score
    LD flags
    AND #1
    JZ header_expect
    LD n                     ; eight a class of the table
    ADD n
    ST t
    ADD t
    ADD expect_lo
    ST expect_lo
    LD expect_hi
    ADC #0
    ST expect_hi
header_expect:
    LD expect_lo
    ADD n
    ST frame_lo
    LD expect_hi
    ADC #0
    ST frame_hi
    LD #0                    ; pixels of a frame: rows times colours times columns
    ST pixels_lo
    ST pixels_hi
    LD COLOURS
    AND #255
    ST u
header_colour:
    LD ROWS
    ST count
header_row:
    LD pixels_lo
    ADD COLUMNS
    ST pixels_lo
    LD pixels_hi
    ADC #0
    ST pixels_hi
    DEC count
    JNZ header_row
    DEC u
    JNZ header_colour
    RET

clear_history:
    LDX #history
    LD #16
    ST count
clear_next:
    LD =0xFFFF
    ST [X+]
    DEC count
    JNZ clear_next
    RET

; ================================================================ self-test
self_test:                   ; A: 0 passed, 2 failed; the engine is idle
    LD =TESTING
    ST STATE
    LD frame_lo
    ST at_lo
    LD frame_hi
    ST at_hi
    CALL open_flash
    LD pixels_lo
    ST n
    LD pixels_hi
    ST n_hi
test_pixel:
    CALL poll
    IN PIXEL_WAITS
    JNZ test_pixel
    CALL exchange
    OUT OUT_PIXEL
    DEC n
    JNZ test_pixel
    DEC n_hi
    JNN test_pixel           ; the lower half is never 0 at first: no such frame fits the engine
    OUT FLASH_SELECT
test_scores:
    CALL poll
    CALL take_scores
    JZ test_scores
    LD expect_lo
    ST at_lo
    LD expect_hi
    ST at_hi
    CALL open_flash
    LD #0
    ST index
    LD #scores
    ST count
test_compare:
    CALL flash_word
    LDX count
    XOR [X]
    JNZ test_differs
    INC count
    INC index
    SUB CLASSES
    JNZ test_compare
    ST test + 1
    ST test + 2
    LD =0xFF01
    ST test
    LD #1
    JMP test_end
test_differs:
    LD [X]
    ST test + 1
    LD word
    ST test + 2
    LD index
    SWAP
    OR #2
    ST test
    LD #2
test_end:
    SWAP
    ST t
    LD K
    AND #255
    OR t
    ST K
    OUT FLASH_SELECT
    LD test
    AND #2
    RET

; ================================================================ scores to a decision
decide:
    LD #0
    ST best_lo
    ST best_hi
    ST second_lo
    ST second_hi
    ST winner
    ST index
    LD flags
    AND #1
    JZ decide_class
    LD table_lo
    ST at_lo
    LD table_hi
    ST at_hi
    CALL open_flash
decide_class:                ; r: the ranked score, with 2^31 added so that it has no sign
    CALL poll
    LD index
    ADD #scores
    TAX
    LD [X]
    ST r_lo
    ST t
    ADD =0x8000
    LD #0
    SBC #0                   ; 0 where C, the score is negative, else 0xFFFF
    XOR =0xFFFF
    ST r_hi
    LD flags
    AND #1
    JZ decide_ranked
    CALL multiply
decide_ranked:
    LD r_hi
    XOR =0x8000
    ST r_hi
    LD best_lo               ; a new best?
    SUB r_lo
    LD best_hi
    SBC r_hi
    JC decide_second
    LD best_lo
    ST second_lo
    LD best_hi
    ST second_hi
    LD r_lo
    ST best_lo
    LD r_hi
    ST best_hi
    LD index
    ST winner
    JMP decide_next
decide_second:
    LD second_lo
    SUB r_lo
    LD second_hi
    SBC r_hi
    JC decide_next
    LD r_lo
    ST second_lo
    LD r_hi
    ST second_hi
decide_next:
    INC index
    SUB CLASSES
    JNZ decide_class
    OUT FLASH_SELECT
    LD CLASSES
    SUB #1
    JNZ decide_margin
    ST second_lo             ; one class: the margin is its score, at least 0
    LD =0x8000
    ST second_hi
    LD best_hi
    JN decide_margin
    LD #0
    ST best_lo
    LD =0x8000
    ST best_hi
decide_margin:
    LD best_lo
    SUB second_lo
    ST result + 2
    LD best_hi
    SBC second_hi
    ST result + 3
    LD pushed
    ST result_flags
    LD #0
    ST pushed
    LD =0xFFFF               ; what goes into the history
    ST u
    LD result + 2
    SUB wake + 1
    LD result + 3
    SBC wake + 2
    JNC decide_history
    LD winner                ; quiet? bit (class ^ 7) & 15 of word class / 16
    SHR
    SHR
    SHR
    SHR
    ADD #wake + 4
    TAX
    LD [X]
    ST t
    LD winner
    XOR #7
    AND #15
    ST count
decide_quiet:
    LD count
    JZ decide_sure
    SUB #1
    ST count
    LD t
    SHR
    ST t
    JMP decide_quiet
decide_sure:
    LD t
    AND #1
    JNZ decide_history
    LD winner
    ST u
    LD result_flags
    OR #2
    ST result_flags
decide_history:
    LD position
    AND #15
    ADD #history
    TAX
    LD u
    ST [X]
    LD hold
    JZ decide_count
    LD result_flags
    OR #8
    ST result_flags
    DEC hold
    JNZ decide_result
    LD #1
    ST wake_over
    JMP decide_result
decide_count:                ; how many of the last frames were sure of this winner
    LD u
    JN decide_result         ; this one was not
    LD wake
    AND #255
    JZ decide_result
    ST t                     ; frames that are missing
    LD wake
    SWAP
    AND #255
    ST count
    LD position
    ST index
decide_frame:
    LD index
    AND #15
    ADD #history
    TAX
    LD [X]
    XOR u
    JNZ decide_other
    DEC t
    JZ decide_wake
decide_other:
    DEC index
    DEC count
    JNZ decide_frame
    JMP decide_result
decide_wake:
    LD result_flags
    OR #1
    ST result_flags
    INC WAKES
    CALL clear_history
    LD #2
    ST wake_least
    LD #0
    ST wake_over
    LD wake + 3
    ST hold
    JNZ decide_pin
    LD #1
    ST wake_over
decide_pin:
    OUT WAKE + SET
decide_result:
    INC position
    LD FRAMES
    ST result
    INC FRAMES
    JNZ decide_send
    INC FRAMES + 1
decide_send:
    LD winner
    SWAP
    OR result_flags
    ST result + 1
.if HOST_SPI
    LD #1
    ST unsent
    IN HOST_OPEN
    JZ put_end
send_result:
    LD #0
    ST unsent
.endif
    LD #1
    ST tx_type
    LD #result
    ST tx_at
    LD CLASSES
    ADD #4
    ST tx_words
    JMP send

multiply:                    ; r = t * multiplier + offset, both from the flash; t: a score
    CALL flash_word
    ST m_hi
    CALL flash_word
    ST m_lo
    CALL flash_word
    ST r_hi
    CALL flash_word
    ST r_lo
    LD t
    JNN multiply_bit
    LD #0                    ; the same with both signs changed
    SUB t
    ST t
    LD #0
    SUB m_lo
    ST m_lo
    LD #0
    SBC m_hi
    ST m_hi
multiply_bit:
    LD t
    JZ multiply_end
    SHR
    ST t
    JNC multiply_next
    LD r_lo
    ADD m_lo
    ST r_lo
    LD r_hi
    ADC m_hi
    ST r_hi
multiply_next:
    LD m_lo
    ADD m_lo
    ST m_lo
    LD m_hi
    ADC m_hi
    ST m_hi
    JMP multiply_bit
multiply_end:
    RET

; ================================================================ requests of the host
dispatch:
    LD rx_buffer
    SWAP
    AND #255
    ST type
    XOR #0x84
    JZ push
    XOR #0x84 ^ 0x87
    JZ set_wake
    LD type
    SUB #0x81
    JNC unknown
    SUB #9
    JC unknown
    LD rx_buffer + 1
    JNZ wrong_length
    LD type
    XOR #0x81
    JZ get_status
    XOR #0x81 ^ 0x82
    JZ get_version
    XOR #0x82 ^ 0x88
    JZ get_wake
    XOR #0x88 ^ 0x89
    JZ reset
    LD ERROR
    XOR =FORMAT + 1
    JZ wrong_state
    LD type
    XOR #0x83
    JZ test_again
    XOR #0x83 ^ 0x86
    JZ stop
.if CAMERA
    JMP start_again
.endif
wrong_state:
    LD #4
    JMP acknowledge
unknown:
    LD #1
    JMP acknowledge
wrong_length:
    LD #2
    JMP acknowledge
out_of_range:
    LD #3
    JMP acknowledge
done:
    LD #0
acknowledge:                 ; A: code
    SWAP
    OR type
    ST answer
    LD #answer
    ST tx_at
    LD =1 * 256 + 5
    JMP send_words

get_status:
    LD #status
    ST tx_at
    LD =12 * 256 + 2
    JMP send_words

get_wake:
    LD #wake
    ST tx_at
    LD =20 * 256 + 7
    JMP send_words

get_version:
    LD =(NETWORK + 0x40) & 0xFFFF
    ST at_lo
    LD =(NETWORK + 0x40) >> 16
    ST at_hi
    CALL open_flash
    LD #0
    ST rx_ready
    LD #3
    ST tx_type
    LD #112
    CALL send_begin
    LD #96
    ST count
version_next:
    CALL exchange
    CALL put
    DEC count
    JNZ version_next
    OUT FLASH_SELECT
    LD #board_name
    ST tx_at
    LD #8
    ST tx_words
    JMP send_next

reset:
    CALL done
    JMP start

stop:
    OUT RUN
    LD STATE
    XOR =RUNNING
    JNZ done
    LD #STOPPED
    ST STATE
    JMP done

test_again:
    LD STATE
    ST state_was
    LD =0xFF03
    ST test
    LD #0
    ST test + 1
    ST test + 2
    LD flags
    AND #2
    JZ test_reply
    CALL quiesce
    CALL self_test
    LD state_was
    ST STATE
test_reply:
    LD #test
    ST tx_at
    LD =3 * 256 + 4
    CALL send_words
    LD test
    AND #3
    XOR #2
    JZ test_failed
.if CAMERA
    LD STATE
    XOR =RUNNING
    JZ start_camera
.endif
    RET
test_failed:
    LD #5
    JMP fail

set_wake:
    LD rx_buffer + 1
    SUB #40
    JNZ wrong_length
    LD rx_buffer + 2         ; needed and of
    SWAP
    AND #255
    ST t
    SUB #17
    JC out_of_range
    LD rx_buffer + 2
    AND #255
    ST u
    LD t
    SUB u
    JNC out_of_range
    LD #rx_buffer + 2
    ST word_at
    LD #wake
    ST index
    LD #20
    ST count
set_wake_next:
    LDX word_at
    LD [X]
    LDX index
    ST [X]
    INC word_at
    INC index
    DEC count
    JNZ set_wake_next
    ST hold
    LD #1
    ST wake_over
    CALL clear_history
    JMP done

push:
    LD ERROR
    XOR =FORMAT + 1
    JZ wrong_state
    LD rx_buffer + 1
    SUB #5
    JNC wrong_length
    LD rx_buffer + 2
    OR rx_buffer + 3
    JNZ push_on
    CALL quiesce
    JMP push_range
push_on:
    LD rx_buffer + 2
    XOR push_lo
    JNZ push_offset
    LD rx_buffer + 3
    XOR push_hi
    JNZ push_offset
push_range:
    LD rx_buffer + 1
    SUB #4
    ST n                     ; bytes of the frame
    LD push_lo
    ADD n
    ST t
    LD push_hi
    ADC #0
    ST u
    LD pixels_lo
    SUB t
    LD pixels_hi
    SBC u
    JNC out_of_range
    LD t
    ST push_lo
    LD u
    ST push_hi
    LD #2 * rx_buffer + 8
    ST index
push_next:
    LD index
    SHR
    TAX
    LD [X]
    JNC push_wait
    SWAP
push_wait:
    ST t
push_ready:
    IN PIXEL_WAITS
    JNZ push_ready
    LD t
    OUT OUT_PIXEL
    INC index
    DEC n
    JNZ push_next
    LD push_lo
    XOR pixels_lo
    JNZ done
    LD push_hi
    XOR pixels_hi
    JNZ done
    ST push_lo
    ST push_hi
    LD #4
    ST pushed
    JMP done
push_offset:
    LD #5
    JMP acknowledge

.if CAMERA
start_again:
    LD ERROR
    AND #255
    XOR #4
    JZ wrong_state
    XOR #4 ^ 7
    JZ wrong_state
    LD STATE
    XOR =RUNNING
    JZ done
    CALL quiesce
    CALL start_camera
    JZ done
    CALL fail
    JMP wrong_state

; ================================================================ camera
geometry:                    ; settings of owl_boxes; A: error or 0
    LD COLOURS
    AND #255
    XOR #1
    JZ geometry_gray
    LD #7
    RET
geometry_gray:
    ST count                 ; k: how many times the frame goes into the picture both ways
    LD COLUMNS
    ST n
    LD ROWS
    ST u
geometry_next:
    LD =WIDTH
    SUB n
    JNC geometry_end
    LD =HEIGHT
    SUB u
    JNC geometry_end
    INC count
    LD n
    ADD COLUMNS
    ST n
    LD u
    ADD ROWS
    ST u
    JMP geometry_next
geometry_end:
    LD count
    JNZ geometry_fits
    LD #4
    RET
geometry_fits:
    ST K
    LD =WIDTH                ; left
    ADD COLUMNS
    SUB n
    SHR
    ADD #CROP_LEFT
    OUT OUT_SETTING
    LD COLUMNS
    SUB #1
    SWAP
    ST t
    LD ROWS
    SUB #1
    OR t
    OUT OUT_SETTING
    LD count
    ST index
    LD #0
geometry_square:
    ADD count
    ST t
    DEC index
    JZ geometry_top
    LD t
    JMP geometry_square
geometry_top:
    LD t
    OUT OUT_SETTING
    LD =HEIGHT
    ADD ROWS
    SUB u
    SHR
    ADD #CROP_TOP
    SWAP
    ST t
    LD count
    SUB #1
    OR t
    OUT OUT_SETTING
    LD #0
    RET

start_camera:                ; A: error or 0
    LD camera_ok
    JNZ camera_runs
    CALL init_camera
    JZ camera_set
    LD #2
    RET
camera_set:
    LD #1
    ST camera_ok
camera_runs:
    LD =FORMAT
    ST ERROR
    LD =RUNNING
    ST STATE
    OUT RUN + SET
    OUT LED_OK + SET
    LD #0
    ST seen_ago
    ST camera_fault
    RET

init_camera:                 ; A: 0 where the camera acknowledged everything
    LD #0
    ST i2c_nack
.if CAMERA == 1
    ST register
    CALL read_register
    XOR #0x01
    JNZ init_end
    LD #1
    ST register
    CALL read_register
    XOR #0xB0
.endif
.if CAMERA == 2
    LD #0x0A
    ST register
    CALL read_register
    XOR #0x76
.endif
    OR i2c_nack
    JNZ init_end
    LD =CAMERA_TABLE & 0xFFFF
    ST at_lo
    LD =CAMERA_TABLE >> 16
    ST at_hi
    CALL open_flash
    CALL flash_word
    ST entries
init_next:
    CALL flash_word
    ST register
    CALL exchange
    ST count
    LD register
    XOR =0xFFFF
    JZ init_wait
    CALL begin_write
    LD count
    CALL put_i2c
    CALL i2c_stop
    JMP init_more
init_wait:                   ; milliseconds; a tick may be a little shorter
    LD count
    ADD count
    ADD #2
    ST countdown
init_waits:
    CALL poll
    LD countdown
    JNZ init_waits
init_more:
    DEC entries
    JNZ init_next
    OUT FLASH_SELECT
    LD i2c_nack
init_end:
    RET

; ---------------------------------------------------------------- I2C, by pins that are low or let go
begin_write:                 ; address and register
    CALL i2c_start
    LD #I2C_ADDRESS
    CALL put_i2c
.if CAMERA == 1
    LD register
    SWAP
    CALL put_i2c
.endif
    LD register
put_i2c:                     ; A: byte; i2c_nack becomes other than 0 where it is not acknowledged
    SWAP
    ST i2c_data
    CALL poll
    LD #8
    ST i2c_n
put_bit:
    OUT SDA_LOW
    LD i2c_data
    JN put_clock
    OUT SDA_LOW + SET
put_clock:
    CALL i2c_clock
    LD i2c_data
    ADD i2c_data
    ST i2c_data
    DEC i2c_n
    JNZ put_bit
    OUT SDA_LOW
    CALL i2c_clock
    OR i2c_nack
    ST i2c_nack
    RET

read_register:               ; A: the byte at `register`
    CALL begin_write
.if CAMERA == 2
    CALL i2c_stop
.endif
    CALL i2c_start
    LD #I2C_ADDRESS + 1
    CALL put_i2c
    LD #8
    ST i2c_n
    LD #0
    ST i2c_data
read_bit:
    CALL i2c_clock
    ADD i2c_data
    ADD i2c_data
    ST i2c_data
    DEC i2c_n
    JNZ read_bit
    CALL i2c_clock           ; not acknowledged: no more bytes
    CALL i2c_stop
    LD i2c_data
    RET

i2c_clock:                   ; A: SDA while SCL was high
    CALL i2c_delay
    CALL scl_free
    IN SDA
    ST t
    CALL scl_low
    LD t
    RET
i2c_start:                   ; also where SCL is low
    CALL sda_free
    CALL scl_free
    CALL sda_low
scl_low:
    OUT SCL_LOW + SET
    JMP i2c_delay
i2c_stop:
    CALL sda_low
    CALL scl_free
sda_free:
    OUT SDA_LOW
    JMP i2c_delay
sda_low:
    OUT SDA_LOW + SET
    JMP i2c_delay
scl_free:
    OUT SCL_LOW
i2c_delay:
    LD #I2C_DELAY
i2c_delays:
    SUB #1
    JNZ i2c_delays
    RET
.endif
