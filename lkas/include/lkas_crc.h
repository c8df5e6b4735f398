/* lkas_crc.h: the CRC-32 of Ethernet and zlib, eight bytes at a time. */
#ifndef LKAS_CRC_H
#define LKAS_CRC_H

#include "lkas_system.h"

/* Filled when a segment with CRCs is mapped. */
static uint32_t lkas__crc_table[8][256];

static inline void lkas__fill_crc_table(void) {
    if (lkas__crc_table[0][1]) return;
    for (uint32_t byte = 0; byte < 256; ++byte) {
        uint32_t crc = byte;
        for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? UINT32_C(0xedb88320) : 0);
        lkas__crc_table[0][byte] = crc;
    }
    for (uint32_t byte = 0; byte < 256; ++byte)
        for (int i = 1; i < 8; ++i) {
            const uint32_t before = lkas__crc_table[i - 1][byte];
            lkas__crc_table[i][byte] = before >> 8 ^ lkas__crc_table[0][before & 0xff];
        }
}

/* Continue from `crc`, the CRC of the bytes before; 0 to start. */
static inline uint32_t lkas__crc(uint32_t crc, const void *content, size_t size) {
    const uint8_t *p = (const uint8_t *)content;
    crc = ~crc;
    for (; size >= 8; size -= 8, p += 8) {
        crc ^= (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
        crc = lkas__crc_table[7][crc & 0xff] ^ lkas__crc_table[6][crc >> 8 & 0xff] ^
              lkas__crc_table[5][crc >> 16 & 0xff] ^ lkas__crc_table[4][crc >> 24] ^ lkas__crc_table[3][p[4]] ^
              lkas__crc_table[2][p[5]] ^ lkas__crc_table[1][p[6]] ^ lkas__crc_table[0][p[7]];
    }
    for (; size; --size, ++p) crc = crc >> 8 ^ lkas__crc_table[0][(crc ^ *p) & 0xff];
    return ~crc;
}

#endif /* LKAS_CRC_H */
