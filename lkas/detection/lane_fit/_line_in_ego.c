/* A fitted line as it is published: moved to another origin, and its known range; see line_in_ego.py. */
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

double known_range(const double *c, const double *covariance, const RangeLimits *limits) {
    double known = limits->seen_to;
    for (int step = 0; step < limits->steps; step++) {
        const double x = limits->seen_to * pow(limits->extension, (double)step / (limits->steps - 1));
        const double row[CUBIC] = {1, x, x * x / 2, x * x * x / 6};
        const double beyond = x - limits->seen_to, px = limits->focal_px / x;
        const double bend = fabs((c[2] + c[3] * limits->seen_to) / 2 + c[3] * beyond / 6) * beyond * beyond * px;
        if (sqrt(variance_of(row, covariance)) * px < limits->max_sigma_px && bend < limits->max_bend_px && x > known)
            known = x;
    }
    return known;
}
