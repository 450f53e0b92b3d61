/* The compression functions of SHA-256 and SHA-512 (FIPS 180-4, clauses 6.2.2 and 6.4.2): of one
 * message, and of sixteen or eight messages at once, one in each lane of an AVX-512 register.
 *
 * A state has eight words. That of one message is an array of eight; of many messages, row by row
 * all first words, all second words ... : a row is one register, of 64 octets.
 */
#ifndef SAMARKAND_SHA2_KERNELS_H
#define SAMARKAND_SHA2_KERNELS_H

#include <stddef.h>
#include <stdint.h>

enum { SHA256_LANES = 16, SHA512_LANES = 8, MOST_LANES = 16 };

/* Whether this processor, and the system on it, can do what is below. */
int sha2_lanes_usable(void);
/* Whether the processor has instructions for SHA-256: then sha256_one is nearly as fast as ten
 * lanes, and sha256_two may be called, as fast as fifteen. */
int sha256_has_instructions(void);

/* Take in `blocks` blocks of 64 (SHA-256) or 128 octets (SHA-512) of each message. */
void sha256_one(uint32_t state[8], const uint8_t *message, size_t blocks);
void sha256_two(uint32_t *const states[2], const uint8_t *const messages[2], size_t blocks);
void sha512_one(uint64_t state[8], const uint8_t *message, size_t blocks);
void sha256_lanes(uint32_t *state, const uint8_t *const messages[SHA256_LANES], size_t blocks);
void sha512_lanes(uint64_t *state, const uint8_t *const messages[SHA512_LANES], size_t blocks);

#endif
