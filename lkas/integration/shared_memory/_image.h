/* Images: NumPy arrays to read and write, buffers of any strides to copy from. */
#ifndef LKAS_IMAGE_H
#define LKAS_IMAGE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>

typedef struct image_shape {
    uint32_t height, width, channels;
} image_shape;

/* Import NumPy: 0, or -1 and an ImportError. Call it before any other function here. */
int image_import_numpy(void);

/* A new uint8 array of this shape, not initialised. */
PyObject *image_new(image_shape shape);

/* A read-only array over `pixels`, which `owner` (reference taken over) keeps alive. */
PyObject *image_over(PyObject *owner, void *pixels, image_shape shape);

void image_set_writeable(PyObject *array, int is_writeable);
void *image_pixels(PyObject *array);

/* Whether this is the only reference to an array that is still as image_new() made it. Slices of it hold a reference. */
int image_is_free(PyObject *array, image_shape shape);

/* Get the buffer of an image of exactly this shape and uint8: 0, or -1 and an exception of `error` that begins with
 * `path` and names expected and found. */
int image_get_buffer(PyObject *image, Py_buffer *view, image_shape shape, const char *path, PyObject *error);

/* Copy an image of any strides once. */
void image_copy(char *to, const Py_buffer *from);

#endif
