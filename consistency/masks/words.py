"""Arithmetic on words of 64 bits, many at a time: where set bits are, without a list of them."""

import numpy as np

WORD_BITS = 64
FULL_WORD = np.uint64(0xFFFF_FFFF_FFFF_FFFF)

# Bit i of INDEX_BITS[k] is set where bit k of the number i is set: with these, the sum of the
# positions of a word's set bits is sum_k 2**k * popcount(word & INDEX_BITS[k]).
INDEX_BITS = np.array(
    [sum(1 << i for i in range(WORD_BITS) if i >> k & 1) for k in range(6)], dtype=np.uint64
)

# Where the even bits of a word are after each of the steps that gather them (Warren 2012, section
# 7-4, "compress").
EVEN_BITS = np.array(
    [
        0x5555_5555_5555_5555,
        0x3333_3333_3333_3333,
        0x0F0F_0F0F_0F0F_0F0F,
        0x00FF_00FF_00FF_00FF,
        0x0000_FFFF_0000_FFFF,
        0x0000_0000_FFFF_FFFF,
    ],
    dtype=np.uint64,
)


def every_second_bit(word: np.ndarray) -> np.ndarray:
    """Gather bits 0, 2, 4, ... of each word into its lower half, uint64."""
    word = word & EVEN_BITS[0]
    for k, bits in enumerate(EVEN_BITS[1:]):
        word = (word | word >> np.uint64(1 << k)) & bits
    return word


def lowest_bit(word: np.ndarray) -> np.ndarray:
    """Position of the lowest set bit of each non-zero word, int32."""
    # word & -word keeps the lowest bit; one less, and all bits below it are set.
    return np.bitwise_count((word & -word) - np.uint64(1)).astype(np.int32)


def highest_bit(word: np.ndarray) -> np.ndarray:
    """Position of the highest set bit of each non-zero word, int32."""
    # Every bit below the highest is set, so their number is its position plus one.
    smeared = word.copy()
    for shift in (1, 2, 4, 8, 16, 32):
        smeared |= smeared >> np.uint64(shift)
    return np.bitwise_count(smeared).astype(np.int32) - np.int32(1)


def sum_of_bits(word: np.ndarray) -> np.ndarray:
    """Sum of the positions of each word's set bits, uint16 (2016 at most)."""
    total = np.zeros(word.size, np.uint16)
    for k, bits in enumerate(INDEX_BITS):
        total += np.bitwise_count(word & bits).astype(np.uint16) << np.uint16(k)
    return total
