/* Depth of the ground, and analytic coverage of pixels by polygons. */
#include <math.h>
#include <string.h>

#include "_draw.h"

static Pixel pixel_of(const double p[3]) {
    double nearness = 1.0 / p[2];
    return (Pixel){(float)(p[0] * nearness), (float)(p[1] * nearness), (float)nearness};
}

int project_polygon(const Camera *camera, const float *points_m, int count, float near_m, Pixel *out) {
    double p[MAX_CORNERS][3];
    int behind = 0;
    for (int i = 0; i < count; i++) {
        for (int k = 0; k < 3; k++) {
            const double *row = camera->image_from_map[k];
            p[i][k] = row[0] * points_m[3 * i] + row[1] * points_m[3 * i + 1] + row[2] * points_m[3 * i + 2] + row[3];
        }
        behind += p[i][2] < near_m;
    }
    if (behind == count) return 0;
    if (behind == 0) {
        for (int i = 0; i < count; i++) out[i] = pixel_of(p[i]);
        return count;
    }
    int found = 0;
    for (int i = 0; i < count; i++) {
        const double *a = p[i], *b = p[(i + 1) % count];
        if (a[2] >= near_m) out[found++] = pixel_of(a);
        if ((a[2] >= near_m) != (b[2] >= near_m)) {
            double share = (near_m - a[2]) / (b[2] - a[2]);
            double cut[3] = {a[0] + share * (b[0] - a[0]), a[1] + share * (b[1] - a[1]), near_m};
            out[found++] = pixel_of(cut);
        }
    }
    return found;
}

float polygon_area(const Pixel *corners, int count) {
    float area = 0;
    for (int i = 0; i < count; i++) {
        const Pixel *a = &corners[i], *b = &corners[i + 1 == count ? 0 : i + 1];
        area += a->u * b->v - b->u * a->v;
    }
    return area;
}

static float clamped(float value, float low, float high) { return value < low ? low : value > high ? high : value; }

/* Add the part of an edge within one row: from column xa to xb (both in [0, width]), `rise` rows high, signed. */
static void add_row(float *sums, float xa, float xb, float rise) {
    if (xa > xb) {
        float swap = xa;
        xa = xb;
        xb = swap;
    }
    int first = (int)xa, last = (int)xb;
    if (first == last) {
        float beyond = ((xa - first) + (xb - first)) * 0.5f * rise;
        sums[first] += rise - beyond;
        sums[first + 1] += beyond;
        return;
    }
    /* A triangle in the first column, trapezia in between, a triangle in the last one. */
    float per_column = rise / (xb - xa), head = first + 1 - xa;
    float before = 0.5f * head * head * per_column;
    sums[first] += before;
    float covered = before;
    for (int column = first + 1; column < last; column++) {
        float here = per_column * (column - xa + 0.5f);
        sums[column] += here - covered;
        covered = here;
    }
    float tail = xb - last, here = rise - 0.5f * tail * tail * per_column;
    sums[last] += here - covered;
    sums[last + 1] += rise - here;
}

void accumulate_coverage(const Pixel *corners, int count, float *sums, int32_t *spans, int width, int height) {
    for (int i = 0; i < count; i++) {
        const Pixel *a = &corners[i], *b = &corners[i + 1 == count ? 0 : i + 1];
        float sign = 1;
        if (a->v > b->v) {
            const Pixel *swap = a;
            a = b;
            b = swap;
            sign = -1;
        }
        float top = a->v + 0.5f, bottom = b->v + 0.5f; /* rows from 0 at the upper edge of the image */
        if (bottom <= 0 || top >= height || top == bottom) continue;
        float slope = (b->u - a->u) / (bottom - top);
        float v = top < 0 ? 0 : top, end = bottom > height ? height : bottom;
        float x = a->u + 0.5f + (v - top) * slope;
        for (int row = (int)v; v < end && row < height; row++) {
            float next_v = row + 1 < end ? row + 1 : end;
            float next_x = a->u + 0.5f + (next_v - top) * slope;
            float xa = clamped(x, 0, width), xb = clamped(next_x, 0, width);
            add_row(sums + (long)row * (width + 2), xa, xb, sign * (next_v - v));
            int low = (int)(xa < xb ? xa : xb), high = (int)(xa < xb ? xb : xa) + 1;
            if (low < spans[2 * row]) spans[2 * row] = low;
            if (high > spans[2 * row + 1]) spans[2 * row + 1] = high > width ? width : high;
            v = next_v;
            x = next_x;
        }
    }
}

SIMD_CLONES void depth_plane(Depth depth, const Camera *camera, double z_m, double far_m) {
    const double *ray = camera->map_from_pixel[2];
    double below_m = z_m - camera->centre_m[2];
    for (int v = 0; v < depth.height; v++) {
        float *row = depth.nearness + (long)v * depth.width;
        float start = (float)((ray[1] * v + ray[2]) / below_m), step = (float)(ray[0] / below_m);
        float min_nearness = (float)(1 / far_m);
        for (int u = 0; u < depth.width; u++) {
            float nearness = start + step * u;
            row[u] = nearness > min_nearness ? nearness : 0;
        }
    }
}

/* Fill one convex polygon row by row; nearness is linear on the screen. */
static void depth_polygon(Depth depth, const Pixel *c, int count, float bias) {
    float top = c[0].v, bottom = c[0].v;
    for (int i = 1; i < count; i++) {
        if (c[i].v < top) top = c[i].v;
        if (c[i].v > bottom) bottom = c[i].v;
    }
    if (bottom < 0 || top > depth.height - 1) return;
    int first = top < 0 ? 0 : (int)ceilf(top),
        last = bottom > depth.height - 1 ? depth.height - 1 : (int)floorf(bottom);
    for (int row = first; row <= last; row++) {
        float low = 1e9f, high = -1e9f, near_low = 0, near_high = 0;
        for (int i = 0; i < count; i++) {
            const Pixel *a = &c[i], *b = &c[i + 1 == count ? 0 : i + 1];
            if ((a->v <= row) == (b->v <= row)) continue;
            float share = (row - a->v) / (b->v - a->v);
            float u = a->u + share * (b->u - a->u), nearness = a->nearness + share * (b->nearness - a->nearness);
            if (u < low) low = u, near_low = nearness;
            if (u > high) high = u, near_high = nearness;
        }
        if (high < 0 || low > depth.width - 1) continue;
        float step = high > low ? (near_high - near_low) / (high - low) : 0;
        int from = low < 0 ? 0 : (int)ceilf(low), to = high > depth.width - 1 ? depth.width - 1 : (int)floorf(high);
        float *line = depth.nearness + (long)row * depth.width;
        float start = near_low - low * step;
        for (int u = from; u <= to; u++) {
            float nearness = start + step * u;
            line[u] = nearness > line[u] * bias ? nearness : line[u];
        }
    }
}

void depth_quads(Depth depth, const Camera *camera, const float *quads_m, int count, float near_m, float bias) {
    Pixel corners[MAX_CORNERS];
    for (int i = 0; i < count; i++) {
        int found = project_polygon(camera, quads_m + 12L * i, 4, near_m, corners);
        if (found >= 3) depth_polygon(depth, corners, found, bias);
    }
}

/* Whether nearer ground hides the whole polygon, tested at its corners and its middle. */
static int is_hidden(Depth depth, const Pixel *corners, int count) {
    Pixel middle = {0, 0, 0};
    for (int i = 0; i <= count; i++) {
        Pixel at = i < count ? corners[i] : middle;
        int u = (int)lroundf(clamped(at.u, 0, depth.width - 1)), v = (int)lroundf(clamped(at.v, 0, depth.height - 1));
        if (at.nearness > depth.nearness[(long)v * depth.width + u] * 0.93f) return 0;
        middle.u += at.u / count, middle.v += at.v / count, middle.nearness += at.nearness / count;
    }
    return 1;
}

void rasterize_quads(Depth depth, const Camera *camera, const float *quads_m, int count, float near_m, float far_m,
                     float *sums, Layer layer) {
    int width = depth.width, height = depth.height;
    for (int row = 0; row < height; row++) {
        /* Clear what the previous frame drew. */
        int first = layer.spans[2 * row], end = layer.spans[2 * row + 1];
        if (end > first) memset(layer.coverage + (long)row * width + first, 0, end - first);
        layer.spans[2 * row] = width;
        layer.spans[2 * row + 1] = 0;
    }
    Pixel corners[MAX_CORNERS];
    for (int i = 0; i < count; i++) {
        const float *quad = quads_m + 12L * i;
        const double *forward = camera->image_from_map[2];
        double depth_m = forward[0] * quad[0] + forward[1] * quad[1] + forward[2] * quad[2] + forward[3];
        if (depth_m > far_m) continue;
        int found = project_polygon(camera, quad, 4, near_m, corners);
        if (found < 3 || polygon_area(corners, found) >= 0 || is_hidden(depth, corners, found)) continue;
        accumulate_coverage(corners, found, sums, layer.spans, width, height);
    }
    for (int row = 0; row < height; row++) {
        int first = layer.spans[2 * row], end = layer.spans[2 * row + 1];
        if (end <= first) continue;
        float *line = sums + (long)row * (width + 2);
        uint8_t *coverage = layer.coverage + (long)row * width;
        float sum = 0;
        uint8_t share = 0;
        for (int u = first; u < end;) {
            static const float zeros[8];
            if (u + 8 <= end && memcmp(line + u, zeros, sizeof zeros) == 0) {
                /* Coverage is constant between two edges. */
                memset(coverage + u, share, 8);
                u += 8;
                continue;
            }
            sum += line[u];
            line[u] = 0;
            float rounded = fabsf(sum) * 255.0f + 0.5f;
            coverage[u++] = share = rounded > 255.0f ? 255 : (uint8_t)rounded;
        }
        line[end] = line[end + 1] = 0;
    }
}
