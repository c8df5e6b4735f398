/* The sky, and what stands far away before it. */
#include <math.h>

#include "_draw.h"

/* Angles are exact at the corners of cells of so many columns and rows, and linear in between. */
#define CELL_PX 16
#define CELL_ROWS 8
#define CELLS (MAX_WIDTH / CELL_PX + 2)

/* Where in the panorama the corners along one row look: `column` within half a turn of 0, `row` up to one outside. */
typedef struct {
    double column[CELLS], row[CELLS];
} Corners;

PART double within(double value, double low, double high) { return value < low ? low : value > high ? high : value; }

/* The shorter way around of a difference between columns. */
PART double turned(double columns, int around) {
    return columns > around / 2 ? columns - around : columns < -around / 2 ? columns + around : columns;
}

PART void look(Corners *corners, const Camera *camera, int cells, int v, const Panorama *panorama) {
    const double(*ray)[3] = camera->map_from_pixel;
    for (int i = 0; i <= cells; i++) {
        double u = i * CELL_PX, d[3];
        for (int k = 0; k < 3; k++) d[k] = ray[k][0] * u + ray[k][1] * v + ray[k][2];
        double up = d[2] / sqrt(d[0] * d[0] + d[1] * d[1] + 1e-12) - panorama->lowest;
        corners->column[i] = -atan2(d[1], d[0]) * panorama->px_per_rad;
        corners->row[i] = within(up * panorama->px_per_rad, -1, panorama->rows);
    }
}

/* The columns first..end of one row, which are all sky. */
PART void draw_run(uint8_t *out, const Panorama *panorama, const Corners *corners, int first, int end) {
    int around = panorama->around, highest = panorama->rows - 1;
    for (int i = first / CELL_PX; i * CELL_PX < end; i++) {
        double turn = turned(corners->column[i + 1] - corners->column[i], around);
        double rise = corners->row[i + 1] - corners->row[i];
        /* Fixed point, 16 bits of fraction. */
        int32_t x = (int32_t)((corners->column[i] + around) * 65536), dx = (int32_t)(turn * (65536.0 / CELL_PX));
        int32_t y = (int32_t)(corners->row[i] * 65536), dy = (int32_t)(rise * (65536.0 / CELL_PX));
        int32_t at[CELL_PX];
        uint32_t pixels[CELL_PX];
#pragma GCC unroll 1 /* or it is written out before it is turned into SIMD */
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

WIDE void draw_sky(uint8_t *image, Depth depth, const Camera *camera, const Panorama *panorama) {
    int width = depth.width, cells = (width + CELL_PX - 1) / CELL_PX;
    Corners bands[2], corners; /* the upper and lower end of a band of cells, and one row of it */
    int known = -1;            /* the row that bands[1] is of */
    for (int v = 0; v < depth.height; v++) {
        const float *nearness = depth.nearness + (long)v * width;
        if (nearness[0] > 0 && same_kind(nearness, 0, width) == width) continue;
        int top = v / CELL_ROWS * CELL_ROWS;
        if (known != top + CELL_ROWS) {
            if (known == top)
                bands[0] = bands[1];
            else
                look(&bands[0], camera, cells, top, panorama);
            known = top + CELL_ROWS;
            look(&bands[1], camera, cells, known, panorama);
        }
        double share = (double)(v - top) / CELL_ROWS;
        for (int i = 0; i <= cells; i++) {
            double turn = turned(bands[1].column[i] - bands[0].column[i], panorama->around);
            corners.column[i] = turned(bands[0].column[i] + turn * share, panorama->around);
            corners.row[i] = bands[0].row[i] + (bands[1].row[i] - bands[0].row[i]) * share;
        }
        for (int u = 0, end; u < width; u = end) {
            end = same_kind(nearness, u, width);
            if (nearness[u] <= 0) draw_run(image + 3L * v * width, panorama, &corners, u, end);
        }
    }
}
