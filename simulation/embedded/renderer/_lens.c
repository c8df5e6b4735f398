/* Lens and sensor: drops on the glass, blur, dirt, exposure, glare, noise. */
#include <string.h>

#include "_draw.h"

void draw_drops(uint8_t *image, const int32_t *at, const int32_t *source, int count) {
    for (int i = 0; i < count; i++)
        for (int k = 0; k < 3; k++) {
            uint8_t *to = image + 3L * at[i] + k;
            *to = (uint8_t)(*to / 4 + image[3L * source[i] + k] / 4 * 3);
        }
}

/* Weighted mean of three neighbours; the middle one has the weight 256 - 2 * side. */
INLINED uint8_t blurred(uint8_t one, uint8_t middle, uint8_t other, uint16_t side) {
    uint16_t sum = (uint16_t)((uint16_t)(one + other) * side);
    return (uint8_t)((uint16_t)(sum + (uint16_t)(middle * (256 - 2 * side)) + 128) >> 8);
}

/* Blur one row. `above` is the original row above, and becomes the original of this row. */
INLINED void blur_row(uint8_t *restrict row, uint8_t *restrict above, const uint8_t *restrict below, int count,
                      int side) {
    uint8_t line[3 * MAX_WIDTH + 6];
    for (int i = 0; i < count; i++) line[i + 3] = blurred(above[i], row[i], below[i], (uint16_t)side);
    memcpy(line, line + 3, 3);
    memcpy(line + count + 3, line + count, 3);
    memcpy(above, row, count);
    for (int i = 0; i < count; i++) row[i] = blurred(line[i], line[i + 3], line[i + 6], (uint16_t)side);
}

SIMD_CLONES void expose(uint8_t *image, int width, int height, int blur, const uint8_t *mask, int gain,
                        const uint8_t *veil, long veil_stride, const uint8_t *noise, long noise_stride, int offset) {
    int count = 3 * width;
    int16_t line[3 * MAX_WIDTH];
    uint8_t above[3 * MAX_WIDTH], last[3 * MAX_WIDTH];
    memcpy(above, image, count);
    for (int v = 0; v < height; v++, image += count, noise += noise_stride) {
        if (blur) {
            const uint8_t *below = image + count;
            if (v + 1 == height) below = memcpy(last, image, count);
            blur_row(image, above, below, count, blur);
        }
        for (int i = 0; i < count; i++) line[i] = image[i];
        if (mask) {
            const uint8_t *share = mask + (long)v * count;
            for (int i = 0; i < count; i++) line[i] = (int16_t)((uint16_t)((uint16_t)line[i] * (share[i] + 1)) >> 8);
        }
        if (gain != 256)
            for (int i = 0; i < count; i++)
                line[i] = (int16_t)((uint16_t)((uint16_t)line[i] * (uint16_t)(gain >> 2)) >> 6);
        if (veil) {
            const uint8_t *light = veil + v * veil_stride;
            for (int i = 0; i < count; i++) line[i] = (int16_t)(line[i] + light[i]);
        }
        for (int i = 0; i < count; i++) {
            int16_t value = (int16_t)(line[i] + noise[i] - offset);
            value = value < 0 ? 0 : value;
            image[i] = (uint8_t)(value > 255 ? 255 : value);
        }
    }
}
