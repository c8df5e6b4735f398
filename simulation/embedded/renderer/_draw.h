/* Drawing into an 8-bit RGB image. Independent of Python.
 *
 * The passes of a frame: depth of the ground, coverage of each pixel by each ground layer, ground colours, sky, objects
 * (billboards, polygons, vehicles), exposure (lens and sensor). The functions have no state and use no random numbers:
 * the same arguments give the same pixels. Pixel u reaches from u - 0.5 to u + 0.5.
 */
#ifndef LKAS_DRAW_H
#define LKAS_DRAW_H

#include <stdint.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "pixels are packed with red in the lowest byte");

/* Also compiled for AVX2, selected when the program starts. Without fused multiply-add, which rounds differently: the
 * same seed gives the same pixels on every machine. */
#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__)
#define SIMD_CLONES __attribute__((target_clones("avx2", "default")))
#else
#define SIMD_CLONES
#endif
#define INLINED static inline __attribute__((always_inline)) /* part of a SIMD_CLONES function */

#define MAX_WIDTH 4096
#define MAX_CORNERS 16 /* of a polygon, after clipping */
#define MAX_LEVELS 8   /* of detail of a texture */

/* A camera in the map. A point X projects to (u, v) = (p0, p1) / p2 with p = image_from_map (X, 1); p2 is its depth in
 * m. The ray of a pixel, per metre of depth, is map_from_pixel (u, v, 1). */
typedef struct {
    double image_from_map[3][4];
    double map_from_pixel[3][3];
    double centre_m[3];
} Camera;

/* Inverse depth in 1/m of the visible surface in each pixel; 0: sky. */
typedef struct {
    float *nearness;
    int width, height;
} Depth;

/* End of the run of columns from `u` on that are all ground or all sky, at most `limit`. */
INLINED int run_end(const float *nearness, int u, int limit) {
    int is_ground = nearness[u] > 0, other = 0;
    for (int i = u; i < limit; i++) other |= (nearness[i] > 0) != is_ground;
    if (!other) return limit;
    while ((nearness[u] > 0) == is_ground) u++;
    return u;
}

/* Convert RGBX pixels to RGB. */
INLINED void store_pixels(uint8_t *restrict rgb, const uint32_t *restrict pixels, int count) {
    int i = 0;
#if defined(__GNUC__) && !defined(__clang__)
    typedef uint8_t Bytes __attribute__((vector_size(16)));
    const Bytes packed = {0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, 3, 7, 11, 15};
    for (; i + 6 <= count;
         i += 4) { /* four pixels at a time; the four bytes written beyond them are overwritten by the next */
        Bytes four;
        memcpy(&four, pixels + i, sizeof four);
        four = __builtin_shuffle(four, packed);
        memcpy(rgb + 3L * i, &four, sizeof four);
    }
#endif
    for (; i < count; i++) memcpy(rgb + 3L * i, &pixels[i], 3);
}

/* Coverage of each pixel by a layer, 0..255, and per row the columns [first, end) where it may exceed 0. */
typedef struct {
    uint8_t *coverage;
    int32_t *spans; /* (height, 2) */
} Layer;

enum { VERGE, PAVEMENT, TRACK, STAIN, WHITE, YELLOW, LAYERS };

/* A mipmap: square periodic RGBX or grey textures, each half the size of the one before. */
typedef struct {
    const uint8_t *texels[MAX_LEVELS];
    int side[MAX_LEVELS]; /* powers of two */
    int count;
    int shift; /* a texel of level 0 measures 2^shift times 1.5 cm */
} Texture;

/* Appearance of the ground. The module exports the names of this list in order; a test compares them with Python's. */
#define APPEARANCE_FIELDS(X)                                                                                        \
    X(verge_r) X(verge_g) X(verge_b)                                                                                \
    X(pavement_r) X(pavement_g) X(pavement_b)                                                                       \
    X(track_r) X(track_g) X(track_b)                                                                                \
    X(stain_r) X(stain_g) X(stain_b)                                                                                \
    X(white_r) X(white_g) X(white_b)                                                                                \
    X(yellow_r) X(yellow_g) X(yellow_b)                                                                             \
    X(haze_r) X(haze_g) X(haze_b)                                                                                   \
    X(haze_m)     /* distance at which 63 % is haze */                                                              \
    X(grain)      /* contrast of the grain, 1: as in the texture */                                                 \
    X(wear)       /* share of the paint that is worn off, 0..1 */                                                   \
    X(shadow)     /* darkness of shadows, 0..1; 0: none */                                                          \
    X(wet)        /* reflectivity of the wet pavement, 0..1 */                                                      \
    X(sky_r) X(sky_g) X(sky_b) /* colour of the reflected sky */                                                    \
    X(ambient)    /* daylight, 1: sunshine */                                                                       \
    X(lamps)      /* brightness of the ego headlights; 0: off */

typedef struct {
#define APPEARANCE_FIELD(name) float name;
    APPEARANCE_FIELDS(APPEARANCE_FIELD)
#undef APPEARANCE_FIELD
} Appearance;

/* A point projected into the image. */
typedef struct {
    float u, v, nearness;
} Pixel;

/* Project `count` (at least 3) points of the map and clip at the depth `near_m`. Returns the number of corners: at most
 * count + 1, 0 when all of it is clipped. */
int project_polygon(const Camera *camera, const float *points_m, int count, float near_m, Pixel *out);

/* Twice the signed area of a polygon in px², positive when it is clockwise on the screen. */
float polygon_area(const Pixel *corners, int count);

/* Add the signed area covered by a polygon to the differences in `sums`, which has width + 2 columns per row: the
 * running sum along a row is the covered share of each pixel. Extends [first, end) per row in `spans`. */
void accumulate_coverage(const Pixel *corners, int count, float *sums, int32_t *spans, int width, int height);

/* Fill the depth of a level plane at height `z_m`, as far as `far_m`. */
void depth_plane(Depth depth, const Camera *camera, double z_m, double far_m);

/* Draw quadrilaterals into the depth. A pixel is replaced where the new nearness exceeds `bias` times the old one. */
void depth_quads(Depth depth, const Camera *camera, const float *quads_m, int count, float near_m, float bias);

/* Rasterize quadrilaterals of one orientation (as seen from above) into a layer; skips those seen from below, farther
 * than `far_m` or hidden by nearer ground. `sums`: scratch of height * (width + 2) zeros, left as zeros. */
void rasterize_quads(Depth depth, const Camera *camera, const float *quads_m, int count, float near_m, float far_m,
                     float *sums, Layer layer);

typedef struct {
    Texture grass;       /* RGBX */
    Texture grain;       /* grey around 128 */
    Texture wear;        /* grey, uniformly distributed: paint wears off first where it is dark */
    Texture shadow;      /* grey: 255 is full shadow */
    Texture puddle;      /* grey: 255 is standing water */
    const uint8_t *beam; /* (height, width) headlight intensity per pixel */
} Surfaces;

/* Colour every pixel that has a depth. */
void shade_ground(uint8_t *image, Depth depth, const Camera *camera, const Layer *layers, const Surfaces *surfaces,
                  const Appearance *appearance);

/* A cylindrical panorama of 360 deg, RGBX: columns to the right; rows upwards from `lowest` (the tangent of the
 * elevation of row 0), both with `px_per_rad` pixels per unit. */
typedef struct {
    const uint8_t *texels;
    int around, rows;
    float px_per_rad, lowest;
} Panorama;

/* Colour every pixel that has no depth. */
void draw_sky(uint8_t *image, Depth depth, const Camera *camera, const Panorama *panorama);

/* An upright RGBA image with premultiplied alpha. */
typedef struct {
    const uint8_t *texels;
    int width, height;
} Sprite;

/* An upright object: its foot point in the map, its height and the kind of its sprite. */
typedef struct {
    float foot_m[3], height_m, kind;
} Billboard;

/* Visibility range, haze and light of the billboards. */
typedef struct {
    float view_m, focal_px, haze_r, haze_g, haze_b, haze_m, ambient, lamps;
} Atmosphere;

/* Draw sprites that face the camera, the farthest first, occluded by nearer ground. `sprites`: `sizes` of each kind,
 * the largest first; the smallest that need not be enlarged is drawn. `scratch`: 16 bytes per billboard. */
void draw_billboards(uint8_t *image, Depth depth, const Camera *camera, const Sprite *sprites, int kinds, int sizes,
                     const Billboard *billboards, int count, const Atmosphere *atmosphere, void *scratch);

/* Fill one polygon with an RGB colour (each 0..255) and an opacity 0..1. With `nearness` > 0 nearer ground occludes it;
 * is_additive adds the colour instead of blending it. `sums` and `spans`: scratch as above. */
void draw_polygon(uint8_t *image, Depth depth, const Pixel *corners, int count, const float *colour, float opacity,
                  int is_additive, float *sums, int32_t *spans);

#define MAX_FACES 64
#define MAX_MODEL_CORNERS 512
#define NEAR_M 0.3f /* depth of the near clipping plane */

/* A face of a vehicle, visible from the side of its normal; in the vehicle's axes. */
typedef struct {
    float normal[3], middle[3], colour[3], flags;
} Face;

enum { PAINTED = 1, DETAIL = 2, TAIL = 4, HEAD = 8, SHADOW = 16 }; /* DETAIL: lies on another face */

typedef struct {
    const float *corners;  /* (corner_count, 3) */
    const int32_t *starts; /* first corner of each face, and the end of the last one */
    const Face *faces;
    int corner_count, face_count;
} Model;

/* One vehicle: position and axes in the map, direction of the sun, colours, light, and visibility through the haze. */
typedef struct {
    float origin_m[3], axes[3][3];
    float sun_x, sun_y, sun_z;
    float paint_r, paint_g, paint_b, tail_r, tail_g, tail_b, haze_r, haze_g, haze_b;
    float light, clear, shadow, is_detailed;
} Vehicle;

/* Draw the faces of a vehicle, the farthest first. `sums` and `spans`: scratch as above. */
void draw_vehicle(uint8_t *image, Depth depth, const Camera *camera, const Model *model, const Vehicle *vehicle,
                  float *sums, int32_t *spans);

/* Draw drops on the glass: each pixel `at` becomes a quarter of itself plus three quarters of pixel `source`. */
void draw_drops(uint8_t *image, const int32_t *at, const int32_t *source, int count);

/* Apply lens and sensor, per channel: (blurred image) * mask / 255 * gain / 256 + veil + noise - offset.
 * `blur`: weight of each of the two neighbours, of 256, in both directions; `mask` (height, 3 * width) may be NULL;
 * `veil` may be NULL, its rows are `veil_stride` bytes apart; `noise` has the mean `offset`, its rows are
 * `noise_stride` bytes apart. */
void expose(uint8_t *image, int width, int height, int blur, const uint8_t *mask, int gain, const uint8_t *veil,
            long veil_stride, const uint8_t *noise, long noise_stride, int offset);

#endif
