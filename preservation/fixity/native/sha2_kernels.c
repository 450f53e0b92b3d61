/* See sha2_kernels.h. Written from FIPS 180-4; the instructions are those of any AVX-512 machine. */
#include "sha2_kernels.h"

#include <cpuid.h>
#include <immintrin.h>
#include <string.h>

#define AVX512 __attribute__((target("avx512f,avx512bw")))
#define SHA_NI __attribute__((target("sha,sse4.1,ssse3")))

/* FIPS 180-4, 4.2.3; the constants of SHA-256 (4.2.2) are the upper halves of the first 64. */
static const uint64_t K512[80] = {
    0x428a2f98d728ae22, 0x7137449123ef65cd, 0xb5c0fbcfec4d3b2f, 0xe9b5dba58189dbbc,
    0x3956c25bf348b538, 0x59f111f1b605d019, 0x923f82a4af194f9b, 0xab1c5ed5da6d8118,
    0xd807aa98a3030242, 0x12835b0145706fbe, 0x243185be4ee4b28c, 0x550c7dc3d5ffb4e2,
    0x72be5d74f27b896f, 0x80deb1fe3b1696b1, 0x9bdc06a725c71235, 0xc19bf174cf692694,
    0xe49b69c19ef14ad2, 0xefbe4786384f25e3, 0x0fc19dc68b8cd5b5, 0x240ca1cc77ac9c65,
    0x2de92c6f592b0275, 0x4a7484aa6ea6e483, 0x5cb0a9dcbd41fbd4, 0x76f988da831153b5,
    0x983e5152ee66dfab, 0xa831c66d2db43210, 0xb00327c898fb213f, 0xbf597fc7beef0ee4,
    0xc6e00bf33da88fc2, 0xd5a79147930aa725, 0x06ca6351e003826f, 0x142929670a0e6e70,
    0x27b70a8546d22ffc, 0x2e1b21385c26c926, 0x4d2c6dfc5ac42aed, 0x53380d139d95b3df,
    0x650a73548baf63de, 0x766a0abb3c77b2a8, 0x81c2c92e47edaee6, 0x92722c851482353b,
    0xa2bfe8a14cf10364, 0xa81a664bbc423001, 0xc24b8b70d0f89791, 0xc76c51a30654be30,
    0xd192e819d6ef5218, 0xd69906245565a910, 0xf40e35855771202a, 0x106aa07032bbd1b8,
    0x19a4c116b8d2d0c8, 0x1e376c085141ab53, 0x2748774cdf8eeb99, 0x34b0bcb5e19b48a8,
    0x391c0cb3c5c95a63, 0x4ed8aa4ae3418acb, 0x5b9cca4f7763e373, 0x682e6ff3d6b2b8a3,
    0x748f82ee5defb2fc, 0x78a5636f43172f60, 0x84c87814a1f0ab72, 0x8cc702081a6439ec,
    0x90befffa23631e28, 0xa4506cebde82bde9, 0xbef9a3f7b2c67915, 0xc67178f2e372532b,
    0xca273eceea26619c, 0xd186b8c721c0c207, 0xeada7dd6cde0eb1e, 0xf57d4f7fee6ed178,
    0x06f067aa72176fba, 0x0a637dc5a2c898a6, 0x113f9804bef90dae, 0x1b710b35131c471b,
    0x28db77f523047d84, 0x32caab7b40c72493, 0x3c9ebe0a15c9bebc, 0x431d67c49c100d4c,
    0x4cc5d4becb3e42b6, 0x597f299cfc657e2a, 0x5fcb6fab3ad6faec, 0x6c44198c4a475817,
};
static uint32_t K256[64];
static int has_instructions; /* to ask costs microseconds on a virtual machine: it is asked once */

__attribute__((constructor)) static void prepare(void)
{
    unsigned a, b = 0, c, d;
    has_instructions = __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b >> 29 & 1);
    for (int t = 0; t < 64; t++)
        K256[t] = (uint32_t)(K512[t] >> 32);
}

int sha2_lanes_usable(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw");
}

/* Big-endian words of a message. */
static inline uint64_t word64(const uint8_t *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof word);
    return __builtin_bswap64(word);
}

static inline uint32_t word32(const uint8_t *at)
{
    uint32_t word;
    memcpy(&word, at, sizeof word);
    return __builtin_bswap32(word);
}

/* One message, SHA-512. BMI2 has rotations that leave their source alone; AVX-512 never is without. */
#define NAME rounds_512
#define TARGET __attribute__((target("bmi,bmi2")))
#define BITS 64
#define WORD uint64_t
#define ADD(x, y) ((x) + (y))
#define XOR3(x, y, z) ((x) ^ (y) ^ (z))
#define CH(x, y, z) (((x) & (y)) ^ (~(x) & (z)))
#define MAJ(x, y, z) (((x) & (y)) | ((z) & ((x) | (y))))
#define ROTR(x, n) ((x) >> (n) | (x) << (64 - (n)))
#define SHR(x, n) ((x) >> (n))
#define CONSTANT(t) K512[t]
#include "sha2_rounds.h"

void sha512_one(uint64_t state[8], const uint8_t *message, size_t blocks)
{
    for (; blocks--; message += 128) {
        uint64_t w[16];
        for (int i = 0; i < 16; i++)
            w[i] = word64(message + 8 * i);
        rounds_512(state, w);
    }
}

/* One message, SHA-256, where the processor has no instructions for it. */
#define NAME rounds_256
#define TARGET __attribute__((target("bmi,bmi2")))
#define BITS 32
#define WORD uint32_t
#define ADD(x, y) ((x) + (y))
#define XOR3(x, y, z) ((x) ^ (y) ^ (z))
#define CH(x, y, z) (((x) & (y)) ^ (~(x) & (z)))
#define MAJ(x, y, z) (((x) & (y)) | ((z) & ((x) | (y))))
#define ROTR(x, n) ((x) >> (n) | (x) << (32 - (n)))
#define SHR(x, n) ((x) >> (n))
#define CONSTANT(t) K256[t]
#include "sha2_rounds.h"

static void sha256_plain(uint32_t state[8], const uint8_t *message, size_t blocks)
{
    for (; blocks--; message += 64) {
        uint32_t w[16];
        for (int i = 0; i < 16; i++)
            w[i] = word32(message + 4 * i);
        rounds_256(state, w);
    }
}

/* SHA-256 by the processor's own instructions: two rounds each. They hold a state as ABEF and CDGH,
 * its first word uppermost. An instruction waits for the one before it for four cycles, so one
 * message alone leaves most of them idle: two messages take turns. */
typedef struct {
    __m128i abef, cdgh;
} Halves;

SHA_NI static inline Halves in_halves(const uint32_t state[8])
{
    const __m128i badc = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)state), 0xB1);
    const __m128i hgfe = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(state + 4)), 0x1B);
    return (Halves){_mm_alignr_epi8(badc, hgfe, 8), _mm_blend_epi16(hgfe, badc, 0xF0)};
}

SHA_NI static inline void in_words(Halves halves, uint32_t state[8])
{
    const __m128i feba = _mm_shuffle_epi32(halves.abef, 0x1B);
    const __m128i dchg = _mm_shuffle_epi32(halves.cdgh, 0xB1);
    _mm_storeu_si128((__m128i *)state, _mm_blend_epi16(feba, dchg, 0xF0));
    _mm_storeu_si128((__m128i *)(state + 4), _mm_alignr_epi8(dchg, feba, 8));
}

/* `count` messages in turns; each call gives it as a constant, so its loops are unrolled. */
SHA_NI static inline __attribute__((always_inline)) void sha256_turns(
    uint32_t *const states[], const uint8_t *const messages[], size_t blocks, const int count)
{
    const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    Halves s[2], before[2];
    for (int m = 0; m < count; m++)
        s[m] = in_halves(states[m]);
    for (size_t at = 0; blocks--; at += 64) {
        __m128i w[2][4];
        for (int m = 0; m < count; m++) {
            before[m] = s[m];
            for (int i = 0; i < 4; i++) {
                const __m128i *words = (const __m128i *)(messages[m] + at + 16 * (size_t)i);
                w[m][i] = _mm_shuffle_epi8(_mm_loadu_si128(words), swap);
            }
        }
#pragma GCC unroll 16
        for (int i = 0; i < 16; i++) {
            const __m128i k = _mm_loadu_si128((const __m128i *)(K256 + 4 * i));
            __m128i now[2];
            for (int m = 0; m < count; m++)
                now[m] = _mm_add_epi32(w[m][i & 3], k);
            for (int m = 0; m < count; m++)
                s[m].cdgh = _mm_sha256rnds2_epu32(s[m].cdgh, s[m].abef, now[m]);
            for (int m = 0; m < count; m++) {
                now[m] = _mm_shuffle_epi32(now[m], 0x0E);
                s[m].abef = _mm_sha256rnds2_epu32(s[m].abef, s[m].cdgh, now[m]);
            }
            for (int m = 0; m < count && i < 12; m++) {
                const __m128i last = w[m][(i + 3) & 3];
                __m128i next = _mm_sha256msg1_epu32(w[m][i & 3], w[m][(i + 1) & 3]);
                next = _mm_add_epi32(next, _mm_alignr_epi8(last, w[m][(i + 2) & 3], 4));
                w[m][i & 3] = _mm_sha256msg2_epu32(next, last);
            }
        }
        for (int m = 0; m < count; m++) {
            s[m].abef = _mm_add_epi32(s[m].abef, before[m].abef);
            s[m].cdgh = _mm_add_epi32(s[m].cdgh, before[m].cdgh);
        }
    }
    for (int m = 0; m < count; m++)
        in_words(s[m], states[m]);
}

SHA_NI static void sha256_ni(uint32_t state[8], const uint8_t *message, size_t blocks)
{
    sha256_turns(&state, &message, blocks, 1);
}

SHA_NI void sha256_two(uint32_t *const states[2], const uint8_t *const messages[2], size_t blocks)
{
    sha256_turns(states, messages, blocks, 2);
}

int sha256_has_instructions(void)
{
    return has_instructions;
}

void sha256_one(uint32_t state[8], const uint8_t *message, size_t blocks)
{
    (has_instructions ? sha256_ni : sha256_plain)(state, message, blocks);
}

/* Eight messages, SHA-512. */
#define NAME rounds_512_lanes
#define TARGET AVX512
#define BITS 64
#define WORD __m512i
#define ADD(x, y) _mm512_add_epi64(x, y)
#define XOR3(x, y, z) _mm512_ternarylogic_epi64(x, y, z, 0x96)
#define CH(x, y, z) _mm512_ternarylogic_epi64(x, y, z, 0xCA)
#define MAJ(x, y, z) _mm512_ternarylogic_epi64(x, y, z, 0xE8)
#define ROTR(x, n) _mm512_ror_epi64(x, n)
#define SHR(x, n) _mm512_srli_epi64(x, n)
#define CONSTANT(t) _mm512_set1_epi64((long long)K512[t])
#include "sha2_rounds.h"

/* Eight rows of eight words of 64 bits become columns. */
AVX512 static inline void turn_64(__m512i r[8])
{
    __m512i t[8], u[8];
    for (int i = 0; i < 8; i += 2) {
        t[i] = _mm512_unpacklo_epi64(r[i], r[i + 1]);
        t[i + 1] = _mm512_unpackhi_epi64(r[i], r[i + 1]);
    }
    for (int i = 0; i < 2; i++) {
        u[i] = _mm512_shuffle_i64x2(t[i], t[i + 2], 0x88);
        u[i + 2] = _mm512_shuffle_i64x2(t[i], t[i + 2], 0xDD);
        u[i + 4] = _mm512_shuffle_i64x2(t[i + 4], t[i + 6], 0x88);
        u[i + 6] = _mm512_shuffle_i64x2(t[i + 4], t[i + 6], 0xDD);
    }
    for (int i = 0; i < 4; i++) {
        r[i] = _mm512_shuffle_i64x2(u[i], u[i + 4], 0x88);
        r[i + 4] = _mm512_shuffle_i64x2(u[i], u[i + 4], 0xDD);
    }
}

AVX512 void sha512_lanes(uint64_t *state, const uint8_t *const messages[8], size_t blocks)
{
    const __m512i swap = _mm512_broadcast_i32x4(
        _mm_set_epi64x(0x08090a0b0c0d0e0f, 0x0001020304050607));
    __m512i s[8], w[16];
    for (int i = 0; i < 8; i++)
        s[i] = _mm512_loadu_si512(state + 8 * i);
    for (size_t at = 0; blocks--; at += 128) {
        for (int i = 0; i < 8; i++) {
            const uint8_t *block = messages[i] + at;
            w[i] = _mm512_shuffle_epi8(_mm512_loadu_si512(block), swap);
            w[i + 8] = _mm512_shuffle_epi8(_mm512_loadu_si512(block + 64), swap);
        }
        turn_64(w);
        turn_64(w + 8);
        rounds_512_lanes(s, w);
    }
    for (int i = 0; i < 8; i++)
        _mm512_storeu_si512(state + 8 * i, s[i]);
}

/* Sixteen messages, SHA-256. */
#define NAME rounds_256_lanes
#define TARGET AVX512
#define BITS 32
#define WORD __m512i
#define ADD(x, y) _mm512_add_epi32(x, y)
#define XOR3(x, y, z) _mm512_ternarylogic_epi32(x, y, z, 0x96)
#define CH(x, y, z) _mm512_ternarylogic_epi32(x, y, z, 0xCA)
#define MAJ(x, y, z) _mm512_ternarylogic_epi32(x, y, z, 0xE8)
#define ROTR(x, n) _mm512_ror_epi32(x, n)
#define SHR(x, n) _mm512_srli_epi32(x, n)
#define CONSTANT(t) _mm512_set1_epi32((int)K256[t])
#include "sha2_rounds.h"

/* Sixteen rows of sixteen words of 32 bits become columns. */
AVX512 static inline void turn_32(__m512i r[16])
{
    __m512i t[16];
    for (int i = 0; i < 16; i += 2) {
        t[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
        t[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
    }
    for (int i = 0; i < 16; i += 4) {
        r[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
        r[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
        r[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
        r[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
    }
    for (int i = 0; i < 4; i++) {
        t[i] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0x88);
        t[i + 4] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0xDD);
        t[i + 8] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0x88);
        t[i + 12] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0xDD);
    }
    for (int i = 0; i < 8; i++) {
        r[i] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0x88);
        r[i + 8] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0xDD);
    }
}

AVX512 void sha256_lanes(uint32_t *state, const uint8_t *const messages[16], size_t blocks)
{
    const __m512i swap = _mm512_broadcast_i32x4(
        _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203));
    __m512i s[8], w[16];
    for (int i = 0; i < 8; i++)
        s[i] = _mm512_loadu_si512(state + 16 * i);
    for (size_t at = 0; blocks--; at += 64) {
        for (int i = 0; i < 16; i++)
            w[i] = _mm512_shuffle_epi8(_mm512_loadu_si512(messages[i] + at), swap);
        turn_32(w);
        rounds_256_lanes(s, w);
    }
    for (int i = 0; i < 8; i++)
        _mm512_storeu_si512(state + 16 * i, s[i]);
}
