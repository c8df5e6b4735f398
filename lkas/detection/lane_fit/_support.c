/* What the peaks of a view say about one line in it; see confidence.py. */
#include <math.h>
#include <string.h>

#include "_kernels.h"

enum { SEEN = 1, PAINTED = 2 };

void measure_support(const SupportView *view, const SupportPeaks *peaks, const int64_t *inliers, int count,
                     const double *lateral, LineSupport *out) {
    uint8_t marks[MAX_VIEW_ROWS];
    int peaks_in[MAX_VIEW_ROWS];
    const int rows = view->rows;
    memset(marks, 0, (size_t)rows);
    memset(peaks_in, 0, (size_t)rows * sizeof *peaks_in);
    memset(out, 0, sizeof *out);
    for (int i = 0; i < peaks->count; i++) peaks_in[peaks->row[i]]++;
    for (int i = 0; i < count; i++) {
        const int64_t peak = inliers[i];
        marks[peaks->row[peak]] |= SEEN | (peaks->painted[peak] ? PAINTED : 0);
        out->contrast += peaks->weight[peak] / count;
        out->yellow += peaks->yellow[peak] ? 1.0 / count : 0;
    }
    double chance = 0;
    out->first = -1;
    for (int r = 0; r < rows; r++) {
        const double column = rint((view->leftmost - lateral[r]) / view->step);
        const int is_seen = marks[r] & SEEN;
        if (!is_seen && !(column >= view->spans[2 * r] && column < view->spans[2 * r + 1])) continue;
        const double shown = view->seen[r] > 1 ? view->seen[r] : 1;
        chance += 1 - exp(-2 * view->gate[r] * peaks_in[r] / shown);
        out->visible++;
        if (is_seen) {
            out->seen++;
            if (out->first < 0) out->first = r;
            out->last = r;
        }
        if (r >= view->near_from) {
            out->near_visible++;
            out->near_painted += (marks[r] & PAINTED) != 0;
        }
    }
    out->chance = out->visible > 0 ? chance / out->visible : 0;
}
