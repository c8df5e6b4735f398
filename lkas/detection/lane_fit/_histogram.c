/* Lateral histograms of peaks on a known course of the road; see search.py and neighbours.py. */
#include <math.h>
#include <string.h>

#include "_kernels.h"

enum { HALF_SMOOTHING = 2 };
static const double SMOOTHING[2 * HALF_SMOOTHING + 1] = {0.5, 1.0, 1.5, 1.0, 0.5};

/* smoothed[b]: weighted sum of bin b and its neighbours. The bins start after HALF_SMOOTHING empty ones. */
static void smooth(const double *bins, int count, double *smoothed) {
    for (int b = 0; b < count; b++) {
        smoothed[b] = 0;
        for (int k = 0; k <= 2 * HALF_SMOOTHING; k++) smoothed[b] += SMOOTHING[k] * bins[b + k];
    }
}

int histogram_peaks(const double *x, const double *y, const double *weight, int points,
                    const LateralHistogram *histogram, double *position, double *height) {
    double raw[MAX_BINS + 2 * HALF_SMOOTHING], smoothed[MAX_BINS];
    const double bin = histogram->bin, half_width = histogram->half_width;
    const int bins = histogram->bins;
    int count = 0;
    memset(raw, 0, (size_t)(bins + 2 * HALF_SMOOTHING) * sizeof *raw);
    for (int i = 0; i < points; i++) {
        const double lateral =
            histogram->is_circular ? lateral_on_circle(x[i], y[i], histogram->heading, histogram->curvature)
                                   : y[i] - x[i] * (histogram->heading + histogram->curvature * x[i] / 2);
        const double place = (lateral + half_width) / bin;
        if (place >= 0 && place < bins) raw[HALF_SMOOTHING + (int)place] += weight[i];
    }
    smooth(raw, bins, smoothed);
    for (int b = 2; b < bins - 2; b++) {
        const double top = smoothed[b];
        if (!(top >= histogram->min_height) || top < smoothed[b - 1] || top <= smoothed[b + 1] ||
            top < smoothed[b - 2] || top <= smoothed[b + 2])
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

double next_line(const double *lateral, const double *weight, int points, const NextLineSearch *search,
                 double *scratch) {
    double raw[MAX_BINS + 2 * HALF_SMOOTHING], smoothed[MAX_BINS];
    double top = 0;
    int candidates = 0, highest = 0, near = 0;
    memset(raw, 0, (size_t)(search->bins + 2 * HALF_SMOOTHING) * sizeof *raw);
    for (int i = 0; i < points; i++) {
        const double beyond = search->outward * (lateral[i] - search->ego);
        if (!(beyond > search->nearest && beyond < search->farthest)) continue;
        const int b = (int)((beyond - search->nearest) / search->bin);
        raw[HALF_SMOOTHING + (b < search->bins ? b : search->bins - 1)] += weight[i];
        candidates++;
    }
    if (candidates < search->min_points) return NAN;
    smooth(raw, search->bins, smoothed);
    for (int b = 0; b < search->bins; b++) {
        if (smoothed[b] <= top) continue;
        top = smoothed[b];
        highest = b;
    }
    if (top < search->min_height) return NAN;
    const double peak = search->nearest + (highest + 0.5) * search->bin;
    for (int i = 0; i < points; i++) {
        const double beyond = search->outward * (lateral[i] - search->ego);
        if (fabs(beyond - peak) < search->reach) scratch[near++] = beyond;
    }
    return near ? search->ego + search->outward * median_of(scratch, near) : NAN;
}
