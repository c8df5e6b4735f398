/* Where in an image the cells of a rectified view lie; see rectify.py. */
#include <math.h>

#include "_kernels.h"

/* Brown's distortion model, as in lkas/lens.py. NAN where the model is not valid. */
static void distort(const ViewCamera *camera, double *right, double *down) {
    const double x = *right, y = *down, r2 = x * x + y * y, both = 2 * x * y;
    if (r2 > camera->max_r2) {
        *right = *down = NAN;
        return;
    }
    const double radial = 1 + r2 * (camera->k1 + r2 * (camera->k2 + r2 * camera->k3));
    *right = x * radial + camera->p1 * both + camera->p2 * (r2 + 2 * x * x);
    *down = y * radial + camera->p2 * both + camera->p1 * (r2 + 2 * y * y);
}

/* Project a ground point, ahead and left of the camera, to its pixel; NAN if it has none. */
static void project(const ViewCamera *camera, double x, double y, double *u, double *v) {
    const double *axes = camera->axes, z = -camera->height;
    const double depth = axes[6] * x + axes[7] * y + axes[8] * z;
    if (!(depth >= camera->nearest)) {
        *u = *v = NAN;
        return;
    }
    double right = (axes[0] * x + axes[1] * y + axes[2] * z) / depth;
    double down = (axes[3] * x + axes[4] * y + axes[5] * z) / depth;
    if (camera->has_distortion) distort(camera, &right, &down);
    *u = camera->cx + camera->focal * right;
    *v = camera->cy + camera->focal * down;
}

static uint8_t fraction_of(double part) {
    const double fraction = rint(256 * part);
    return fraction < 255 ? (uint8_t)fraction : 255;
}

void place_view(const ViewCamera *camera, const double *x, const double *y, const double *shift, int rows, int columns,
                const ViewSampling *sampling) {
    const int width = sampling->width, height = sampling->height;
    int32_t *corner = sampling->corner, *spans = sampling->spans;
    uint8_t *fraction = sampling->fraction, *visible = sampling->visible;
    for (int r = 0; r < rows; r++, corner += columns, fraction += 2 * columns, visible += columns) {
        int first = columns, last = 0;
        for (int c = 0; c < columns; c++) {
            double u, v;
            project(camera, x[r], y[c] + shift[r], &u, &v);
            visible[c] = u >= 1 && u <= width - 2 && v >= 0 && v <= height - 1;
            corner[c] = fraction[2 * c] = fraction[2 * c + 1] = 0;
            if (!visible[c]) continue;
            const int left = u < width - 2 ? (int)u : width - 2, upper = v < height - 2 ? (int)v : height - 2;
            corner[c] = upper * width + left;
            fraction[2 * c] = fraction_of(u - left);
            fraction[2 * c + 1] = fraction_of(v - upper);
            if (c < first) first = c;
            last = c + 1;
        }
        spans[2 * r] = last ? first : 0;
        spans[2 * r + 1] = last;
    }
}
