/* Objects on the ground: billboards, polygons, vehicles. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "_draw.h"

#define MIN_DEPTH_M 4.0 /* billboards beside the camera are skipped */

/* Nearness of ground beyond which it occludes an object: with a margin, so that an object is not hidden by the ground
 * it stands on. */
static float occlusion_limit(float nearness) { return nearness > 0 ? nearness * 1.06f : 1e9f; }

/* Position of a sprite's upper left corner and the size of its texels in the image. Its colour is multiplied by `light`
 * and then blended with haze by `haziness`. */
typedef struct {
    float left, top, scale, nearness, haziness, light;
} SpritePlacement;

static void draw_sprite(uint8_t *image, Depth depth, const Sprite *sprite, SpritePlacement placement,
                        const float *haze) {
    float left = placement.left, top = placement.top;
    float right = left + sprite->width * placement.scale, bottom = top + sprite->height * placement.scale;
    int x0 = left < 0 ? 0 : (int)ceilf(left), x1 = right > depth.width ? depth.width : (int)ceilf(right);
    int y0 = top < 0 ? 0 : (int)ceilf(top), y1 = bottom > depth.height ? depth.height : (int)ceilf(bottom);
    float per_px = 1 / placement.scale, limit = occlusion_limit(placement.nearness);
    int step = (int)(per_px * 65536);
    uint32_t shine = (uint32_t)(placement.light * (1 - placement.haziness) * 256);
    uint32_t haze_part[3];
    for (int k = 0; k < 3; k++) haze_part[k] = (uint32_t)(haze[k] * placement.haziness);
    for (int v = y0; v < y1; v++) {
        int y = (int)((v - top) * per_px);
        const uint8_t *line = sprite->texels + 4L * sprite->width * (y >= sprite->height ? sprite->height - 1 : y);
        const float *ground = depth.nearness + (long)v * depth.width;
        uint8_t *out = image + 3L * v * depth.width;
        int x = (int)((x0 - left) * per_px * 65536);
        for (int u = x0; u < x1; u++, x += step) {
            int column = x >> 16;
            const uint8_t *texel = line + 4 * (column >= sprite->width ? sprite->width - 1 : column);
            uint32_t alpha = texel[3];
            if (alpha == 0 || ground[u] > limit) continue;
            if (alpha == 255) {
                for (int k = 0; k < 3; k++) out[3 * u + k] = (uint8_t)(((texel[k] * shine) >> 8) + haze_part[k]);
                continue;
            }
            for (int k = 0; k < 3; k++) {
                uint32_t under = haze_part[k] * alpha + out[3 * u + k] * (255 - alpha);
                out[3 * u + k] = (uint8_t)(((texel[k] * shine) >> 8) + under / 255);
            }
        }
    }
}

/* A billboard inside the field of view. */
typedef struct {
    float u, v, depth_m;
    int index;
} VisibleBillboard;

static int farther_first(const void *one, const void *other) {
    float a = ((const VisibleBillboard *)one)->depth_m, b = ((const VisibleBillboard *)other)->depth_m;
    return a < b ? 1 : a > b ? -1 : ((const VisibleBillboard *)one)->index - ((const VisibleBillboard *)other)->index;
}

void draw_billboards(uint8_t *image, Depth depth, const Camera *camera, const Sprite *sprites, int kinds, int sizes,
                     const Billboard *billboards, int count, const Atmosphere *atmosphere, void *scratch) {
    VisibleBillboard *seen = scratch;
    int found = 0;
    for (int i = 0; i < count; i++) {
        double p[3];
        for (int k = 0; k < 3; k++) {
            const double *row = camera->image_from_map[k];
            p[k] = row[0] * billboards[i].foot_m[0] + row[1] * billboards[i].foot_m[1] +
                   row[2] * billboards[i].foot_m[2] + row[3];
        }
        if (p[2] < MIN_DEPTH_M || p[2] > atmosphere->view_m) continue;
        float u = (float)(p[0] / p[2]), v = (float)(p[1] / p[2]);
        if (u > -0.4f * depth.width && u < 1.4f * depth.width) seen[found++] = (VisibleBillboard){u, v, (float)p[2], i};
    }
    qsort(seen, found, sizeof *seen, farther_first);
    for (int i = 0; i < found; i++) {
        const Billboard *billboard = &billboards[seen[i].index];
        float height_px = billboard->height_m * atmosphere->focal_px / seen[i].depth_m, distance = seen[i].depth_m / 26;
        int kind = (int)billboard->kind, size = sizes - 1;
        if (kind < 0 || kind >= kinds) continue;
        const Sprite *sprite = sprites + (long)kind * sizes;
        while (size > 0 && sprite[size].height < height_px) size--;
        sprite += size;
        float scale = height_px / sprite->height;
        SpritePlacement placement = {seen[i].u - sprite->width * scale / 2,
                                     seen[i].v - height_px,
                                     scale,
                                     1 / seen[i].depth_m,
                                     1 - expf(-seen[i].depth_m / atmosphere->haze_m),
                                     atmosphere->ambient + 0.3f * atmosphere->lamps / (1 + distance * distance)};
        draw_sprite(image, depth, sprite, placement, &atmosphere->haze_r);
    }
}

void draw_polygon(uint8_t *image, Depth depth, const Pixel *corners, int count, const float *colour, float opacity,
                  int is_additive, float *sums, int32_t *spans) {
    int width = depth.width, height = depth.height;
    float limit = occlusion_limit(corners[0].nearness);
    int top = height, bottom = 0;
    for (int i = 0; i < count; i++) {
        float v = corners[i].v < 0 ? 0 : corners[i].v > height ? height : corners[i].v;
        if ((int)v - 1 < top) top = (int)v - 1;
        if ((int)v + 2 > bottom) bottom = (int)v + 2;
    }
    top = top < 0 ? 0 : top, bottom = bottom > height ? height : bottom;
    for (int row = top; row < bottom; row++) spans[2 * row] = width, spans[2 * row + 1] = 0;
    accumulate_coverage(corners, count, sums, spans, width, height);
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
                float after = before + (is_additive ? colour[k] : colour[k] - before) * share + 0.5f;
                out[3 * u + k] = after > 255 ? 255 : (uint8_t)after;
            }
        }
        line[end] = line[end + 1] = 0;
    }
}

static void add_scaled(float out[3], const float *vector, float by) {
    for (int k = 0; k < 3; k++) out[k] += vector[k] * by;
}

static float dot(const float *a, const float *b) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; }

/* Colour of a face under daylight and headlights; lamps emit light themselves. */
static void face_colour(const Face *face, const Vehicle *vehicle, const float sun[3], float colour[3]) {
    int flags = (int)face->flags;
    const float *own = flags & TAIL ? &vehicle->tail_r : flags & PAINTED ? &vehicle->paint_r : face->colour;
    float sunny = dot(face->normal, sun);
    float light = flags & (TAIL | HEAD) ? 1 : (0.62f + 0.38f * (sunny > 0 ? sunny : 0)) * vehicle->light;
    for (int k = 0; k < 3; k++)
        colour[k] = own[k] * light * vehicle->clear + (&vehicle->haze_r)[k] * (1 - vehicle->clear);
}

void draw_vehicle(uint8_t *image, Depth depth, const Camera *camera, const Model *model, const Vehicle *vehicle,
                  float *sums, int32_t *spans) {
    float points[3 * MAX_MODEL_CORNERS], away[MAX_FACES], eye[3], sun[3], to_eye[3];
    Pixel pixels[MAX_MODEL_CORNERS];
    int order[MAX_FACES], count = 0;
    for (int i = 0; i < model->corner_count; i++) {
        memcpy(points + 3 * i, vehicle->origin_m, 3 * sizeof *points);
        for (int k = 0; k < 3; k++) add_scaled(points + 3 * i, vehicle->axes[k], model->corners[3 * i + k]);
    }
    for (int k = 0; k < 3; k++) {
        for (int j = 0; j < 3; j++) to_eye[j] = (float)(camera->centre_m[j] - vehicle->origin_m[j]);
        eye[k] = dot(vehicle->axes[k], to_eye);
        sun[k] = dot(vehicle->axes[k], &vehicle->sun_x);
    }
    float nearest = 0;
    for (int f = 0; f < model->face_count; f++) {
        const Face *face = &model->faces[f];
        int start = model->starts[f], corners = model->starts[f + 1] - start, flags = (int)face->flags;
        if (flags & DETAIL && !(flags & (TAIL | HEAD)) && !vehicle->is_detailed) continue;
        for (int k = 0; k < 3; k++) to_eye[k] = eye[k] - face->middle[k];
        /* Skip faces that reach behind the camera: clipping adds corners. */
        if (dot(face->normal, to_eye) <= 0) continue;
        Pixel seen[MAX_CORNERS + 1];
        if (project_polygon(camera, points + 3 * start, corners, NEAR_M, seen) != corners) continue;
        memcpy(pixels + start, seen, corners * sizeof *seen);
        int is_cut = 0;
        for (int i = 0; i < corners; i++) {
            is_cut |= seen[i].nearness > 0.999f / NEAR_M;
            if (seen[i].nearness > nearest) nearest = seen[i].nearness;
        }
        if (is_cut) continue;
        /* The shadow first, then faces from far to near, then details. */
        away[f] = dot(to_eye, to_eye) - (flags & DETAIL ? 1e6f : 0) + (flags & SHADOW ? 1e6f : 0);
        int at = count++;
        for (; at > 0 && away[order[at - 1]] < away[f]; at--) order[at] = order[at - 1];
        order[at] = f;
    }
    for (int i = 0; i < count; i++) {
        const Face *face = &model->faces[order[i]];
        int start = model->starts[order[i]], is_shadow = (int)face->flags & SHADOW;
        float colour[3];
        pixels[start].nearness = nearest; /* the road in front of it does not occlude it */
        face_colour(face, vehicle, sun, colour);
        draw_polygon(image, depth, pixels + start, model->starts[order[i] + 1] - start,
                     is_shadow ? face->colour : colour, is_shadow ? vehicle->shadow * vehicle->clear : 1, 0, sums,
                     spans);
    }
}
