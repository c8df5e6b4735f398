/* The hot loops of lane detection on plain arrays: no Python, no allocation, no state between calls.
   _kernels.c checks sizes and calls them; each array is described where it is declared. */
#ifndef LKAS_DETECTION_KERNELS_H
#define LKAS_DETECTION_KERNELS_H

#include <stdint.h>

/* Built for any CPU and for those with AVX2; which one is used is decided when the library is loaded. */
#if defined(__x86_64__) && defined(__gnu_linux__) && defined(__GNUC__) && !defined(__clang__)
#define FOR_EACH_CPU __attribute__((target_clones("avx2", "default")))
#else
#define FOR_EACH_CPU
#endif

enum { MOST_BINS = 1024 }; /* of a histogram over lateral positions */

/* ---- _view.c */

typedef struct {
    double axes[9]; /* the camera's axes right, down, forward, each in the ego frame */
    double height, nearest; /* over the ground; what is not so far ahead of the camera has no pixel */
    double focal, cx, cy;
    double k1, k2, p1, p2, k3, reach2; /* the lens; reach2: the largest squared tangent it holds for */
    int is_bent;                       /* whether there is one */
    int width_px, height_px;
} ViewCamera;

/* x, shift: (rows,), y: (columns,): place (r, c) lies x[r] ahead and y[c] + shift[r] left of the camera. visible:
   (rows, columns), inside the image; corner and share, as below, are 0 where it is not; spans as below. */
void place_view(const ViewCamera *camera, const double *x, const double *y, const double *shift, int rows, int columns,
                int32_t *corner, uint8_t *share, uint8_t *visible, int32_t *spans);

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

enum { SEARCH_STAGES = 3, SURVIVORS = 3 };

typedef struct {
    double far, half_width;       /* of the view */
    double stages[SEARCH_STAGES]; /* share of the view that each stage looks at */
    double step;                  /* lateral step of the grid at the stage's far end */
    double most_heading, most_curvature;
    double straight_bonus; /* how much more a winding course has to explain */
    double bin;
    int bins;
    int first_points; /* of the first stage, the first ones */
    int is_around;    /* only the last stage, around the course that was found before */
} CourseSearch;

typedef struct {
    double heading, curvature, score;
} FoundCourse;

/* The course on which the points pile up best, from coarse to fine; `found` is where the search begins, and what it
   found. scratch: three times points. */
void search_course(const double *x, const double *y, const double *weight, int points, const CourseSearch *search,
                   double *scratch, FoundCourse *found);

/* ---- _piles.c: points on a course pile up laterally at the lines; piles are smoothed over five bins. */

/* Tops of the piles, of at least `least` weight, at most (bins - 4) / 3 of them; returns how many. x, y, weight:
   (points,), heading and curvature are taken away from y; bins: even ones of `bin` from -half_width on. */
int find_piles(const double *x, const double *y, const double *weight, int points, double heading, double curvature,
               double half_width, double bin, int bins, double least, double *position, double *height);

typedef struct {
    double ego;               /* lateral position of the line beside which the next one is looked for */
    int outward;              /* 1: on its left, -1: on its right */
    double nearest, farthest; /* distances from it */
    double bin;
    int bins; /* from `nearest` on; the last one takes the rest */
    double least_pile;
    int least_points;
    double reach; /* points so near to the highest pile belong to it */
} NextLine;

/* Lateral position of the next line: the median of its points. NAN where none is. place, weight: (points,); scratch:
   (points,). */
double next_line(const double *place, const double *weight, int points, const NextLine *next, double *scratch);

/* ---- _line.c: one line, y = c0 + c1 x + c2 x^2 / 2 + c3 x^3 / 6, with the covariance (4, 4) of c. */

/* The same curve and the standard deviations of its coefficients, seen from an origin that lies by -back ahead. */
void move_line(const double *c, const double *covariance, double back, double *moved, double *sigma);

typedef struct {
    double seen_to, stretch, focal_px; /* the places asked go from seen_to to stretch times as far */
    double sigma_px, bend_px;          /* what an image may show of the fit's error, and of a bend beyond seen_to */
    int steps;
} Reach;

/* The farthest of the places where the line is still known. */
double known_to(const double *c, const double *covariance, const Reach *reach);

/* ---- _fit.c */

enum { MOST_LINES = 2, MOST_STRETCHES = 7, SHARED = 4, MOST_STATES = MOST_LINES + SHARED + MOST_STRETCHES };

typedef struct {
    int points;
    const double *x, *y, *sigma, *weight; /* (points,) */
    int lines;                            /* 1 or 2 */
    int stretches;      /* of one curvature rate each */
    const double *from; /* (stretches,) where each begins, the first at 0 */
    double far;         /* farthest x that is asked about */
    double height;
    double most_slope;   /* beyond it a curve is no function of x any more */
    double curvature; /* expected beside the camera */
    double sigma_heading, sigma_curvature, sigma_rate, sigma_pitch, sigma_sag;
    double rate_per_square; /* what a bend adds to the usual curvature rate, over its curvature squared */
    double correlated; /* neighbouring points that err together count as one */
    double bound;         /* largest curvature */
    double inlier;        /* sigmas */
    /* Of the inliers, against the expected variance, when they are weighed against the prior. */
    double least_solved_scatter, most_solved_scatter;
    double least_scatter; /* and in the covariance: a lucky frame is not that good */
    int least_points;
} FitProblem;

typedef struct {
    double share;    /* points up to this share of `far` */
    double gate;     /* and this near to a line */
    double scale;    /* of the robust weight, in sigmas */
    double loosened; /* usual curvature rates are taken for so many times larger */
} FitStep;

/* state: places of the lines (far left first), heading, curvature, pitch error, and the curvature rate of each
   stretch. Returns 0, or -1 when it runs away or the points run out. */
int fit_road(const FitProblem *problem, const FitStep *steps, int count, double *state);

/* What the fitted state says of each point: owner (-1: none within `gate`) and residual in sigmas; and the covariance
   of the state, (states, states), from the inliers, their real scatter and the prior. Returns 0, or -1 when nothing
   holds the state. */
int judge_fit(const FitProblem *problem, double gate, const double *state, int8_t *owner, double *residual,
              double *covariance);

/* ---- _road.c */

/* (points,) where the road's middle is at each x, and by how much lateral positions are stretched there. */
void shape_road(const FitProblem *problem, const double *state, const double *x, int points, double *y,
                double *stretch);

/* c0..c3 of a line below the camera, and their covariance (4, 4) by that of the state. */
void cubic_of(const FitProblem *problem, const double *state, const double *covariance, int line, double *coefficients,
              double *spread);

/* lateral: (rows,) of a line at each x, the farthest first. Returns how far ahead the cubic tells the same, that is to
   `most_off`; infinite where it always does. */
double trace_line(const FitProblem *problem, const double *state, int line, const double *coefficients,
                  double most_off, const double *x, int rows, double *lateral);

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
