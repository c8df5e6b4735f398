/* Colours of ground and sky. Row by row; each step is one loop over plain arrays, which compilers turn into SIMD. */
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "_draw.h"

/* Places on the ground are counted in texels of LATTICE_M; every texture's texel is one of these or 2^shift of them, and
 * every texture repeats after 1 / 2^n of LATTICE_SIDE. */
#define LATTICE_M 0.015
#define LATTICE_SIDE 4096
#define AHEAD (64.0f * LATTICE_SIDE) /* keeps places positive up to this far behind the origin */
#define FINEST_M 2.5f                /* depth up to which the finest level is drawn; twice as far, half as fine */
#define EYE_M 1.4f                   /* height of the camera, for the angle at which water is looked at */

/* Contrast that averaging took from the levels of the grain is given back, so that no level's edge shows. */
static const float GRAIN_CONTRAST[MAX_LEVELS] = {0.8f, 1.15f, 1.4f, 1.5f, 1.3f, 1.1f, 0.9f, 0.8f};

/* One row of pixels; only columns that show ground hold anything. */
typedef struct {
    float depth[MAX_WIDTH], grain[MAX_WIDTH], light[MAX_WIDTH], clear[MAX_WIDTH];
    float rgb[3][MAX_WIDTH];
    int32_t x[MAX_WIDTH], y[MAX_WIDTH]; /* on the lattice */
    uint8_t level[MAX_WIDTH], bytes[3][MAX_WIDTH];
} Row;

/* Index of the texel at a place, in the level that `level` stands for. */
PART long texel_at(const Texture *texture, int32_t x, int32_t y, int *level) {
    if (*level >= texture->count) *level = texture->count - 1;
    int shift = texture->shift + *level, mask = texture->side[*level] - 1;
    return (long)((y >> shift) & mask) * (mask + 1) + ((x >> shift) & mask);
}

PART uint8_t grey_at(const Texture *texture, int32_t x, int32_t y, int level) {
    long at = texel_at(texture, x, y, &level);
    return texture->texels[level][at];
}

/* Where the pixels first..end of a row lie on the ground, and how fine a texture they need. */
PART void locate(Row *restrict row, const float *restrict nearness, const Camera *camera, int v, int first, int end) {
    const double(*ray)[3] = camera->map_from_pixel;
    const float per_m = (float)(1 / LATTICE_M);
    float x0 = (float)(ray[0][1] * v + ray[0][2]) * per_m, dx = (float)ray[0][0] * per_m;
    float y0 = (float)(ray[1][1] * v + ray[1][2]) * per_m, dy = (float)ray[1][0] * per_m;
    double at_x = camera->centre_m[0] / LATTICE_M, at_y = camera->centre_m[1] / LATTICE_M;
    float centre_x = (float)(at_x - floor(at_x / LATTICE_SIDE) * LATTICE_SIDE + AHEAD);
    float centre_y = (float)(at_y - floor(at_y / LATTICE_SIDE) * LATTICE_SIDE + AHEAD);
    for (int u = first; u < end; u++) {
        float depth = 1.0f / nearness[u];
        row->depth[u] = depth;
        row->x[u] = (int32_t)(centre_x + depth * (x0 + dx * (float)u));
        row->y[u] = (int32_t)(centre_y + depth * (y0 + dy * (float)u));
    }
    for (int u = first; u < end; u++) {
        union {
            float value;
            int32_t bits;
        } octaves = {row->depth[u] * (1.0f / FINEST_M)};
        int level = (octaves.bits >> 23) - 127; /* the exponent: floor(log2) */
        level = level < 0 ? 0 : level;
        row->level[u] = (uint8_t)(level > MAX_LEVELS - 1 ? MAX_LEVELS - 1 : level);
    }
}

/* The end of the columns from u on that take the same level. On a level road that is most of a row. */
PART int same_level(const Row *row, int u, int end) {
    int level = row->level[u];
    while (u < end && row->level[u] == level) u++;
    return u;
}

PART void draw_grass(Row *restrict row, const Texture *grass, int first, int end) {
    for (int u = first, next; u < end; u = next) {
        next = same_level(row, u, end);
        int level = row->level[u] < grass->count ? row->level[u] : grass->count - 1;
        int shift = grass->shift + level, side = grass->side[level], mask = side - 1;
        const uint8_t *texels = grass->texels[level];
        for (int i = u; i < next; i++) {
            const uint8_t *texel = texels + 4 * (((row->y[i] >> shift) & mask) * side + ((row->x[i] >> shift) & mask));
            for (int k = 0; k < 3; k++) row->rgb[k][i] = texel[k];
        }
    }
}

/* Grey values of a texture, minus `middle`. Soft ones are drawn coarser by two levels, and one value serves two pixels. */
PART void sample(const Row *restrict row, const Texture *texture, int is_soft, int middle, float *restrict out, int first,
                 int end) {
    for (int u = first, next; u < end; u = next) {
        next = same_level(row, u, end);
        int level = row->level[u] - 2 * is_soft;
        level = level < 0 ? 0 : level < texture->count ? level : texture->count - 1;
        int shift = texture->shift + level, side = texture->side[level], mask = side - 1;
        const uint8_t *restrict texels = texture->texels[level];
        for (int i = u; i < next; i += 1 + is_soft) {
            int at = ((row->y[i] >> shift) & mask) * side + ((row->x[i] >> shift) & mask);
            out[i] = (float)((int)texels[at] - middle);
            if (is_soft && i + 1 < next) out[i + 1] = out[i];
        }
    }
}

PART void draw_grain(Row *restrict row, const Texture *grain, float contrast, int first, int end) {
    sample(row, grain, 0, 128, row->grain, first, end);
    for (int u = first; u < end; u++) {
        int level = row->level[u];
        row->grain[u] *= GRAIN_CONTRAST[level] * contrast;
    }
}

PART void lay(Row *restrict row, const uint8_t *restrict cover, const float *colour, int first, int end) {
    for (int k = 0; k < 3; k++) {
        float *restrict channel = row->rgb[k], target = colour[k];
        for (int u = first; u < end; u++) channel[u] += (target - channel[u]) * ((float)cover[u] * (1.0f / 255));
    }
}

/* Paint goes in flakes: first where the texture is dark. What stays is a little thinner too. */
PART void paint(Row *row, const uint8_t *cover, const float *colour, const Texture *wear, float worn, int first,
                  int end) {
    float thin = 1.0f - 0.4f * worn;
    for (int u = first; u < end; u++) {
        if (cover[u] == 0) continue;
        float share = cover[u] * (1.0f / 255);
        if (worn > 0) {
            float left = (grey_at(wear, row->x[u], row->y[u], row->level[u]) - 255.0f * worn) * 0.03f + 0.5f;
            share *= thin * (left < 0 ? 0 : left > 1 ? 1 : left);
        }
        for (int k = 0; k < 3; k++) row->rgb[k][u] += (colour[k] - row->rgb[k][u]) * share;
    }
}

/* Water darkens the pavement and mirrors the sky, the more the flatter one looks at it. */
PART void wet(Row *restrict row, const uint8_t *restrict pavement, const Texture *puddles, const Look *look, int first,
              int end) {
    float *restrict water = row->clear; /* not needed yet for what it is named after */
    sample(row, puddles, 1, 0, water, first, end);
    for (int u = first; u < end; u++) {
        float flat = row->depth[u] / (row->depth[u] + EYE_M), share = (float)pavement[u] * (1.0f / 255);
        flat *= flat;
        water[u] = (0.35f + water[u] * (0.65f / 255)) * 0.8f * look->wet * flat * flat * share;
        row->light[u] = 1 - 0.42f * look->wet * share;
    }
    const float sky[3] = {look->sky_r, look->sky_g, look->sky_b};
    for (int k = 0; k < 3; k++) {
        float *restrict channel = row->rgb[k], mirrored = sky[k];
        for (int u = first; u < end; u++) {
            float colour = channel[u] * row->light[u];
            channel[u] = colour + (mirrored - colour) * water[u];
        }
    }
}

PART void shine(Row *restrict row, const Surfaces *surfaces, const Look *look, const uint8_t *restrict beam, int first,
                  int end) {
    for (int u = first; u < end; u++) row->light[u] = look->ambient;
    if (look->shadow > 0) {
        float *restrict dark = row->clear;
        sample(row, &surfaces->shadow, 1, 0, dark, first, end);
        for (int u = first; u < end; u++) row->light[u] *= 1.0f - look->shadow * (1.0f / 255) * dark[u];
    }
    if (look->lamps > 0)
        for (int u = first; u < end; u++) {
            float way = row->depth[u] * (1.0f / 26);
            row->light[u] += look->lamps * (1.0f / 255) * (float)beam[u] / (1.0f + way * way);
        }
}

PART void to_bytes(const float *restrict colour, const float *restrict grain, const float *restrict light,
                   const float *restrict clear, float mist, uint8_t *restrict bytes, int count) {
    for (int i = 0; i < count; i++) {
        int32_t value = (int32_t)(mist + ((colour[i] + grain[i]) * light[i] - mist) * clear[i] + 0.5f);
        value = value < 0 ? 0 : value;
        bytes[i] = (uint8_t)(value > 255 ? 255 : value);
    }
}

PART void store(Row *restrict row, const Look *look, uint8_t *restrict out, int first, int end) {
    const float *haze = &look->haze_r;
    float per_haze = 1.0f / (8.0f * look->haze_m);
    for (int u = first; u < end; u++) {
        /* exp(-depth / haze_m), but for its tail */
        float thick = 1.0f + row->depth[u] * per_haze;
        thick *= thick, thick *= thick, thick *= thick;
        row->clear[u] = 1.0f / thick;
    }
    for (int k = 0; k < 3; k++)
        to_bytes(row->rgb[k] + first, row->grain + first, row->light + first, row->clear + first, haze[k],
                 row->bytes[k] + first, end - first);
    for (int u = first; u < end; u++) {
        out[3 * u] = row->bytes[0][u];
        out[3 * u + 1] = row->bytes[1][u];
        out[3 * u + 2] = row->bytes[2][u];
    }
}

PART void shade_run(Row *row, const float *nearness, const Camera *camera, const Layer *layers,
                      const Surfaces *surfaces, const Look *look, uint8_t *out, int width, int v, int first, int end) {
    const uint8_t *cover[LAYERS];
    int from[LAYERS], to[LAYERS];
    for (int i = 0; i < LAYERS; i++) {
        cover[i] = layers[i].cover + (long)v * width;
        from[i] = layers[i].spans[2 * v] > first ? layers[i].spans[2 * v] : first;
        to[i] = layers[i].spans[2 * v + 1] < end ? layers[i].spans[2 * v + 1] : end;
    }
    locate(row, nearness, camera, v, first, end);
    /* Grass and verge only where there is not pavement alone. */
    int paved = from[PAVEMENT];
    while (paved < to[PAVEMENT] && cover[PAVEMENT][paved] != 255) paved++;
    int paved_end = paved;
    while (paved_end < to[PAVEMENT] && cover[PAVEMENT][paved_end] == 255) paved_end++;
    if (paved >= to[PAVEMENT]) paved = paved_end = end;
    draw_grass(row, &surfaces->grass, first, paved);
    draw_grass(row, &surfaces->grass, paved_end, end);
    const float *colours[] = {&look->verge_r, &look->pavement_r, &look->track_r, &look->stain_r};
    for (int i = VERGE; i <= PAVEMENT; i++) {
        lay(row, cover[i], colours[i], from[i], to[i] < paved ? to[i] : paved);
        lay(row, cover[i], colours[i], from[i] > paved_end ? from[i] : paved_end, to[i]);
    }
    for (int k = 0; k < 3; k++)
        for (int u = paved; u < paved_end; u++) row->rgb[k][u] = colours[PAVEMENT][k];
    for (int i = TRACK; i <= STAIN; i++) lay(row, cover[i], colours[i], from[i], to[i]);
    draw_grain(row, &surfaces->grain, look->grain, first, end);
    paint(row, cover[WHITE], &look->white_r, &surfaces->wear, look->wear, from[WHITE], to[WHITE]);
    paint(row, cover[YELLOW], &look->yellow_r, &surfaces->wear, look->wear, from[YELLOW], to[YELLOW]);
    if (look->wet > 0) wet(row, cover[PAVEMENT], &surfaces->puddle, look, from[PAVEMENT], to[PAVEMENT]);
    shine(row, surfaces, look, surfaces->beam + (long)v * width, first, end);
    store(row, look, out, first, end);
}

WIDE void shade_ground(uint8_t *image, Depth depth, const Camera *camera, const Layer *layers, const Surfaces *surfaces,
                  const Look *look) {
    Row row;
    for (int v = 0; v < depth.height; v++) {
        const float *nearness = depth.nearness + (long)v * depth.width;
        int u = 0;
        while (u < depth.width) {
            while (u < depth.width && nearness[u] <= 0) u++;
            int first = u;
            while (u < depth.width && nearness[u] > 0) u++;
            if (u > first)
                shade_run(&row, nearness, camera, layers, surfaces, look, image + 3L * v * depth.width, depth.width, v,
                          first, u);
        }
    }
}

#define ANCHOR_PX 16 /* angles are exact in every so many columns, and linear in between */

WIDE void draw_sky(uint8_t *image, Depth depth, const Camera *camera, const uint8_t *panorama, int around, int rows,
              float px_per_rad, float lowest) {
    const double(*ray)[3] = camera->map_from_pixel;
    int width = depth.width, anchors = (width + ANCHOR_PX - 1) / ANCHOR_PX;
    double columns[MAX_WIDTH / ANCHOR_PX + 2], heights[MAX_WIDTH / ANCHOR_PX + 2];
    for (int v = 0; v < depth.height; v++) {
        const float *nearness = depth.nearness + (long)v * width;
        int is_seen = 0;
        for (int u = 0; u < width; u++) is_seen |= nearness[u] <= 0;
        if (!is_seen) continue;
        for (int i = 0; i <= anchors; i++) {
            double u = i * ANCHOR_PX, d[3];
            for (int k = 0; k < 3; k++) d[k] = ray[k][0] * u + ray[k][1] * v + ray[k][2];
            columns[i] = -atan2(d[1], d[0]) * px_per_rad;
            heights[i] = (d[2] / sqrt(d[0] * d[0] + d[1] * d[1]) - lowest) * px_per_rad;
        }
        for (int i = 0; i < anchors; i++) {
            double turn = columns[i + 1] - columns[i];
            turn += turn > around / 2 ? -around : turn < -around / 2 ? around : 0;
            /* Fixed point, 16 bits of fraction. */
            int32_t x = (int32_t)((columns[i] + around) * 65536), dx = (int32_t)(turn / ANCHOR_PX * 65536);
            double top = heights[i] > rows ? rows : heights[i] < -1 ? -1 : heights[i];
            double next = heights[i + 1] > rows ? rows : heights[i + 1] < -1 ? -1 : heights[i + 1];
            int32_t y = (int32_t)(top * 65536), dy = (int32_t)((next - top) / ANCHOR_PX * 65536);
            if (y >> 16 > 2 && y >> 16 < rows) /* the next rows of the image: lower ones of the panorama */
                __builtin_prefetch(panorama + 3 * ((long)((y >> 16) - 2) * around + (x >> 16) % around));
            int end = (i + 1) * ANCHOR_PX < width ? (i + 1) * ANCHOR_PX : width;
            for (int u = i * ANCHOR_PX; u < end; u++, x += dx, y += dy) {
                if (nearness[u] > 0) continue;
                int column = x >> 16, row = y >> 16;
                column -= column >= around ? around : 0;
                row = row < 0 ? 0 : row >= rows ? rows - 1 : row;
                const uint8_t *from = panorama + 3 * ((long)row * around + column);
                uint8_t *to = image + 3 * ((long)v * width + u);
                to[0] = from[0], to[1] = from[1], to[2] = from[2];
            }
        }
    }
}
