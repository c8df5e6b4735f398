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

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "pixels are packed with red in the lowest byte");

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

/* The end of the columns from `u` on that are all ground or all sky, `limit` at most. */
PART int same_kind(const float *nearness, int u, int limit) {
    int is_ground = nearness[u] > 0, other = 0;
    for (int i = u; i < limit; i++) other |= (nearness[i] > 0) != is_ground;
    if (!other) return limit;
    while ((nearness[u] > 0) == is_ground) u++;
    return u;
}

/* Write RGBX pixels as RGB ones. */
PART void store_pixels(uint8_t *restrict rgb, const uint32_t *restrict pixels, int count) {
    int i = 0;
#if defined(__GNUC__) && !defined(__clang__)
    typedef uint8_t Bytes __attribute__((vector_size(16)));
    const Bytes packed = {0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, 3, 7, 11, 15};
    for (; i + 6 <= count; i += 4) { /* four at a time, and four bytes more, which the next ones overwrite */
        Bytes four;
        memcpy(&four, pixels + i, sizeof four);
        four = __builtin_shuffle(four, packed);
        memcpy(rgb + 3L * i, &four, sizeof four);
    }
#endif
    for (; i < count; i++) memcpy(rgb + 3L * i, &pixels[i], 3);
}

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

/* The world's horizon, RGBX: columns to the right, all around; rows upwards from `lowest` (the tangent of the elevation
 * of row 0), both `px_per_rad` per unit. */
typedef struct {
    const uint8_t *texels;
    int around, rows;
    float px_per_rad, lowest;
} Panorama;

/* Colour every pixel that has no depth. */
void draw_sky(uint8_t *image, Depth depth, const Camera *camera, const Panorama *panorama);

/* An upright RGBA picture, colour multiplied by alpha. */
typedef struct {
    const uint8_t *texels;
    int width, height;
} Sprite;

/* Something upright: its foot in the map, and which kind of sprite it is. */
typedef struct {
    float foot_m[3], height_m, kind;
} Standing;

/* What lies between it and the camera, and the light on it. */
typedef struct {
    float view_m, focal_px, haze_r, haze_g, haze_b, haze_m, ambient, lamps;
} Air;

/* Draw things that turn towards the camera, the farthest first, each behind nearer ground. `sprites`: of each kind some
 * sizes, the largest first; the smallest that need not be enlarged is taken. `scratch`: 16 bytes a thing. */
void draw_standing(uint8_t *image, Depth depth, const Camera *camera, const Sprite *sprites, int kinds, int sizes,
                   const Standing *things, int count, const Air *air, void *scratch);

/* Fill one polygon with an RGB colour (each 0..255) and an opacity 0..1. With `nearness` > 0 ground nearer than it
 * hides it; is_light adds the colour instead of covering what is there. `sums` and `spans`: scratch as above. */
void draw_polygon(uint8_t *image, Depth depth, const Pixel *corners, int count, const float *colour, float opacity,
                  int is_light, float *sums, int32_t *spans);

#define MAX_FACES 64
#define MAX_MODEL_CORNERS 512
#define NEAR_M 0.3f /* depth; what begins nearer is cut off there */

/* A face of a vehicle, seen from where its normal points to; in the vehicle's own axes. */
typedef struct {
    float normal[3], middle[3], colour[3], flags;
} Face;

enum { PAINTED = 1, DETAIL = 2, TAIL = 4, HEAD = 8, SHADOW = 16 }; /* DETAIL: it lies on another face */

typedef struct {
    const float *corners;  /* (corner_count, 3) */
    const int32_t *starts; /* of each face, and the end of the last one */
    const Face *faces;
    int corner_count, face_count;
} Model;

/* One vehicle: where it is, its axes in the map, where the sun stands, its colours, the light on it, and how clearly it
 * is seen through the haze. */
typedef struct {
    float origin_m[3], axes[3][3];
    float sun_x, sun_y, sun_z;
    float paint_r, paint_g, paint_b, tail_r, tail_g, tail_b, haze_r, haze_g, haze_b;
    float light, clear, shadow, is_detailed;
} Vehicle;

/* Draw its faces, the farthest first. `sums` and `spans`: scratch as above. */
void draw_vehicle(uint8_t *image, Depth depth, const Camera *camera, const Model *model, const Vehicle *vehicle,
                  float *sums, int32_t *spans);

/* Small lenses: three quarters of the pixel `at` come from `source`. */
void draw_drops(uint8_t *image, const int32_t *at, const int32_t *source, int count);

/* What lens and sensor make of it, channel by channel: (image blurred) * mask / 255 * gain / 256 + veil + noise - offset.
 * `blur`: share of each of two neighbours, of 256, across and along; `mask` (height, 3 * width) may be NULL; `veil` may
 * be NULL, its rows are `veil_stride` bytes apart; `noise` is spread around `offset`, its rows are `noise_stride` bytes
 * apart. */
void finish(uint8_t *image, int width, int height, int blur, const uint8_t *mask, int gain, const uint8_t *veil,
            long veil_stride, const uint8_t *noise, long noise_stride, int offset);

#endif
