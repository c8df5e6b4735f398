/* The rectified view, its box ridges relative to the noise, and their peaks; see rectify.py and ridges.py. */
#include <math.h>
#include <string.h>

#include "_kernels.h"

enum { NOISE_STEP = 4, MEDIAN_STEP = 8, MAX_SAMPLES = 1024, HALF_WINDOW_ROWS = 4, SAMPLE_BLOCK = 64 };
enum { MAX_COLUMNS = MAX_SAMPLES * NOISE_STEP };
static const float MAGNITUDE_CAP = 3.0f;   /* row noises; a larger magnitude is a marking or an edge */
static const float MEDIAN_TO_SIGMA = 1.48f, MEAN_TO_SIGMA = 1.25f; /* of the magnitude of Gaussian noise */

/* Four bytes, the first one lowest. */
static inline uint32_t four_bytes(const uint8_t *at) {
    return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

/* Bilinear mean of the byte at `shift` of four neighbouring pixels; weights in 1/256. */
static inline uint32_t blended(uint32_t a, uint32_t b, uint32_t c, uint32_t d, uint32_t right, uint32_t below,
                               int shift) {
    a = a >> shift & 255, b = b >> shift & 255, c = c >> shift & 255, d = d >> shift & 255;
    const uint32_t upper = 256 * a + right * (b - a), lower = 256 * c + right * (d - c);
    return (256 * upper + below * (lower - upper) + 32768) >> 16;
}

/* Gather the pixels first, then blend the channels of many cells in one vector loop. */
FOR_EACH_CPU static void sample_row(const uint8_t *image, size_t down, const int32_t *corner, const uint8_t *fraction,
                                    int count, uint8_t *patch) {
    uint32_t a[SAMPLE_BLOCK], b[SAMPLE_BLOCK], c[SAMPLE_BLOCK], d[SAMPLE_BLOCK];
    for (int from = 0; from < count; from += SAMPLE_BLOCK) {
        const int n = count - from < SAMPLE_BLOCK ? count - from : SAMPLE_BLOCK;
        for (int i = 0; i < n; i++) {
            const uint8_t *upper = image + 3 * (size_t)corner[from + i], *lower = upper + down;
            a[i] = four_bytes(upper), b[i] = four_bytes(upper + 2) >> 8; /* reads no byte past the second pixel */
            c[i] = four_bytes(lower), d[i] = four_bytes(lower + 2) >> 8;
        }
        for (int i = 0; i < n; i++) {
            const uint32_t right = fraction[2 * (from + i)], below = fraction[2 * (from + i) + 1];
            a[i] = blended(a[i], b[i], c[i], d[i], right, below, 0) |
                   blended(a[i], b[i], c[i], d[i], right, below, 8) << 8 |
                   blended(a[i], b[i], c[i], d[i], right, below, 16) << 16;
        }
        for (int i = 0; i < n; i++, patch += 3)
            patch[0] = (uint8_t)a[i], patch[1] = (uint8_t)(a[i] >> 8), patch[2] = (uint8_t)(a[i] >> 16);
    }
}

void sample_patch(const uint8_t *image, const ViewSampling *sampling, int rows, int columns, uint8_t *patch) {
    const int32_t *corner = sampling->corner, *spans = sampling->spans;
    const uint8_t *fraction = sampling->fraction;
    const size_t down = 3 * (size_t)sampling->width;
    for (int r = 0; r < rows; r++, patch += 3 * columns, corner += columns, fraction += 2 * columns) {
        const int first = spans[2 * r], last = spans[2 * r + 1];
        if (first >= last) {
            memset(patch, 0, 3 * (size_t)columns);
            continue;
        }
        sample_row(image, down, corner + first, fraction + 2 * first, last - first, patch + 3 * first);
        /* Cells outside the image repeat its edge, so that the edge is not a ridge. */
        for (int c = 0; c < first; c++) memcpy(patch + 3 * c, patch + 3 * first, 3);
        for (int c = last; c < columns; c++) memcpy(patch + 3 * c, patch + 3 * (last - 1), 3);
    }
}

/* Twice the brightness (red + green) of each pixel. */
FOR_EACH_CPU static void brightness(const uint8_t *pixels, int count, int32_t *levels) {
    for (int c = 0; c < count; c++) levels[c] = pixels[3 * c] + pixels[3 * c + 1];
}

FOR_EACH_CPU static void yellowness(const uint8_t *pixels, int count, int32_t *levels) {
    for (int c = 0; c < count; c++) {
        const int red = pixels[3 * c], green = pixels[3 * c + 1], blue = pixels[3 * c + 2];
        const int lesser = red < green ? red : green;
        levels[c] = lesser > blue ? lesser - blue : 0;
    }
}

/* Brightness or yellowness of the columns [from, to) of a row; its ends are repeated. */
static void levels_of(const uint8_t *patch, int columns, int from, int to, int is_yellow, int32_t *levels) {
    const int first = from < 0 ? 0 : from, last = to > columns ? columns : to;
    (is_yellow ? yellowness : brightness)(patch + 3 * (size_t)first, last - first, levels + first - from);
    for (int c = from; c < first; c++) levels[c - from] = levels[first - from];
    for (int c = last; c < to; c++) levels[c - from] = levels[last - 1 - from];
}

/* Moving mean over `strip` levels, the first one centred on out[0]; the integer sums are exact. */
FOR_EACH_CPU static void strip_mean(const int32_t *levels, int strip, float unit, int count, float *restrict out) {
    int32_t sums[MAX_COLUMNS];
    memcpy(sums, levels, (size_t)count * sizeof *sums);
    for (int k = 1; k < strip; k++)
        for (int c = 0; c < count; c++) sums[c] += levels[c + k];
    for (int c = 0; c < count; c++) out[c] = (float)sums[c] * unit;
}

/* The columns whose strips row r needs: its own, those of the rows it is averaged with, and the road beside them. */
static void needed_columns(const int32_t *spans, const RidgeShape *shape, int r, int *from, int *to) {
    int first = shape->columns, last = 0;
    for (int near = r > 0 ? r - 1 : 0; near <= r + 1 && near < shape->rows; near++) {
        if (spans[2 * near] >= spans[2 * near + 1]) continue;
        if (spans[2 * near] < first) first = spans[2 * near];
        if (spans[2 * near + 1] > last) last = spans[2 * near + 1];
    }
    const int k = shape->beside, n = shape->columns;
    *from = first >= last || first < k ? 0 : first - k;
    *to = first >= last ? 0 : last > n - k ? n : last + k;
}

FOR_EACH_CPU static void mean_of_three(const float *a, const float *b, const float *c, int count, float *restrict mean) {
    for (int i = 0; i < count; i++) mean[i] = (a[i] + b[i] + c[i]) * (1.0f / 3.0f);
}

FOR_EACH_CPU static void minus_the_greater(const float *here, const float *left, const float *right, int count,
                                          float *restrict levels) {
    for (int i = 0; i < count; i++) levels[i] = here[i] - (left[i] > right[i] ? left[i] : right[i]);
}

/* levels = strip mean minus the brighter of the means beside it; 0 outside the image. */
static void box_ridge(const float *strips, const int32_t *spans, const RidgeShape *shape, float *levels) {
    const int n = shape->columns, k = shape->beside;
    float mean[MAX_COLUMNS];
    for (int r = 0; r < shape->rows; r++, levels += n) {
        const float *here = strips + (size_t)r * n;
        const int first = spans[2 * r], last = spans[2 * r + 1];
        memset(levels, 0, (size_t)n * sizeof *levels);
        if (r >= shape->smooth_from) {
            const float *above = r > shape->smooth_from ? here - n : here;
            const float *below = r + 1 < shape->rows ? here + n : here;
            int left, right;
            needed_columns(spans, shape, r, &left, &right);
            mean_of_three(above + left, here + left, below + left, right - left, mean + left);
            here = mean;
        }
        const int from = first > k ? first : k, to = last < n - k ? last : n - k;
        if (from < to) minus_the_greater(here + from, here + from - k, here + from + k, to - from, levels + from);
        for (int c = first; c < last && c < k; c++)
            levels[c] = here[c] - (here[0] > here[c + k] ? here[0] : here[c + k]);
        for (int c = last - 1; c >= first && c >= n - k; c--)
            levels[c] = here[c] - (here[n - 1] > here[c - k] ? here[n - 1] : here[c - k]);
    }
}

/* The lower median. For the few values of a row, counting is faster than sorting because it does not branch. */
FOR_EACH_CPU static float median_of(const float *values, int count) {
    const int middle = (count - 1) / 2;
    for (int i = 0; i < count; i++) {
        int below = 0, same = 0;
        for (int j = 0; j < count; j++) {
            below += values[j] < values[i];
            same += values[j] == values[i];
        }
        if (below <= middle && middle < below + same) return values[i];
    }
    return 0;
}

/* The noise of each row: the median magnitude of its visible cells. magnitude: (rows, samples), capped. */
FOR_EACH_CPU static void row_noises(const float *levels, const int32_t *spans, const RidgeShape *shape, int samples,
                                    float *restrict magnitude, float *noise) {
    float seen[MAX_SAMPLES];
    for (int r = 0; r < shape->rows; r++, levels += shape->columns, magnitude += samples) {
        int count = 0;
        for (int c = 0; c < shape->columns; c += MEDIAN_STEP)
            if (c >= spans[2 * r] && c < spans[2 * r + 1]) seen[count++] = fabsf(levels[c]);
        noise[r] = (count ? MEDIAN_TO_SIGMA * median_of(seen, count) : 0) + shape->noise_floor;
        for (int s = 0; s < samples; s++) {
            const float value = fabsf(levels[s * NOISE_STEP]), cap = MAGNITUDE_CAP * noise[r];
            magnitude[s] = value < cap ? value : cap;
        }
    }
}

/* Divide by the row's noise or by the local noise, whichever is smaller, so that a fence beside the road does not hide
   the lane. The local window is half a lane wide and nine rows high. */
FOR_EACH_CPU static void over_noise(const float *levels, const float *magnitude, const float *noise,
                                    const int32_t *spans, const RidgeShape *shape, int samples, float weight,
                                    int is_first, float *restrict response) {
    const int n = shape->columns, half = 2 * shape->strip;
    float share[MAX_COLUMNS];
    float sums[MAX_SAMPLES], window[MAX_SAMPLES], width[MAX_SAMPLES], local[MAX_SAMPLES + 1];
    for (int s = 0; s < samples; s++) {
        const int left = s < half ? s : half, right = samples - 1 - s < half ? samples - 1 - s : half;
        width[s] = (float)(left + right + 1);
        sums[s] = 0;
    }
    for (int r = 0; r < HALF_WINDOW_ROWS && r < shape->rows; r++)
        for (int s = 0; s < samples; s++) sums[s] += magnitude[r * samples + s];
    for (int r = 0; r < shape->rows; r++, levels += n, response += n) {
        const int enters = r + HALF_WINDOW_ROWS, leaves = r - HALF_WINDOW_ROWS - 1;
        for (int s = 0; s < samples; s++) {
            if (enters < shape->rows) sums[s] += magnitude[enters * samples + s];
            if (leaves >= 0) sums[s] -= magnitude[leaves * samples + s];
        }
        const int from = leaves < 0 ? 0 : leaves + 1, to = enters < shape->rows ? enters : shape->rows - 1;
        float sum = 0;
        for (int s = 0; s < half && s < samples; s++) sum += sums[s];
        for (int s = 0; s < samples; s++) {
            if (s + half < samples) sum += sums[s + half];
            if (s > half) sum -= sums[s - half - 1];
            window[s] = sum;
        }
        const float height = (float)(to - from + 1), of_row = noise[r];
        for (int s = 0; s < samples; s++) {
            const float value = MEAN_TO_SIGMA * (window[s] / (width[s] * height)) + shape->noise_floor;
            local[s] = weight / (value < of_row ? value : of_row);
        }
        local[samples] = local[samples - 1];
        for (int s = 0; s < samples; s++) {
            const float step = (local[s + 1] - local[s]) / NOISE_STEP;
            for (int k = 0; k < NOISE_STEP; k++) share[s * NOISE_STEP + k] = local[s] + (float)k * step;
        }
        const int first = spans[2 * r], last = spans[2 * r + 1];
        if (is_first) {
            memset(response, 0, (size_t)n * sizeof *response);
            for (int c = first; c < last; c++) response[c] = levels[c] * share[c];
        } else {
            for (int c = first; c < last; c++) {
                const float value = levels[c] * share[c];
                response[c] = value > response[c] ? value : response[c];
            }
        }
    }
}

void find_ridges(const uint8_t *patch, const int32_t *spans, const RidgeShape *shape, float *response,
                 float *bright_levels, float *yellow_levels, float *scratch) {
    const int n = shape->columns, samples = (n + NOISE_STEP - 1) / NOISE_STEP;
    const size_t plane = (size_t)shape->rows * n;
    float *strips = scratch, *magnitude = scratch + plane, noise[MAX_SAMPLES];
    const int half = shape->strip / 2;
    int32_t row[2 * MAX_SAMPLES * NOISE_STEP];
    for (int is_yellow = 0; is_yellow < 2; is_yellow++) {
        float *levels = is_yellow ? yellow_levels : bright_levels;
        const float unit = (is_yellow ? 1.0f : 0.5f) * (1.0f / (float)shape->strip);
        for (int r = 0; r < shape->rows; r++) {
            int from, to;
            needed_columns(spans, shape, r, &from, &to);
            if (from == to) continue;
            levels_of(patch + 3 * (size_t)r * n, n, from - half, to + half, is_yellow, row);
            strip_mean(row, shape->strip, unit, to - from, strips + (size_t)r * n + from);
        }
        box_ridge(strips, spans, shape, levels);
        row_noises(levels, spans, shape, samples, magnitude, noise);
        over_noise(levels, magnitude, noise, spans, shape, samples, is_yellow ? shape->yellow_weight : 1, !is_yellow,
                   response);
    }
}

int find_peaks(const float *response, int rows, int columns, const PeakShape *shape, int max, int32_t *index,
               double *column) {
    const int reach = shape->reach;
    const float threshold = shape->threshold, foot_ratio = shape->foot_ratio;
    int count = 0;
    for (int r = 0; r < rows; r++, response += columns) {
        for (int c = reach; c < columns - reach; c++) {
            const float top = response[c];
            if (!(top > threshold)) continue;
            if (top < response[c - 1] || top <= response[c + 1] || top < response[c - 2] || top <= response[c + 2])
                continue;
            /* The centroid of the bump's upper part: accurate for pointed and for flat peaks. */
            double sum = 0, moment = 0;
            for (int k = -reach; k <= reach; k++) {
                const double above = response[c + k] - foot_ratio * (double)top;
                if (above <= 0) continue;
                sum += above;
                moment += above * k;
            }
            if (count == max) return count;
            index[count] = (int32_t)(r * columns + c);
            column[count++] = c + moment / sum;
        }
    }
    return count;
}
