/* Colours of the ground, run by run; each step is one loop over plain arrays, which compilers vectorize. */
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "_draw.h"

/* Positions on the ground are integers on a lattice of LATTICE_M; a texel measures 2^shift lattice steps, and every
 * texture is periodic in LATTICE_SIDE / 2^n steps. */
#define LATTICE_M 0.015
#define LATTICE_SIDE 4096
#define OFFSET (64.0f * LATTICE_SIDE) /* keeps positions positive */
#define FINEST_M 2.5f                 /* depth up to which level 0 is used; each further level doubles it */
#define EYE_M 1.4f                    /* height of the camera, for the viewing angle on water */

/* Restores the contrast that averaging removed from the levels of the grain, so that level borders are invisible. */
static const float GRAIN_CONTRAST[MAX_LEVELS] = {0.8f, 1.15f, 1.4f, 1.5f, 1.3f, 1.1f, 0.9f, 0.8f};

#define RUN 256 /* pixels of a row that are shaded together: their data fit into the L1 cache */

/* A run of pixels of a row that all show ground. */
typedef struct {
    float depth[RUN], light[RUN], rgb[3][RUN];
    int32_t x[RUN], y[RUN]; /* on the lattice */
    uint8_t level[RUN];
    int32_t at[RUN]; /* in a texture */
    uint8_t grey[RUN];
    uint32_t texels[RUN];
    struct {
        int end, level;
    } spans[RUN]; /* neighbours with the same level; on a level road most of a row */
    int count, span_count;
} Run;

/* Index of the first byte from `i` on that differs from `value`, at most `end`. */
INLINED int skip_equal(const uint8_t *bytes, uint8_t value, int i, int end) {
    uint64_t same, here;
    memset(&same, value, sizeof same);
    while (i + 8 <= end && (memcpy(&here, bytes + i, sizeof here), here == same)) i += 8;
    while (i < end && bytes[i] == value) i++;
    return i;
}

/* Compute ground positions and texture levels of the pixels from column `first` on. */
INLINED void project_run(Run *restrict run, const float *restrict nearness, const Camera *camera, int v, int first) {
    const double (*ray)[3] = camera->map_from_pixel;
    const float per_m = (float)(1 / LATTICE_M);
    float x0 = (float)(ray[0][0] * first + ray[0][1] * v + ray[0][2]) * per_m, dx = (float)ray[0][0] * per_m;
    float y0 = (float)(ray[1][0] * first + ray[1][1] * v + ray[1][2]) * per_m, dy = (float)ray[1][0] * per_m;
    double at_x = camera->centre_m[0] / LATTICE_M, at_y = camera->centre_m[1] / LATTICE_M;
    float centre_x = (float)(at_x - floor(at_x / LATTICE_SIDE) * LATTICE_SIDE + OFFSET);
    float centre_y = (float)(at_y - floor(at_y / LATTICE_SIDE) * LATTICE_SIDE + OFFSET);
    for (int i = 0; i < run->count; i++) {
        float depth = 1.0f / nearness[i];
        run->depth[i] = depth;
        run->x[i] = (int32_t)(centre_x + depth * (x0 + dx * (float)i));
        run->y[i] = (int32_t)(centre_y + depth * (y0 + dy * (float)i));
    }
    for (int i = 0; i < run->count; i++) {
        union {
            float value;
            int32_t bits;
        } octaves = {run->depth[i] * (1.0f / FINEST_M)};
        int level = (octaves.bits >> 23) - 127; /* the exponent: floor(log2) */
        level = level < 0 ? 0 : level;
        run->level[i] = (uint8_t)(level > MAX_LEVELS - 1 ? MAX_LEVELS - 1 : level);
    }
    run->span_count = 0;
    for (int i = 0; i < run->count;) {
        int level = run->level[i];
        i = skip_equal(run->level, (uint8_t)level, i, run->count);
        run->spans[run->span_count].end = i;
        run->spans[run->span_count++].level = level;
    }
}

/* Compute texel indices of the pixels i..end, which share one level; returns the texels of that level. */
INLINED const uint8_t *find_texels(Run *restrict run, const Texture *texture, int level, int i, int end) {
    level = level < 0 ? 0 : level < texture->count ? level : texture->count - 1;
    int shift = texture->shift + level, side = texture->side[level], mask = side - 1;
    for (; i < end; i++) run->at[i] = ((run->y[i] >> shift) & mask) * side + ((run->x[i] >> shift) & mask);
    return texture->texels[level];
}

INLINED void draw_grass(Run *restrict run, const Texture *grass, int first, int end) {
    for (int k = 0, i = 0; k < run->span_count; i = run->spans[k++].end) {
        int from = i > first ? i : first, to = run->spans[k].end < end ? run->spans[k].end : end;
        if (from >= to) continue;
        const uint8_t *texels = find_texels(run, grass, run->spans[k].level, from, to);
        for (int j = from; j < to; j++) memcpy(&run->texels[j], texels + 4L * run->at[j], 4);
    }
    for (int i = first; i < end; i++) {
        uint32_t texel = run->texels[i];
        run->rgb[0][i] = (float)(int32_t)(texel & 255);
        run->rgb[1][i] = (float)(int32_t)(texel >> 8 & 255);
        run->rgb[2][i] = (float)(int32_t)(texel >> 16 & 255);
    }
}

/* Sample a grey texture, `finer` levels finer than the pixels need. */
INLINED void sample(Run *restrict run, const Texture *texture, int finer, int first, int end) {
    for (int k = 0, i = 0; k < run->span_count; i = run->spans[k++].end) {
        int from = i > first ? i : first, to = run->spans[k].end < end ? run->spans[k].end : end;
        if (from >= to) continue;
        const uint8_t *texels = find_texels(run, texture, run->spans[k].level - finer, from, to);
        for (int j = from; j < to; j++) run->grey[j] = texels[run->at[j]];
    }
}

INLINED void draw_grain(Run *restrict run, const Texture *grain, float amount) {
    sample(run, grain, 0, 0, run->count);
    for (int k = 0, i = 0; k < run->span_count; k++) {
        float contrast = GRAIN_CONTRAST[run->spans[k].level] * amount;
        for (; i < run->spans[k].end; i++) {
            float change = (float)(run->grey[i] - 128) * contrast;
            run->rgb[0][i] += change;
            run->rgb[1][i] += change;
            run->rgb[2][i] += change;
        }
    }
}

INLINED void blend_layer(Run *restrict run, const uint8_t *restrict coverage, const float *colour, int first, int end) {
    float red = colour[0], green = colour[1], blue = colour[2];
    for (int i = first; i < end; i++) {
        float share = (float)coverage[i] * (1.0f / 255);
        run->rgb[0][i] += (red - run->rgb[0][i]) * share;
        run->rgb[1][i] += (green - run->rgb[1][i]) * share;
        run->rgb[2][i] += (blue - run->rgb[2][i]) * share;
    }
}

INLINED uint8_t grey_at(const Texture *texture, int32_t x, int32_t y, int level) {
    level = level < texture->count ? level : texture->count - 1;
    int shift = texture->shift + level, side = texture->side[level], mask = side - 1;
    return texture->texels[level][((y >> shift) & mask) * side + ((x >> shift) & mask)];
}

/* Blend paint that flakes off where the texture is dark; the remaining paint becomes thinner too. */
INLINED void blend_paint(Run *run, const uint8_t *coverage, const float *colour, const Texture *wear, float worn,
                         int first, int end) {
    float thin = 1.0f - 0.4f * worn;
    for (int i = first; (i = skip_equal(coverage, 0, i, end)) < end; i++) {
        float share = coverage[i] * (1.0f / 255);
        if (worn > 0) {
            float left = (grey_at(wear, run->x[i], run->y[i], run->level[i]) - 255.0f * worn) * 0.03f + 0.5f;
            share *= thin * (left < 0 ? 0 : left > 1 ? 1 : left);
        }
        for (int k = 0; k < 3; k++) run->rgb[k][i] += (colour[k] - run->rgb[k][i]) * share;
    }
}

/* Water darkens the pavement and reflects the sky, more at flat viewing angles. */
INLINED void apply_water(Run *restrict run, const uint8_t *restrict pavement, const Texture *puddles,
                         const Appearance *appearance, int first, int end) {
    sample(run, puddles, 2, first, end);
    for (int i = first; i < end; i++) {
        float flat = run->depth[i] / (run->depth[i] + EYE_M), share = (float)pavement[i] * (1.0f / 255);
        flat *= flat;
        float water = (0.35f + (float)run->grey[i] * (0.65f / 255)) * 0.8f * appearance->wet * flat * flat * share;
        float dark = 1 - 0.42f * appearance->wet * share;
        float red = run->rgb[0][i] * dark, green = run->rgb[1][i] * dark, blue = run->rgb[2][i] * dark;
        run->rgb[0][i] = red + (appearance->sky_r - red) * water;
        run->rgb[1][i] = green + (appearance->sky_g - green) * water;
        run->rgb[2][i] = blue + (appearance->sky_b - blue) * water;
    }
}

INLINED void apply_light(Run *restrict run, const Surfaces *surfaces, const Appearance *appearance,
                         const uint8_t *restrict beam) {
    for (int i = 0; i < run->count; i++) run->light[i] = appearance->ambient;
    if (appearance->shadow > 0) {
        sample(run, &surfaces->shadow, 2, 0, run->count);
        float dark = appearance->shadow * (1.0f / 255);
        for (int i = 0; i < run->count; i++) run->light[i] *= 1.0f - dark * (float)run->grey[i];
    }
    if (appearance->lamps > 0)
        for (int i = 0; i < run->count; i++) {
            float distance = run->depth[i] * (1.0f / 26);
            run->light[i] += appearance->lamps * (1.0f / 255) * (float)beam[i] / (1.0f + distance * distance);
        }
}

INLINED uint32_t byte_of(float colour) {
    int32_t value = (int32_t)(colour + 0.5f);
    value = value < 0 ? 0 : value;
    return (uint32_t)(value > 255 ? 255 : value);
}

INLINED void store(Run *restrict run, const Appearance *appearance, uint8_t *restrict out) {
    float per_haze = 1.0f / (8.0f * appearance->haze_m);
    for (int i = 0; i < run->count; i++) {
        /* approximates exp(-depth / haze_m) */
        float thick = 1.0f + run->depth[i] * per_haze;
        thick *= thick, thick *= thick, thick *= thick;
        float clear = 1.0f / thick, light = run->light[i];
        uint32_t red = byte_of(appearance->haze_r + (run->rgb[0][i] * light - appearance->haze_r) * clear);
        uint32_t green = byte_of(appearance->haze_g + (run->rgb[1][i] * light - appearance->haze_g) * clear);
        uint32_t blue = byte_of(appearance->haze_b + (run->rgb[2][i] * light - appearance->haze_b) * clear);
        run->texels[i] = red | green << 8 | blue << 16;
    }
    store_pixels(out, run->texels, run->count);
}

/* Shade the columns first..end: at most RUN, none of them sky. */
INLINED void shade_run(Run *run, Depth depth, const Camera *camera, const Layer *layers, const Surfaces *surfaces,
                       const Appearance *appearance, uint8_t *image, int v, int first, int end) {
    const uint8_t *coverage[LAYERS];
    int from[LAYERS], to[LAYERS]; /* relative to `first` */
    long start = (long)v * depth.width + first;
    run->count = end - first;
    for (int i = 0; i < LAYERS; i++) {
        int start_column = layers[i].spans[2 * v] - first, stop = layers[i].spans[2 * v + 1] - first;
        coverage[i] = layers[i].coverage + start;
        from[i] = start_column > 0 ? start_column : 0;
        to[i] = stop < run->count ? stop : run->count;
    }
    project_run(run, depth.nearness + start, camera, v, first);
    /* Draw grass and verge only where the pavement does not cover the pixel completely. */
    int paved = from[PAVEMENT];
    while (paved < to[PAVEMENT] && coverage[PAVEMENT][paved] != 255) paved++;
    if (paved >= to[PAVEMENT]) paved = run->count;
    int paved_end = skip_equal(coverage[PAVEMENT], 255, paved, to[PAVEMENT] > paved ? to[PAVEMENT] : paved);
    const float *colours[] = {&appearance->verge_r, &appearance->pavement_r, &appearance->track_r,
                              &appearance->stain_r};
    draw_grass(run, &surfaces->grass, 0, paved);
    draw_grass(run, &surfaces->grass, paved_end, run->count);
    for (int i = VERGE; i <= PAVEMENT; i++) {
        blend_layer(run, coverage[i], colours[i], from[i], to[i] < paved ? to[i] : paved);
        blend_layer(run, coverage[i], colours[i], from[i] > paved_end ? from[i] : paved_end, to[i]);
    }
    for (int k = 0; k < 3; k++)
        for (int i = paved; i < paved_end; i++) run->rgb[k][i] = colours[PAVEMENT][k];
    for (int i = TRACK; i <= STAIN; i++) blend_layer(run, coverage[i], colours[i], from[i], to[i]);
    blend_paint(run, coverage[WHITE], &appearance->white_r, &surfaces->wear, appearance->wear, from[WHITE], to[WHITE]);
    blend_paint(run, coverage[YELLOW], &appearance->yellow_r, &surfaces->wear, appearance->wear, from[YELLOW],
                to[YELLOW]);
    if (appearance->wet > 0)
        apply_water(run, coverage[PAVEMENT], &surfaces->puddle, appearance, from[PAVEMENT], to[PAVEMENT]);
    draw_grain(run, &surfaces->grain, appearance->grain);
    apply_light(run, surfaces, appearance, surfaces->beam + start);
    store(run, appearance, image + 3 * start);
}

SIMD_CLONES void shade_ground(uint8_t *image, Depth depth, const Camera *camera, const Layer *layers,
                              const Surfaces *surfaces, const Appearance *appearance) {
    Run run;
    for (int v = 0; v < depth.height; v++) {
        const float *nearness = depth.nearness + (long)v * depth.width;
        for (int u = 0, end; u < depth.width; u = end) {
            end = run_end(nearness, u, u + RUN < depth.width ? u + RUN : depth.width);
            if (nearness[u] > 0) shade_run(&run, depth, camera, layers, surfaces, appearance, image, v, u, end);
        }
    }
}
