/* The inner loops of lane detection on plain arrays: no Python, no allocation, no state between calls.
   _kernels.c and _kernels_fit.c check sizes and call them. Ground frame below the camera: x ahead, y left, metres. */
#ifndef LKAS_DETECTION_KERNELS_H
#define LKAS_DETECTION_KERNELS_H

#include <math.h>
#include <stdint.h>

/* Compiled twice, for any CPU and for CPUs with AVX2; the loader selects one. Both give the same bits. */
#if defined(__x86_64__) && defined(__gnu_linux__) && defined(__GNUC__) && !defined(__clang__)
#define FOR_EACH_CPU __attribute__((target_clones("avx2", "default")))
#else
#define FOR_EACH_CPU
#endif

enum { MIN_BINS = 5, MAX_BINS = 1024 }; /* of a histogram over lateral positions */

/* ---- _rectify.c: where in an image the cells of a road view lie. */

typedef struct {
    const double *axes;     /* (3, 3) the camera's axes right, down, forward, each in the ego frame */
    double height, nearest; /* above the ground; cells with less depth than `nearest` have no pixel */
    double focal, cx, cy;
    double k1, k2, p1, p2, k3, max_r2; /* distortion; max_r2: the largest squared tangent the model is valid for */
    int has_distortion;
} ViewCamera;

typedef struct {
    int width, height;   /* of the image, pixels */
    int32_t *corner;     /* (rows, columns) index of the upper left of the four pixels around each cell */
    uint8_t *fraction;   /* (rows, columns, 2) how far right of and below that pixel the cell lies, in 1/256 pixel */
    uint8_t *visible;    /* (rows, columns) whether the cell is inside the image; corner and fraction are 0 if not */
    int32_t *spans;      /* (rows, 2) first visible column and one past the last; equal in a row without any */
} ViewSampling;

/* x, shift: (rows,), y: (columns,): cell (r, c) lies x[r] ahead and y[c] + shift[r] left of the camera. */
void place_view(const ViewCamera *camera, const double *x, const double *y, const double *shift, int rows, int columns,
                const ViewSampling *sampling);

/* ---- _ridge.c: the rectified view, its ridges and their peaks. Planes are (rows, columns), row by row. */

/* patch: (rows, columns, 3). Cells outside the image repeat the edge of the visible part. */
void sample_patch(const uint8_t *image, const ViewSampling *sampling, int rows, int columns, uint8_t *patch);

enum { MAX_VIEW_ROWS = 1024, MAX_VIEW_COLUMNS = 4096 };

typedef struct {
    int rows, columns;
    int strip;          /* columns of a marking, odd */
    int beside;         /* columns from the middle of a marking to the road beside it */
    int smooth_from;    /* from this row on, three neighbouring rows are averaged */
    float noise_floor;  /* grey levels of noise that even a flat road has */
    float yellow_weight;
} RidgeShape;

/* scratch: two planes. */
void find_ridges(const uint8_t *patch, const int32_t *spans, const RidgeShape *shape, float *response,
                 float *bright_levels, float *yellow_levels, float *scratch);

typedef struct {
    int reach;        /* columns from a peak to the end of its bump */
    float threshold;  /* lower peaks are ignored */
    float foot_ratio; /* of the peak's height; lower cells do not belong to its bump */
} PeakShape;

/* Peaks in row order: `column` with sub-column precision, `index` of the cell in the plane. Stops after `max` peaks;
   returns their number. */
int find_peaks(const float *response, int rows, int columns, const PeakShape *shape, int max, int32_t *index,
               double *column);

/* ---- _course.c: the common course of all lines by a vote of the peaks. */

/* Lateral position of a point on the concentric circles of a sharp bend; `curvature` is that at 0. */
static inline double lateral_on_circle(double x, double y, double heading, double curvature) {
    const double unit = 1 / sqrt(1 + heading * heading);
    const double along = (x + heading * y) * unit, across = (y - heading * x) * unit;
    if (fabs(curvature) < 1e-9) return across;
    return (1 - hypot(curvature * along, 1 - curvature * across)) / curvature;
}

enum { SEARCH_STAGES = 3, SURVIVORS = 3 };

typedef struct {
    double far, half_width;  /* of the view */
    const double *stages;    /* (SEARCH_STAGES,) share of the view that each stage uses */
    double step;             /* lateral step of the grid at the stage's far end */
    double max_heading, max_curvature;
    double straight_bonus;   /* how much more a curved course has to explain */
    double bin;
    int bins;
    int first_points; /* the first stage uses only so many points */
    int is_local;     /* only the last stage, around the given course */
    int is_circular;  /* lines are concentric circles; else one parabola, shifted */
} CourseSearch;

typedef struct {
    double heading, curvature, score;
} FoundCourse;

/* Find the course on which the points agree best, from coarse to fine; `found` is the start and the result.
   scratch: three times `points`. */
void search_course(const double *x, const double *y, const double *weight, int points, const CourseSearch *search,
                   double *scratch, FoundCourse *found);

/* ---- _histogram.c: lateral histograms of points on a known course, smoothed over five bins. */

typedef struct {
    double heading, curvature; /* subtracted from y */
    double half_width, bin;    /* bins of equal width from -half_width on */
    int bins;
    double min_height; /* summed weight; lower peaks are ignored */
    int is_circular;   /* as in CourseSearch */
} LateralHistogram;

/* Position and height of the histogram's peaks, rightmost first; at most (bins - 4) / 3. Returns their number. */
int histogram_peaks(const double *x, const double *y, const double *weight, int points,
                    const LateralHistogram *histogram, double *position, double *height);

typedef struct {
    double ego;               /* lateral position of the known line */
    int outward;              /* 1: search on its left, -1: on its right */
    double nearest, farthest; /* distances from it */
    double bin;
    int bins; /* from `nearest` on; the last one takes the rest */
    double min_height;
    int min_points;
    double reach; /* points this close to the highest peak belong to it */
} NextLineSearch;

/* Lateral position of the next line: the median of its points; NAN if there is none. scratch: (points,). */
double next_line(const double *lateral, const double *weight, int points, const NextLineSearch *search,
                 double *scratch);

/* ---- _line_in_ego.c: one line, y = c0 + c1 x + c2 x^2 / 2 + c3 x^3 / 6, with the covariance (4, 4) of c. */

/* The same curve and the standard deviations of its coefficients for an origin that lies by `back` behind. */
void move_line(const double *c, const double *covariance, double back, double *moved, double *sigma);

typedef struct {
    double seen_to, extension, focal_px; /* distances from seen_to to extension times as far are tried */
    double max_sigma_px, max_bend_px;    /* limits in the image for the fit's error and for the curve beyond seen_to */
    int steps;
} RangeLimits;

/* The farthest of these distances at which the line is still known. */
double known_range(const double *c, const double *covariance, const RangeLimits *limits);

/* ---- _fit.c: the road model of problem.py. */

enum { MAX_LINES = 2, MAX_SEGMENTS = 7, SHARED = 4, MAX_STATES = MAX_LINES + SHARED + MAX_SEGMENTS };

typedef struct {
    int points;
    const double *x, *y, *sigma, *weight; /* (points,) */
    int lines;                            /* 1 or 2 */
    int segments;                         /* of one curvature rate each */
    const double *from;                   /* (segments,) where each starts, the first at 0 */
    double far;                           /* farthest x of the view */
    double height;                        /* of the camera */
    double max_slope;                     /* a steeper curve is not a function of x */
    double curvature;                     /* expected beside the camera */
    double sigma_heading, sigma_curvature, sigma_rate, sigma_pitch, sigma_sag;
    double rate_per_square; /* what a bend adds to the usual curvature rate, divided by its curvature squared */
    double correlated;      /* so many neighbouring points err together and count as one */
    double max_curvature;
    double inlier;          /* sigmas */
    /* Bounds of the inliers' scatter relative to the expected variance, when they are weighted against the prior, */
    double min_solved_scatter, max_solved_scatter;
    double min_scatter; /* and in the covariance */
    int min_points;
} FitProblem;

typedef struct {
    double share;       /* use points up to this share of `far` */
    double gate;        /* that lie this close to a line */
    double scale;       /* of the robust weight, in sigmas */
    double rate_factor; /* multiplies the usual curvature rates */
} FitStep;

/* state: lateral positions of the lines (leftmost first), heading, curvature, pitch error, sag, and the curvature rate
   of each segment. Returns 0, or -1 if it diverges or has too few points. */
int fit_road(const FitProblem *problem, const FitStep *steps, int count, double *state);

/* For each point its owner (-1: no line within `gate`) and residual in sigmas; and the covariance of the state,
   (states, states), from the inliers, their scatter and the prior. Returns 0, or -1 if the state is not determined. */
int judge_fit(const FitProblem *problem, double gate, const double *state, int8_t *owner, double *residual,
              double *covariance);

/* ---- _road.c: a solved road. */

/* (points,) y of the road's reference curve at each x, and the factor by which lateral positions are stretched there. */
void shape_road(const FitProblem *problem, const double *state, const double *x, int points, double *y,
                double *stretch);

/* c0..c3 of a line at the camera, and their covariance (4, 4) from the covariance of the state. */
void cubic_of(const FitProblem *problem, const double *state, const double *covariance, int line, double *coefficients,
              double *cubic_covariance);

/* lateral: (rows,) of a line at each x, the farthest first. Returns the distance up to which the cubic differs from the
   curve by less than `max_error`; infinite if it does everywhere. */
double trace_line(const FitProblem *problem, const double *state, int line, const double *coefficients,
                  double max_error, const double *x, int rows, double *lateral);

/* ---- _support.c: the evidence for one line. */

typedef struct {
    int rows, near_from;   /* rows of the view; rows from near_from on are near */
    double leftmost, step; /* lateral position of the first column, and the distance between columns */
    const int32_t *spans;  /* (rows, 2), as above */
    const double *gate;    /* (rows,) how close to a line its peaks lie */
    const double *seen;    /* (rows,) visible width */
} SupportView;

typedef struct {
    const int32_t *row;
    const double *weight;
    const uint8_t *yellow, *painted;
    int count;
} SupportPeaks; /* arrays (count,) */

typedef struct {
    double visible, seen, first, last; /* rows: that show the line, that have a peak on it, the first and last of those */
    double chance;                     /* share of rows that would have a peak on a line drawn anywhere */
    double near_visible, near_painted; /* near rows, and near rows with paint on the line */
    double contrast, yellow;           /* mean weight of the line's peaks, share of yellow ones */
} LineSupport;

/* inliers: (count,) indices of the line's peaks; lateral: (rows,) position of the line. All indices are valid. */
void measure_support(const SupportView *view, const SupportPeaks *peaks, const int64_t *inliers, int count,
                     const double *lateral, LineSupport *out);

#endif
