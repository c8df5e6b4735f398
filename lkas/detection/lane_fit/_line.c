/* A fitted line as it is published: seen from another origin, and as far as it is known; see line_in_ego.py. */
#include <math.h>

#include "_kernels.h"

enum { CUBIC = 4 };

/* Variance of row . coefficients. */
static double variance_of(const double *row, const double *covariance) {
    double sum = 0;
    for (int i = 0; i < CUBIC; i++)
        for (int j = 0; j < CUBIC; j++) sum += row[i] * covariance[i * CUBIC + j] * row[j];
    return sum;
}

void move_line(const double *c, const double *covariance, double back, double *moved, double *sigma) {
    const double square = back * back / 2, cube = back * back * back / 6;
    const double move[CUBIC][CUBIC] = {{1, back, square, cube}, {0, 1, back, square}, {0, 0, 1, back}, {0, 0, 0, 1}};
    for (int i = 0; i < CUBIC; i++) {
        const double variance = variance_of(move[i], covariance);
        moved[i] = move[i][0] * c[0] + move[i][1] * c[1] + move[i][2] * c[2] + move[i][3] * c[3];
        sigma[i] = variance > 0 ? sqrt(variance) : 0;
    }
}

double known_to(const double *c, const double *covariance, const Reach *reach) {
    double known = reach->seen_to;
    for (int step = 0; step < reach->steps; step++) {
        const double x = reach->seen_to * pow(reach->stretch, (double)step / (reach->steps - 1));
        const double row[CUBIC] = {1, x, x * x / 2, x * x * x / 6};
        const double beyond = x - reach->seen_to, px = reach->focal_px / x;
        const double bend = fabs((c[2] + c[3] * reach->seen_to) / 2 + c[3] * beyond / 6) * beyond * beyond * px;
        if (sqrt(variance_of(row, covariance)) * px < reach->sigma_px && bend < reach->bend_px && x > known) known = x;
    }
    return known;
}
