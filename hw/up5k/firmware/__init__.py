"""The program of the control processor in the board shell: assembler, source, and the Verilog of its two memories."""
