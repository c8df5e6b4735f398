/* The vote of ridge tops over courses of the road; see lane_search.py. */
#include <string.h>

#include "_kernels.h"

void vote(const double *x, const double *y, const double *weight, int points, const double *heading,
          const double *curvature, int courses, double half_width, double bin, int bins, double *pile, double *score) {
    const double per_bin = 1 / bin;
    for (int c = 0; c < courses; c++) {
        const double first = -heading[c] * per_bin, second = -curvature[c] / 2 * per_bin;
        memset(pile, 0, (size_t)bins * sizeof *pile);
        for (int i = 0; i < points; i++) {
            const double place = (y[i] + half_width) * per_bin + 1 + x[i] * (first + x[i] * second);
            if (!(place >= 1 && place < bins - 2)) continue; /* also drops what is not a number */
            const int lower = (int)place;
            const double upper = (place - lower) * weight[i];
            pile[lower] += weight[i] - upper;
            pile[lower + 1] += upper;
        }
        double sum = 0;
        for (int b = 2; b < bins - 2; b++) sum += pile[b] * pile[b];
        score[c] = sum;
    }
}
