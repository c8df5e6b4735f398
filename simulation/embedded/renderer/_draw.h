/* Drawing into an 8-bit RGB image: what the passes share. Knows no Python.
 *
 * A frame goes through these passes: depth (which ground is where), cover (how much of a pixel a layer of it fills),
 * ground (colours), sky, things (sprites and polygons), finish (the sensor). Nothing here keeps state, and nothing is
 * random: the same arguments give the same pixels. Pixel u reaches from u - 0.5 to u + 0.5.
 */
#ifndef LKAS_DRAW_H
#define LKAS_DRAW_H

#include <stdint.h>
#include <string.h>

/* Also compiled for AVX2 where that can be chosen when the program starts. No fused multiply-add: it would round
 * differently, and the same seed is to give the same pixels on every machine. */
#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__)
#define WIDE __attribute__((target_clones("avx2", "default")))
#else
#define WIDE
#endif
#define PART static inline __attribute__((always_inline)) /* of a WIDE function */

#define MAX_WIDTH 4096
#define MAX_CORNERS 16 /* of a polygon, after clipping */
#define MAX_LEVELS 8   /* of detail of a texture */

/* A camera in the map. A point X is seen at (u, v) = (p0, p1) / p2 with p = image_from_map (X, 1); p2 is its depth in
 * m. Per metre of depth, the ray of a pixel is map_from_pixel (u, v, 1). */
typedef struct {
    double image_from_map[3][4];
    double map_from_pixel[3][3];
    double centre_m[3];
} Camera;

/* Inverse depth in 1/m of what is seen in each pixel; 0: nothing but sky. */
typedef struct {
    float *nearness;
    int width, height;
} Depth;

/* How much of each pixel a layer fills, 0..255, and per row the columns [first, end) that may hold more than 0. */
typedef struct {
    uint8_t *cover;
    int32_t *spans; /* (height, 2) */
} Layer;

enum { VERGE, PAVEMENT, TRACK, STAIN, WHITE, YELLOW, LAYERS };

/* Square RGBX or grey textures that repeat, each half the size of the one before. */
typedef struct {
    const uint8_t *texels[MAX_LEVELS];
    int side[MAX_LEVELS]; /* powers of two */
    int count;
    int shift; /* a texel of level 0 is 2^shift times 1.5 cm */
} Texture;

/* How ground looks. One list, so that C and Python can not disagree: the module exports the names in this order. */
#define LOOK_FIELDS(X)                                                                                              \
    X(verge_r) X(verge_g) X(verge_b)                                                                                \
    X(pavement_r) X(pavement_g) X(pavement_b)                                                                       \
    X(track_r) X(track_g) X(track_b)                                                                                \
    X(stain_r) X(stain_g) X(stain_b)                                                                                \
    X(white_r) X(white_g) X(white_b)                                                                                \
    X(yellow_r) X(yellow_g) X(yellow_b)                                                                             \
    X(haze_r) X(haze_g) X(haze_b)                                                                                   \
    X(haze_m)     /* distance at which 63 % is haze */                                                              \
    X(grain)      /* contrast of the grain, 1 as in the texture */                                                  \
    X(wear)       /* share of the paint that is gone, 0..1 */                                                       \
    X(shadow)     /* how dark shadows are, 0..1; 0: none */                                                         \
    X(wet)        /* how much of the sky the pavement mirrors, 0..1 */                                              \
    X(sky_r) X(sky_g) X(sky_b) /* what it mirrors */                                                                \
    X(ambient)    /* light of the day, 1: sunshine */                                                               \
    X(lamps)      /* brightness of the own headlights; 0: off */

typedef struct {
#define LOOK_FIELD(name) float name;
    LOOK_FIELDS(LOOK_FIELD)
#undef LOOK_FIELD
} Look;

/* A point seen by a camera. */
typedef struct {
    float u, v, nearness;
} Pixel;

/* Project `count` (at least 3) points in the map, cut off what is nearer than `near_m`. At most count + 1 corners come
 * out; returns how many, 0 when nothing is left. */
int project_polygon(const Camera *camera, const float *points_m, int count, float near_m, Pixel *out);

/* Twice the signed area of a polygon in px², positive when it turns clockwise as seen on screen. */
float polygon_area(const Pixel *corners, int count);

/* Add the signed area that a polygon covers to the differences of `sums`, which has width + 2 columns per row: the
 * running sum along a row is the share of each pixel that is covered. Widens [*first, *end) per row in `spans`. */
void add_cover(const Pixel *corners, int count, float *sums, int32_t *spans, int width, int height);

/* Fill the depth of a level plane at height `z_m`, as far as `far_m`. */
void depth_plane(Depth depth, const Camera *camera, double z_m, double far_m);

/* Enter quadrilaterals into the depth. One wins over what is there when its nearness exceeds `bias` times that one's. */
void depth_quads(Depth depth, const Camera *camera, const float *quads_m, int count, float near_m, float bias);

/* Fill a layer from quadrilaterals that turn the same way as seen from above; those seen from below, farther than
 * `far_m` or hidden by nearer ground are left out. `sums`: scratch of height * (width + 2) zeros, left as zeros. */
void cover_quads(Depth depth, const Camera *camera, const float *quads_m, int count, float near_m, float far_m,
                 float *sums, Layer layer);

typedef struct {
    Texture grass;  /* RGBX */
    Texture grain;  /* grey around 128 */
    Texture wear;   /* grey, evenly spread: the paint goes first where it is dark */
    Texture shadow; /* grey: 255 is full shadow */
    Texture puddle; /* grey: 255 is a sheet of water */
    const uint8_t *beam; /* (height, width) headlight per pixel */
} Surfaces;

/* Colour every pixel that has a depth. */
void shade_ground(uint8_t *image, Depth depth, const Camera *camera, const Layer *layers, const Surfaces *surfaces,
                  const Look *look);

/* Colour every pixel that has none from a panorama: columns to the right, rows upwards from `lowest` (the tangent of
 * the elevation of row 0), both `px_per_rad` per unit. */
void draw_sky(uint8_t *image, Depth depth, const Camera *camera, const uint8_t *panorama, int around, int rows,
              float px_per_rad, float lowest);

/* Draw an RGBA picture, colour multiplied by alpha, scaled into a rectangle; nearer ground hides it. Its colour goes
 * to `haze` by `haziness`, after its light has gone to `light`. */
void draw_sprite(uint8_t *image, Depth depth, const uint8_t *sprite, int sprite_width, int sprite_height, float left,
                 float top, float scale, float nearness, const float *haze, float haziness, float light);

/* Fill one polygon with an RGB colour (each 0..255) and an opacity 0..1. With `nearness` > 0 ground nearer than it
 * hides it; is_light adds the colour instead of covering what is there. `sums` and `spans`: scratch as above. */
void draw_polygon(uint8_t *image, Depth depth, const Pixel *corners, int count, const float *colour, float opacity,
                  int is_light, float *sums, int32_t *spans);

/* What lens and sensor make of it, channel by channel: image * mask / 255 * gain / 256 + veil + noise - offset.
 * `mask` (height, 3 * width) may be NULL; `veil` may be NULL, its rows are `veil_stride` bytes apart; `noise` is
 * spread around `offset`, its rows are `noise_stride` bytes apart. */
void finish(uint8_t *image, int width, int height, const uint8_t *mask, int gain, const uint8_t *veil, long veil_stride,
            const uint8_t *noise, long noise_stride, int offset);

#endif
