/* The hot loops of lane detection on plain arrays: no Python, no allocation, no state between calls.
   _kernels.c checks sizes and calls them; each array is described where it is declared. */
#ifndef LKAS_DETECTION_KERNELS_H
#define LKAS_DETECTION_KERNELS_H

#include <stdint.h>

/* ---- _ridge.c: the rectified view, its ridges and their tops. Planes are (rows, columns), row by row. */

/* spans: (rows, 2), first visible column and one past the last; equal where a row shows nothing.
   corner: (rows, columns), index of the upper left of the four pixels around each place.
   share: (rows, columns, 2), how far right and down of it the place lies, in 1/256 pixel. */
void sample_patch(const uint8_t *image, int32_t width_px, const int32_t *corner, const uint8_t *share,
                  const int32_t *spans, int rows, int columns, uint8_t *patch);

typedef struct {
    int rows, columns;
    int strip;       /* columns of a marking, odd */
    int beside;      /* columns from the middle of a marking to the road beside it */
    int smooth_from; /* from this row on, three neighbouring rows are averaged */
    float floor_levels; /* noise that even a flat road has */
    float yellow_weight;
} RidgeShape;

/* scratch: two planes. */
void find_ridges(const uint8_t *patch, const int32_t *spans, const RidgeShape *shape, float *response,
                 float *bright_levels, float *yellow_levels, float *scratch);

/* Tops above `threshold` in row order; `column` is to parts of a column, `index` the place in the plane. At most
   `most` of them; returns how many. */
int find_tops(const float *response, int rows, int columns, int reach, float threshold, float foot_ratio, int most,
              int32_t *index, double *column);

/* ---- _vote.c */

/* score[c]: how the points pile up laterally once course c (heading, curvature) is taken away. pile: scratch of
   `bins` places. */
void vote(const double *x, const double *y, const double *weight, int points, const double *heading,
          const double *curvature, int courses, double half_width, double bin, int bins, double *pile, double *score);

/* ---- _fit.c */

enum { MOST_LINES = 2, MOST_KNOTS = 4, MOST_STATES = MOST_LINES + 4 + MOST_KNOTS };

typedef struct {
    int points;
    const double *x, *y, *sigma, *weight; /* (points,) */
    int lines;                            /* 1 or 2 */
    int knots;
    const double *knot_x; /* (knots,) */
    double height;
    double most_slope;   /* beyond it a curve is no function of x any more */
    double sigma_heading, sigma_curvature, sigma_rate, sigma_pitch;
    double rate_per_square; /* spread of the curvature rate in a bend, over its curvature squared */
    double correlated; /* neighbouring points that err together count as one */
    double bound;      /* largest curvature */
    int least_points;
} FitProblem;

typedef struct {
    double reach, gate, scale; /* points up to this distance, this near to a line; the robust weight's scale */
} FitStep;

/* state: places of the lines (far left first), heading, curvature, its rate, pitch error, and the change of rate at
   each knot. Returns 0, or -1 when it runs away or the points run out. */
int fit_road(const FitProblem *problem, const FitStep *steps, int count, double *state);

/* What the fitted state says of each point: owner (-1: none) and residual in sigmas; and the information of the state
   from the points within `inlier` sigmas, their real scatter (at least `least_scatter`) and the prior, (states,
   states). */
void judge_fit(const FitProblem *problem, const FitStep *step, const double *state, double inlier,
               double least_scatter, int8_t *owner, double *residual, double *information);

/* y of one line of the state at x, and its slope. */
double line_at(const FitProblem *problem, const double *state, int line, double x, double *slope);

/* ---- _support.c */

enum { MOST_ROWS = 1024 };

typedef struct {
    int rows, near_from;   /* rows of the view; from this row on they are near */
    double leftmost, step; /* lateral position of the first column, and how much each lies right of the one before */
    const int32_t *spans;  /* (rows, 2), as above */
    const double *gate;    /* (rows,) as near to a line its tops lie */
    const double *seen;    /* (rows,) how much of the road a row shows */
} SupportView;

typedef struct {
    double visible, seen, first, last; /* rows: that show the line, that have a top on it, the first and last of them */
    double chance;                     /* share of rows that would have a top on a line drawn anywhere */
    double near_visible, near_painted; /* near rows, and those with paint on the line */
    double contrast, yellow;           /* mean weight of the line's tops, share of yellow ones */
} LineSupport;

/* row, weight, yellow, painted: (tops,); inliers: (count,) indices of the line's tops; lateral: (rows,) where the line
   is. Each index is within its array. */
void measure_support(const SupportView *view, const int32_t *row, const double *weight, const uint8_t *yellow,
                     const uint8_t *painted, int tops, const int64_t *inliers, int count, const double *lateral,
                     LineSupport *out);

#endif
