/* The sky and the distant landscape, from a panorama. */
#include <math.h>

#include "_draw.h"

/* Angles are exact at the corners of cells of this size, and interpolated linearly in between. */
#define CELL_PX 16
#define CELL_ROWS 8
#define CELLS (MAX_WIDTH / CELL_PX + 2)

/* Panorama coordinates of the cell corners of one row: `column` within half a turn of 0, `row` at most 1 outside. */
typedef struct {
    double column[CELLS], row[CELLS];
} Corners;

INLINED double clamp(double value, double low, double high) { return value < low ? low : value > high ? high : value; }

/* Wrap a difference between columns to at most half a turn. */
INLINED double wrap_turn(double columns, int around) {
    return columns > around / 2 ? columns - around : columns < -around / 2 ? columns + around : columns;
}

INLINED void find_corners(Corners *corners, const Camera *camera, int cells, int v, const Panorama *panorama) {
    const double (*ray)[3] = camera->map_from_pixel;
    for (int i = 0; i <= cells; i++) {
        double u = i * CELL_PX, d[3];
        for (int k = 0; k < 3; k++) d[k] = ray[k][0] * u + ray[k][1] * v + ray[k][2];
        double up = d[2] / sqrt(d[0] * d[0] + d[1] * d[1] + 1e-12) - panorama->lowest;
        corners->column[i] = -atan2(d[1], d[0]) * panorama->px_per_rad;
        corners->row[i] = clamp(up * panorama->px_per_rad, -1, panorama->rows);
    }
}

/* Draw the columns first..end of one row, which are all sky. */
INLINED void draw_run(uint8_t *out, const Panorama *panorama, const Corners *corners, int first, int end) {
    int around = panorama->around, highest = panorama->rows - 1;
    for (int i = first / CELL_PX; i * CELL_PX < end; i++) {
        double turn = wrap_turn(corners->column[i + 1] - corners->column[i], around);
        double rise = corners->row[i + 1] - corners->row[i];
        /* Fixed point, 16 bits of fraction. */
        int32_t x = (int32_t)((corners->column[i] + around) * 65536), dx = (int32_t)(turn * (65536.0 / CELL_PX));
        int32_t y = (int32_t)(corners->row[i] * 65536), dy = (int32_t)(rise * (65536.0 / CELL_PX));
        int32_t at[CELL_PX];
        uint32_t pixels[CELL_PX];
#pragma GCC unroll 1 /* unrolling would prevent vectorization */
        for (int j = 0; j < CELL_PX; j++) {
            int column = (x + j * dx) >> 16, row = (y + j * dy) >> 16;
            column -= column >= around ? around : 0;
            row = row < 0 ? 0 : row > highest ? highest : row;
            at[j] = row * around + column;
        }
        if (at[0] >= 2 * around) /* the next rows of the image: lower ones of the panorama */
            __builtin_prefetch(panorama->texels + 4L * (at[0] - 2 * around));
        for (int j = 0; j < CELL_PX; j++) memcpy(&pixels[j], panorama->texels + 4L * at[j], 4);
        int from = i * CELL_PX > first ? i * CELL_PX : first, to = (i + 1) * CELL_PX < end ? (i + 1) * CELL_PX : end;
        store_pixels(out + 3L * from, pixels + (from - i * CELL_PX), to - from);
    }
}

SIMD_CLONES void draw_sky(uint8_t *image, Depth depth, const Camera *camera, const Panorama *panorama) {
    int width = depth.width, cells = (width + CELL_PX - 1) / CELL_PX;
    Corners bands[2], corners; /* the upper and lower end of a band of cells, and one row in it */
    int known = -1;            /* image row of bands[1] */
    for (int v = 0; v < depth.height; v++) {
        const float *nearness = depth.nearness + (long)v * width;
        if (nearness[0] > 0 && run_end(nearness, 0, width) == width) continue;
        int top = v / CELL_ROWS * CELL_ROWS;
        if (known != top + CELL_ROWS) {
            if (known == top)
                bands[0] = bands[1];
            else
                find_corners(&bands[0], camera, cells, top, panorama);
            known = top + CELL_ROWS;
            find_corners(&bands[1], camera, cells, known, panorama);
        }
        double share = (double)(v - top) / CELL_ROWS;
        for (int i = 0; i <= cells; i++) {
            double turn = wrap_turn(bands[1].column[i] - bands[0].column[i], panorama->around);
            corners.column[i] = wrap_turn(bands[0].column[i] + turn * share, panorama->around);
            corners.row[i] = bands[0].row[i] + (bands[1].row[i] - bands[0].row[i]) * share;
        }
        for (int u = 0, end; u < width; u = end) {
            end = run_end(nearness, u, width);
            if (nearness[u] <= 0) draw_run(image + 3L * v * width, panorama, &corners, u, end);
        }
    }
}
