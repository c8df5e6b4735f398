/* The vote of ridge tops over courses of the road; see lane_search.py. */
#include <math.h>
#include <string.h>

#include "_kernels.h"

enum { BLOCK = 64, FINE_HEADINGS = 1, FINE_CURVATURES = 2 };

/* How much of a winding course's agreement counts: decides between equals only. */
static double bonus_of(const CourseSearch *search, double curvature) {
    return 1 - search->straight_bonus * sqrt(fabs(curvature) / search->most_curvature);
}

/* place[i]: the bin of a point, and part of one, once a course is taken away; 0 beyond the bins (and for what is not
   a number). */
FOR_EACH_CPU static void places_on(const double *x, const double *bin, int count, double first, double second,
                                   double beyond, double *restrict place) {
    for (int i = 0; i < count; i++) {
        const double at = bin[i] + x[i] * (first + x[i] * second);
        place[i] = at >= 1 && at < beyond ? at : 0;
    }
}

/* How the points pile up laterally on a course: the sum of squared piles. The two outermost bins do not count. */
static double agreement_on(const double *x, const double *bin, const double *weight, int points, double heading,
                           double curvature, const CourseSearch *search) {
    const double per_bin = 1 / search->bin;
    double pile[MOST_BINS], place[BLOCK], sum = 0;
    memset(pile, 0, (size_t)search->bins * sizeof *pile);
    for (int from = 0; from < points; from += BLOCK) {
        const int n = points - from < BLOCK ? points - from : BLOCK;
        places_on(x + from, bin + from, n, -heading * per_bin, -curvature / 2 * per_bin, search->bins - 2, place);
        for (int i = 0; i < n; i++) {
            const int lower = (int)place[i];
            const double upper = (place[i] - lower) * weight[from + i];
            pile[lower] += weight[from + i] - upper;
            pile[lower + 1] += upper;
        }
    }
    for (int b = 2; b < search->bins - 2; b++) sum += pile[b] * pile[b];
    return sum * bonus_of(search, curvature);
}

typedef struct {
    int points, most;
    double *x, *bin, *weight; /* scratch */
} Near;

/* The points up to `reach`, the first `most` of them. */
static void take_near(const double *x, const double *y, const double *weight, int points, double reach,
                      const CourseSearch *search, Near *near) {
    near->points = 0;
    for (int i = 0; i < points && near->points < near->most; i++) {
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
    for (int stage = search->is_around ? SEARCH_STAGES - 1 : 0; stage < SEARCH_STAGES; stage++) {
        const double reach = search->stages[stage] * search->far;
        const double heading_step = search->step / reach, curvature_step = 2 * search->step / (reach * reach);
        const int headings = stage ? FINE_HEADINGS : (int)ceil(search->most_heading / heading_step);
        const int curvatures = stage ? FINE_CURVATURES : (int)ceil(search->most_curvature / curvature_step);
        FoundCourse best[SURVIVORS];
        int survivors = 0;
        near.most = stage ? points : search->first_points;
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
