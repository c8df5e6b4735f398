/* What stands on the ground, and what lens and sensor make of the picture. */
#include <math.h>
#include <string.h>

#include "_draw.h"

/* Nearness of ground beyond which it hides a thing: a thing's own foot must not be cut off by the ground it is on. */
static float hiding(float nearness) { return nearness > 0 ? nearness * 1.06f : 1e9f; }

void draw_sprite(uint8_t *image, Depth depth, const uint8_t *sprite, int sprite_width, int sprite_height, float left,
                 float top, float scale, float nearness, const float *haze, float haziness, float light) {
    float right = left + sprite_width * scale, bottom = top + sprite_height * scale;
    int x0 = left < 0 ? 0 : (int)ceilf(left), x1 = right > depth.width ? depth.width : (int)ceilf(right);
    int y0 = top < 0 ? 0 : (int)ceilf(top), y1 = bottom > depth.height ? depth.height : (int)ceilf(bottom);
    float per_px = 1 / scale, limit = hiding(nearness);
    int step = (int)(per_px * 65536), shine = (int)(light * (1 - haziness) * 256);
    int misty[3];
    for (int k = 0; k < 3; k++) misty[k] = (int)(haze[k] * haziness);
    for (int v = y0; v < y1; v++) {
        int y = (int)((v - top) * per_px);
        const uint8_t *line = sprite + 4L * sprite_width * (y >= sprite_height ? sprite_height - 1 : y);
        const float *ground = depth.nearness + (long)v * depth.width;
        uint8_t *out = image + 3L * v * depth.width;
        int x = (int)((x0 - left) * per_px * 65536);
        for (int u = x0; u < x1; u++, x += step) {
            int column = x >> 16;
            const uint8_t *texel = line + 4 * (column >= sprite_width ? sprite_width - 1 : column);
            int alpha = texel[3];
            if (alpha == 0 || ground[u] > limit) continue;
            for (int k = 0; k < 3; k++) {
                int colour = ((texel[k] * shine) >> 8) + misty[k] * alpha / 255;
                out[3 * u + k] = (uint8_t)(colour + out[3 * u + k] * (255 - alpha) / 255);
            }
        }
    }
}

void draw_polygon(uint8_t *image, Depth depth, const Pixel *corners, int count, const float *colour, float opacity,
                  int is_light, float *sums, int32_t *spans) {
    int width = depth.width, height = depth.height;
    float limit = hiding(corners[0].nearness);
    int top = height, bottom = 0;
    for (int i = 0; i < count; i++) {
        float v = corners[i].v < 0 ? 0 : corners[i].v > height ? height : corners[i].v;
        if ((int)v - 1 < top) top = (int)v - 1;
        if ((int)v + 2 > bottom) bottom = (int)v + 2;
    }
    top = top < 0 ? 0 : top, bottom = bottom > height ? height : bottom;
    for (int row = top; row < bottom; row++) spans[2 * row] = width, spans[2 * row + 1] = 0;
    add_cover(corners, count, sums, spans, width, height);
    for (int row = top; row < bottom; row++) {
        int first = spans[2 * row], end = spans[2 * row + 1];
        if (end <= first) continue;
        float *line = sums + (long)row * (width + 2), sum = 0;
        const float *ground = depth.nearness + (long)row * width;
        uint8_t *out = image + 3L * row * width;
        for (int u = first; u < end; u++) {
            sum += line[u];
            line[u] = 0;
            float share = fabsf(sum) * opacity;
            if (share < 0.004f || ground[u] > limit) continue;
            share = share > 1 ? 1 : share;
            for (int k = 0; k < 3; k++) {
                float before = out[3 * u + k];
                float after = before + (is_light ? colour[k] : colour[k] - before) * share + 0.5f;
                out[3 * u + k] = after > 255 ? 255 : (uint8_t)after;
            }
        }
        line[end] = line[end + 1] = 0;
    }
}

WIDE void finish(uint8_t *image, int width, int height, const uint8_t *mask, int gain, const uint8_t *veil, long veil_stride,
            const uint8_t *noise, long noise_stride, int offset) {
    int count = 3 * width;
    int16_t line[3 * MAX_WIDTH];
    for (int v = 0; v < height; v++, image += count, noise += noise_stride) {
        for (int i = 0; i < count; i++) line[i] = image[i];
        if (mask) {
            const uint8_t *share = mask + (long)v * count;
            for (int i = 0; i < count; i++) line[i] = (int16_t)((uint16_t)((uint16_t)line[i] * (share[i] + 1)) >> 8);
        }
        if (gain != 256)
            for (int i = 0; i < count; i++) line[i] = (int16_t)((uint16_t)((uint16_t)line[i] * (uint16_t)(gain >> 2)) >> 6);
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
