/* Where ridge tops pile up laterally on a known course of the road; see lane_search.py and neighbours.py. */
#include <math.h>
#include <string.h>

#include "_kernels.h"

enum { HALF_SMOOTHING = 2 };
static const double SMOOTHING[2 * HALF_SMOOTHING + 1] = {0.5, 1.0, 1.5, 1.0, 0.5};

/* piles[b]: the bins' summed weight, smoothed with its neighbours'. The bins lie behind HALF_SMOOTHING empty ones. */
static void smooth(const double *bins, int count, double *piles) {
    for (int b = 0; b < count; b++) {
        piles[b] = 0;
        for (int k = 0; k <= 2 * HALF_SMOOTHING; k++) piles[b] += SMOOTHING[k] * bins[b + k];
    }
}

int find_piles(const double *x, const double *y, const double *weight, int points, double heading, double curvature,
               double half_width, double bin, int bins, double least, double *position, double *height) {
    double raw[MOST_BINS + 2 * HALF_SMOOTHING], piles[MOST_BINS];
    int count = 0;
    memset(raw, 0, (size_t)(bins + 2 * HALF_SMOOTHING) * sizeof *raw);
    for (int i = 0; i < points; i++) {
        const double lateral = y[i] - x[i] * (heading + curvature * x[i] / 2);
        const double place = (lateral + half_width) / bin;
        if (place >= 0 && place < bins) raw[HALF_SMOOTHING + (int)place] += weight[i];
    }
    smooth(raw, bins, piles);
    for (int b = 2; b < bins - 2; b++) {
        const double top = piles[b];
        if (!(top >= least) || top < piles[b - 1] || top <= piles[b + 1] || top < piles[b - 2] || top <= piles[b + 2])
            continue;
        position[count] = (b + 0.5) * bin - half_width;
        height[count++] = top;
    }
    return count;
}

/* The median; reorders the values. */
static double median_of(double *values, int count) {
    int low = 0, high = count - 1;
    const int middle = (count - 1) / 2;
    while (low < high) {
        const double pivot = values[(low + high) / 2];
        int i = low, j = high;
        while (i <= j) {
            while (values[i] < pivot) i++;
            while (values[j] > pivot) j--;
            if (i <= j) {
                const double swap = values[i];
                values[i++] = values[j];
                values[j--] = swap;
            }
        }
        if (middle <= j) high = j;
        else if (middle >= i) low = i;
        else break;
    }
    if (count % 2) return values[middle];
    double upper = values[middle + 1];
    for (int i = middle + 2; i < count; i++)
        if (values[i] < upper) upper = values[i];
    return (values[middle] + upper) / 2;
}

double next_line(const double *place, const double *weight, int points, const NextLine *next, double *scratch) {
    double raw[MOST_BINS + 2 * HALF_SMOOTHING], piles[MOST_BINS];
    double top = 0;
    int around = 0, highest = 0, near = 0;
    memset(raw, 0, (size_t)(next->bins + 2 * HALF_SMOOTHING) * sizeof *raw);
    for (int i = 0; i < points; i++) {
        const double beyond = next->outward * (place[i] - next->ego);
        if (!(beyond > next->nearest && beyond < next->farthest)) continue;
        const int b = (int)((beyond - next->nearest) / next->bin);
        raw[HALF_SMOOTHING + (b < next->bins ? b : next->bins - 1)] += weight[i];
        around++;
    }
    if (around < next->least_points) return NAN;
    smooth(raw, next->bins, piles);
    for (int b = 0; b < next->bins; b++) {
        if (piles[b] <= top) continue;
        top = piles[b];
        highest = b;
    }
    if (top < next->least_pile) return NAN;
    const double pile = next->nearest + (highest + 0.5) * next->bin;
    for (int i = 0; i < points; i++) {
        const double beyond = next->outward * (place[i] - next->ego);
        if (fabs(beyond - pile) < next->reach) scratch[near++] = beyond;
    }
    return near ? next->ego + next->outward * median_of(scratch, near) : NAN;
}
