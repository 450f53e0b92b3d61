/* The rounds of SHA-2 over one block (FIPS 180-4, 6.2.2 and 6.4.2), for any width of a register.
 *
 * Before it is included, these are defined: NAME, the function that it makes; BITS of a word, 32 or
 * 64; WORD, the type of one or of as many as a register has; ADD, XOR3, CH, MAJ (4.1.2, 4.1.3), ROTR
 * and SHR (3.2) of such; CONSTANT(t), that of a round; and TARGET. It undefines them all.
 *
 * The message schedule is kept in sixteen words, each replaced as soon as its round is done, so
 * that there is always something to do while a round waits for the one before.
 */
#if BITS == 64
#define BIG0(x) XOR3(ROTR(x, 28), ROTR(x, 34), ROTR(x, 39))
#define BIG1(x) XOR3(ROTR(x, 14), ROTR(x, 18), ROTR(x, 41))
#define SMALL0(x) XOR3(ROTR(x, 1), ROTR(x, 8), SHR(x, 7))
#define SMALL1(x) XOR3(ROTR(x, 19), ROTR(x, 61), SHR(x, 6))
#define ROUNDS 80
#else
#define BIG0(x) XOR3(ROTR(x, 2), ROTR(x, 13), ROTR(x, 22))
#define BIG1(x) XOR3(ROTR(x, 6), ROTR(x, 11), ROTR(x, 25))
#define SMALL0(x) XOR3(ROTR(x, 7), ROTR(x, 18), SHR(x, 3))
#define SMALL1(x) XOR3(ROTR(x, 17), ROTR(x, 19), SHR(x, 10))
#define ROUNDS 64
#endif

#define STEP(a, b, c, d, e, f, g, h, i) { \
    WORD t1 = ADD(ADD(ADD(h, w[i]), CONSTANT(t + i)), ADD(BIG1(e), CH(e, f, g))); \
    d = ADD(d, t1); \
    h = ADD(t1, ADD(BIG0(a), MAJ(a, b, c))); }
#define EXPAND(i) \
    w[i] = ADD(ADD(w[i], SMALL0(w[(i + 1) & 15])), ADD(w[(i + 9) & 15], SMALL1(w[(i + 14) & 15])));

TARGET static inline void NAME(WORD state[8], WORD w[16])
{
    WORD a = state[0], b = state[1], c = state[2], d = state[3];
    WORD e = state[4], f = state[5], g = state[6], h = state[7];
    int t = 0;
    for (; t < ROUNDS - 16; t += 16) {
        STEP(a, b, c, d, e, f, g, h, 0) EXPAND(0)
        STEP(h, a, b, c, d, e, f, g, 1) EXPAND(1)
        STEP(g, h, a, b, c, d, e, f, 2) EXPAND(2)
        STEP(f, g, h, a, b, c, d, e, 3) EXPAND(3)
        STEP(e, f, g, h, a, b, c, d, 4) EXPAND(4)
        STEP(d, e, f, g, h, a, b, c, 5) EXPAND(5)
        STEP(c, d, e, f, g, h, a, b, 6) EXPAND(6)
        STEP(b, c, d, e, f, g, h, a, 7) EXPAND(7)
        STEP(a, b, c, d, e, f, g, h, 8) EXPAND(8)
        STEP(h, a, b, c, d, e, f, g, 9) EXPAND(9)
        STEP(g, h, a, b, c, d, e, f, 10) EXPAND(10)
        STEP(f, g, h, a, b, c, d, e, 11) EXPAND(11)
        STEP(e, f, g, h, a, b, c, d, 12) EXPAND(12)
        STEP(d, e, f, g, h, a, b, c, 13) EXPAND(13)
        STEP(c, d, e, f, g, h, a, b, 14) EXPAND(14)
        STEP(b, c, d, e, f, g, h, a, 15) EXPAND(15)
    }
    STEP(a, b, c, d, e, f, g, h, 0)
    STEP(h, a, b, c, d, e, f, g, 1)
    STEP(g, h, a, b, c, d, e, f, 2)
    STEP(f, g, h, a, b, c, d, e, 3)
    STEP(e, f, g, h, a, b, c, d, 4)
    STEP(d, e, f, g, h, a, b, c, 5)
    STEP(c, d, e, f, g, h, a, b, 6)
    STEP(b, c, d, e, f, g, h, a, 7)
    STEP(a, b, c, d, e, f, g, h, 8)
    STEP(h, a, b, c, d, e, f, g, 9)
    STEP(g, h, a, b, c, d, e, f, 10)
    STEP(f, g, h, a, b, c, d, e, 11)
    STEP(e, f, g, h, a, b, c, d, 12)
    STEP(d, e, f, g, h, a, b, c, 13)
    STEP(c, d, e, f, g, h, a, b, 14)
    STEP(b, c, d, e, f, g, h, a, 15)
    state[0] = ADD(state[0], a), state[1] = ADD(state[1], b);
    state[2] = ADD(state[2], c), state[3] = ADD(state[3], d);
    state[4] = ADD(state[4], e), state[5] = ADD(state[5], f);
    state[6] = ADD(state[6], g), state[7] = ADD(state[7], h);
}

#undef BIG0
#undef BIG1
#undef SMALL0
#undef SMALL1
#undef STEP
#undef EXPAND
#undef NAME
#undef WORD
#undef ADD
#undef XOR3
#undef CH
#undef MAJ
#undef ROTR
#undef SHR
#undef CONSTANT
#undef ROUNDS
#undef BITS
#undef TARGET
