/*
 * Choices of the compiler's command line. How bits are counted: by the compiler's builtin, which is best where the processor has an
 * instruction for it; by a table of 256 bytes; or by bit tricks. How many bits the builtin counts at once. And how many positions a
 * convolution computes at once, which takes a processor that counts bits in vectors, and that many windows on the stack.
 */
#define OWLBIT_BUILTIN 1
#define OWLBIT_TABLE 2
#define OWLBIT_TRICKS 3

#ifndef OWLBIT_POPCOUNT
#if defined(__POPCNT__) || defined(__riscv_zbb) || defined(__aarch64__) || defined(__wasm__)
#define OWLBIT_POPCOUNT OWLBIT_BUILTIN
#else
#define OWLBIT_POPCOUNT OWLBIT_TRICKS
#endif
#endif

#ifndef OWLBIT_WORD
#if UINTPTR_MAX > 0xffffffffu
#define OWLBIT_WORD 64
#else
#define OWLBIT_WORD 32
#endif
#endif

#ifndef OWLBIT_LANES
#if (OWLBIT_POPCOUNT == OWLBIT_BUILTIN) && defined(__AVX512VPOPCNTDQ__) && (OWL_WINDOW_WORDS <= 4096u)
#define OWLBIT_LANES 32u
#else
#define OWLBIT_LANES 1u
#endif
#endif
