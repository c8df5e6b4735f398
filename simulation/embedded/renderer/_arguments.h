/* Array arguments of the drawing calls, read through the buffer protocol (no NumPy headers needed).
 *
 * Each `get_` function checks item type, dimensions and shape, and sets a ValueError that names the argument. `int`
 * results are 0 and pointers NULL on an error. `end_call` releases all arrays of one call.
 */
#ifndef LKAS_DRAW_ARGUMENTS_H
#define LKAS_DRAW_ARGUMENTS_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "_draw.h"

#define MAX_BUFFERS 16
#define MAX_SPRITES 64

/* The arrays of one call, released together. */
typedef struct {
    Py_buffer buffers[MAX_BUFFERS];
    int count;
} Arrays;

/* An array of one item type (struct module's format) and number of dimensions. */
Py_buffer *get_array(Arrays *arrays, PyObject *object, const char *name, const char *format, int ndim, int flags);

/* As get_array, with the lengths of up to three axes; -1: any length. */
Py_buffer *get_shaped_array(Arrays *arrays, PyObject *object, const char *name, const char *format, int flags, int ndim,
                            Py_ssize_t a, Py_ssize_t b, Py_ssize_t c);

int get_depth(Arrays *arrays, PyObject *object, Depth *depth);
uint8_t *get_image(Arrays *arrays, PyObject *object, Depth depth);
int get_camera(Arrays *arrays, PyObject *object, Camera *camera);
int get_quads(Arrays *arrays, PyObject *object, const float **quads, int *count);
int get_scratch(Arrays *arrays, PyObject *sums_object, PyObject *spans_object, Depth depth, float **sums,
                int32_t **spans);

/* Tuple: all levels in one array of bytes, side of the first level, bytes per texel, number of levels, shift. */
int get_texture(Arrays *arrays, PyObject *object, int expected_bytes, Texture *texture);

/* Tuple: all sprites in one array of bytes, their (N, 2) widths and heights. Returns their number, at most `room`. */
int get_sprites(Arrays *arrays, PyObject *object, Sprite *sprites, int room);

/* Tuple: corners, starts, faces. */
int get_model(Arrays *arrays, PyObject *object, Model *model);

/* Release all arrays; returns None, or NULL when an error is set. */
PyObject *end_call(Arrays *arrays);

#endif
