"""NAME.h: the sizes of a network and its functions, each with its comment."""

from __future__ import annotations

from owlbit.hw.c.plan import Plan

ONE_LINE = "a binary network in C99, made by owlbit."
LICENCE = """\
/* SPDX-License-Identifier: Apache-2.0 */
/* That is the licence of the code; the numbers in tables are the network's. */"""

# (arguments and results, comment) of every function of a header, NAME left open.
FUNCTIONS = {
    "run": (
        "void {name}_run(const uint8_t *image, int32_t *scores)",
        "The scores of an image, computed in the static arena: not from two threads or interrupts at once.",
    ),
    "run_in": (
        "void {name}_run_in(uint32_t *arena, const uint8_t *image, int32_t *scores)",
        "The same in an arena of the caller: re-entrant, one call per arena at a time.",
    ),
    "put_row": (
        "void {name}_put_row(uint32_t *arena, uint32_t y, const uint8_t *row)",
        "Takes row y of a camera's frame, [WIDTH][CHANNELS]; every row once, in any order.",
    ),
    "finish": (
        "void {name}_finish(uint32_t *arena, int32_t *scores)",
        "The scores of the rows that were put into the arena, which can then take the next frame.",
    ),
    "arena": ("uint32_t *{name}_arena(void)", "The static arena, for the two functions above."),
    "rank": (
        "void {name}_rank(const int32_t *scores, float *ranked)",
        "What ranks the classes: score * factor + offset, each operation rounded to float.",
    ),
    "best": ("uint32_t {name}_best(const int32_t *scores)", "The class: the first index of the largest of what ranks."),
}


def signature(name: str, function: str) -> str:
    """The head of a function of NAME.h."""
    return FUNCTIONS[function][0].format(name=name)


def header_text(plan: Plan, name: str) -> str:
    """The whole NAME.h."""
    network, big = plan.network, name.upper()
    ranks = network.score_factors is not None
    channels, height, width = network.input_shape
    sizes = [
        ("CHANNELS", channels, "colours of an image"),
        ("HEIGHT", height, ""),
        ("WIDTH", width, ""),
        ("CLASSES", network.classes, ""),
        ("ARENA_WORDS", plan.arena.words, "32-bit words of memory for all maps"),
    ]
    if plan.window_words:
        sizes.append(("WINDOW_WORDS", plan.window_words, "of these on the stack"))

    def declared(function: str) -> str:
        return f"/* {FUNCTIONS[function][1]} */\n{signature(name, function)};"

    defines = "\n".join(f"#define {big}_{key} {value}u" + (f" /* {comment} */" if comment else "") for key, value, comment in sizes)
    parts = [
        f"{LICENCE}\n/*\n * {name}: {ONE_LINE}\n *\n"
        f" * Images are uint8_t [CHANNELS][HEIGHT][WIDTH], colour after colour; scores are int32_t [CLASSES].\n"
        " * Nothing is allocated, and an arena needs no initialisation.\n */",
        f"#ifndef {big}_H\n#define {big}_H",
        "#include <stdint.h>",
        '#ifdef __cplusplus\nextern "C" {\n#endif',
        f"{defines}\n#define {big}_ARENA_BYTES (4u * {big}_ARENA_WORDS)" + (f"\n#define {big}_RANKS 1" if ranks else ""),
        f"extern const char *const {name}_class_names[{big}_CLASSES];",
        f"#ifndef {big}_NO_STATIC_ARENA\n{declared('run')}\n#endif",
        declared("run_in"),
        declared("put_row"),
        declared("finish"),
        f"#ifndef {big}_NO_STATIC_ARENA\n{declared('arena')}\n#endif",
        *([declared("rank")] if ranks else []),
        declared("best"),
        "#ifdef __cplusplus\n}\n#endif\n#endif",
    ]
    return "\n\n".join(parts) + "\n"
