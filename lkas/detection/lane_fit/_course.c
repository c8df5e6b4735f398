/* The vote of ridge peaks for a course of the road; see search.py. */
#include <math.h>
#include <string.h>

#include "_kernels.h"

enum { BLOCK = 64, FINE_HEADINGS = 1, FINE_CURVATURES = 2 };

/* Factor that prefers a straighter course among nearly equal ones. */
static double bonus_of(const CourseSearch *search, double curvature) {
    return 1 - search->straight_bonus * sqrt(fabs(curvature) / search->max_curvature);
}

/* place[i]: bin of a point, with fraction, after a course is subtracted; 0 outside the bins and for NaN. */
FOR_EACH_CPU static void places_on(const double *x, const double *bin, int count, double first, double second,
                                   double beyond, double *restrict place) {
    for (int i = 0; i < count; i++) {
        const double at = bin[i] + x[i] * (first + x[i] * second);
        place[i] = at >= 1 && at < beyond ? at : 0;
    }
}

/* The same on concentric circles. */
static void places_on_circles(const double *x, const double *bin, int count, double heading, double curvature,
                              const CourseSearch *search, double *place) {
    for (int i = 0; i < count; i++) {
        const double y = (bin[i] - 1) * search->bin - search->half_width;
        const double at = (lateral_on_circle(x[i], y, heading, curvature) + search->half_width) / search->bin + 1;
        place[i] = at >= 1 && at < search->bins - 2 ? at : 0;
    }
}

/* Sum of the squared lateral histogram on a course. The two outermost bins on each side do not count. */
static double agreement_on(const double *x, const double *bin, const double *weight, int points, double heading,
                           double curvature, const CourseSearch *search) {
    const double per_bin = 1 / search->bin;
    double histogram[MAX_BINS], place[BLOCK], sum = 0;
    memset(histogram, 0, (size_t)search->bins * sizeof *histogram);
    for (int from = 0; from < points; from += BLOCK) {
        const int n = points - from < BLOCK ? points - from : BLOCK;
        if (search->is_circular)
            places_on_circles(x + from, bin + from, n, heading, curvature, search, place);
        else
            places_on(x + from, bin + from, n, -heading * per_bin, -curvature / 2 * per_bin, search->bins - 2, place);
        for (int i = 0; i < n; i++) {
            const int lower = (int)place[i];
            const double upper = (place[i] - lower) * weight[from + i];
            histogram[lower] += weight[from + i] - upper;
            histogram[lower + 1] += upper;
        }
    }
    for (int b = 2; b < search->bins - 2; b++) sum += histogram[b] * histogram[b];
    return sum * bonus_of(search, curvature);
}

typedef struct {
    int points, max;
    double *x, *bin, *weight; /* scratch */
} Near;

/* The points up to `reach`, at most `max` of them. */
static void take_near(const double *x, const double *y, const double *weight, int points, double reach,
                      const CourseSearch *search, Near *near) {
    near->points = 0;
    for (int i = 0; i < points && near->points < near->max; i++) {
        if (!(x[i] <= reach)) continue;
        near->x[near->points] = x[i];
        near->bin[near->points] = (y[i] + search->half_width) * (1 / search->bin) + 1;
        near->weight[near->points++] = weight[i];
    }
}

void search_course(const double *x, const double *y, const double *weight, int points, const CourseSearch *search,
                   double *scratch, FoundCourse *found) {
    FoundCourse kept[SURVIVORS] = {*found};
    int count = 1;
    Near near = {.x = scratch, .bin = scratch + points, .weight = scratch + 2 * points};
    for (int stage = search->is_local ? SEARCH_STAGES - 1 : 0; stage < SEARCH_STAGES; stage++) {
        const double reach = search->stages[stage] * search->far;
        const double heading_step = search->step / reach, curvature_step = 2 * search->step / (reach * reach);
        const int headings = stage ? FINE_HEADINGS : (int)ceil(search->max_heading / heading_step);
        const int curvatures = stage ? FINE_CURVATURES : (int)ceil(search->max_curvature / curvature_step);
        FoundCourse best[SURVIVORS];
        int survivors = 0;
        near.max = stage ? points : search->first_points;
        take_near(x, y, weight, points, reach, search, &near);
        for (int k = 0; k < count; k++)
            for (int h = -headings; h <= headings; h++)
                for (int c = -curvatures; c <= curvatures; c++) {
                    FoundCourse tried = {kept[k].heading + h * heading_step, kept[k].curvature + c * curvature_step, 0};
                    tried.score = agreement_on(near.x, near.bin, near.weight, near.points, tried.heading,
                                               tried.curvature, search);
                    int place = survivors;
                    while (place > 0 && tried.score > best[place - 1].score) place--;
                    if (place == SURVIVORS) continue;
                    if (survivors < SURVIVORS) survivors++;
                    memmove(best + place + 1, best + place, (size_t)(survivors - 1 - place) * sizeof *best);
                    best[place] = tried;
                }
        count = survivors;
        memcpy(kept, best, sizeof kept);
    }
    *found = kept[0];
}
